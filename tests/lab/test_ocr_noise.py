import random

import pytest

from lab.ocr_noise import CONFUSED, confuse, misread

TEXT = 'Net Wt 16.5 oz (468 g) 12" x 8" MODEL B80S'


def test_no_rate_changes_nothing_and_noise_is_the_same_for_the_same_seed() -> None:
    assert confuse(random.Random(1), TEXT, 0.0) == TEXT
    assert confuse(random.Random(4), TEXT, 0.3) == confuse(random.Random(4), TEXT, 0.3)
    assert misread(random.Random(4), TEXT) == misread(random.Random(4), TEXT)


@pytest.mark.parametrize(("rate", "low", "high"), [(0.02, 0.005, 0.04), (0.2, 0.10, 0.30)])
def test_the_rate_is_the_share_of_characters_misread(rate: float, low: float, high: float) -> None:
    rng = random.Random(2)
    plain = "0" * 5000
    read = confuse(rng, plain, rate)
    assert low < sum(char != "0" for char in read) / len(plain) < high
    assert set(read) <= {"0", *CONFUSED["0"]}


def test_noise_keeps_text_and_single_spaces_loses_points_and_strokes_and_adds_arrow_heads() -> None:
    rng = random.Random(3)
    kinds = {misread(rng, TEXT) for _ in range(600)}
    assert all(read == " ".join(read.split()) != "" for read in kinds)
    assert len(kinds) > 40
    read = {misread(rng, '24.5" wide') for _ in range(500)}
    assert {'245" wide', "24.5' wide", '24.5"wide'} <= read
    assert any(text.startswith((">", "←", "K ")) for text in read)
    assert all(misread(rng, "7") for _ in range(200))  # a lone character survives
