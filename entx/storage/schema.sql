-- The tables of a store; `SCHEMA_VERSION` in store.py counts their changes.

create table migrations (             -- the newest version counts
    version integer not null,
    name varchar not null,
    applied timestamptz not null
);

-- What is asked, and of which picture.

create table questions (
    idx bigint not null,              -- the table's index, unique in the store
    image_link varchar not null,
    group_id varchar not null,
    entity_name varchar not null,
    label varchar,                    -- the table's entity_value; null for a table without labels
    source varchar not null           -- name of the ingested table
);

create table pictures (               -- which file a link named; the newest row of a link counts
    image_link varchar not null,
    picture varchar not null,         -- sha256 of the file
    path varchar not null,
    bytes bigint not null,
    mtime_ns bigint not null,
    seq bigint not null
);

-- What was read in the pictures.

create table pages (
    picture varchar not null,
    engine varchar not null,          -- with the two hashes the key: pages of different keys never mix
    model_hash varchar not null,
    params_hash varchar not null,
    status varchar not null,
    reason varchar not null,
    width integer not null,
    height integer not null,
    seconds float not null,
    run varchar not null,
    lines struct(text varchar, score float, polygon float[8], rotation float, scale float)[] not null,
    geometry struct(                  -- null for a page that is not ok
        product float[4],             -- null where the background is not plain
        white float,
        parts integer,
        lines struct(
            line integer,
            vertical struct(direction varchar, x1 float, y1 float, x2 float, y2 float, length float, gap float,
                            score float, broken boolean, ticks tinyint),
            horizontal struct(direction varchar, x1 float, y1 float, x2 float, y2 float, length float, gap float,
                              score float, broken boolean, ticks tinyint),
            oblique struct(direction varchar, x1 float, y1 float, x2 float, y2 float, length float, gap float,
                           score float, broken boolean, ticks tinyint),
            across float,
            down float)[],
        marks integer[],
        roundness float)
);

-- What the stages answered.

create table runs (
    run varchar not null,
    stage varchar not null,
    settings_hash varchar not null,
    settings varchar not null,        -- JSON: recipe, model, seed, page key
    versions varchar not null,        -- JSON: entx and the libraries that matter
    started timestamptz not null
);

create table run_ends (               -- several for a run that was continued
    run varchar not null,
    finished timestamptz not null,
    wall_seconds double not null,
    counts varchar not null           -- JSON
);

create table answers (
    run varchar not null,
    idx bigint not null,
    value varchar,                    -- exact decimal; null with unit when the stage gave no quantity
    unit varchar,
    text varchar not null,            -- raw, before the postprocessor
    reason varchar not null,
    log_prob double,
    p_correct double,
    p_present double,
    alignment varchar not null,
    line_ids integer[] not null,
    polygon float[8],
    seconds float not null,
    score double                      -- null for a stage without one
);

-- What people said.

create table reviews (                -- the newest row of a reviewer on a question counts
    idx bigint not null,
    rights varchar[] not null,        -- written forms that are right; empty where the picture states none
    source varchar not null,          -- name of the labelling, as training names a table
    annotator varchar not null,       -- within that source
    reviewed varchar not null,        -- UTC, ISO 8601; of the import where the file does not tell
    final boolean not null,           -- marked as ground truth: settles what others disagree on
    lead_seconds double,
    task varchar not null,            -- of the labelling tool, "" for a spreadsheet
    said varchar not null,            -- JSON: what was decided and what each arm had answered when it was asked
    file varchar not null,
    sha256 varchar not null,          -- of that file
    seq bigint not null
);
