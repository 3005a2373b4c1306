"""Tables as text: CSV, JSON lines and Parquet, each cell exactly as written, each fault with file, line and column.

Nothing is guessed: "NA", "None" and "null" are words. What cannot be read as it stands (an encoding
other than UTF-8, a NUL, a ragged row, an unclosed quote, a field over 1 MB) is a `TableError`, never a lost row. So is
what unpacks to over a hundred times its size: memory follows from the size of the file.
"""

from __future__ import annotations

import codecs
import csv
import difflib
import gzip
import io
import itertools
import json
import operator
import zlib
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from entx.core.entities import Schema
from entx.core.errors import TableError
from entx.core.files import why_unreadable

NO_INDEX = "is no index; it must be a whole number from 0 on"
_MAX_FIELD = 1_000_000  # characters; a larger cell is a swallowed file (an unclosed quote), not a value
_MAX_INDEX_DIGITS = 18  # fits a signed 64-bit integer
_MAX_LINE = 32_000_000  # bytes, and characters of a field that was not asked for; so much is in memory at once
_CHUNK = 1 << 20  # bytes read at a time
_MOST_PACKED = 100  # times the size of the file: tables unpack to some 5 to 40 times that, zeros to 1,030 times
_SMALL = 16_000_000  # bytes; so much may unpack from however little
_ROWS = 1024  # of a Parquet file read at a time: a gigabyte at most, where each cell is of a megabyte
_CELLS = 1 << 20  # of a CSV file held row by row, before they are put into their columns
_MOST_SHARED = 1 << 17  # different texts of a column that are remembered
_NULS = itertools.repeat("\0")
_WIDE_BOMS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


@dataclass(frozen=True)
class Table:
    """The asked columns of a file."""

    path: Path  # where it was read from
    header: tuple[str, ...]  # the names of all columns of the file, asked for or not
    columns: dict[str, list[str]]  # the required columns and those of the optional ones that are there; one text a row
    # 1-based line of the file on which each row starts, as a text editor counts (for Parquet the 1-based row number)
    lines: Sequence[int]

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
    ending = path.name.lower()
    if ending.removesuffix(".gz").endswith(".csv"):
        table = _read_csv(path, required, optional)
    elif ending.removesuffix(".gz").endswith(".jsonl"):
        table = _read_jsonl(path, required, optional)
    elif ending.endswith(".parquet"):
        table = _read_parquet(path, required, optional)
    else:
        raise TableError(path, "unknown table format; use .csv, .csv.gz, .jsonl, .jsonl.gz or .parquet")
    for name, cells in table.columns.items():
        if max(map(len, cells), default=0) <= _MAX_FIELD and not any(map(operator.contains, cells, _NULS)):
            continue
        for row, cell in enumerate(cells):
            if len(cell) > _MAX_FIELD:
                problem = f"the field has {len(cell):,} characters, over the limit of {_MAX_FIELD:,}"
                raise table.error(row, name, problem + "; is a quote missing above?")
            if "\0" in cell:
                raise table.error(row, name, "the field holds a NUL character; the file is damaged or is not text")
    return table


def raw_rows(table: Table) -> tuple[str, list[str]]:
    """The header and the rows of a CSV table as they stand in its file, each with the header's line end.

    Raises:
        TableError: the file has become unreadable since the table was read.
    """
    text = list(_lines(table.path))
    starts = [*(line - 1 for line in table.lines), len(text)]
    head = "".join(text[: starts[0]]).strip("\r\n")
    first = text[starts[0] - 1]
    end = first[len(first.rstrip("\r\n")) :] or "\n"
    rows = ["".join(text[start:stop]).rstrip("\r\n") + end for start, stop in itertools.pairwise(starts)]
    return head + end, rows


def parse_index(text: str) -> int | None:
    """A whole number from 0 on, in ASCII digits; None for anything else ("1.0", " 1", "-1")."""
    if text.isascii() and text.isdigit() and len(text) <= _MAX_INDEX_DIGITS:
        return int(text)
    return None


def parse_indices(table: Table) -> array[int]:
    """The column index as whole numbers from 0 on; a TableError for any other cell, or for a number on two lines."""
    indices = array("q")
    for row, text in enumerate(table["index"]):
        index = parse_index(text)
        if index is None:
            raise table.error(row, "index", f"{quoted(text)} {NO_INDEX}")
        indices.append(index)
    rising = all(map(operator.lt, indices, itertools.islice(indices, 1, None)))  # most are, and a set takes memory
    if not rising and len(set(indices)) != len(indices):
        first: dict[int, int] = {}
        for row, index in enumerate(indices):
            if first.setdefault(index, row) != row:
                raise table.error(row, "index", f"index {index} was already used on line {table.lines[first[index]]}")
    return indices


