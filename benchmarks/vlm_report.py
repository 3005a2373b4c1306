"""F1 of a vision model on labelled rows by slice: written freely, weighed, calibrated on other pictures, with crops.

Every picture of the gold table whose file is there is read; where the store has OCR of it, `weighed` scores its
candidates beside the value that the model writes, and --crops also reads each picture with close-ups of its numbers for
the same pixel budget. `calibrated` is `weighed` decided by a calibration that was fitted on the other pictures (5
folds). Intervals are of a bootstrap by picture.

    python benchmarks/vlm_report.py --store s.duckdb --gold gold.csv --model DIR [--adapter DIR] [--pixels N] [--crops]
        [--calibrate]

--calibrate fits on all rows (without crops) and writes the calibration into the entx.json of model or adapter.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from gold_rows import NO_RUN

from entx.core.entities import CHALLENGE
from entx.core.errors import PictureError
from entx.core.evaluation import Counts, Outcome, bootstrap_f1, group_numbers, outcomes
from entx.core.splits import Shard
from entx.core.tables import parse_indices, read_table
from entx.core.types import OcrPage
from entx.neural.confidence import Calibration, Labelled, fit, judge
from entx.storage.pages import choose_pages, load_pages, open_pictures, page_keys
from entx.storage.store import Store
from entx.vlm_stage.crops import DEFAULT_CROPS
from entx.vlm_stage.loading import ModelOptions, open_reader
from entx.vlm_stage.reader import Asked, Choice, Mode, VisionReader
from entx.vlm_stage.serving import write_serving
from entx.vlm_stage.views import Look, see_file

FOLDS = 5
BATCH = 16


@dataclass(frozen=True)
class Row:
    """A labelled question of a picture."""

    picture: str
    entity: str
    truth: str
    also: str
    part: str


@dataclass(frozen=True)
class Pictured:
    """A picture with its page and its labelled questions."""

    path: Path
    page: OcrPage | None
    rows: tuple[Row, ...]


def load(path: Path, gold: Path) -> list[Pictured]:
    table = read_table(gold, ["index", "value", "also", "slice"])
    told = dict(zip(parse_indices(table), zip(table["value"], table["also"], table["slice"], strict=True), strict=True))
    with Store(path) as store:
        key = choose_pages(store, None) if page_keys(store) else None
        pages = {page.picture: page for page in load_pages(store, key)} if key else {}
        found = []
        for one in open_pictures(store, NO_RUN):
            rows = tuple(
                Row(one.picture, question.entity_name, *told[question.index])
                for question in one.questions
                if question.index in told
            )
            if rows:
                found.append(Pictured(one.path, pages.get(one.picture), rows))
    return found


def asked(pictures: Sequence[Pictured], reader: VisionReader, look: Look) -> list[Asked]:
    made = []
    for one in pictures:
        names = tuple(row.entity for row in one.rows)
        try:
            made.append(Asked(see_file(one.path, reader.model, look, one.page), names, one.page))
        except PictureError as error:
            made.append(Asked(error, names, one.page))
    return made


def written(pictures: Sequence[Pictured], reader: VisionReader, look: Look) -> list[str]:
    found = []
    for start in range(0, len(pictures), BATCH):
        for answers in reader.read(asked(pictures[start : start + BATCH], reader, look)):
            found += [answer.quantity.text if answer.quantity else "" for answer in answers]
    return found


def weighed(pictures: Sequence[Pictured], reader: VisionReader, look: Look) -> list[Choice | None]:
    found: list[Choice | None] = []
    for start in range(0, len(pictures), BATCH):
        for choices in reader.choices(asked(pictures[start : start + BATCH], reader, look)):
            found += choices
    return found


def decided(choices: Sequence[Choice | None], calibrations: Sequence[Calibration | None]) -> list[str]:
    answers = []
    for choice, calibration in zip(choices, calibrations, strict=True):
        judged = judge(choice.posterior, calibration) if choice and choice.posterior else None
        answers.append(choice.quantities[judged.best].text if choice and judged and judged.given else "")
    return answers


def labelled(row: Row, choice: Choice | None) -> Labelled | None:
    """The row for a fit; None where there is no value to weigh."""
    if choice is None or choice.posterior is None:
        return None
    texts = [quantity.text for quantity in choice.quantities]
    found, _ = outcomes(texts, [row.truth] * len(texts), [row.also] * len(texts))
    right = frozenset(place for place, one in enumerate(found) if one == Outcome.TP)
    return Labelled(choice.posterior, right, bool(row.truth))


def fitted(rows: Sequence[Row], known: Sequence[Labelled | None]) -> Calibration:
    unseen = [bool(row.truth) for row, one in zip(rows, known, strict=True) if one is None]
    return fit([one for one in known if one is not None], unseen)


def cross_fitted(rows: Sequence[Row], known: Sequence[Labelled | None]) -> list[Calibration | None]:
    """For each row a calibration from the other folds of pictures."""
    folds = [next(n for n in range(FOLDS) if Shard(n + 1, FOLDS).holds(row.picture)) for row in rows]
    made: list[Calibration | None] = [None] * len(rows)
    for fold in range(FOLDS):
        others = [number for number in range(len(rows)) if folds[number] != fold]
        calibration = fitted([rows[number] for number in others], [known[number] for number in others])
        for number in range(len(rows)):
            if folds[number] == fold:
                made[number] = calibration
    return made


def tell(rows: Sequence[Row], name: str, answers: Sequence[str]) -> None:
    parts = []
    for part in ("", *sorted({row.part for row in rows if row.part})):
        chosen = [number for number, row in enumerate(rows) if part in ("", row.part)]
        some = [rows[number] for number in chosen]
        found, _ = outcomes([answers[n] for n in chosen], [row.truth for row in some], [row.also for row in some])
        interval = bootstrap_f1(found, group_numbers([row.picture for row in some]))
        parts.append(f"{part or 'all'} {Counts.of(found).f1:.3f} [{interval.low:.3f}, {interval.high:.3f}]")
    given = sum(bool(answer) for answer in answers)
    print(f"{name:22} {'   '.join(parts)}   answered {given} of {len(answers)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--pixels", type=int)
    parser.add_argument("--dtype")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=int, help="only so many")
    parser.add_argument("--crops", action="store_true")
    parser.add_argument("--calibrate", action="store_true")
    given = parser.parse_args()
    options = ModelOptions(given.model, given.adapter, dtype=given.dtype, threads=given.threads, pixels=given.pixels)
    reader, look, settings = open_reader(options, CHALLENGE)
    plain = replace(reader.serving, calibration=None)
    free, weighing = (VisionReader(reader.model, plain, CHALLENGE, mode) for mode in (Mode.FREE, Mode.CANDIDATES))
    pictures = load(given.store, given.gold)[: given.pictures]
    rows = [row for one in pictures for row in one.rows]
    read = sum(one.page is not None for one in pictures)
    print(f"{len(rows)} rows of {len(pictures)} pictures, {read} with OCR; {settings['weights']}, {look.pixels} pixels")
    looks = {
        "": replace(look, crops=None),
        **({" with crops": replace(look, crops=DEFAULT_CROPS)} if given.crops else {}),
    }
    for name, one in looks.items():
        tell(rows, "free" + name, written(pictures, free, one))
        choices = weighed(pictures, weighing, one)
        tell(rows, "weighed" + name, decided(choices, [None] * len(rows)))
        known = [labelled(row, choice) for row, choice in zip(rows, choices, strict=True)]
        tell(rows, "calibrated" + name, decided(choices, cross_fitted(rows, known)))
        if given.calibrate and not name:
            folder = given.adapter or Path(given.model)
            write_serving(folder, replace(reader.serving, calibration=fitted(rows, known)))
            print(f"calibration written to {folder.name}/entx.json")


if __name__ == "__main__":
    main()
