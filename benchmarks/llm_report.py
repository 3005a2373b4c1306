"""What the llm arm reaches on a labelled table, beside the rules arm.

From a store whose pages are read (`entx ingest`, `entx ocr-cache`) and a gold table (index, value, also, slice): F1 and
95 % intervals (pictures resampled) of the rules reader and of the llm arm in both modes, with and without the rules'
answers as hints, overall, by slice and by entity; the difference to the rules arm by a paired bootstrap; the arm with a
calibration that is fitted on the other pictures (5 folds), its reliability, expected calibration error and Brier score
before and after; and what is lost on lines with 2 % of their characters confused, and on the pages of another engine.

    python benchmarks/llm_report.py --store s.duckdb --gold gold.csv [--model DIR] [--other-store pad.duckdb]
        [--figure reliability.png] [--calibrate] [--json report.json]

--calibrate fits on all rows, hinted and unhinted, and writes the calibration into the model's entx.json.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from gold_rows import NO_RUN, GoldRow, Scorer, by_page, load_rows

from entx.core.entities import CHALLENGE
from entx.core.evaluation import Outcome
from entx.core.types import Answer
from entx.llm_stage.loading import ModelOptions, open_reader, shipped_model
from entx.llm_stage.prompt import Hint
from entx.llm_stage.reader import Asked, Choice, Mode, TextReader
from entx.llm_stage.serving import write_calibration
from entx.neural.confidence import Calibration, Labelled, fit, judge
from entx.neural.reliability import brier, calibration_error, draw_reliability, reliability
from entx.rules.reader import RulesReader
from entx.storage.pages import choose_pages, unanswered_pages
from entx.storage.questions import Habit, dimension_habits
from entx.storage.store import Store
from lab.ocr_noise import confuse

FOLDS = 5
NOISE = 0.02
NOT_ASKED = Choice((), None)

Habits = Mapping[int, Habit | None]


def rules_answers(rows: Sequence[GoldRow], habits: Habits) -> list[Answer]:
    """The rules reader's, as `predict --stage rules` gives them."""
    reader = RulesReader(CHALLENGE)
    return [
        answer
        for group in by_page(rows)
        for answer in reader.read(group[0].page, [row.entity for row in group], [habits.get(r.index) for r in group])
    ]


def asked(rows: Sequence[GoldRow], hints: Sequence[Answer] | None) -> list[Asked]:
    """The rows as a reader takes them, a page each."""
    places = {id(row): number for number, row in enumerate(rows)}
    return [
        Asked(
            group[0].page,
            tuple(row.entity for row in group),
            tuple(None if hints is None else _hint(hints[places[id(row)]]) for row in group),
        )
        for group in by_page(rows)
    ]


def _hint(answer: Answer) -> Hint:
    return Hint(answer.quantity, answer.score)


def texts(answers: Sequence[Answer]) -> list[str]:
    return [answer.quantity.text if answer.quantity else "" for answer in answers]


def written(reader: TextReader, rows: Sequence[GoldRow], hints: Sequence[Answer] | None) -> list[str]:
    """The answers of free mode."""
    batch = asked(rows, hints)
    found = []
    for start in range(0, len(batch), 64):
        found += [answer for of_page in reader.read(batch[start : start + 64]) for answer in of_page]
    return texts(found)


def scored(reader: TextReader, rows: Sequence[GoldRow], hints: Sequence[Answer] | None) -> list[Choice]:
    """Each row's candidates with their posterior; pages without text have none."""
    batch = asked(rows, hints)
    legible = [one for one in batch if one.page.lines]
    of_page = []
    for start in range(0, len(legible), 64):
        of_page += reader.choices(legible[start : start + 64])
    known = iter(of_page)
    return [choice for one in batch for choice in (next(known) if one.page.lines else [NOT_ASKED] * len(one.entities))]


def likeliest(choices: Sequence[Choice]) -> list[str]:
    """What the arm answers without a calibration: the larger share of best candidate and none."""
    answers = []
    for choice in choices:
        judged = judge(choice.posterior, None) if choice.posterior else None
        answers.append(choice.candidates[judged.best].quantity.text if judged and judged.given else "")
    return answers


