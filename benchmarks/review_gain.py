"""What the review queue is worth: F1 after the first k questions are answered, in its order and in others.

On labelled rows: the decided answers of a fitted strategy (cross-validated by picture) and of a plain vote; a person
who knows the truth answers the first k questions. Orders: the queue's (expected gain), by the chance of a wrong or
missing answer alone (1 - p, q), least sure first, and at random (the mean of 200 draws). "promised" is the F1 that the
queue expects.

    python benchmarks/review_gain.py STORE.duckdb --runs rules,llm,qwen --gold dev.csv [--where origin=test]
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.shared import arguments
from entx.core.entities import CHALLENGE
from entx.core.evaluation import Counts, outcomes, read_truth
from entx.ensemble.job import fit_on_gold
from entx.report.columns import Gold, read_gold
from entx.report.queue import Panel, QueuedQuestion, Wanted, expected_f1, make_panel, make_queue
from entx.storage.store import Store

STEPS = (0, 25, 50, 100, 200, 400)


def main() -> None:
    parser = arguments(__doc__, "store", "--gold")
    parser.add_argument("--runs", required=True)
    parser.add_argument("--where", action="append", default=[], metavar="COLUMN=VALUE")
    options = parser.parse_args()
    runs = options.runs.split(",")
    where = [tuple(text.split("=", 1)) for text in options.where]
    with Store(options.store) as store:
        gold = read_gold(options.gold, store, CHALLENGE, where)
        every = read_truth(options.gold).by_index
        truths = {row.index: every[row.index] for row in gold.rows}
        fitted = fit_on_gold(store, "stack", runs, CHALLENGE, truths)
        _report("stack", store, make_panel(store, runs, CHALLENGE, fitted), gold)
        _report("vote", store, make_panel(store, runs, CHALLENGE), gold)


def _report(name: str, store: Store, panel: Panel, gold: Gold) -> None:
    rows = {row.index: row for row in gold.rows}
    queue = make_queue(store, panel, CHALLENGE, Wanted(most=10**9))
    questions = [question for question in queue.questions if question.index in rows]
    count = len(questions)
    right = np.array([question.decided.right for question in questions])
    present = np.array([question.decided.present for question in questions])
    given = np.array([question.decided.quantity is not None for question in questions])

    def f1(reviewed: Sequence[int]) -> float:
        known = {questions[place].index for place in reviewed}
        said = [rows[q.index].truth if q.index in known else _text(q) for q in questions]
        truth, also = [rows[q.index].truth for q in questions], [rows[q.index].also for q in questions]
        return Counts.of(outcomes(said, truth, also)[0]).f1

    plain_loss = np.where(given, 1.0 - right, present)
    surest = np.where(given, np.abs(right - 0.5), np.abs(present - 0.5))
    orders = {
        "expected gain": np.arange(count),
        "1 - p, q": np.lexsort((np.arange(count), -plain_loss)),
        "least sure first": np.lexsort((np.arange(count), surest)),
    }
    steps = [step for step in STEPS if step <= count]
    print(f"\n{name}, {count} labelled rows" + " " * 10 + "".join(f"{step:>9}" for step in steps))
    for label, order in orders.items():
        print(f"{label:<30}" + "".join(f"{f1(order[:step].tolist()):9.3f}" for step in steps))
    draw = np.random.default_rng(0)
    drawn = [draw.permutation(count) for _ in range(200)]
    print(f"{'at random':<30}" + "".join(
        f"{np.mean([f1(order[:step].tolist()) for order in drawn[: 200 if step else 1]]):9.3f}" for step in steps
    ))  # fmt: skip
    promised = [expected_f1(right, present, given, np.arange(count) < step) for step in steps]
    print(f"{'promised':<30}" + "".join(f"{value:9.3f}" for value in promised))


def _text(question: QueuedQuestion) -> str:
    return question.decided.quantity.text if question.decided.quantity else ""


if __name__ == "__main__":
    main()
