from __future__ import annotations

import numpy as np
import pytest

from entx.ocr_stage.dimension_lines import Boxes, join
from tests.ocr_stage.sheets import box

NO_TEXT = Boxes.of(np.zeros((0, 8), np.float32))


def boxes(*polygons: tuple[float, ...]) -> Boxes:
    return Boxes.of(np.array(polygons, np.float32).reshape(-1, 8))


def segments(*rows: tuple[float, float, float, float]) -> np.ndarray:
    return np.array(rows, np.float32)


def chain_from(found: np.ndarray, texts: Boxes = NO_TEXT, seed: int = 0) -> tuple[list[float], float, frozenset[int]]:
    """The one chain that runs through the seed."""
    chains = join(found, np.array([seed]), texts)
    middle = found[seed].reshape(2, 2).mean(axis=0)
    for ends, ink, parted in zip(chains.ends, chains.ink, chains.parted, strict=True):
        way = (ends[2:] - ends[:2]) / np.linalg.norm(ends[2:] - ends[:2])
        along = (middle - ends[:2]) @ way
        if 0 <= along <= np.linalg.norm(ends[2:] - ends[:2]):
            low, high = sorted([ends[:2].tolist(), ends[2:].tolist()])
            return [*low, *high], float(ink), parted
    raise AssertionError("no chain through the seed")


def test_a_turned_box_has_its_own_frame() -> None:
    turned = boxes(box((100, 200), 60, 20, 90))
    assert turned.centre[0].tolist() == pytest.approx([100, 200])
    assert turned.half[0].tolist() == pytest.approx([30, 10])
    assert turned.way[0].tolist() == pytest.approx([0, -1], abs=1e-6)
    assert turned.local(0, np.array([[100.0, 190.0], [110.0, 200.0]])).tolist() == [
        pytest.approx([10, 0], abs=1e-4),
        pytest.approx([0, 10], abs=1e-4),
    ]


def test_no_seed_is_no_chain() -> None:
    chains = join(segments((0, 0, 50, 0)), np.array([], np.intp), NO_TEXT)
    assert (chains.ends.shape, chains.drawn.shape, len(chains.ink), len(chains.parted)) == ((0, 4), (0, 4), 0, 0)


def test_two_edges_and_dashes_are_one_line_through_their_middle() -> None:
    found = segments((100, 99, 150, 99), (150, 101, 100, 101), (155, 99, 200, 99), (206, 101, 260, 101))
    ends, ink, parted = chain_from(found)
    assert ends == pytest.approx([100, 100, 260, 100], abs=0.6)
    assert ink == pytest.approx(149 / 160, abs=0.01)
    assert parted == frozenset()


@pytest.mark.parametrize(
    "other", [(180, 100, 260, 100), (155, 110, 260, 110), (155, 100, 260, 140), (155, 100, 155, 200)]
)
def test_what_is_apart_beside_or_turned_is_another_line(other: tuple[float, float, float, float]) -> None:
    ends, _, _ = chain_from(segments((100, 100, 150, 100), other))
    assert ends == pytest.approx([100, 100, 150, 100])


def test_halves_that_a_text_parts_are_one_line() -> None:
    found = segments((100, 100, 160, 100), (260, 100, 320, 100))
    ends, ink, parted = chain_from(found, boxes(box((210, 101), 80, 20)))
    assert ends == pytest.approx([100, 100, 320, 100])
    assert ink == pytest.approx(120 / 220)
    assert parted == frozenset({0})
    beside, _, nothing = chain_from(found, boxes(box((210, 130), 80, 20)))
    assert beside == pytest.approx([100, 100, 160, 100])
    assert nothing == frozenset()


def test_two_texts_above_each_other_part_a_vertical_line() -> None:
    found = segments((200, 50, 200, 130), (200, 190, 200, 300))
    ends, _, parted = chain_from(found, boxes(box((200, 148), 60, 20), box((202, 172), 60, 20)))
    assert ends == pytest.approx([200, 50, 200, 300])
    assert parted == frozenset({0, 1})


def test_far_halves_belong_together_only_if_they_mirror_each_other() -> None:
    text = boxes(box((300, 101), 60, 20))
    ends, _, parted = chain_from(segments((100, 100, 190, 100), (410, 100, 500, 100)), text)
    assert ends == pytest.approx([100, 100, 500, 100])
    assert parted == frozenset({0})
    for other in ((350, 100, 440, 100), (410, 100, 440, 100), (600, 100, 690, 100)):
        ends, _, parted = chain_from(segments((100, 100, 190, 100), other), text)
        assert ends == pytest.approx([100, 100, 190, 100]), other
        assert parted == frozenset()


def test_a_short_crooked_fragment_does_not_turn_a_long_line() -> None:
    found = segments((250, 101, 259, 99.5), (100, 100, 248, 100), (262, 100, 400, 100))
    chains = join(found, np.array([0]), NO_TEXT)
    longest = chains.ends[np.argmax(np.ptp(chains.ends[:, [0, 2]], axis=1))]
    assert abs(longest[3] - longest[1]) < 1.0


def test_every_line_is_found_once_whatever_the_seeds() -> None:
    found = segments((100, 99, 300, 99), (300, 101, 100, 101), (200, 20, 200, 80), (202, 80, 202, 20))
    for seeds in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 2]):
        chains = join(found, np.array(seeds), NO_TEXT)
        assert sorted(np.ptp(chains.ends.reshape(-1, 2, 2), axis=1).max(axis=1).tolist()) == [60, 200]
