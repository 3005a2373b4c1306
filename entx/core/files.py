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
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast
from urllib.parse import unquote

from entx.core.errors import InputError, PictureRefused, PictureUnavailable

FORMULA_STARTS = "=+-@\t\r\n"
"""A text of a csv file for people that begins with one of these gets an apostrophe before it: spreadsheets run it."""


def harmless_cell(text: str) -> str:
    """A csv cell that no spreadsheet takes for a formula, without characters that a text file cannot hold."""
    text = text.encode("utf-8", "replace").decode().replace("\0", "?")
    return f"'{text}" if text.startswith(tuple(FORMULA_STARTS)) else text


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`, flushed to disk and renamed to it when the block ends well, removed otherwise.

    Raises:
        InputError: the folder cannot be written or the disk is full.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    os.close(handle)
    part = Path(name)
    try:
        yield part
        with part.open("rb") as stream:
            os.fsync(stream.fileno())
        os.umask(mask := os.umask(0))
        part.chmod(0o666 & ~mask)  # mkstemp makes it private; the final file has the usual rights
        part.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_text(path: Path) -> Iterator[IO[str]]:
    """A utf-8 text stream with "\\n" line ends that becomes `path` when the block ends well; gzip for `*.gz`."""
    with atomic_path(path) as part:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(part, "wt", encoding="utf-8", newline="\n") as stream:
            yield cast("IO[str]", stream)


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
        if not folder.is_dir():
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
