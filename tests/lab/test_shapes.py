import numpy as np
import pytest
from PIL import Image

from lab.drawings.canvas import Canvas
from lab.drawings.shapes import bag, bottle, cabinet_fronts, drill, hand, jar, outline_of, solid, table, tint, wire

GROUND = (255, 255, 255)
RED = (200, 40, 40)


def canvas() -> Canvas:
    return Canvas(Image.new("RGB", (500, 500), GROUND))


def painted(surface: Canvas, tolerance: int = 60) -> np.ndarray:  # type: ignore[type-arg]
    """Where the picture is no longer near white: bodies, not their soft shadows."""
    pixels = np.asarray(surface.finish("test", {}).image, dtype=int)
    return (255 - pixels.min(axis=2)) > tolerance


def extent(mask: np.ndarray) -> tuple[float, float, float, float]:  # type: ignore[type-arg]
    """Left, top, right, bottom of what is painted, in canvas units (500 pixels are 1000 units)."""
    rows, columns = np.where(mask)
    return 2 * columns.min(), 2 * rows.min(), 2 * columns.max() + 2, 2 * rows.max() + 2


def test_a_turned_body_is_symmetric_and_as_wide_as_its_profile() -> None:
    points = outline_of([(40, 100), (80, 200), (80, 300)], 500)
    left, right = sorted(x for x, _ in points)[0], sorted(x for x, _ in points)[-1]
    assert (left, right) == (420, 580)
    assert sorted((round(1000 - x, 6), round(y, 6)) for x, y in points) == sorted(
        (round(x, 6), round(y, 6)) for x, y in points
    )


@pytest.mark.parametrize("body", [bottle, jar])
def test_bottles_and_jars_fill_their_place(body) -> None:  # type: ignore[no-untyped-def]
    surface = canvas()
    body(surface, 500, 200, 800, 150, RED, (30, 30, 30))
    left, top, right, bottom = extent(painted(surface, 130))
    assert (left, right) == pytest.approx((350, 650), abs=6)
    assert (top, bottom) == pytest.approx((200, 800), abs=8)


def test_a_bag_fills_its_box() -> None:
    surface = canvas()
    bag(surface, (200, 100, 800, 900), RED)
    assert extent(painted(surface, 130)) == pytest.approx((200, 100, 800, 900), abs=10)


def test_a_solid_shows_a_light_top_and_a_dark_side() -> None:
    surface = canvas()
    solid(surface, (200, 300, 700, 800), (120, -80), (150, 150, 150))
    pixels = np.asarray(surface.finish("test", {}).image, dtype=int)
    front, top, side = pixels[275, 225], pixels[130, 255], pixels[255, 380]
    assert side.mean() < front.mean() < top.mean()


def test_a_wire_box_is_only_its_edges() -> None:
    surface = canvas()
    wire(surface, (200, 300, 700, 800), (120, -80), (0, 0, 0))
    mask = painted(surface)
    assert extent(mask) == pytest.approx((200, 220, 820, 800), abs=6)
    assert not mask[160:390, 110:340].any()
    assert mask[398:402, 105:345].any(axis=0).all()


def test_a_table_stands_on_four_legs() -> None:
    surface = canvas()
    table(surface, (200, 300, 700, 800), (120, -80), (120, 80, 50), None)
    row = painted(surface, 90)[340]  # 680 units down: above the floor, below the top
    starts = np.flatnonzero(row & ~np.roll(row, 1))
    assert [2 * int(start) for start in starts] == pytest.approx([200, 320, 676, 796], abs=6)


def test_a_shelf_joins_the_legs() -> None:
    bare, shelved = canvas(), canvas()
    table(bare, (200, 300, 700, 800), (120, -80), (120, 80, 50), None)
    table(shelved, (200, 300, 700, 800), (120, -80), (120, 80, 50), 0.6)
    assert painted(shelved, 90)[295].sum() > 2 * painted(bare, 90)[295].sum()


@pytest.mark.parametrize(("doors", "drawers"), [(1, 0), (2, 3), (0, 2)])
def test_fronts_stay_on_their_face(doors: int, drawers: int) -> None:
    surface = canvas()
    cabinet_fronts(surface, (200, 300, 700, 800), (90, 90, 90), doors, drawers)
    left, top, right, bottom = extent(painted(surface))
    assert left >= 200
    assert right <= 700
    assert top >= 300
    assert bottom <= 800


def test_a_drill_has_its_bit_on_the_left() -> None:
    surface = canvas()
    drill(surface, 600, 400, 500, RED)
    mask = painted(surface, 100)
    left, _, right, bottom = extent(mask)
    assert left == pytest.approx(600 - 61 * 5, abs=10)
    assert right < 600 + 50 * 5
    assert bottom == pytest.approx(400 + 66 * 5, abs=12)
    assert mask[:, :180].sum() < mask[:, 330:].sum() / 20  # thin tip, heavy handle


def test_a_hand_is_pale() -> None:
    surface = canvas()
    hand(surface, 500, 500, 500)
    pixels = np.asarray(surface.finish("test", {}).image)
    assert pixels.min() > 200
    assert pixels[300, 240].max() < 235


def test_shadows_are_soft_and_under_the_body() -> None:
    surface = canvas()
    surface.shadow((500, 700), 200, 20)
    gray = np.asarray(surface.finish("test", {}).image.convert("L"), dtype=int)
    assert gray[350, 250] < 235
    assert gray[350, 250] == gray.min()
    assert (gray[:280] == 255).all()
    assert np.abs(np.diff(gray[:, 250])).max() < 40  # no hard edge


def test_shading_changes_across_and_keeps_within_its_polygon() -> None:
    surface = canvas()
    surface.shade([(200, 200), (800, 200), (800, 600), (200, 600)], (100, 100, 100), ((0, 0.5), (1, 1.5)))
    gray = np.asarray(surface.finish("test", {}).image.convert("L"), dtype=int)
    assert gray[200, 105] < 60 < 140 < gray[200, 395]
    assert (np.diff(gray[200, 105:395]) >= 0).all()
    assert gray[200, 90] == gray[310, 200] == 255


@pytest.mark.parametrize(("factor", "result"), [(0.5, (100, 20, 20)), (1.0, RED), (9.0, (255, 255, 255))])
def test_tint(factor: float, result: tuple[int, int, int]) -> None:
    assert tint(RED, factor) == result
