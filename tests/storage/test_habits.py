from __future__ import annotations

from pathlib import Path

import pytest

from entx.core.types import Question
from entx.storage.questions import FOLD_OF_LINK, FOLDS, GroupPrior, add_questions, group_priors, priors_digest
from entx.storage.store import Store


def _store(path: Path, rows: list[tuple[str, str, str, str | None]]) -> Store:
    """A store with questions of (image_link, group_id, entity_name, label)."""
    store = Store(path, write=True)
    questions = [Question(n, link, group, entity, None, label) for n, (link, group, entity, label) in enumerate(rows)]
    with store:
        add_questions(store, questions, "t.csv")
    return Store(path)


def _pictures(group: str, number: int, width: str, depth: str) -> list[tuple[str, str, str, str | None]]:
    links = [f"{group}-{n}.jpg" for n in range(number)]
    return [(link, group, entity, label) for link in links for entity, label in (("width", width), ("depth", depth))]


def test_round_groups_are_told_from_flat_ones(tmp_path: Path) -> None:
    rows = _pictures("cups", 40, "8.0 centimetre", "8.0 centimetre")
    rows += _pictures("mats", 40, "60.0 centimetre", "1.0 centimetre")
    with _store(tmp_path / "s.duckdb", rows) as store:
        habits = group_priors(store)
    for fold in range(FOLDS):
        assert habits["cups", fold].depth_is_width > 0.3
        assert habits["mats", fold].depth_is_width < -0.3
        assert habits["cups", fold].depth_share == pytest.approx(0.5)


def test_few_pictures_say_little(tmp_path: Path) -> None:
    rows = _pictures("mats", 40, "60.0 centimetre", "1.0 centimetre")
    rows += _pictures("one", 1, "8.0 centimetre", "8.0 centimetre")
    with _store(tmp_path / "s.duckdb", rows) as store:
        habits = group_priors(store)
    assert all(abs(habits["one", fold].depth_is_width) < 0.25 for fold in range(FOLDS))


def test_a_picture_never_tells_its_own_answer(tmp_path: Path) -> None:
    rows = _pictures("one", 1, "8.0 centimetre", "8.0 centimetre")
    rows += _pictures("mats", 40, "60.0 centimetre", "1.0 centimetre")
    with _store(tmp_path / "s.duckdb", rows) as store:
        habits = group_priors(store)
        ((fold,),) = store.connection.execute(
            f"select distinct {FOLD_OF_LINK} from questions where group_id = 'one'"
        ).fetchall()
    own = habits["one", fold].depth_is_width
    others = {habits["one", other].depth_is_width for other in range(FOLDS) if other != fold}
    assert own == pytest.approx(0.0)
    assert min(others) > 0.1


def test_depth_asked_alone_is_a_habit_too(tmp_path: Path) -> None:
    rows: list[tuple[str, str, str, str | None]] = [(f"c{n}.jpg", "cables", "depth", "2.0 metre") for n in range(30)]
    rows += [(f"b{n}.jpg", "boxes", "height", "2.0 metre") for n in range(30)]
    with _store(tmp_path / "s.duckdb", rows) as store:
        habits = group_priors(store)
    assert habits["cables", 0].depth_share > 0.85
    assert habits["boxes", 0].depth_share < 0.15


def test_a_store_without_labels_has_no_habits(tmp_path: Path) -> None:
    with _store(tmp_path / "s.duckdb", [("a.jpg", "g", "width", None), ("b.jpg", "g", "depth", "")]) as store:
        assert group_priors(store) == {}
    assert priors_digest({}) == ""


def test_the_digest_follows_the_habits_and_not_their_order() -> None:
    one, two = GroupPrior(0.1, 0.2), GroupPrior(-0.1, 0.4)
    assert priors_digest({("a", 0): one, ("b", 1): two}) == priors_digest({("b", 1): two, ("a", 0): one})
    assert priors_digest({("a", 0): one}) != priors_digest({("a", 0): two})
    assert priors_digest({("a", 0): one}) != priors_digest({("a", 1): one})
