"""What the labelled questions of a store say about a product group: is its depth its width?

The train table's answers differ by group: where most products are round, "depth" repeats "width"; where most are long
or flat, depth is asked alone. One pass over the questions, once per run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from entx.storage.connection import Store

FOLDS = 5
_PRIOR_ROWS = 4.0
"""How many pictures of an average group are added to each group's own."""


@dataclass(frozen=True, slots=True)
class Habit:
    """A group's habit, shrunk towards the average of all groups.

    Args:
        depth_is_width: of the pictures with both labels, the share on which they are equal, less the average of all.
        depth_share: of the rows that ask a height, width or depth, the share that asks the depth.
    """

    depth_is_width: float
    depth_share: float


FOLD_OF_LINK = f"md5_number_lower(image_link) % {FOLDS}"
"""SQL: the fold of a picture. Questions are answered from the other folds' labels, never from their own picture's."""


def dimension_habits(store: Store) -> Mapping[tuple[str, int], Habit]:
    """The habit of each (group_id, fold), from the labelled questions outside the fold; empty without labels."""
    rows = store.connection.execute(f"""
        with by_picture as (
            select group_id, {FOLD_OF_LINK} as fold,
                   any_value(label) filter (entity_name = 'width') as width,
                   any_value(label) filter (entity_name = 'depth') as depth,
                   count(*) filter (entity_name = 'depth') as depths, count(*) as asked
            from questions
            where label is not null and label <> '' and entity_name in ('height', 'width', 'depth')
            group by group_id, image_link
        )
        select group_id, fold, count(*) filter (width = depth),
               count(*) filter (width is not null and depth is not null),
               sum(depths), sum(asked)
        from by_picture group by all""").fetchall()
    totals = [sum(float(row[column]) for row in rows) for column in range(2, 6)]
    groups: dict[str, list[float]] = {}
    folds: dict[tuple[str, int], list[float]] = {}
    for group, fold, *counts in rows:
        numbers = [float(count) for count in counts]
        folds[group, int(fold)] = numbers
        groups[group] = [a + b for a, b in zip(groups.get(group, [0.0] * 4), numbers, strict=True)]
    average_equal = totals[0] / totals[1] if rows and totals[1] else 0.0
    average_depth = totals[2] / totals[3] if rows else 0.0
    habits = {}
    for group, whole in groups.items():
        for fold in range(FOLDS):
            own = folds.get((group, fold), [0.0] * 4)
            equal, pairs, depths, asked = (a - b for a, b in zip(whole, own, strict=True))
            habits[group, fold] = Habit(
                (equal + _PRIOR_ROWS * average_equal) / (pairs + _PRIOR_ROWS) - average_equal,
                (depths + _PRIOR_ROWS * average_depth) / (asked + _PRIOR_ROWS),
            )
    return habits


def habit_of(store: Store, index: int) -> Habit | None:
    """The habit for one question: that of its group outside its picture's fold; None for a group without labels."""
    rows = store.connection.execute(f"select group_id, {FOLD_OF_LINK} from questions where idx = ?", [index]).fetchall()
    return dimension_habits(store).get((rows[0][0], int(rows[0][1]))) if rows else None


def habits_digest(habits: Mapping[tuple[str, int], Habit]) -> str:
    """Hash of all habits, "" for none: part of a run's settings, because other labels give other answers."""
    if not habits:
        return ""
    lines = (f"{key} {h.depth_is_width:.6f} {h.depth_share:.6f}" for key, h in sorted(habits.items()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]
