"""Files: output that appears whole or not at all, the file name of a link, and the pictures in people's folders.

A link of the challenge's own host keeps its base name, so folders that people already have go on working. Every other
link gets a name that carries a hash of the whole link: two links never share a file, whatever they look like.
Nothing here opens a connection, and a lookup answers only with files that a scan of the given folders saw, so no link
can name a file outside them.
"""

from __future__ import annotations

import filecmp
import gzip
import hashlib
import os
import re
import shutil
import stat
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote

from entx.core.errors import InputError, PictureRefused, PictureUnavailable

FORMULA_STARTS = "=+-@\t\r\n"
"""A text of a csv file for people that begins with one of these gets an apostrophe before it: spreadsheets run it."""


def storable(text: str) -> str:
    """Foreign text without what a database or a text file cannot hold."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")


def harmless_cell(text: str) -> str:
    """A storable csv cell that no spreadsheet takes for a formula."""
    text = storable(text)
    return f"'{text}" if text.startswith(tuple(FORMULA_STARTS)) else text


_KINDS = {".gz": rb"\x1f\x8b", ".parquet": rb"PAR1", ".png": rb"\x89PNG.{,80}Software\0entx", ".pt": rb"PK"}
"""How a file begins that may be replaced under such a name (.png: drawn by `entx show`); else no binary file is."""


@dataclass(frozen=True, slots=True)
class Writes:
    """In an option's annotation: the call writes that path, or files of these names in the folder that it is."""

    names: tuple[str, ...] = ("",)


@contextmanager
def writing(path: Path, kinds: tuple[type[Exception], ...] = (OSError,)) -> Iterator[None]:
    """Makes an error of these kinds in the block an `InputError` that names the path."""
    try:
        yield
    except kinds as error:
        raise InputError(f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}") from None


def is_stdout(path: Path) -> bool:
    """Whether what is written to a path goes to this process's standard output, which "-" names."""
    with suppress(OSError):
        return path == Path("-") or os.path.samestat(path.stat(), os.fstat(1))
    return False


def same_file(one: Path, other: Path) -> bool:
    """Whether two names, links followed, are one file, be it not there yet. No device is: it may have many users."""
    with suppress(OSError):
        there = one.stat()
        return stat.S_ISREG(there.st_mode) and os.path.samestat(there, other.stat())
    return os.path.realpath(one) == os.path.realpath(other)


