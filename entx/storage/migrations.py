"""The schema, as small numbered steps. A step that has shipped is never changed: add the next one.

All tables are append-only, without secondary indexes: rows are found by scanning columns, which DuckDB does at millions
of rows a second, and a crash can then lose only the rows of the transaction in flight.
"""

from __future__ import annotations

from collections.abc import Callable

import duckdb

from entx.core.errors import StoreError

Connection = duckdb.DuckDBPyConnection


def _m001_questions_and_pictures(connection: Connection) -> None:
    connection.execute("""
        create table questions (
            idx bigint not null,          -- the table's index, unique in the store
            image_link varchar not null,
            group_id varchar not null,
            entity_name varchar not null,
            label varchar,                -- the table's entity_value; null for a table without labels
            source varchar not null       -- name of the ingested table
        )""")
    connection.execute("""
        create table pictures (           -- which file a link named; the newest row of a link counts
            image_link varchar not null,
            picture varchar not null,     -- sha256 of the file
            path varchar not null,
            bytes bigint not null,
            mtime_ns bigint not null,
            seq bigint not null
        )""")


def _m002_pages(connection: Connection) -> None:
    connection.execute("""
        create table pages (
            picture varchar not null,
            engine varchar not null,
            model_hash varchar not null,
            params_hash varchar not null,
            status varchar not null,
            reason varchar not null,
            width integer not null,
            height integer not null,
            seconds float not null,
            run varchar not null,
            lines struct(text varchar, score float, polygon float[8], rotation float, scale float)[] not null
        )""")


def _m003_runs_and_answers(connection: Connection) -> None:
    connection.execute("""
        create table runs (
            run varchar not null,
            stage varchar not null,
            settings_hash varchar not null,
            settings varchar not null,    -- JSON: recipe, model, seed, page key
            versions varchar not null,    -- JSON: entx and the libraries that matter
            started timestamptz not null
        )""")
    connection.execute("""
        create table run_ends (
            run varchar not null,
            finished timestamptz not null,
            wall_seconds double not null,
            counts varchar not null       -- JSON
        )""")
    connection.execute("""
        create table answers (
            run varchar not null,
            idx bigint not null,
            value varchar,                -- exact decimal; null with unit when the stage gave no quantity
            unit varchar,
            text varchar not null,        -- raw, before the postprocessor
            reason varchar not null,
            log_prob double,
            p_correct double,
            p_present double,
            alignment varchar not null,
            line_ids integer[] not null,
            polygon float[8],
            seconds float not null
        )""")


def _m004_geometry(connection: Connection) -> None:
    stroke = """struct(direction varchar, x1 float, y1 float, x2 float, y2 float, length float, gap float, score float,
        broken boolean, ticks tinyint)"""
    connection.execute(f"""
        alter table pages add column geometry struct(   -- null for pages that were read without it
            product float[4],                           -- null where the background is not plain
            white float,
            parts integer,
            lines struct(line integer, vertical {stroke}, horizontal {stroke}, oblique {stroke},
                         across float, down float)[],
            marks integer[],
            roundness float)""")


def _m005_score(connection: Connection) -> None:
    connection.execute("alter table answers add column score double")  # null for a stage without one


def _m006_reviews(connection: Connection) -> None:
    connection.execute("""
        create table reviews (            -- what a person said of a question; the newest row of a reviewer counts
            idx bigint not null,
            rights varchar[] not null,    -- written forms that are right; empty where the picture states none
            source varchar not null,      -- name of the labelling, as training names a table
            annotator varchar not null,   -- within that source
            reviewed varchar not null,    -- UTC, ISO 8601; of the import where the file does not tell
            final boolean not null,       -- marked as ground truth: settles what others disagree on
            lead_seconds double,
            task varchar not null,        -- of the labelling tool, "" for a spreadsheet
            said varchar not null,        -- JSON: what was decided and what each arm had answered when it was asked
            file varchar not null,
            sha256 varchar not null,      -- of that file
            seq bigint not null
        )""")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (
    _m001_questions_and_pictures,
    _m002_pages,
    _m003_runs_and_answers,
    _m004_geometry,
    _m005_score,
    _m006_reviews,
)


def schema_version(connection: Connection) -> int:
    """Number of migrations applied; 0 for an empty file.

    Raises:
        StoreError: the file is a DuckDB database, but not a store of this or an older entx.
    """
    tables = {name for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall()}
    if not tables:
        return 0
    if "migrations" not in tables:
        raise StoreError("a DuckDB file, but no entx store: it has other tables; choose another --store")
    version = int(connection.execute("select coalesce(max(version), 0) from migrations").fetchall()[0][0])
    if version > len(MIGRATIONS):
        raise StoreError(f"written by a newer entx (schema {version}, this one knows {len(MIGRATIONS)}); upgrade entx")
    return version


def migrate(connection: Connection) -> None:
    """Applies the missing steps, each in a transaction of its own."""
    version = schema_version(connection)
    if version == len(MIGRATIONS):
        return
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.begin()
        connection.execute(
            """create table if not exists migrations (
                   version integer not null, name varchar not null, applied timestamptz not null)"""
        )
        step(connection)
        connection.execute("insert into migrations values (?, ?, now())", [number, step.__name__])
        connection.commit()
