"""The geometry of a page, and the product on its background."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from entx.core.types import Direction, OcrLine, PageGeometry, Place
from entx.ocr_stage.dimension_lines import Strokes
from entx.ocr_stage.engines.base import EngineSpec, page_key
from entx.ocr_stage.geometry import Product, area, common_area, find_product, page_geometry
from entx.ocr_stage.page_reader import PageReader
from lab.drawings.draw import draw_scene
from tests.ocr_stage.pictures import array, encoded
from tests.ocr_stage.sheets import Picture, box, dimension, number, sheet, write

NO_TEXT = np.zeros((0, 8), np.float32)


def strokes(*lines: tuple[float, float, float, float], score: float = 0.5) -> Strokes:
    """Lines of one number, all with this score."""
    count = len(lines)
    ends, none = np.array(lines, np.float32).reshape(-1, 4), np.zeros(count, np.intp)
    return Strokes(ends, none, none, np.zeros((1, count)), np.full((1, count), score), np.zeros((1, count), bool))


NO_LINES = strokes()


def jar(rim: float, foot: float) -> Picture:
    """A body 200 wide and 300 high whose upper and lower edges are half ellipses this high."""
    picture = sheet()
    cv2.rectangle(picture, (200, 150), (400, 450), (90, 60, 40), cv2.FILLED)
    for y, high in ((150, rim), (450, foot)):
        if high:
            cv2.ellipse(picture, (300, y), (100, round(high)), 0, 0, 360, (90, 60, 40), cv2.FILLED)
    return picture


def silhouette(picture: Picture) -> float:
    found = find_product(picture, 1.0, NO_TEXT, NO_LINES).silhouette
    assert found is not None
    return found


@pytest.mark.parametrize(("ground", "stroke"), [(255, cv2.FILLED), (235, -1), (128, -1), (20, -1), (255, 1)])
def test_the_product_is_found_on_any_plain_ground_even_as_a_wire_drawing(ground: int, stroke: int) -> None:
    picture = sheet(ground=ground)
    cv2.rectangle(picture, (150, 100), (420, 500), (60, 140, 90) if stroke < 0 else (0, 0, 0), stroke)
    product = find_product(picture, 1.0, NO_TEXT, NO_LINES)
    assert product.boxes == (pytest.approx((150, 100, 421, 501), abs=4 if stroke < 0 else 5),)


def test_boxes_are_in_the_scale_of_the_text() -> None:
    picture = sheet(1600, 1600)
    cv2.rectangle(picture, (400, 400), (1200, 800), (60, 140, 90), cv2.FILLED)
    product = find_product(picture, 0.5, NO_TEXT, NO_LINES)
    assert product.boxes == (pytest.approx((200, 200, 600, 400), abs=5),)


def test_text_and_dimension_lines_are_no_product() -> None:
    picture = sheet()
    cv2.rectangle(picture, (200, 150), (400, 400), (60, 140, 90), cv2.FILLED)
    dimension(picture, (440, 150), (440, 400), "bar", width=7)
    cv2.rectangle(picture, (210, 480), (390, 540), (0, 0, 0), cv2.FILLED)
    text = np.array([box((300, 510), 190, 70)], np.float32)
    alone = find_product(picture, 1.0, text, strokes((440, 150, 440, 400)))
    assert alone.boxes == (pytest.approx((200, 150, 401, 401), abs=4),)
    assert len(find_product(picture, 1.0, NO_TEXT, NO_LINES).boxes) == 2


def test_parts_are_counted_and_specks_and_banners_are_not() -> None:
    picture = sheet()
    for x in (60, 240, 420):
        cv2.rectangle(picture, (x, 200), (x + 120, 400), (60, 140, 90), cv2.FILLED)
    cv2.circle(picture, (300, 550), 6, (0, 0, 0), cv2.FILLED)
    picture[:90] = (200, 100, 30)
    product = find_product(picture, 1.0, NO_TEXT, NO_LINES)
    assert len(product.boxes) == 3
    assert product.boxes[0][1] == pytest.approx(200, abs=4)


def test_a_photograph_of_a_room_has_no_product_box() -> None:
    noise = np.random.default_rng(3).integers(0, 255, (20, 20, 3)).astype(np.uint8)
    picture = cv2.resize(noise, (600, 600), interpolation=cv2.INTER_CUBIC)
    product = find_product(picture, 1.0, NO_TEXT, NO_LINES)
    assert (product.boxes, product.silhouette) == ((), None)
    assert product.place(np.array([10.0, 10.0])) == (None, None)


def test_an_empty_sheet_has_no_product() -> None:
    assert find_product(sheet(), 1.0, NO_TEXT, NO_LINES) == Product((), 1.0, None)


def test_white_is_the_share_of_nearly_white_pixels() -> None:
    picture = sheet()
    picture[:150] = (255, 255, 230)
    assert find_product(picture, 1.0, NO_TEXT, NO_LINES).white == pytest.approx(0.75, abs=0.01)


def test_the_place_is_against_the_nearest_part() -> None:
    product = Product(((0, 0, 100, 200), (300, 0, 400, 50)), 1.0, None)
    assert product.place(np.array([50.0, 100.0])) == (0.5, 0.5)
    assert product.place(np.array([-50.0, 220.0])) == (-0.5, pytest.approx(1.1))
    assert product.place(np.array([350.0, 75.0])) == (0.5, 1.5)


def test_arcs_at_rim_and_foot_look_round_and_straight_edges_do_not() -> None:
    assert silhouette(jar(30, 30)) > 0.8
    assert 0.3 < silhouette(jar(0, 30)) < 0.7
    assert silhouette(jar(0, 0)) < 0.1


def test_the_corner_of_a_box_is_less_round_than_an_arc() -> None:
    picture = sheet()
    corner = [(150, 200), (300, 150), (450, 200), (450, 420), (300, 500), (150, 420)]
    cv2.fillPoly(picture, [np.array(corner, np.int32)], (90, 60, 40))
    assert silhouette(picture) < silhouette(jar(30, 30)) - 0.1


SHARED = Path(os.environ.get("ENTX_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def cupboard(scale: int = 1) -> tuple[Picture, list[OcrLine]]:
    """A product with a height, a width and a depth, and words."""
    picture = sheet(600 * scale, 600 * scale)

    def at(x: int, y: int) -> tuple[int, int]:
        return x * scale, y * scale

    cv2.rectangle(picture, at(180, 120), at(420, 440), (70, 110, 160), cv2.FILLED)
    for start, end in (((130, 120), (130, 440)), ((180, 490), (420, 490)), ((440, 480), (520, 400))):
        dimension(picture, at(*start), at(*end), "bar", width=2 * scale)
    texts = [
        ("Cupboard", (300, 60), 160), ("80 cm", (90, 280), 64), ("60 cm", (300, 520), 64), ("40 cm", (530, 460), 64)
    ]  # fmt: skip
    return picture, [number(at(*place), text, width * scale, 22 * scale) for text, place, width in texts]


def test_common_area() -> None:
    square = (0.0, 0.0, 10.0, 0.0, 10.0, 10.0, 0.0, 10.0)
    diamond = (5.0, 0.0, 10.0, 5.0, 5.0, 10.0, 0.0, 5.0)
    assert area(square) == pytest.approx(100)
    assert common_area(square, box((10, 10), 10, 10)) == pytest.approx(25)
    assert common_area(square, box((15, 5), 10, 10)) == 0
    assert common_area(square, diamond) == area(diamond) == pytest.approx(50)
    assert common_area((3, 3, 3, 3, 3, 3, 3, 3), square) == 0


def test_each_number_has_its_line_and_its_place() -> None:
    found = page_geometry(*cupboard())
    assert [line.line for line in found.lines] == [1, 2, 3]
    best = [line.best for line in found.lines]
    assert [stroke.direction for stroke in best if stroke] == [
        Direction.VERTICAL, Direction.HORIZONTAL, Direction.OBLIQUE
    ]  # fmt: skip
    assert [line.place for line in found.lines] == [Place.LEFT, Place.BELOW, Place.RIGHT]
    assert all(stroke is not None and stroke.ticks == 2 and 0.15 < stroke.score <= 1 for stroke in best)
    assert found.product == pytest.approx((180, 120, 421, 441), abs=5)
    assert found.parts == 1
    assert found.white == pytest.approx(1 - 240 * 320 / 360000, abs=0.03)


def test_strokes_run_downward_and_to_the_right() -> None:
    height, width, depth = (line.best for line in page_geometry(*cupboard()).lines)
    assert height.start == pytest.approx((130, 120), abs=4)
    assert height.end == pytest.approx((130, 440), abs=4)
    assert width.start == pytest.approx((180, 490), abs=4)
    assert depth.start == pytest.approx((520, 400), abs=6)
    assert width.length == pytest.approx(240, abs=9)
    assert height.gap == pytest.approx(8, abs=3)


def test_a_large_picture_gives_the_same_in_its_own_pixels() -> None:
    small, large = page_geometry(*cupboard()), page_geometry(*cupboard(3))
    assert np.array(large.product) / 3 == pytest.approx(np.array(small.product), abs=6)
    for one, three in zip(small.lines, large.lines, strict=True):
        assert three.best.direction is one.best.direction
        assert three.best.length / 3 == pytest.approx(one.best.length, abs=8)
        assert (three.across, three.down) == pytest.approx((one.across, one.down), abs=0.05)


def test_the_same_picture_gives_the_same_geometry() -> None:
    picture, lines = cupboard()
    before = picture.copy()
    assert page_geometry(picture, lines) == page_geometry(picture, lines)
    assert (picture == before).all()


def test_an_arrow_read_as_a_letter_is_a_mark_and_a_label_is_not() -> None:
    picture, lines = cupboard()
    arrow, label = OcrLine("H", 0.8, number((300, 490), width=20).polygon), number((90, 250), "H", 20)
    write(picture, label)
    assert page_geometry(picture, [*lines, arrow, label]).marks == (4,)


def test_a_page_without_numbers_still_has_its_product() -> None:
    picture, lines = cupboard()
    found = page_geometry(picture, lines[:1])
    assert found.lines == ()
    assert found.product is not None


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (7, 5), (40, 2000), (600, 2)])
@pytest.mark.parametrize("level", [0, 255])
def test_odd_pictures_have_a_geometry(shape: tuple[int, int], level: int) -> None:
    picture = np.full((*shape, 3), level, np.uint8)
    odd = [number((0, 0), "1"), OcrLine("2", 1.0, (0.0,) * 8), number((5000, -40), "3", degrees=30)]
    assert page_geometry(picture, []).lines == ()
    assert [line.line for line in page_geometry(picture, odd).lines] == [0, 1, 2]


def test_noise_has_a_geometry_with_scores_in_range() -> None:
    picture = np.random.default_rng(1).integers(0, 255, (500, 700, 3)).astype(np.uint8)
    found = page_geometry(picture, [number((x, y), "7") for x in range(50, 700, 90) for y in range(40, 500, 60)])
    strokes = [s for line in found.lines for s in (line.vertical, line.horizontal, line.oblique) if s is not None]
    assert all(0 < stroke.score <= 1 for stroke in strokes)


@pytest.mark.parametrize("kind", ["cabinet", "round_body", "furniture", "corner", "unit_note", "panel", "one_axis"])
def test_drawn_dimension_lines_have_the_direction_they_were_drawn_in(kind: str) -> None:
    right = total = 0
    for seed in range(3):
        scene = draw_scene(kind, f"geometry/{seed}", size=640)
        lines = [OcrLine(text.text, 1.0, text.polygon, text.rotation) for text in scene.texts]
        found = page_geometry(array(scene.image), lines)
        for number_, text in enumerate(scene.texts):
            if text.line >= 0:
                line = found.of(number_)
                total += 1
                right += line is not None and line.best is not None and (
                    line.best.direction is scene.lines[text.line].direction
                )  # fmt: skip
    assert right >= 0.9 * total


def test_a_new_version_of_the_geometry_is_a_new_page_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = page_key(EngineSpec())
    monkeypatch.setattr("entx.ocr_stage.engines.base.GEOMETRY_VERSION", 1_000_000)
    after = page_key(EngineSpec())
    assert (after.engine, after.model_hash) == (before.engine, before.model_hash)
    assert after.params_hash != before.params_hash


@pytest.mark.engine
@pytest.mark.parametrize("engine", ["rapidocr", "paddleocr"])
def test_a_page_comes_with_its_geometry(engine: str) -> None:
    pytest.importorskip(engine)
    scene = draw_scene("one_axis", "geometry/engine", size=640)
    page = PageReader(EngineSpec.of(engine)).read("0" * 64, encoded(scene.image))
    assert page.geometry == page_geometry(array(scene.image), page.lines)
    truth = {scene.lines[text.line].direction for text in scene.texts if text.line >= 0}
    assert {line.best.direction for line in page.geometry.lines if line.best and line.best.score > 0.2} == truth


def test_a_fault_of_the_geometry_is_the_pages_status(monkeypatch: pytest.MonkeyPatch) -> None:
    from tests.ocr_stage.test_page_reader import FakeEngine, with_engine

    def broken(*_: object) -> PageGeometry:
        raise ValueError("no lines")

    monkeypatch.setattr("entx.ocr_stage.page_reader.page_geometry", broken)
    page = with_engine(monkeypatch, FakeEngine([])).read("0" * 64, encoded(draw_scene("one_axis", "x", size=480).image))
    assert (page.status, page.reason, page.geometry) == ("failed", "ValueError: no lines", None)


def test_real_pictures_have_a_geometry() -> None:
    pictures = sorted((SHARED / "images" / "test").glob("*.jpg"))[:40:4]
    if not pictures:
        pytest.skip("no shared data")
    for path in pictures:
        image = cv2.imread(str(path))
        height, width = image.shape[:2]
        found = page_geometry(image, [number((width // 2, height // 2), "10 cm")])
        assert 0 <= found.white <= 1
        if found.product is not None:
            x1, y1, x2, y2 = found.product
            assert -1 <= x1 < x2 <= width + 3
            assert -1 <= y1 < y2 <= height + 3