def replaced_file(path: Path) -> Path | None:
    """The regular file, links followed, that is made or replaced when a path is written; None where there is another.

    Raises:
        InputError: a folder, a disk or data of another kind is there, or nothing can be written there.
    """
    if is_stdout(path):
        return None
    with writing(path):
        place, start = Path(os.path.realpath(path)), b""
        with suppress(FileNotFoundError):
            mode = path.stat().st_mode
            if stat.S_ISDIR(mode) or stat.S_ISBLK(mode):
                raise InputError(f"{path} exists already, as a folder or disk; choose another name")
            if not stat.S_ISREG(mode):
                return None
            with place.open("rb") as stream:
                start = stream.read(4096)
        if start and not re.match(_KINDS.get(path.suffix.lower(), rb"[^\0]*\Z"), start, re.DOTALL):
            raise InputError(f"{path} exists already, with data of another kind; choose another name")
        with tempfile.TemporaryFile(dir=next(folder for folder in place.parents if folder.is_dir())):
            return place


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name, flushed to disk and renamed to `path` when the block ends well, removed otherwise.

    What is no regular file gets the bytes at the end; a reader that leaves early is no fault.

    Raises:
        InputError: as `replaced_file`; or the disk is full, or nobody reads the pipe.
    """
    target = replaced_file(path)
    with writing(path):
        if target is not None:
            target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target and target.parent, prefix=".entx.", suffix=".part")
    os.close(handle)
    part = Path(name)
    try:
        with writing(path):
            yield part
            if target is None:
                with suppress(BrokenPipeError), part.open("rb") as source, _open_plainly(path) as sink:
                    shutil.copyfileobj(source, sink)
                return
            with part.open("rb") as stream:
                os.fsync(stream.fileno())
            os.umask(mask := os.umask(0))
            part.chmod(0o666 & ~mask)  # mkstemp makes it private; the final file has the usual rights
            part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _open_plainly(path: Path) -> IO[bytes]:
    # Where nobody reads a pipe, the open that does not wait is an error.
    handle = os.dup(1) if is_stdout(path) else os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(handle, True)
    return os.fdopen(handle, "wb")


@contextmanager
def atomic_text(path: Path) -> Iterator[IO[str]]:
    """A utf-8 text stream with "\\n" line ends that becomes `path` when the block ends well; gzip for `*.gz`."""
    with atomic_path(path) as part:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(part, "wt", encoding="utf-8", newline="\n") as stream:
            yield cast("IO[str]", stream)


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A name for a folder that the block makes and that becomes `path`, where there is none, when it ends well."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".entx.") as scratch:
            yield (part := Path(scratch, path.name))
            part.rename(path)


def why_unreadable(path: Path) -> str:
    """Why a file that a user names is not read, "" for a regular file: a pipe may wait and a device never end."""
    try:
        return "" if stat.S_ISREG(path.stat().st_mode) else "cannot be read: not a regular file"
    except FileNotFoundError:
        return "cannot be read: no such file"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return f"cannot be read: {getattr(error, 'strerror', None) or error}"


def input_bytes(path: Path) -> bytes:
    """The bytes of a file that a user names; InputError where it cannot be read."""
    if reason := why_unreadable(path):
        raise InputError(f"{path}: {reason}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None


EXTENSIONS = ("jpg", "jpeg", "png", "gif", "webp", "bmp", "tif", "tiff")
"""Extensions that a file name keeps; any other link ends in `.img`."""

_HOST = "https://m.media-amazon.com/images/I/"
_EXTENSION = rf"\.({'|'.join(EXTENSIONS)})"
_KEPT = re.compile(rf"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9+_.-]*{_EXTENSION}", re.ASCII | re.IGNORECASE)
# A kept name must not look like a hashed one, or a link could be made whose file is another link's.
_HASHED = re.compile(r".*-[0-9a-f]{16}\.[a-z]+", re.ASCII | re.IGNORECASE)
# Windows opens a device for these, whatever follows the first dot.
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])\..*", re.ASCII | re.IGNORECASE)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_LONGEST_NAME = 100
_LONGEST_STEM = 60


def is_url(link: str) -> bool:
    """Whether a link has a scheme (`https://...`); anything else is a file name or a relative path."""
    return _URL.match(link) is not None


MAX_BYTES = 2**29
"""Of a picture file. 40 megapixels of four channels of 16 bits are 320 MB; product pictures end near 30."""


def picture_bytes(path: Path, sha256: str = "") -> bytes:
    """A picture file's bytes.

    Args:
        sha256: of the bytes that are wanted; "" takes any.

    Raises:
        PictureUnavailable: it cannot be read now, or has other bytes now; the reason without the path.
        PictureRefused: more than `MAX_BYTES`.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise PictureRefused(f"{size} bytes, over the limit of {MAX_BYTES} bytes")
        if not path.is_file():  # opening a named pipe would wait for its writer
            raise PictureUnavailable("not a regular file")
        data = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise PictureUnavailable(getattr(error, "strerror", None) or str(error)) from None
    if sha256 and hashlib.sha256(data).hexdigest() != sha256:
        raise PictureUnavailable("the file changed since ingest; run `entx ingest` again")
    return data