def require_entities(table: Table, schema: Schema) -> list[str]:
    """The column entity_name, all of the schema; a TableError names the closest known one, or all."""
    names = table["entity_name"]
    unknown = {name for name in set(names) if name not in schema}
    if unknown:
        row = next(row for row, name in enumerate(names) if name in unknown)
        hint = _suggest(names[row], list(schema.entities), "known")
        raise table.error(row, "entity_name", f"unknown entity {quoted(names[row])}; {hint}")
    return names


def quoted(text: str) -> str:
    """For messages: the text in quotes, control characters escaped, cut at 60 characters."""
    return repr(text if len(text) <= 60 else text[:60] + "...")


def _lines(path: Path, ends: str = "", *, until_fault: bool = False) -> Iterator[str]:
    """The lines of a text file, with their ends; `ends` as `newline` of `io.StringIO`. Few are in memory at a time.

    A file that cannot be read as text is a `TableError` in the midst of its lines; with `until_fault` the first byte
    that is not UTF-8 is "?" and the end.
    """
    return itertools.chain.from_iterable(io.StringIO(text, newline=ends) for text in _texts(path, ends, until_fault))


def _texts(path: Path, ends: str, until_fault: bool) -> Iterator[str]:
    """The text in pieces that end where lines end."""
    if reason := why_unreadable(path):
        raise TableError(path, reason)
    try:
        with path.open("rb") as file:
            # gzip is told by content: a .csv may be gzip, and a .gz none
            stream = gzip.GzipFile(fileobj=file) if file.peek(2)[:2] == b"\x1f\x8b" else file
            data = stream.read(_CHUNK)
            # without a mark, a letter of a header shows by its zero bytes
            if data.startswith(_WIDE_BOMS) or b"\0" in data[:4]:
                raise TableError(path, "is UTF-16 or UTF-32, not UTF-8; save it as UTF-8", line=1)
            data = data.removeprefix(codecs.BOM_UTF8)
            if not data.strip():
                raise TableError(path, "is empty; expected at least a header line")
            line = 1
            while data:
                chunk = stream.read(_CHUNK)
                _check_unpacked(path, stream.tell())
                # a carriage return at the very end may be half of a line's end
                cut = max(data.rfind(b"\n"), -1 if ends else data.rfind(b"\r", 0, -1)) + 1
                piece = data[:cut] if chunk else data
                data = data[len(piece) :] + chunk
                try:
                    yield piece.decode("utf-8")
                except UnicodeDecodeError as error:
                    before = piece[: error.start]
                    if until_fault:
                        yield before.decode("utf-8") + "?"  # for the field itself
                        return
                    byte, line = piece[error.start], line + before.count(b"\n")
                    problem = f"byte 0x{byte:02x} is not UTF-8 (Latin-1 or Windows-1252?); save the file as UTF-8"
                    raise TableError(path, problem, line=line, column=None if ends else _last_column(path)) from None
                line += piece.count(b"\n")
                if len(data) > _MAX_LINE:
                    raise TableError(path, f"the line has over {_MAX_LINE:,} bytes; is this a table?", line=line)
    except (OSError, EOFError, zlib.error) as error:
        raise TableError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _check_unpacked(path: Path, unpacked: int) -> None:
    if unpacked > max(_SMALL, _MOST_PACKED * path.stat().st_size):
        problem = f"unpacks to more than {_MOST_PACKED} times its size, as no table does; if it is one, pack it less"
        raise TableError(path, problem)


def _last_column(path: Path) -> str | None:
    """The column in which a CSV file ends, or in which its first fault of encoding stands; None in the header."""
    rows = csv.reader(_lines(path, until_fault=True))
    header = next((row for row in rows if row), [])
    last = deque(rows, maxlen=1)
    return header[len(last[0]) - 1] if last and 0 < len(last[0]) <= len(header) else None


