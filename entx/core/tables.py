"""Tables as text: CSV, JSON lines and Parquet, each cell exactly as written, each fault with file, line and column.

Nothing is guessed: "NA", "None" and "null" are words. What cannot be read as it stands (an encoding
other than UTF-8, a NUL, a ragged row, an unclosed quote, a field over 1 MB) is a `TableError`, never a lost row.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.errors import TableError

_MAX_FIELD = 1_000_000  # characters; a larger cell is a swallowed file (an unclosed quote), not a value
_MAX_INDEX_DIGITS = 18  # fits a signed 64-bit integer
_CSV_FIELD_LIMIT = 2**31 - 1  # csv's own limit names no column, so ours is applied after it
_WIDE_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True)
class Table:
    """The asked columns of a file.

    Args:
        path: where it was read from.
        header: the names of all columns of the file, asked for or not.
        columns: the required columns and those of the optional ones that are there; one text a row.
        lines: 1-based line of the file on which each row starts, as a text editor counts (for Parquet the 1-based
            row number).
    """

    path: Path
    header: tuple[str, ...]
    columns: dict[str, list[str]]
    lines: list[int]

    def __getitem__(self, column: str) -> list[str]:
        return self.columns[column]

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def __len__(self) -> int:
        return len(self.lines)

    def get(self, column: str) -> list[str] | None:
        """The column, None where the file has none of that name."""
        return self.columns.get(column)

    def error(self, row: int, column: str, problem: str) -> TableError:
        """The error that points to one cell; `row` is 0-based."""
        return TableError(self.path, problem, line=self.lines[row], column=column)


def read_table(path: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """Reads `.csv`, `.jsonl` (both also with `.gz`) or `.parquet`.

    A header without rows is a table of length 0. Blank lines of a CSV file are no rows. In JSON lines and Parquet,
    null is the empty text and a number is the text of its digits.

    Raises:
        TableError: the file is missing, empty, of another format or encoding, or breaks one of the rules above.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(".csv"):
        table = _read_csv(path, _read_text(path), required, optional)
    elif name.endswith(".jsonl"):
        table = _read_jsonl(path, _read_text(path), required, optional)
    elif path.name.lower().endswith(".parquet"):
        table = _read_parquet(path, required, optional)
    else:
        raise TableError(path, "unknown table format; use .csv, .csv.gz, .jsonl, .jsonl.gz or .parquet")
    _refuse_unreadable_cells(table)
    return table


def parse_indices(table: Table, column: str = "index") -> list[int]:
    """The column as whole numbers from 0 on, each once.

    Raises:
        TableError: a cell is not such a number, or one number stands on two lines (both are named).
    """
    texts = table[column]
    for row, text in enumerate(texts):
        if not (text.isascii() and text.isdigit() and len(text) <= _MAX_INDEX_DIGITS):
            raise table.error(row, column, f"{_short(text)} is no index; it must be a whole number from 0 on")
    indices = [int(text) for text in texts]
    if len(set(indices)) != len(indices):
        first: dict[int, int] = {}
        for row, index in enumerate(indices):
            if index in first:
                raise table.error(row, column, f"index {index} was already used on line {table.lines[first[index]]}")
            first[index] = row
    return indices


def require_entities(table: Table, schema: Schema, column: str = "entity_name") -> list[str]:
    """The column, each name being one of the schema's.

    Raises:
        TableError: an unknown entity; the message names the closest known one, or all.
    """
    names = table[column]
    unknown = {name for name in set(names) if name not in schema}
    if unknown:
        row = next(row for row, name in enumerate(names) if name in unknown)
        hint = _suggest(names[row], list(schema.entities), "known")
        raise table.error(row, column, f"unknown entity {_short(names[row])}; {hint}")
    return names


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":  # told by content: a .csv that is gzip is read, and a .gz that is not, too
            data = gzip.decompress(data)
    except FileNotFoundError:
        raise TableError(path, "no such file") from None
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if data.startswith(_WIDE_BOMS):
        raise TableError(path, "is UTF-16 or UTF-32, not UTF-8; save it as UTF-8", line=1)
    data = data.removeprefix(codecs.BOM_UTF8)
    if not data.strip():
        raise TableError(path, "is empty; expected at least a header line")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8")
        problem = f"byte 0x{data[error.start]:02x} is not UTF-8 (Latin-1 or Windows-1252?); save the file as UTF-8"
        raise _error_after(path, before, problem) from None


def _error_after(path: Path, before: str, problem: str) -> TableError:
    """An error at the cell that the text `before` ends in."""
    line = before.count("\n") + 1
    column = None
    if path.name.lower().removesuffix(".gz").endswith(".csv"):
        rows = list(csv.reader(io.StringIO(before + "?", newline="")))  # "?" stands for the cell itself
        if len(rows) > 1 and len(rows[-1]) <= len(rows[0]):
            column = rows[0][len(rows[-1]) - 1]
    return TableError(path, problem, line=line, column=column)