def labelled(row: GoldRow, choice: Choice, scorer_of: type[Scorer] = Scorer) -> Labelled | None:
    """The row for a fit; None where the model was not asked."""
    if choice.posterior is None:
        return None
    written = [one.quantity.text for one in choice.candidates]
    single = scorer_of([row] * len(written))
    right = frozenset(place for place, one in enumerate(single.outcomes(written)) if one == Outcome.TP)
    return Labelled(choice.posterior, right, bool(row.truth))


def cross_fitted(
    rows: Sequence[GoldRow], choices: Sequence[Choice]
) -> tuple[list[str], list[tuple[float, float, bool]]]:
    """Answers by a calibration from the other folds; (p before, p after, right) of each best candidate."""
    known = [labelled(row, choice) for row, choice in zip(rows, choices, strict=True)]
    folds = [int(row.page.picture[:8], 16) % FOLDS for row in rows]
    answers, pairs = [""] * len(rows), []
    for fold in range(FOLDS):
        others = [number for number in range(len(rows)) if folds[number] != fold]
        calibration = fit_rows([rows[number] for number in others], [known[number] for number in others])
        for number in (number for number in range(len(rows)) if folds[number] == fold):
            one = known[number]
            if one is None:
                continue
            judged = judge(one.posterior, calibration)
            if judged.given:
                answers[number] = choices[number].candidates[judged.best].quantity.text
            assert judged.p_correct is not None
            pairs.append((one.posterior.shares()[judged.best], judged.p_correct, judged.best in one.right))
    return answers, pairs


def fit_rows(rows: Sequence[GoldRow], known: Sequence[Labelled | None]) -> Calibration:
    asked_rows = [one for one in known if one is not None]
    return fit(asked_rows, [bool(row.truth) for row, one in zip(rows, known, strict=True) if one is None])


def noisy(rows: Sequence[GoldRow]) -> list[GoldRow]:
    """The same rows on pages whose lines are worn; a picture is always worn the same way."""
    pages = {}
    for row in rows:
        if row.page.picture not in pages:
            rng = random.Random(row.page.picture)
            lines = tuple(replace(line, text=confuse(rng, line.text, NOISE)) for line in row.page.lines)
            pages[row.page.picture] = replace(row.page, lines=lines)
    return [replace(row, page=pages[row.page.picture]) for row in rows]


