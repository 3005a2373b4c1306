import random

import pytest

from lab.ocr_noise import CONFUSED, confuse, slip

TEXT = 'Net Wt 16.5 oz (468 g) 12" x 8" MODEL B80S'


def test_no_rate_changes_nothing() -> None:
    assert confuse(random.Random(1), TEXT, 0.0) == TEXT


def test_slips_are_the_same_for_the_same_seed() -> None:
    assert confuse(random.Random(4), TEXT, 0.3) == confuse(random.Random(4), TEXT, 0.3)
    assert slip(random.Random(4), TEXT) == slip(random.Random(4), TEXT)


@pytest.mark.parametrize(("rate", "low", "high"), [(0.02, 0.005, 0.04), (0.2, 0.10, 0.30)])
def test_the_rate_is_the_share_of_characters_misread(rate: float, low: float, high: float) -> None:
    rng = random.Random(2)
    plain = "0" * 5000
    read = confuse(rng, plain, rate)
    assert low < sum(char != "0" for char in read) / len(plain) < high
    assert set(read) <= {"0", *CONFUSED["0"]}


def test_a_slip_leaves_text_and_single_spaces() -> None:
    rng = random.Random(3)
    kinds = set()
    for _ in range(600):
        worn = slip(rng, TEXT)
        assert worn
        assert worn == " ".join(worn.split())
        kinds.add(worn)
    assert len(kinds) > 40


def test_slips_lose_points_strokes_and_spaces_and_add_arrow_heads() -> None:
    rng = random.Random(6)
    worn = {slip(rng, '24.5" wide') for _ in range(500)}
    assert '245" wide' in worn
    assert "24.5' wide" in worn
    assert '24.5"wide' in worn
    assert any(text.startswith((">", "←", "K ")) for text in worn)


def test_a_lone_character_survives() -> None:
    rng = random.Random(7)
    assert all(slip(rng, "7") for _ in range(200))
