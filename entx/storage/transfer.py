"""Tables in and out: questions and pictures, pages of another store, anybody's raw answers; exports and predictions.

Every file that is written appears whole or not at all, in the format that its ending says. What is read is checked as a
table of `core.tables` first. How rows are kept is not known here: see `questions`, `pages`, `runs` and `labels`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from entx.core.entities import Schema
from entx.core.errors import InputError, TableError
from entx.core.files import PictureFolder, atomic_path, why_unreadable
from entx.core.postprocess import POSTPROCESS_VERSION, postprocess
from entx.core.submission import HEADER
from entx.core.tables import parse_indices, read_table, require_entities
from entx.core.types import Alignment, Answer, Direction, Evidence, PageStatus, Question
from entx.storage.questions import LinkedFile, add_batch, add_files, add_questions, load_files, load_questions
from entx.storage.runs import add_answers, begin_run, difference, end_run, load_answers
from entx.storage.store import Store, fetch, guarded, integers, next_seq, select, stream, with_views

TEXT_COLUMNS = ("generated_output", "prediction", "output", "text", "answer")
"""Names under which the answers are looked for, in this order, when none is given."""

_THREADS = 4  # hashing and reading both release the interpreter; more threads only queue on the disk
_ANSWERS_AT_ONCE = 8192
_KEY = "picture, engine, model_hash, params_hash"
_LATER_COLUMNS = frozenset({"geometry"})  # of pages: an export by an older entx does not have them
_FORMATS = {".csv": "format csv, header", ".parquet": "format parquet, compression zstd", ".jsonl": "format json"}
_PACKED = {".gz": "format csv, header, compression gzip"}  # what predictions are written as, too
_READERS = {".parquet": "read_parquet", ".jsonl": "read_json"}


def _each(items: str, condition: str, x: str = "x") -> str:
    """SQL: every item x of a list is so; one that is null is not."""
    return f"len(list_filter({items}, lambda {x}: {condition})) = len({items})"


_A_LINE = "between 0 and len(lines) - 1"
_STROKE = f"""s.direction in {(*map(str, Direction),)} and isfinite(s.x1 + s.y1 + s.x2 + s.y2 + s.length + s.gap)
    and least(s.length, s.gap) >= 0 and s.score between 0 and 1 and s.broken is not null and s.ticks between 0 and 2"""
_FINITE = "len({0}) = {1} and len(list_filter({0}, lambda y: isfinite(y))) = {1}"
_STROKES = "list_filter([x.vertical, x.horizontal, x.oblique], lambda s: s is not null)"
_STATUSES = tuple(status.value for status in PageStatus if status is not PageStatus.UNAVAILABLE)
_PAGE_RULES = (  # what is true of every page that was read from a picture: where, in SQL, in words
    ("picture", "regexp_full_match(picture, '[0-9a-f]{64}')", "the sha256 of a file"),
    *((name, f"{name} <> ''", "a name or hash") for name in ("engine", "model_hash", "params_hash")),
    ("status", f"status in {_STATUSES}", f"one of {', '.join(_STATUSES)}"),
    *((name, f"{name} is not null", "a text") for name in ("reason", "run")),
    *((name, f"{name} >= (status = 'ok')::int", "a number of pixels") for name in ("width", "height")),
    ("seconds", "seconds >= 0 and isfinite(seconds)", "a number from 0 on"),
    ("lines", "lines is not null", "a list of lines with text, score, polygon, rotation and scale"),
    ("lines.text", _each("lines", "x.text is not null"), "a text"),
    ("lines.score", _each("lines", "x.score between 0 and 1"), "a number from 0 to 1"),
    ("lines.polygon", _each("lines", _FINITE.format("x.polygon", 8)), "8 numbers"),
    ("lines.rotation", _each("lines", "isfinite(x.rotation)"), "a number"),
    ("lines.scale", _each("lines", "x.scale > 0 and isfinite(x.scale)"), "a number over 0"),
    ("geometry", "(geometry is null) = no_geometry", "null, or the fields that an export has"),
    ("geometry.product", f"geometry.product is null or {_FINITE.format('geometry.product', 4)}", "4 numbers"),
    ("geometry.white", "geometry.white between 0 and 1", "a number from 0 to 1"),
    ("geometry.parts", "geometry.parts >= 0", "a number from 0 on"),
    ("geometry.roundness", "coalesce(geometry.roundness, 0) between 0 and 1", "a number from 0 to 1"),
    ("geometry.marks", _each("geometry.marks", f"x {_A_LINE}"), "positions in lines"),
    ("geometry.lines.line", _each("geometry.lines", f"x.line {_A_LINE}"), "a position in lines"),
    ("geometry.lines.across", _each("geometry.lines", "isfinite(coalesce(x.across + x.down, 0))"), "two numbers"),
    ("geometry.lines", _each("geometry.lines", _each(_STROKES, _STROKE, "s")), "strokes as the reader measures them"),
)


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What came of one ingest."""

    questions: int  # rows of the table
    new: int  # of these, rows that the store did not have
    links: int  # distinct links of the table
    pictures: int  # distinct pictures, by content, behind the links that have a file
    without_file: dict[str, str]  # links without a usable file, each with its reason
    indexed: bool  # False when the table had no index column, so that rows were numbered