def file_name(link: str) -> str:
    """The file name of a link: deterministic, at most 100 ASCII characters, and never the name of another link.

    `https://m.media-amazon.com/images/I/NAME` keeps a plain NAME; every other link becomes
    `<stem>-<first 16 hex digits of its sha256>.<extension or img>`.
    Kept names differ where the links differ, be it only in capitals: a file system that ignores case would need two
    such links in one table to confuse them (the challenge's 346,572 links hold no such pair).
    """
    name = link.removeprefix(_HOST)
    usual = len(name) < len(link) and len(name) <= _LONGEST_NAME and _KEPT.fullmatch(name)
    if usual and not _HASHED.fullmatch(name) and not _RESERVED.fullmatch(name):
        return name
    last = _path(link).rstrip("/").rpartition("/")[2]
    stem, _, extension = last.rpartition(".")
    if extension.lower() not in EXTENSIONS:
        stem, extension = last, "img"
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", stem)[:_LONGEST_STEM].strip("_-") or "picture"
    digest = hashlib.sha256(link.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return f"{stem}-{digest}.{extension.lower()}"


@dataclass(frozen=True, slots=True)
class FoundPicture:
    """The answer of a lookup."""

    path: Path | None  # the file; None where there is none, or where it cannot be told which
    reason: str = ""  # why there is no path; "" when there is one


class PictureFolder:
    """The picture files below some folders, found by the links of one table.

    Each folder is scanned once. Hidden files and folders are left out, linked folders are not entered, and a linked
    file counts only when its target lies in the same folder.

    Args:
        folders: where the pictures are; a file may lie in any depth.
        links: all links of the table: a base name is followed only when one distinct link has it.

    Raises:
        InputError: a folder does not exist or cannot be read.
    """

    def __init__(self, folders: Sequence[Path], links: Iterable[str]) -> None:
        self._by_name: dict[str, list[Path]] = {}
        self._by_path: dict[str, list[Path]] = {}
        self._root: dict[Path, Path] = {}
        for folder in dict.fromkeys(folders):
            self._scan(folder)
        self._claims = Counter(name for link in set(links) for name in {file_name(link), *_base_names(link)})

    def find(self, link: str) -> FoundPicture:
        """The file of a link of the table.

        A URL is looked up by `file_name`, a relative path names the file itself; then each by its base name, if that
        is no other link's name too. Several files of one name are accepted only when their bytes are equal.
        """
        relative = "/".join(part for part in _path(link).split("/") if part != ".")  # as the scan writes it
        exact = self._by_name.get(file_name(link)) if is_url(link) else self._by_path.get(relative)
        if exact:
            return self._only(exact)
        for name in _base_names(link):
            if name in self._by_name:
                if self._claims[name] > 1:
                    return FoundPicture(None, f"ambiguous: several links of the table end in {name}")
                return self._only(self._by_name[name])
        return FoundPicture(None, f"no file {file_name(link) if is_url(link) else link}")

    def _scan(self, folder: Path) -> None:
        if not os.access(f"{folder}/.", os.F_OK):  # unlike is_dir, no error for a name that is too long
            raise InputError(f"{folder}: is not a folder of pictures")
        self._root[folder] = folder.resolve()

        def unreadable(error: OSError) -> None:
            raise InputError(f"{error.filename}: cannot be read: {error.strerror}")

        for where, subfolders, names in os.walk(folder, onerror=unreadable):
            subfolders[:] = [name for name in subfolders if not name.startswith(".")]
            place = Path(where)
            below = place.relative_to(folder).as_posix()
            for name in names:
                if not name.startswith("."):
                    path = place / name
                    self._by_name.setdefault(name, []).append(path)
                    self._by_path.setdefault(name if below == "." else f"{below}/{name}", []).append(path)

    def _only(self, paths: list[Path]) -> FoundPicture:
        usable = [path for path in paths if self._is_inside(path)]
        if not usable:
            return FoundPicture(None, f"{paths[0]}: no regular file, or a link that leaves the folder")
        first, *others = usable
        for other in others:
            try:
                equal = filecmp.cmp(first, other, shallow=False)
            except OSError as error:
                return FoundPicture(None, f"ambiguous: {first} and {other} cannot be compared: {error.strerror}")
            if not equal:
                return FoundPicture(None, f"ambiguous: {first} and {other} differ")
        return FoundPicture(first)

    def _is_inside(self, path: Path) -> bool:
        if not path.is_file() or not path.is_symlink():
            return path.is_file()
        target = path.resolve()
        return any(path.is_relative_to(folder) and target.is_relative_to(root) for folder, root in self._root.items())


def _path(link: str) -> str:
    """The part of a link that names a place: without host, query and fragment; a plain path as it is."""
    if not is_url(link):
        return link.replace("\\", "/")
    return re.split(r"[?#]", link.partition("://")[2], maxsplit=1)[0].partition("/")[2]


def _base_names(link: str) -> tuple[str, ...]:
    """The names under which people may have saved a link: its last part, as it stands and with %-escapes resolved."""
    path = _path(link)
    candidates = (text.rstrip("/").rpartition("/")[2] for text in (path, unquote(path).replace("\\", "/")))
    return tuple(dict.fromkeys(name for name in candidates if name))
