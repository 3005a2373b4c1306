from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.parser import plain


def test_plain_ascii_is_left_alone() -> None:
    text, positions = plain('10" x 5 cm')
    assert (text, list(positions)) == ('10" x 5 cm', list(range(10)))


def test_quotes_dashes_signs_and_widths_become_plain() -> None:
    assert plain("１０″ × 5′ – ５㎝ 8½ µg ﬂ")[0] == "10\" x 5' - 5cm 8½ ug fl"


def test_a_span_leads_back_to_the_given_text() -> None:
    text = "Größe ４０㎝ hoch"
    shown, positions = plain(text)
    start = shown.index("40cm")
    assert text[positions[start] : positions[start + 3] + 1] == "４０㎝"


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_positions_lie_in_the_given_text_in_order(text: str) -> None:
    shown, positions = plain(text)
    assert len(shown) == len(positions)
    assert list(positions) == sorted(positions)
    assert all(0 <= position < len(text) for position in positions)
