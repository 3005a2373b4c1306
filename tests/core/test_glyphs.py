from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.parser import plain


def test_plain_ascii_is_left_alone() -> None:
    shown = plain('10" x 5 cm')
    assert (shown.text, shown.offsets) == ('10" x 5 cm', None)


def test_quotes_dashes_signs_and_widths_become_plain() -> None:
    assert plain("１０″ × 5′ – ５㎝ 8½ µg ﬂ").text == "10\" x 5' - 5cm 8½ ug fl"


def test_a_span_leads_back_to_the_given_text() -> None:
    text = "Größe ４０㎝ hoch"
    shown = plain(text)
    start = shown.text.index("40cm")
    first, last = shown.span(start, start + 4)
    assert text[first:last] == "４０㎝"


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_spans_stay_inside_the_given_text(text: str) -> None:
    shown = plain(text)
    assert shown.span(0, len(shown.text))[1] <= len(text)
    for position in range(len(shown.text)):
        start, end = shown.span(position, position + 1)
        assert 0 <= start < end <= len(text)
