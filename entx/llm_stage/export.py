"""Examples as files: JSON lines, exact and readable again, and a `datasets` folder with prompt and completion."""

from __future__ import annotations

import gzip
import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from entx.core.errors import InputError, TableError
from entx.core.files import atomic_text
from entx.llm_stage.dataset import Example


def write_jsonl(path: Path, examples: Iterable[Example]) -> int:
    """One example a line; gzip for `*.gz`. Returns their number.

    `prompt` is page and question, `page_length` the number of characters of the page part.
    """
    count = 0
    with atomic_text(path) as stream:
        for example in examples:
            stream.write(json.dumps(_record(example), ensure_ascii=False) + "\n")
            count += 1
    return count


def read_jsonl(path: Path) -> Iterator[Example]:
    """The examples of a file that `write_jsonl` wrote, streamed.

    Raises:
        TableError: the file is missing, or a line is no such example.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                try:
                    example = _example(json.loads(line))
                except (ValueError, KeyError, TypeError) as error:
                    raise TableError(path, f"no training example: {error!r}", line=number) from None
                yield example
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise TableError(path, f"cannot be read: {error}") from None


def save_folder(folder: Path, examples: Iterable[Example]) -> int:
    """A folder for `datasets.load_from_disk`, one column a key of the JSON lines; replaced whole. Returns the rows.

    Raises:
        InputError: `datasets` is not installed.
    """
    datasets = _datasets()
    records = [_record(example) for example in examples]
    if not records:
        raise InputError(f"{folder}: there is no example to write; a datasets folder cannot be empty")
    columns = {name: [record[name] for record in records] for name in records[0]}
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        datasets.disable_progress_bars()
        datasets.Dataset.from_dict(columns).save_to_disk(part / "new")
        if folder.exists():
            folder.rename(part / "old")
        (part / "new").rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return len(records)


def load_folder(folder: Path) -> Iterator[Example]:
    """The examples of a folder that `save_folder` wrote.

    Raises:
        InputError: `datasets` is not installed, or the folder is none of its.
    """
    datasets = _datasets()
    try:
        rows = datasets.load_from_disk(str(folder))
    except FileNotFoundError:
        raise InputError(f"{folder}: no datasets folder; write one with: entx dataset --format datasets") from None
    return (_example(row) for row in rows)


def _datasets() -> Any:
    try:
        return import_module("datasets")
    except ImportError:
        raise InputError("datasets is not installed; pip install 'entx-hybrid[llm]', or write --format jsonl") from None


def _record(example: Example) -> dict[str, Any]:
    return {
        "index": example.index,
        "picture": example.picture,
        "group_id": example.group_id,
        "entity_name": example.entity_name,
        "prompt": example.prompt,
        "completion": example.completion,
        "page_length": len(example.page),
        "weight": example.weight,
        "source": example.source,
        "choices": list(example.choices),
        "right": example.right,
    }


def _example(record: dict[str, Any]) -> Example:
    prompt, cut = record["prompt"], record["page_length"]
    return Example(
        record["index"], record["picture"], record["group_id"], record["entity_name"], prompt[:cut], prompt[cut:],
        record["completion"], record["weight"], record["source"], tuple(record["choices"]), record["right"],
    )  # fmt: skip
