from __future__ import annotations

import pytest

from entx.rules.words import Layout
from tests.rules.pages import Text, page

HEIGHT, NUMBER = Text("Height", 0, 0), Text("40 cm", 0, 24)
LETTERS = (Text("H", 0, 0), Text("40 cm", 20, 0), Text("W", 0, 300), Text("30 cm", 20, 300))


@pytest.mark.parametrize(
    ("texts", "captions"),
    [
        pytest.param((HEIGHT, NUMBER, Text("30 cm", 0, 100)), {1: (0,)}, id="of the nearest number only"),
        pytest.param((HEIGHT, Text("40 cm", 80, 0)), {1: (0,)}, id="to the left"),
        pytest.param((HEIGHT, Text("40 cm", 0, 30)), {1: (0,)}, id="above"),
        pytest.param((Text("Height", 0, 30), Text("40 cm", 0, 0)), {1: (0,)}, id="below"),
        pytest.param((HEIGHT, Text("40 cm", 0, 200)), {}, id="too far below it"),
        pytest.param((HEIGHT, Text("40 cm", 500, 0)), {}, id="too far to its right"),
        pytest.param(
            (HEIGHT, Text("40 cm", 250, 0), Text("Width", 0, 60), Text("30 cm", 250, 60)),
            {1: (0,), 3: (2,)},
            id="the first column of a table",
        ),
        pytest.param((HEIGHT, NUMBER, Text("30 cm", 200, 0)), {1: (0,)}, id="just above wins over the row"),
        pytest.param(
            (Text("Size", 0, 30), Text("Height", 200, 0), Text("40 cm", 200, 30), Text("5 kg", 600, 30)),
            {2: (0, 1)},
            id="both",
        ),
        # both read upwards; the caption stands on the left of the number, which is above in its own sense
        pytest.param(
            (Text("Height", 100, 100, turned=True), Text("40 cm", 124, 105, turned=True)), {1: (0,)}, id="turned"
        ),
        pytest.param(LETTERS[:2], {}, id="a lone letter is an arrow"),
        pytest.param(LETTERS, {1: (0,), 3: (2,)}, id="letters where several axes have one"),
    ],
)
def test_captions(texts: tuple[Text, ...], captions: dict[int, tuple[int, ...]]) -> None:
    assert Layout.of(page(*texts)).captions == captions


def test_a_letter_that_lies_on_a_stroke_is_never_a_caption() -> None:
    assert Layout.of(page(*LETTERS, marks=(0,))).captions == {}


def test_around_gives_the_texts() -> None:
    layout = Layout.of(page(Text("Net weight", 0, 0), Text("500 g", 0, 24), Text("12 V", 400, 400)))
    assert layout.around(layout.quantities[0]) == ["Net weight"]
    assert layout.around(layout.quantities[1]) == []


def test_a_page_without_geometry_has_none() -> None:
    layout = Layout.of(page(Text("40 cm"), geometry=False))
    assert layout.geometry == {}
    assert layout.tallest == 20.0