def table(scorer: Scorer, arms: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """F1 of each arm on all rows, each slice and each entity; printed and returned."""
    rows = scorer.rows
    parts: dict[str, list[bool]] = {"all": [True] * len(rows)}
    parts |= {part: [row.part == part for row in rows] for part in sorted({row.part for row in rows})}
    parts |= {name: [row.entity == name for row in rows] for name in CHALLENGE.entities}
    parts = {name: chosen for name, chosen in parts.items() if any(chosen)}
    print(f"{'':32}" + "".join(f"{name[:12]:>22}" for name in arms))
    found: dict[str, Any] = {}
    for part, chosen in parts.items():
        line = {name: scorer.score(answers, chosen) for name, answers in arms.items()}
        found[part] = {
            "n": sum(chosen),
            **{name: {"f1": counts.f1, "low": span.low, "high": span.high} for name, (counts, span) in line.items()},
        }
        cells = "".join(f"{counts.f1:>8.3f} {span!s:>13}" for counts, span in line.values())
        print(f"{part + ' (' + str(sum(chosen)) + ')':32}{cells}")
    return found


def report_difference(scorer: Scorer, name: str, answers: Sequence[str], other: Sequence[str]) -> dict[str, float]:
    value, span, above = scorer.difference(answers, other)
    print(f"{name}: {value:+.4f} {span}, above in {above:.1%} of the resamples")
    return {"difference": value, "low": span.low, "high": span.high, "above": above}


def load(path: Path, gold: Path) -> tuple[list[GoldRow], Habits]:
    with Store(path) as store:
        key = choose_pages(store, None)
        habits = dimension_habits(store)
        rows = load_rows(store, key, gold)
        every = {
            question.index: habits.get((question.group_id, question.fold))
            for _, questions in unanswered_pages(store, key, NO_RUN)
            for question in questions
        }
    return rows, every


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--gold", type=Path, required=True)
    parser.add_argument("--model", type=Path, help="default: the model that ships")
    parser.add_argument("--adapter", type=Path)
    parser.add_argument("--other-store", type=Path, help="the same questions on pages of another engine")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--calibrate", action="store_true")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--dtype")
    parser.add_argument("--limit", type=int, help="only so many rows, for a try")
    parser.add_argument("--no-free", action="store_true", help="leave the free mode out: it takes longest")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()

    folder = given.model or shipped_model()
    options = ModelOptions(str(folder), given.adapter, dtype=given.dtype, threads=given.threads)
    reader, settings = open_reader(options, CHALLENGE)
    plain = TextReader(reader.model, replace(reader.serving, calibration=None), CHALLENGE)
    free = TextReader(reader.model, reader.serving, CHALLENGE, Mode.FREE)
    rows, habits = load(given.store, given.gold)
    rows = rows[: given.limit]
    scorer = Scorer(rows)
    rules = rules_answers(rows, habits)
    choices = {"": scored(plain, rows, None), "+hints": scored(plain, rows, rules)}
    crossed = {name: cross_fitted(rows, found) for name, found in choices.items()}
    arms = {"rules": texts(rules)}
    for name, hints in (("", None), ("+hints", rules)):
        arms["cand" + name] = likeliest(choices[name])
        arms["cal" + name] = crossed[name][0]
        if not given.no_free:
            arms["free" + name] = written(free, rows, hints)
    print(f"{len(rows)} rows, {folder.name} {settings['weights']}; cal: calibrated on the other pictures, 5 folds")
    found: dict[str, Any] = {"n": len(rows), "f1": table(scorer, arms), "against_rules": {}, "calibration": {}}
    for name in list(arms)[1:]:
        found["against_rules"][name] = report_difference(scorer, f"{name} - rules", arms[name], arms["rules"])
    if len({row.part for row in rows}) > 1:
        for part in sorted({row.part for row in rows}):
            chosen = [number for number, row in enumerate(rows) if row.part == part]
            some = Scorer([rows[number] for number in chosen])
            for name in ("cal", "cal+hints"):
                pair = ([arms[arm][number] for number in chosen] for arm in (name, "rules"))
                found["against_rules"][f"{name} {part}"] = report_difference(some, f"{name} - rules, {part}", *pair)

    for name, (_, pairs) in crossed.items():
        stated, fitted, truths = ([pair[column] for pair in pairs] for column in range(3))
        before, after = reliability(stated, truths), reliability(fitted, truths)
        errors = calibration_error(before), calibration_error(after)
        found["calibration"]["cand" + name] = {
            "n": len(pairs), "error_before": errors[0], "error_after": errors[1],
            "brier_before": brier(stated, truths), "brier_after": brier(fitted, truths),
            "bins_after": [[one.rows, one.stated, one.observed] for one in after],
        }  # fmt: skip
        print(f"cand{name}: expected calibration error {errors[0]:.3f} -> {errors[1]:.3f} (n = {len(pairs)})")
        if given.figure is not None and name == "+hints":
            draw_reliability({"before": before, "after": after}, given.figure, "probability of the best candidate")

    worn = noisy(rows)
    worn_rules = rules_answers(worn, habits)
    robust = {
        "rules": texts(worn_rules), "cand": likeliest(scored(plain, worn, None)),
        "cand+hints": likeliest(scored(plain, worn, worn_rules)),
    }  # fmt: skip
    print(f"with {NOISE:.0%} of the characters confused:")
    found["noise"] = table(scorer, robust)
    if given.other_store is not None:
        others, habits = load(given.other_store, given.gold)
        others = others[: given.limit]
        other_rules = rules_answers(others, habits)
        print(f"on the pages of {given.other_store.name}:")
        found["other"] = table(
            Scorer(others),
            {
                "rules": texts(other_rules), "cand": likeliest(scored(plain, others, None)),
                "cand+hints": likeliest(scored(plain, others, other_rules)),
            },
        )  # fmt: skip
    if given.calibrate:
        both = [labelled(row, one) for name in choices for row, one in zip(rows, choices[name], strict=True)]
        write_calibration(given.adapter or folder, fit_rows([*rows, *rows], both))
        print(f"calibration written to {(given.adapter or folder).name}/entx.json")
    if given.json is not None:
        given.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