def _read_csv(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    csv.field_size_limit(_MAX_LINE)  # csv's own error names no column; ours is applied to what was read
    reader = csv.reader(_lines(path), strict=True)
    cells: list[str] = []
    columns: dict[str, list[str]] = {}
    lines = array("q")
    start = 1
    try:
        header = next((row for row in reader if row), [])
        width = len(header)
        places = _choose(path, header, required, optional, line=reader.line_num)
        columns = {name: [] for name in places}
        seen: dict[str, dict[str, str]] = {name: {} for name in places}
        start = reader.line_num + 1
        for row in itertools.chain(reader, [None]):
            if row is None or len(cells) >= _CELLS:
                for name, at in places.items():
                    columns[name] += _shared(cells[at::width], seen[name])
                cells.clear()
            if row is not None and len(row) == width:
                cells += row  # one flat list: many short lists would keep the garbage collector busy for longer
                lines.append(start)
            elif row:
                column = header[len(row)] if len(row) < width else header[-1]
                problem = f"the row has {len(row)} fields, the header has {width}"
                hint = "(a comma inside a field needs quotes)"
                raise TableError(path, f"{problem} {hint}", line=start, column=column)
            start = reader.line_num + 1
    except csv.Error as error:
        raise _quote_error(path, start, str(error)) from None
    return Table(path, tuple(header), columns, lines)


def _shared(cells: list[str], seen: dict[str, str]) -> Iterator[str]:
    """The cells, equal ones as one text: few columns of ten million cells have as many different ones."""
    return map(seen.setdefault if len(seen) < _MOST_SHARED else seen.get, cells, cells)


def _quote_error(path: Path, start: int, message: str) -> TableError:
    if "end of data" in message:
        column = _last_column(path)
        return TableError(path, "a quote is opened in this row and never closed", line=start, column=column)
    return TableError(path, f"the row is not CSV: {message} (a quote inside a field is written twice)", line=start)


def _read_jsonl(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    columns: dict[str, list[str]] = {name: [] for name in (*required, *optional)}
    without: dict[str, int] = {}  # the first line that lacks a key
    lines = array("q")
    header: dict[str, None] = {}
    for number, line in enumerate(_lines(path, "\n"), start=1):
        if not line.strip():
            continue
        record = _record(path, line, number)
        header.update(dict.fromkeys(record))
        lines.append(number)
        for name, column in columns.items():
            if name not in record:
                without.setdefault(name, number)
            column.append(_plain(path, record.get(name), number, name))
    names = _choose(path, list(header), required, optional, line=None)
    for name in required:
        if name in without:
            raise TableError(path, "the key is missing", line=without[name], column=name)
    return Table(path, tuple(header), {name: columns[name] for name in names}, lines)


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
        case str() if value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value):
            return value
        case str():
            problem = "the text holds half of a surrogate pair (\\ud800 to \\udfff)"
            raise TableError(path, problem, line=line, column=column)
        case None:
            return ""
        case bool():
            return "true" if value else "false"
    raise TableError(path, "expected text or a number, found a nested value", line=line, column=column)


def _read_parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if reason := why_unreadable(path):
        raise TableError(path, reason)
    try:
        with pq.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            columns: dict[str, list[str]] = {
                name: [] for name in _choose(path, schema.names, required, optional, line=None)
            }
            for name in columns:
                if pa.types.is_nested(kind := schema.field(name).type):
                    raise TableError(path, f"expected text or numbers, found {kind}", column=name)
            _check_unpacked(path, 16 * rows * len(columns))  # bytes: a number and its place, before all texts
            unpacked = 0
            seen: dict[str, dict[str, str]] = {name: {} for name in columns}
            for batch in file.iter_batches(_ROWS, columns=list(columns)):
                for name, cells in columns.items():
                    texts = batch[name].cast(pa.string()).fill_null("")
                    _check_unpacked(path, unpacked := unpacked + texts.nbytes)
                    cells += _shared(texts.to_pylist(), seen[name])
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise TableError(path, f"not a readable Parquet file: {str(error).splitlines()[0]}") from None
    return Table(path, tuple(schema.names), columns, range(1, rows + 1))


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


def _suggest(name: str, known: Sequence[str], label: str) -> str:
    close = difflib.get_close_matches(name.lower(), [word.lower() for word in known], n=1)
    listed = f"{label}: {', '.join(quoted(word)[1:-1] for word in known) or 'none'}"
    if not close:
        return listed
    original = next(word for word in known if word.lower() == close[0])
    return f"did you mean {quoted(original)}? ({listed})"
