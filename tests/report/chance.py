"""A store of 120 rows with four arms that are right, silent or wrong by chance."""

from __future__ import annotations

import random
from pathlib import Path

from entx.core.types import Answer, Question
from entx.storage.questions import add_questions
from entx.storage.runs import add_answers, begin_run
from entx.storage.store import Store
from tests.report.ablations import gram

ROWS, PICTURES = 120, 80
RIGHT = {"good": 0.85, "fair": 0.7, "poor": 0.45, "rare": 0.6}
"""How often each arm is right; "rare" was asked every third question only."""


def _said(truth: str, right: bool, draw: random.Random) -> Answer:
    sure = min(0.99, max(0.01, draw.gauss(0.8 if right else 0.5, 0.15)))
    if right:
        quantity = gram(int(truth.split()[0])) if truth else None
    else:
        quantity = None if truth and draw.random() < 0.3 else gram(draw.randint(1000, 2000))
    if quantity is None:
        return Answer(None, "", "nothing seen", p_present=1.0 - sure)
    return Answer(quantity, quantity.text, p_correct=sure, p_present=min(1.0, sure + 0.05), seconds=0.5)


def make_chance_store(folder: Path) -> tuple[Path, Path]:
    """Paths of the store and of its gold table."""
    draw = random.Random(7)
    truths = ["" if draw.random() < 0.3 else f"{draw.randint(1, 900)} gram" for _ in range(ROWS)]
    names = ["item_weight" if draw.random() < 0.6 else "maximum_weight_recommendation" for _ in range(ROWS)]
    links = [f"{i % PICTURES}.jpg" for i in range(ROWS)]
    table = folder / "gold.csv"
    lines = [f"{i},{names[i]},{'small' if i % 3 else 'large'},{links[i]},{truths[i]}" for i in range(ROWS)]
    table.write_text("index,entity_name,slice,image_link,value\n" + "\n".join(lines) + "\n", encoding="utf-8")
    with Store(folder / "s.duckdb", write=True) as store:
        add_questions(store, [Question(i, links[i], "g", names[i]) for i in range(ROWS)], "t.csv")
        for run, share in RIGHT.items():
            begin_run(store, run, "vlm", {"model": run})
            asked = range(0, ROWS, 3) if run == "rare" else range(ROWS)
            add_answers(store, run, [(i, _said(truths[i], draw.random() < share, draw)) for i in asked])
    return folder / "s.duckdb", table
