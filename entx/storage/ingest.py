"""A table of questions and folders of pictures into the store."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from entx.core.entities import Schema
from entx.core.links import PictureFolder
from entx.core.tables import parse_indices, read_table, require_entities
from entx.core.types import Question
from entx.storage.connection import Store
from entx.storage.questions import LinkedFile, add_files, add_questions, load_files

_THREADS = 4  # hashing and reading both release the interpreter; more threads only queue on the disk


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What came of one ingest.

    Args:
        questions: rows of the table.
        new: of these, rows that the store did not have.
        links: distinct links of the table.
        pictures: distinct pictures, by content, behind the links that have a file.
        without_file: links without a usable file, each with its reason.
        indexed: False when the table had no index column, so that rows were numbered.
    """

    questions: int
    new: int
    links: int
    pictures: int
    without_file: dict[str, str]
    indexed: bool


def ingest(
    store: Store,
    path: Path,
    folders: Sequence[Path],
    schema: Schema,
    *,
    index_from: int = 0,
    advance: Callable[[int], None] = lambda _: None,
) -> IngestReport:
    """Adds a table's questions to the store and finds the picture file of each link. Repeating it adds nothing twice.

    Needs the columns image_link and entity_name; index (rows are numbered from `index_from` without it), group_id and
    entity_value (kept as the label) are taken where they are. A file that still has the path, size and time of its
    last ingest is not read again.

    Args:
        folders: where the pictures are, searched in all depths.
        advance: told the number of links looked up, for a progress bar.

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
    questions = [
        Question(index, link, group, entity, None, label)
        for index, link, group, entity, label in zip(indices, links, groups, entities, labels, strict=True)
    ]
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
    files: list[LinkedFile] = []
    without_file: dict[str, str] = {}
    paths: dict[str, Path] = {}
    for link in links:
        found = folder.find(link)
        if found.path is None:
            without_file[link] = found.reason
        else:
            paths[link] = found.path
    advance(len(without_file))

    def examine(link: str) -> LinkedFile | str:
        try:
            return _linked_file(link, paths[link], known.get(link))
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


def _linked_file(link: str, path: Path, known: LinkedFile | None) -> LinkedFile:
    stat = path.stat()
    if known is not None and (known.path, known.size, known.mtime_ns) == (
        os.fspath(path),
        stat.st_size,
        stat.st_mtime_ns,
    ):
        return known
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return LinkedFile(link, digest, os.fspath(path), stat.st_size, stat.st_mtime_ns)
