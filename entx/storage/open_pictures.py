"""Picture files that a run still has to look at, with their questions, whether anything has read their text or not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from entx.core.shards import Shard
from entx.storage.connection import Store
from entx.storage.habits import FOLD_OF_LINK
from entx.storage.pages import AskedQuestion
from entx.storage.questions import CURRENT_PICTURES, load_questions

_FETCH_ROWS = 1024


@dataclass(frozen=True, slots=True)
class OpenPicture:
    """A distinct picture and its open questions.

    Args:
        picture: sha256 of the file at ingest.
        path: where the file lay then.
        questions: by index.
    """

    picture: str
    path: Path
    questions: tuple[AskedQuestion, ...]


def open_pictures(store: Store, run: str, shard: Shard = Shard()) -> Iterator[OpenPicture]:  # noqa: B008 - frozen
    """The pictures of the shard with questions that the run has no answer to, in order of their questions; streamed.

    From a snapshot: answers that are added meanwhile change nothing. Questions whose link has no file are not among
    them.
    """
    cursor = store.connection.cursor()
    cursor.execute(
        f"""
        select c.picture, arg_max(c.path, c.seq),
               list((q.idx, q.entity_name, q.group_id, {FOLD_OF_LINK}) order by q.idx)
        from questions q join ({CURRENT_PICTURES}) c using (image_link)
        where not exists (from answers a where a.run = $run and a.idx = q.idx)
        group by c.picture order by min(q.idx)
        """,
        {"run": run},
    )
    while rows := cursor.fetchmany(_FETCH_ROWS):
        for picture, path, asked in rows:
            if shard.holds(picture):
                yield OpenPicture(picture, Path(path), tuple(AskedQuestion(*one) for one in asked))


def indices_in_shard(store: Store, shard: Shard, indices: Sequence[int] | None = None) -> list[int]:
    """Which of these questions (None: all) the shard is to answer for, in their order.

    Those of one picture are in one shard; those without a file are dealt by their link, so that every question is in
    exactly one.
    """
    held = [
        question.index for question in load_questions(store) if shard.holds(question.picture or question.image_link)
    ]
    if indices is None:
        return held
    known = set(held)
    return [index for index in indices if index in known]
