"""The `predict --stage vlm` job: every open question of a run answered from the picture itself.

No OCR is needed. Where the store holds pages of the pictures they say where an answer stands, and guide crops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import islice
from typing import Any

from entx.core.entities import Schema
from entx.core.errors import PictureError
from entx.core.splits import Shard
from entx.core.types import OcrPage, PageKey
from entx.storage.pages import OpenPicture, load_pages, open_pictures
from entx.storage.runs import add_answers, begin_run, end_run, forget_answers
from entx.storage.store import Store
from entx.vlm_stage.prompt import PROMPT_VERSION
from entx.vlm_stage.reader import PICTURE, READER_VERSION, Asked, VisionReader
from entx.vlm_stage.views import VIEWS_VERSION, Look, see_file

STAGE = "vlm"
PICTURES_PER_COMMIT = 32
"""Pictures read side by side and committed together: enough to sort by size, few enough to lose in a crash."""


@dataclass(frozen=True, slots=True)
class InferReport:
    """What one call did.

    Args:
        answered: questions answered or abstained from.
        counts: of the reader, by name.
    """

    answered: int
    seconds: float
    counts: Mapping[str, int]


def answer_questions(
    store: Store,
    key: PageKey | None,
    schema: Schema,
    reader: VisionReader,
    look: Look,
    run: str,
    settings: Mapping[str, Any],
    *,
    shard: Shard = Shard(),  # noqa: B008 - frozen
    retry_failed: bool = False,
    pictures_per_commit: int = PICTURES_PER_COMMIT,
    advance: Callable[[int], None] = lambda _: None,
) -> InferReport:
    """Answers the questions whose picture has a file and that have no answer in this run yet.

    A file that cannot be shown to the model is an empty answer with the reason. Questions whose link has no file stay
    open: the same call takes them up once it is there.

    Args:
        key: of the OCR pages that ground answers and guide crops; None to do without.
        settings: what decides the model's answers: its hash, backend, adapter, numeric type.
        shard: the part of the pictures that this call is for.
        retry_failed: look again at the pictures that could not be shown to the model before.

    Raises:
        InputError: the run stands in the store with other settings; the model takes no picture at all.
    """
    started = time.monotonic()
    begin_run(store, run, STAGE, {**job_settings(key, schema, reader, look, shard), **settings})
    if retry_failed:
        forget_answers(store, run, PICTURE)
    answered = 0
    for batch in _batches(open_pictures(store, run, shard), pictures_per_commit):
        began = time.monotonic()
        pages = _pages(store, key, batch)
        read = reader.read([_asked(one, reader, look, pages.get(one.picture)) for one in batch])
        indices = [question.index for one in batch for question in one.questions]
        share = (time.monotonic() - began) / len(indices)
        answers = [replace(answer, seconds=share) for of_picture in read for answer in of_picture]
        add_answers(store, run, list(zip(indices, answers, strict=True)))
        answered += len(indices)
        advance(len(indices))
    seconds = time.monotonic() - started
    counts = asdict(reader.counts)
    end_run(store, run, seconds, {"answered": answered, **counts})
    return InferReport(answered, seconds, counts)


def job_settings(
    key: PageKey | None, schema: Schema, reader: VisionReader, look: Look, shard: Shard
) -> dict[str, Any]:  # fmt: skip
    """All that decides a run's answers beside the model itself."""
    calibration = reader.serving.calibration
    return {
        "reader": READER_VERSION, "views": VIEWS_VERSION, "prompt_version": PROMPT_VERSION,
        "prompt": asdict(reader.serving.form), "mode": reader.mode.value, "model": reader.model.name,
        "pixels": look.pixels, "crops": asdict(look.crops) if look.crops else None, "max_pixels": look.max_pixels,
        "calibration": calibration.digest if calibration else None, "shards": str(shard), "schema": schema.digest,
        "engine": key and key.engine, "model_hash": key and key.model_hash, "params_hash": key and key.params_hash,
    }  # fmt: skip


def _batches(pictures: Iterator[OpenPicture], size: int) -> Iterator[list[OpenPicture]]:
    while batch := list(islice(pictures, size)):
        yield batch


def _pages(store: Store, key: PageKey | None, batch: list[OpenPicture]) -> dict[str, OcrPage]:
    if key is None:
        return {}
    return {page.picture: page for page in load_pages(store, key, [one.picture for one in batch])}


def _asked(one: OpenPicture, reader: VisionReader, look: Look, page: OcrPage | None) -> Asked:
    """The picture decoded, once for all of its questions."""
    names = tuple(question.entity_name for question in one.questions)
    try:
        return Asked(see_file(one.path, reader.model, look, page), names, page)
    except PictureError as error:
        return Asked(error, names, page)