def ingest(
    store: Store, path: Path, folders: Sequence[Path], schema: Schema, *, index_from: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> IngestReport:  # fmt: skip
    """Adds a table's questions to the store and finds the picture file of each link. Repeating it adds nothing twice.

    Needs the columns image_link and entity_name; index (rows are numbered from `index_from` without it), group_id and
    entity_value (kept as the label) are taken where they are. A file that still has the path, size and time of its
    last ingest is not read again.

    Args:
        folders: where the pictures are, searched in all depths.
        advance: called with the number of links looked up, for a progress bar.

    Raises:
        TableError: the table breaks its contract.
        InputError: a folder is missing, or an index is taken by another question of the store.
    """
    table = read_table(path, ("image_link", "entity_name"), ("index", "group_id", "entity_value"))
    entities = require_entities(table, schema)
    links = table["image_link"]
    for row, link in enumerate(links):
        if not link.strip():
            raise table.error(row, "image_link", "the link is empty")
    indexed = "index" in table
    indices = parse_indices(table) if indexed else list(range(index_from, index_from + len(table)))
    groups = table.get("group_id") or [""] * len(table)
    labels: Sequence[str | None] = table.get("entity_value") or [None] * len(table)
    rows = zip(indices, links, groups, entities, labels, strict=True)
    questions = [Question(index, link, group, entity, None, label) for index, link, group, entity, label in rows]
    distinct = list(dict.fromkeys(links))
    known = load_files(store)
    files, without_file = _find_files(distinct, folders, known, advance)
    new = add_questions(store, questions, path.name)
    add_files(store, [file for file in files if known.get(file.image_link) != file])
    return IngestReport(len(table), new, len(distinct), len({file.picture for file in files}), without_file, indexed)


def _find_files(
    links: Sequence[str], folders: Sequence[Path], known: dict[str, LinkedFile], advance: Callable[[int], None]
) -> tuple[list[LinkedFile], dict[str, str]]:
    folder = PictureFolder([path.absolute() for path in folders], links)
    found = {link: folder.find(link) for link in links}
    paths = {link: one.path for link, one in found.items() if one.path is not None}
    without_file = {link: one.reason for link, one in found.items() if one.path is None}
    files: list[LinkedFile] = []
    advance(len(without_file))

    def examine(link: str) -> LinkedFile | str:
        try:
            return link_file(link, paths[link], known.get(link))
        except OSError as error:
            return f"{paths[link]}: cannot be read: {error.strerror}"

    with ThreadPoolExecutor(_THREADS) as threads:
        for link, file in zip(paths, threads.map(examine, paths), strict=True):
            if isinstance(file, LinkedFile):
                files.append(file)
            else:
                without_file[link] = file
            advance(1)
    return files, without_file


def link_file(link: str, path: Path, known: LinkedFile | None = None) -> LinkedFile:
    """A link's file as it is now; it is not read again where it is `known`. Raises OSError: it cannot be read."""
    stat = path.stat()
    now = (os.fspath(path), stat.st_size, stat.st_mtime_ns)
    if known is not None and (known.path, known.size, known.mtime_ns) == now:
        return known
    return LinkedFile(link, _sha256(path), *now)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did."""

    column: str  # that was read
    rows: int  # of the file
    foreign: int  # of these, rows of questions that the store does not have; left out
    added: int  # rows that became answers in this call (not those of an earlier, interrupted one)
    seconds: float  # spent on postprocessing and storing, without reading the file


def import_predictions(
    store: Store, path: Path, *, stage: str, run: str, schema: Schema, column: str | None = None,
    begin: Callable[[int], Callable[[int], None]] = lambda _: lambda _: None,
) -> ImportReport:  # fmt: skip
    """Makes a run of a table with an index and a text column. Repeating the call adds nothing twice.

    The run records the file's name and sha256. Imported answers have no evidence until an ensemble grounds them, and no
    probabilities.

    Raises:
        TableError: the table breaks its contract, or no text column is known.
        InputError: the run stands in the store with another file or schema.
    """
    table = read_table(path, ("index",), TEXT_COLUMNS) if column is None else read_table(path, ("index", column))
    name = column or next((name for name in TEXT_COLUMNS if name in table), None)
    if name is None:
        known, header = ", ".join(TEXT_COLUMNS), ", ".join(table.header)
        raise TableError(path, f"no column of answers ({known}) among: {header}; name it with --column")
    indices, texts = parse_indices(table), table[name]
    settings = {
        "file": path.name, "sha256": _sha256(path), "column": name, "schema": schema.digest,
        "postprocess": POSTPROCESS_VERSION,
    }  # fmt: skip
    begin_run(store, run, stage, settings)
    started = time.monotonic()
    asked, views = _asked(indices)
    open_ = f"{asked} join questions q on q.idx = w.idx"
    known, added = fetch(store, f"select count(*), count(*) - count(a.idx) from {open_}", [run], **views)[0]
    query = f"select place, entity_name from {open_} where a.idx is null order by place"
    rows, advance = stream(store, query, [run], **views), begin(added)
    while batch := list(islice(rows, _ANSWERS_AT_ONCE)):
        add_answers(store, run, [(indices[place], _answer(texts[place], schema, name)) for place, name in batch])
        advance(len(batch))
    seconds, foreign = time.monotonic() - started, len(indices) - known
    end_run(store, run, seconds, {"rows": len(indices), "foreign": foreign, "added": added})
    return ImportReport(name, len(indices), foreign, added, seconds)


def _answer(text: str, schema: Schema, entity_name: str) -> Answer:
    reading = postprocess(text, schema[entity_name])
    return Answer(reading.quantity, text, reading.reason, Evidence(Alignment.NONE))


def export_table(store: Store, name: str, out: Path) -> int:
    """Writes a table to a file whose ending says the format; returns the number of rows.

    In csv a text that a spreadsheet would run (`FORMULA_STARTS`) gets an apostrophe before it; the others are exact.

    Raises:
        InputError: unknown table or ending, or the file cannot be written.
    """
    ending = ".csv" if out == Path("-") else out.suffix
    query = select(store, name, harmless=ending == ".csv")
    if ending not in _FORMATS:
        raise InputError(f"{out}: unknown format; use one of {', '.join(_FORMATS)}")
    kinds = {column: kind for column, kind, *_ in fetch(store, f"describe {query}")}
    columns = ", ".join(f'"{column}"::{_with_lists(kind)} as "{column}"' for column, kind in kinds.items())
    return _copy(store, f"select {columns} from ({query})", out, ending)


def _copy(store: Store, query: str, out: Path, ending: str, parameters: Sequence[str] = (), **views: pa.Table) -> int:
    """Writes the rows of a query, which may name the views, to a file of one of _FORMATS; returns their number."""
    cursor = with_views(store, views)
    with atomic_path(out) as part, guarded(store.path, out):
        quoted = str(part).replace("'", "''")
        form = f"{(_FORMATS | _PACKED)[ending]}, use_tmp_file false"  # it would be left where the disk is full
        rows = cursor.execute(f"copy ({query}) to '{quoted}' ({form})", parameters).fetchall()
    return int(rows[0][0])


def import_pages(store: Store, path: Path) -> tuple[int, int]:
    """Adds pages that another store exported (parquet or jsonl); pages that are here already are left as they are.

    Args:
        path: of the file, or of a folder of Parquet files.

    Returns:
        (pages in the file, pages added).

    Raises:
        InputError: another format, or columns that are not those of an export of pages.
        TableError: a page that no reader of pictures makes, or one that stands twice; nothing is added then.
    """
    files = sorted(map(str, path.glob("*.parquet"))) if path.is_dir() else [str(path)]
    if not files or Path(files[0]).suffix not in _READERS:
        raise InputError(f"{path}: pages are imported from {' or '.join(_READERS)}")
    if not path.is_dir() and (reason := why_unreadable(path)):
        raise InputError(f"{path}: {reason}")
    kinds = {name: _with_lists(kind) for name, kind, *_ in fetch(store, "describe pages")}
    file = f"{_READERS[Path(files[0]).suffix]}(?)"
    if path.suffix == ".jsonl":  # cell by cell, so that a cast which fails is the fault of a cell and not of the file
        cells = {name: kind if kind == "VARCHAR" else "JSON" for name, kind in kinds.items()}
        file = f"read_json(?, format = 'newline_delimited', columns = {cells})"
    try:
        there = {name for name, *_ in store.connection.execute(f"describe from {file}", [files]).fetchall()}
        cells = {name: "null" if name in _LATER_COLUMNS - there else name for name in kinds}
        made = ", ".join(f"try({cells[name]}::{kind}) as {name}" for name, kind in kinds.items())
        query = f"create temp table incoming as select {made}, {cells['geometry']} is null as no_geometry from {file}"
        if path.is_dir():  # two parts may have read one picture, which has two links
            query += f" qualify row_number() over (partition by {_KEY}) = 1"
        store.connection.execute(query, [files])
    except duckdb.Error as error:
        raise InputError(f"{path}: is no export of pages: {str(error).splitlines()[0]}") from None
    try:
        _check_pages(store, path)
        with store.transaction():
            new = f"select * exclude (no_geometry) from incoming anti join pages using ({_KEY})"
            added = len(fetch(store, f"insert into pages by name {new} returning 1"))
        return int(fetch(store, "select count(*) from incoming")[0][0]), added
    finally:
        store.connection.execute("drop table if exists incoming")


def _check_pages(store: Store, path: Path) -> None:
    """Looks at all incoming pages at once; names the first that breaks a rule, or that stands in the file twice."""
    rules = (f"geometry is null or ({rule})" if "geometry." in where else rule for where, rule, _ in _PAGE_RULES)
    firsts = ", ".join(f"min(rowid) filter (not coalesce({rule}, false))" for rule in rules)
    (found,) = fetch(store, f"select {firsts} from incoming")
    faults = [(row, rule) for row, rule in zip(found, _PAGE_RULES, strict=True) if row is not None]
    if faults:
        row, (where, _, expected) = min(faults, key=lambda fault: fault[0])
        raise TableError(path, f"expected {expected}", line=row + 1, column=where)
    twice = f"select min(rowid), max(rowid) from incoming group by {_KEY} having count(*) > 1 order by 2 limit 1"
    for first, row in fetch(store, twice):
        raise TableError(path, f"the page stands here a second time, after line {first + 1}", line=row + 1)


PART_TABLES = ("questions", "pictures", "pages", "runs", "answers")
"""Of a store that is written as a part; beside them stands a table of predictions."""

_PREDICTIONS = pa.schema([
    ("index", pa.int64()), ("prediction", pa.string()), ("p_correct", pa.float64()), ("p_present", pa.float64()),
    ("reason", pa.string()),
    ("evidence", pa.struct([("alignment", pa.string()), ("line_ids", pa.list_(pa.int32())),
                            ("polygon", pa.list_(pa.float32()))])),
])  # fmt: skip


def write_part(store: Store, run: str, folder: Path, why: Mapping[str, str]) -> None:
    """Writes a store as Parquet files of a folder: PART_TABLES as exported, and predictions, a row a question.

    Args:
        run: whose answers are the predictions.
        why: for links without a picture the reason, for the questions that were not asked.
    """
    for name in PART_TABLES:
        export_table(store, name, folder / f"{name}.parquet")
    given = dict(load_answers(store, run))
    rows = []
    for question in load_questions(store):
        answer = given.get(question.index) or Answer(None, reason=why.get(question.image_link, "not asked"))
        rows.append({
            "index": question.index, "prediction": answer.quantity.text if answer.quantity else "",
            "p_correct": answer.p_correct, "p_present": answer.p_present, "reason": answer.reason,
            "evidence": asdict(answer.evidence),
        })  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, _PREDICTIONS), folder / "predictions.parquet", compression="zstd")


def import_parts(store: Store, folder: Path) -> dict[str, int]:
    """Adds all that parts hold, from a folder of their Parquet files a table; returns the rows added by table.

    Repeating it adds nothing twice. The settings of a run are those of its parts: its counts are summed, all else
    must be one.

    Raises:
        InputError: a question's index is taken, or a run stands in the store, or in another part, with other settings.
        TableError: a page that no reader of pictures makes.
    """
    parts = {}
    for name in PART_TABLES:
        quoted = ["'" + str(path).replace("'", "''") + "'" for path in sorted((folder / name).glob("*.parquet"))]
        parts[name] = f"read_parquet([{', '.join(quoted)}])"
    added = {}
    with store.transaction() as connection:
        columns = f"select index as idx, * exclude (index) from {parts['questions']}"
        connection.execute(f"create or replace temp view batch as {columns}")
        added["questions"] = add_batch(connection, store.path)
        connection.execute("drop view batch")
    _add(
        store,
        "pictures",
        f"""
        select *, {next_seq(store, "pictures")} as seq from {parts["pictures"]}
        anti join pictures using (image_link, picture)""",
        added,
    )
    added["pages"] = import_pages(store, folder / "pages")[1]
    for run, stage, settings, *known in _runs_of(store, parts, folder):
        if not begin_run(store, run, stage, settings):
            with store.transaction() as connection:
                connection.execute("update runs set versions = ?, started = ? where run = ?", [*known, run])
    _add(
        store,
        "runs",
        f"""
        select distinct on (run) run, stage, settings_hash, settings, versions, started
        from {parts["runs"]} anti join runs using (run)""",
        added,
    )
    _add(
        store,
        "run_ends",
        f"""
        select run, finished, wall_seconds, counts from {parts["runs"]} anti join run_ends using (run, finished)
        where finished is not null""",
        added,
    )
    _add(
        store,
        "answers",
        f"""
        select index as idx, * exclude (index, entity_name, image_link) replace (polygon::float[8] as polygon)
        from {parts["answers"]} a where not exists (from answers b where b.run = a.run and b.idx = a.index)""",
        added,
    )
    return added


def _add(store: Store, table: str, rows: str, added: dict[str, int]) -> None:
    """Adds the rows of a query to a table, and counts them."""
    with store.transaction():
        added[table] = len(fetch(store, f"insert into {table} by name {rows} returning 1"))


def _runs_of(store: Store, parts: Mapping[str, str], folder: Path) -> Iterator[tuple[Any, ...]]:
    """Run, stage, settings, versions and start of each run that answers; what an ensemble counts is of all parts."""
    rows = dict(fetch(store, f"select run, count(*) from {parts['answers']} group by 1"))
    ((pages,),) = fetch(store, f"select count(distinct picture) from {parts['pages']}")
    query = f"""
        select run, stage, list(distinct settings), min_by(versions, started), min(started)
        from {parts["runs"]} where stage <> 'ocr' group by run, stage order by 5"""
    for run, stage, texts, *known in fetch(store, query):
        settings: list[dict[str, Any]] = [json.loads(text) for text in texts]
        for one in settings:
            one |= {"pages": pages} if "pages" in one else {}
            for member in one.get("members", ()):
                member["rows"] = rows[member["run"]]
            if changed := difference(settings[0], one):
                raise InputError(f"{folder}: run {run!r} has other settings in some parts ({'; '.join(changed)})")
        yield run, stage, settings[0], *known


def _with_lists(kind: str) -> str:
    """A type of DuckDB with lists instead of arrays: Parquet has lists only, and pyarrow cannot read a null array."""
    return re.sub(r"\[\d+\]", "[]", kind)


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many questions a run answered."""

    questions: int
    asked: int  # of these, questions that the run has a row for
    answered: int  # of these, with a quantity


def write_predictions(store: Store, run: str, out: Path, indices: Sequence[int] | None = None) -> None:
    """Writes index and prediction of a run; the prediction is "" where the run gave no quantity or was not asked.

    Args:
        out: its ending says the format (see `check_predictions_name`).
        indices: of the rows to write, in this order; None for all questions of the store by index.

    Raises:
        InputError: another ending, or the file cannot be written.
    """
    check_predictions_name(out)
    asked, views = _asked(indices)
    ending = out.suffix if out.suffix in (*_READERS, *_PACKED) else ".csv"
    digits = "rtrim(value || if(contains(value, '.'), '', '.'), '0')"  # the form of `Quantity.text`
    text = f"{digits} || if(ends_with({digits}, '.'), '0 ', ' ') || unit"
    cell = f"coalesce({text}, '')" if ending in _READERS else text  # DuckDB puts an empty text, and no null, in quotes
    query = f"select w.idx as {HEADER[0]}, {cell} as {HEADER[1]} from {asked} order by place"
    _copy(store, query, out, ending, [run], **views)


def check_predictions_name(out: Path) -> None:
    """Refuses a name that says another format than .csv, .csv.gz, .parquet and .jsonl; one without an ending is csv.

    A command calls it before its work, so that hours of answering do not end in a wrong name.

    Raises:
        InputError: the name says so.
    """
    if out.suffix and out.suffix not in _FORMATS and out.suffixes[-2:] != [".csv", ".gz"]:
        raise InputError(f"{out}: predictions are written as .csv, .csv.gz, .parquet or .jsonl; choose one of these")


def coverage(store: Store, run: str, indices: Sequence[int] | None = None) -> Coverage:
    """Counts of a run over the questions with these indices, or all questions of the store."""
    asked, views = _asked(indices)
    return Coverage(*fetch(store, f"select count(*), count(a.idx), count(a.unit) from {asked}", [run], **views)[0])


def _asked(indices: Sequence[int] | None) -> tuple[str, dict[str, pa.Table]]:
    """SQL: w (idx, place) of these questions or of all by index, with the answers a of a run; and the view it names."""
    views = {}
    if indices is not None:
        views = {"wanted": integers(indices).append_column("place", pa.array(range(len(indices)), pa.int64()))}
    wanted = "wanted" if views else "(select idx, idx as place from questions)"
    return f"{wanted} w left join answers a on a.run = ? and a.idx = w.idx", views
