import math
import random

import numpy as np
import pytest
from PIL import Image

from entx.core.types import Direction
from lab.drawings.canvas import BUILT_IN, Canvas, PrintedText, Role, Scene, corners_of, overlap
from lab.drawings.shapes import DimensionStyle, dimension, direction_of

INK = (10, 10, 10)


def style(**changes: object) -> DimensionStyle:
    settings: dict[str, object] = {
        "colour": INK, "text_colour": INK, "halo": (255, 255, 255), "heads": "arrow", "place": "beside", "along": False,
        "face": "roboto Bold", "size": 40.0, "width": 4.0,
    }  # fmt: skip
    return DimensionStyle(**{**settings, **changes})  # type: ignore[arg-type]


def drawn(start: tuple[float, float], end: tuple[float, float], look: DimensionStyle, **options: object) -> Scene:
    canvas = Canvas(Image.new("RGB", (1000, 1000), (255, 255, 255)))
    dimension(canvas, look, start, end, "20 cm", **options)  # type: ignore[arg-type]
    return canvas.finish("test", {})


def middle(text: PrintedText) -> tuple[float, float]:
    return sum(text.polygon[0::2]) / 4, sum(text.polygon[1::2]) / 4


@pytest.mark.parametrize(
    ("degrees", "direction"),
    [(0, Direction.HORIZONTAL), (178, Direction.HORIZONTAL), (90, Direction.VERTICAL), (88, Direction.VERTICAL),
     (30, Direction.OBLIQUE), (150, Direction.OBLIQUE), (84, Direction.OBLIQUE)],
)  # fmt: skip
def test_directions(degrees: float, direction: Direction) -> None:
    assert direction_of(degrees) is direction


@pytest.mark.parametrize("heads", ["arrow", "open", "tick", "bar", "dot"])
@pytest.mark.parametrize("place", ["beside", "gap", "over"])
@pytest.mark.parametrize("along", [True, False])
@pytest.mark.parametrize(
    ("end", "direction"),
    [((800, 500), Direction.HORIZONTAL), ((300, 100), Direction.VERTICAL), ((600, 200), Direction.OBLIQUE)],
)
def test_the_line_is_recorded_as_drawn_and_is_there(
    heads: str, place: str, along: bool, end: tuple[float, float], direction: Direction
) -> None:
    scene = drawn((300, 500), end, style(heads=heads, place=place, along=along), entities=("width",))
    (line,) = scene.lines
    assert (line.start, line.end, line.direction) == ((300, 500), end, direction)
    assert (scene.texts[0].line, scene.texts[0].entities, scene.texts[0].role) == (0, ("width",), Role.ANSWER)
    pixels = np.asarray(scene.image.convert("L"))
    for share in (0.15, 0.85):
        x, y = (round(a + (b - a) * share) for a, b in zip(line.start, line.end, strict=True))
        assert pixels[y - 2 : y + 3, x - 2 : x + 3].min() < 100


@pytest.mark.parametrize(("side", "sign"), [(1, 1), (-1, -1)])
def test_the_side_decides_where_a_text_stands(side: int, sign: int) -> None:
    below = middle(drawn((200, 500), (800, 500), style(), side=side).texts[0])
    assert math.copysign(1, below[1] - 500) == sign
    right = middle(drawn((500, 800), (500, 200), style(), side=side).texts[0])
    assert math.copysign(1, right[0] - 500) == sign


def test_text_beside_a_line_does_not_touch_it() -> None:
    for end in [(800, 500), (300, 100), (600, 200), (620, 700)]:
        for along in (True, False):
            for side in (1, -1):
                scene = drawn((300, 500), end, style(along=along), side=side)
                line = scene.lines[0]
                assert not overlap([line.start, line.end], corners_of(scene.texts[0].polygon), 1), (end, along, side)


def test_upright_text_needs_room() -> None:
    assert drawn((500, 800), (500, 200), style(), room=200).texts[0].rotation == 0
    assert drawn((500, 800), (500, 200), style(), room=50).texts[0].rotation == 90
    assert drawn((500, 800), (500, 200), style(along=True), room=200).texts[0].rotation == 90


def test_oblique_text_runs_along_its_line_and_never_upside_down() -> None:
    rising = drawn((300, 600), (600, 300), style(along=True)).texts[0]
    falling = drawn((300, 300), (600, 600), style(along=True)).texts[0]
    assert rising.rotation == pytest.approx(45)
    assert falling.rotation == pytest.approx(315)


def test_a_gap_leaves_clear_paper_around_the_text() -> None:
    gap = drawn((200, 500), (800, 500), style(place="gap"))
    through = drawn((200, 500), (800, 500), style(place="beside"))
    left = min(gap.texts[0].polygon[0::2])
    column = slice(round(left) - 10, round(left) - 2)
    assert np.asarray(gap.image)[490:510, column].min() > 200
    assert np.asarray(through.image)[490:510, column].min() < 100


def test_a_halo_clears_the_line_behind_the_text() -> None:
    over = drawn((200, 500), (800, 500), style(place="over"))
    left = round(min(over.texts[0].polygon[0::2]))
    assert np.asarray(over.image)[496:505, left - 5 : left - 1].min() > 180


def test_a_short_line_keeps_its_text_beside_it() -> None:
    scene = drawn((480, 500), (560, 500), style(place="gap"))
    assert abs(middle(scene.texts[0])[1] - 500) > 20


def test_the_built_in_face_hands_signs_it_lacks_to_another() -> None:
    canvas = Canvas(Image.new("RGB", (1000, 1000), (255, 255, 255)))
    dimension(canvas, style(face=BUILT_IN), (200, 500), (800, 500), "Ø 20 cm")
    with_sign = canvas.finish("test", {})
    assert with_sign.texts[0].text == "Ø 20 cm"


def test_styles_are_legible_and_repeatable() -> None:
    canvas = Canvas(Image.new("RGB", (500, 500)))
    for seed in range(50):
        look = DimensionStyle.choose(random.Random(seed), canvas)
        assert look.size >= canvas.small
        assert look == DimensionStyle.choose(random.Random(seed), canvas)
        assert sum(DimensionStyle.choose(random.Random(seed), canvas, dark=True).text_colour) > 600
