from decimal import Decimal

import numpy as np
import pytest

from entx.core.entities import CHALLENGE
from entx.core.errors import InputError
from entx.core.types import Direction, Quantity
from lab.drawings import canvas as canvas_module
from lab.drawings.canvas import BOLD, BUILT_IN, PLAIN, LayoutError, Role, Truth, load_face
from lab.polygons import box_of, corners_of, corners_of_box, overlap, polygon_of
from lab.surface_forms import Statement
from tests.lab.pictures import blank, ink_box

WIDTH = Statement("40 cm", Quantity(Decimal(40), "centimetre"))


@pytest.mark.parametrize("rotation", [0.0, 90.0, 180.0, 270.0, 33.0, -12.0])
@pytest.mark.parametrize("anchor", ["mm", "lm", "rm"])
def test_the_polygon_is_where_the_ink_is(rotation: float, anchor: str) -> None:
    canvas = blank()
    printed = canvas.text((500, 500), "25.4 cm", "roboto Bold", 80, anchor=anchor, rotation=rotation)
    slack = 2.5 if rotation % 90 == 0 else 12  # a slanted box has empty corners
    assert ink_box(canvas.finish("test").image) == pytest.approx(box_of(printed.polygon), abs=slack)


@pytest.mark.parametrize(
    ("rotation", "way"), [(0.0, (1, 0)), (90.0, (0, -1)), (180.0, (-1, 0)), (270.0, (0, 1)), (-30.0, (1, 0.577))]
)
def test_the_polygon_starts_at_the_texts_own_top_left(rotation: float, way: tuple[float, float]) -> None:
    canvas = blank()
    polygon = canvas.text((500, 500), "SIZE 12", "serif Bold", 60, rotation=rotation).polygon
    along = np.array(polygon[2:4]) - np.array(polygon[0:2])
    down = np.array(polygon[6:8]) - np.array(polygon[0:2])
    assert np.allclose(along / np.abs(along).max(), way, atol=0.02)
    assert along[0] * down[1] - along[1] * down[0] > 0  # clockwise as seen
    assert blank().text((500, 500), "7 kg", BUILT_IN, 50, rotation=rotation).rotation == rotation % 360


def test_text_over_text_or_beyond_the_edge_is_refused() -> None:
    canvas = blank()
    canvas.text((500, 500), "500 g", "roboto Bold", 60)
    for at, fault in (((520, 510), "over '500 g'"), ((990, 500), "leaves the picture")):
        with pytest.raises(LayoutError, match=fault):
            canvas.text(at, "1 kg", "roboto Bold", 60)
    canvas.text((500, 640), "1 kg", "roboto Bold", 60)


def test_a_line_through_its_own_text_is_allowed_and_through_anothers_refused() -> None:
    canvas = blank()
    line = canvas.remember_line((100, 500), (900, 500), Direction.HORIZONTAL)
    canvas.text((500, 500), "40 cm", "roboto Bold", 60, line=line, states={"width": WIDTH})
    scene = canvas.finish("test")
    assert (scene.texts[0].line, scene.texts[0].role, scene.texts[0].entities) == (0, Role.ANSWER, ("width",))
    assert scene.truth["width"] == Truth(WIDTH.value)
    assert scene.lines[0].start == (50, 250)
    canvas.text((700, 500), "2 kg", "roboto Bold", 60)
    with pytest.raises(LayoutError, match="a line through '2 kg'"):
        canvas.finish("test")


def test_a_text_keeps_within_its_room_and_small_pictures_refuse_small_print() -> None:
    assert blank().small == pytest.approx(30)  # 15 pixels of 500
    with pytest.raises(LayoutError, match="no room"):
        blank().text((500, 500), "a very long line of small print", "roboto Regular", 40, room=120)
    assert blank(1500, 1500).small == 19
    canvas = blank(1200, 1200)
    size = canvas.fit("Granary Lane", "serif Black", 120, 400)
    assert canvas.measure("Granary Lane", "serif Black", size)[0] <= 400
    assert canvas.fit("A", "serif Black", 120, 400) == 120


def test_the_scene_has_the_size_of_its_background_and_truth_for_every_entity() -> None:
    scene = blank(640, 480).finish("test", ["width"])
    assert scene.image.size == (640, 480)
    assert (blank(600, 300).width, blank(600, 300).height) == pytest.approx((2000, 1000))  # of the shorter side
    assert set(scene.truth) == set(CHALLENGE.entities)
    assert scene.truth["width"].tempting
    assert not scene.truth["voltage"].tempting


def test_corners_and_overlap_of_convex_shapes() -> None:
    assert corners_of((1, 2, 3, 4, 5, 6, 7, 8)) == [(1, 2), (3, 4), (5, 6), (7, 8)]
    assert corners_of(polygon_of(corners_of_box((1, 2, 3, 4)))) == [(1, 2), (3, 2), (3, 4), (1, 4)]
    square = corners_of_box((0.0, 0.0, 10.0, 10.0))
    diamond = [(15.0, 0.0), (20.0, 5.0), (15.0, 10.0), (10.5, 5.0)]
    assert not overlap(square, diamond, 0)
    assert overlap(square, diamond, 1)  # nearer than one unit
    assert overlap(square, [(5.0, -5.0), (5.0, 20.0)], 0)  # a segment right through
    assert not overlap(square, [(12.0, -5.0), (12.0, 20.0)], 0)
    assert overlap(square, corners_of_box((2.0, 2.0, 3.0, 3.0)), 0)  # one inside the other


@pytest.mark.parametrize("face", sorted({*BOLD, *PLAIN}))
def test_every_face_loads_and_tells_digits_apart(face: str) -> None:
    font = load_face(face, 40)
    assert len({bytes(font.getmask(digit)) for digit in "0123456789"}) == 10


@pytest.mark.parametrize("face", ["serif Regular", "serif Bold", "roboto Regular", BUILT_IN])
def test_no_kerning_pulls_a_letter_over_the_percent_sign(face: str) -> None:
    font = load_face(face, 60)
    assert font.getlength("% n") == pytest.approx(sum(font.getlength(c) for c in "% n"), abs=4)


def test_a_missing_font_package_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(canvas_module._PACKAGES, "roboto", ("font_that_is_not_there", "x-{}.ttf"))
    load_face.cache_clear()
    with pytest.raises(InputError, match=r"font-that-is-not-there .*pip install 'entx-hybrid\[dev\]'"):
        load_face("roboto Bold", 20)
    load_face.cache_clear()