def _read_csv(path: Path, text: str, required: Sequence[str], optional: Sequence[str]) -> Table:
    csv.field_size_limit(_CSV_FIELD_LIMIT)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    cells: list[str] = []
    lines: list[int] = []
    start = 1
    try:
        header = next((row for row in reader if row), [])
        width = len(header)
        columns = _choose(path, header, required, optional, line=reader.line_num)
        start = reader.line_num + 1
        for row in reader:
            if len(row) != width:
                if row:
                    raise _ragged(path, header, row, start)
            else:
                cells += row  # one flat list: 260,000 short lists would keep the garbage collector busy for longer
                lines.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise _quote_error(path, text, start, str(error)) from None
    return Table(path, tuple(header), {name: cells[at::width] for name, at in columns.items()}, lines)


def _ragged(path: Path, header: Sequence[str], row: Sequence[str], line: int) -> TableError:
    column = header[len(row)] if len(row) < len(header) else header[-1]
    problem = f"the row has {len(row)} fields, the header has {len(header)}"
    return TableError(path, problem + " (a comma inside a field needs quotes)", line=line, column=column)


def _quote_error(path: Path, text: str, start: int, message: str) -> TableError:
    if "end of data" not in message:
        return TableError(path, f"the row is not CSV: {message} (a quote inside a field is written twice)", line=start)
    rows = list(csv.reader(list(io.StringIO(text, newline=""))[start - 1 :]))
    header = next(csv.reader(io.StringIO(text, newline="")))
    field = len(rows[-1]) - 1
    column = header[field] if start > 1 and field < len(header) else None
    return TableError(path, "a quote is opened in this row and never closed", line=start, column=column)


def _read_jsonl(path: Path, text: str, required: Sequence[str], optional: Sequence[str]) -> Table:
    records: list[dict[str, Any]] = []
    lines: list[int] = []
    header: dict[str, None] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        records.append(_record(path, line, number))
        lines.append(number)
        header.update(dict.fromkeys(records[-1]))
    names = _choose(path, list(header), required, optional, line=None)
    columns: dict[str, list[str]] = {name: [] for name in names}
    for record, number in zip(records, lines, strict=True):
        for name, column in columns.items():
            if name in required and name not in record:
                raise TableError(path, "the key is missing", line=number, column=name)
            column.append(_plain(path, record.get(name), number, name))
    return Table(path, tuple(header), columns, lines)


def _record(path: Path, line: str, number: int) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        record = dict(pairs)
        if len(record) != len(pairs):
            raise ValueError("a key stands twice")
        return record

    try:
        record = json.loads(line, parse_float=str, parse_int=str, parse_constant=str, object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        raise TableError(path, f"not JSON: {error}", line=number) from None
    if not isinstance(record, dict):
        raise TableError(path, 'expected one object a line, such as {"index": 0, ...}', line=number)
    return record


def _plain(path: Path, value: object, line: int, column: str) -> str:
    match value:
        case str():
            return value
        case None:
            return ""
        case bool():
            return "true" if value else "false"
    raise TableError(path, "expected text or a number, found a nested value", line=line, column=column)


def _read_parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        header = pq.read_schema(path).names
        names = _choose(path, header, required, optional, line=None)
        frame = pq.read_table(path, columns=list(names))
        columns = {}
        for name in names:
            try:
                columns[name] = frame[name].cast(pa.string()).fill_null("").to_pylist()
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                problem = f"expected text or numbers, found {frame[name].type}"
                raise TableError(path, problem, column=name) from None
    except FileNotFoundError:
        raise TableError(path, "no such file") from None
    except (OSError, pa.ArrowException) as error:
        raise TableError(path, f"not a readable Parquet file: {str(error).splitlines()[0]}") from None
    return Table(path, tuple(header), columns, list(range(1, frame.num_rows + 1)))


def _choose(
    path: Path, header: Sequence[str], required: Sequence[str], optional: Sequence[str], *, line: int | None
) -> dict[str, int]:
    """Position of each column to read, or an error that names what is missing or there twice."""
    for name in required:
        if name not in header:
            hint = _suggest(name, header, "columns found")
            raise TableError(path, f"the column is missing; {hint}", line=line, column=name)
    names = [*required, *(name for name in optional if name in header and name not in required)]
    for name in names:
        if list(header).count(name) > 1:
            raise TableError(path, "the column stands twice in the header", line=line, column=name)
    return {name: list(header).index(name) for name in names}


def _refuse_unreadable_cells(table: Table) -> None:
    for name, cells in table.columns.items():
        for row in _rows_where(cells):
            if len(cells[row]) > _MAX_FIELD:
                problem = f"the field has {len(cells[row]):,} characters, over the limit of {_MAX_FIELD:,}"
                raise table.error(row, name, problem + "; is a quote missing above?")
            raise table.error(row, name, "the field holds a NUL character; the file is damaged or is not text")


def _rows_where(cells: list[str]) -> Iterator[int]:
    return (row for row, cell in enumerate(cells) if len(cell) > _MAX_FIELD or "\0" in cell)


def _suggest(name: str, known: Sequence[str], label: str) -> str:
    close = difflib.get_close_matches(name.lower(), [word.lower() for word in known], n=1)
    listed = f"{label}: {', '.join(_short(word)[1:-1] for word in known) or 'none'}"
    if not close:
        return listed
    original = next(word for word in known if word.lower() == close[0])
    return f"did you mean {_short(original)}? ({listed})"


def _short(text: str) -> str:
    """The text in quotes, control characters escaped, cut at 60 characters."""
    return repr(text if len(text) <= 60 else text[:60] + "...")
