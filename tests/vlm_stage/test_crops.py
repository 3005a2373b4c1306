"""Crops are geometry: within the budget, within the picture, and no line with a number is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entx.core.boxes import print_height
from entx.core.types import OcrLine, OcrPage, PageStatus
from entx.vlm_stage.views import CropPlan, CropSettings, plan_crops
from tests.vlm_stage.pages import in_patches, line, page

BUDGET = 512 * 512


def exact(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """A model that takes any size."""
    scale = min(1.0, (pixels / (size[0] * size[1])) ** 0.5)
    return max(1, int(size[0] * scale)), max(1, int(size[1] * scale))


def always_square(size: tuple[int, int], pixels: int) -> tuple[int, int]:
    """A model of one input size, as PaliGemma."""
    return 448, 448


@st.composite
def pages(draw: st.DrawFn) -> OcrPage:
    width, height = draw(st.integers(10, 4000)), draw(st.integers(10, 4000))
    lines = []
    for _ in range(draw(st.integers(0, 25))):
        left, top = draw(st.floats(-50, width + 50)), draw(st.floats(-50, height + 50))
        wide, high = draw(st.floats(1, width)), draw(st.floats(1, 200))
        turned = draw(st.booleans())
        made = line(draw(st.sampled_from(["12 cm", "NET WT 500 g", "tea", "5", "words"])), left, top, wide, high)
        if turned:  # text that runs upwards: its own top left is the lower left corner
            x1, y1, x2, y2, x3, y3, x4, y4 = made.polygon
            made = OcrLine(made.text, 0.9, (x4, y4, x1, y1, x2, y2, x3, y3), 90.0)
        lines.append(made)
    return page((width, height), *lines)


@given(pages(), st.integers(20_000, 2_000_000), st.sampled_from([exact, in_patches]), st.integers(0, 8))
def test_budget_and_borders_hold_and_every_number_is_accounted_for(
    made: OcrPage, budget: int, fit: object, most: int
) -> None:
    plan = plan_crops(made, budget, fit, CropSettings(most=most))  # type: ignore[arg-type]
    assert plan.pixels <= budget
    assert len(plan.crops) <= most
    for crop in plan.crops:
        x1, y1, x2, y2 = crop.box
        assert 0 <= x1 < x2 <= made.width
        assert 0 <= y1 < y2 <= made.height
    numeric = {place for place, one in enumerate(made.lines) if any(letter.isdigit() for letter in one.text)}
    scale = min(plan.whole[0] / made.width, plan.whole[1] / made.height)
    readable = {place for place in numeric if print_height(made.lines[place].polygon) * scale >= 20}
    assert readable | set(plan.covered) | set(plan.left_out) == numeric
    assert not set(plan.left_out) & (readable | set(plan.covered))


@given(pages(), st.integers(50_000, 2_000_000))
def test_what_a_crop_covers_stands_in_it_high_enough(made: OcrPage, budget: int) -> None:
    plan = plan_crops(made, budget, exact)
    for place in plan.covered:
        xs, ys = made.lines[place].polygon[0::2], made.lines[place].polygon[1::2]
        inside = [
            crop
            for crop in plan.crops
            if crop.box[0] <= max(min(xs), 0) and crop.box[1] <= max(min(ys), 0)
            and crop.box[2] >= min(max(xs), made.width) and crop.box[3] >= min(max(ys), made.height)
        ]  # fmt: skip
        assert inside
        height = print_height(made.lines[place].polygon)
        scale = max(
            min(c.size[0] / (c.box[2] - c.box[0]), c.size[1] / (c.box[3] - c.box[1])) for c in inside
        )  # fmt: skip
        assert scale >= 0.8 * min(20 / height, 3.0)


@given(pages(), st.integers(50_000, 2_000_000))
def test_equal_pages_get_equal_plans(made: OcrPage, budget: int) -> None:
    assert plan_crops(made, budget, in_patches) == plan_crops(made, budget, in_patches)


def test_a_picture_whose_print_is_large_gets_no_crops() -> None:
    made = page((600, 400), line("NET WT 500 G", 20, 20, 300, 40), line("tiny words", 20, 380, 60, 4))
    assert plan_crops(made, BUDGET, exact) == CropPlan((600, 400))


def test_small_print_of_a_large_picture_is_seen_close_up() -> None:
    made = page((2000, 2000), line("12.5 cm", 1500, 1800, 80, 20), line("CHAIR", 100, 100, 900, 200))
    plan = plan_crops(made, BUDGET, exact)
    (crop,) = plan.crops
    assert crop.box == (1480, 1780, 1601, 1841)
    assert crop.size == (121, 61)  # print of 20 pixels needs no enlarging
    assert (plan.covered, plan.left_out) == ((0,), ())
    assert plan.whole[0] > 0.95 * 512  # almost all of the budget is still the whole picture's


def test_print_below_the_wanted_height_is_enlarged_but_not_beyond_reason() -> None:
    made = page((2000, 2000), line("12.5 cm", 1500, 1800, 40, 10), line("3 V", 100, 100, 9, 3))
    sizes = {crop.box[0]: crop for crop in plan_crops(made, BUDGET, exact).crops}
    ten, three = sizes[1490], sizes[97]
    assert ten.size == (2 * (ten.box[2] - ten.box[0]), 2 * (ten.box[3] - ten.box[1]))
    assert three.size == (3 * (three.box[2] - three.box[0]), 3 * (three.box[3] - three.box[1]))


def test_neighbours_share_a_crop_and_strangers_do_not() -> None:
    near = [line("H 12 cm", 100, 100 + 30 * n, 90, 20) for n in range(4)]
    plan = plan_crops(page((2000, 2000), *near, line("5 V", 1800, 1800, 60, 20)), BUDGET, exact)
    assert len(plan.crops) == 2
    assert plan.covered == (0, 1, 2, 3, 4)
    assert plan.crops[0].box[1] < plan.crops[1].box[1]


def test_what_finds_no_room_is_counted() -> None:
    scattered = [line(f"{n} mm", 400.0 * (n % 7) + 10, 400.0 * (n // 7) + 10, 100, 15) for n in range(42)]
    made = page((2800, 2400), *scattered)
    plan = plan_crops(made, BUDGET, exact, CropSettings(most=4))
    assert len(plan.crops) == 4
    assert len(plan.covered) + len(plan.left_out) == 42
    assert len(plan.left_out) >= 30
    assert plan.pixels <= BUDGET


def test_a_model_of_one_input_size_pays_its_size_for_every_view() -> None:
    made = page((2000, 2000), line("12.5 cm", 1500, 1800, 80, 12))
    assert plan_crops(made, 448 * 448, always_square).crops == ()
    plan = plan_crops(made, 2 * 448 * 448, always_square)
    assert [crop.size for crop in plan.crops] == [(448, 448)]
    assert plan.pixels == 2 * 448 * 448


def test_a_budget_that_one_view_uses_up_leaves_no_crops() -> None:
    made = page((2000, 2000), line("12.5 cm", 1500, 1800, 80, 12))
    for budget in (1, 1000, 448 * 448 - 1):
        assert plan_crops(made, budget, always_square) == CropPlan((448, 448), left_out=(0,))


def test_a_line_outside_the_picture_is_left_out_not_an_error() -> None:
    made = page((3000, 3000), line("12 cm", 4000, 4000, 80, 12))
    assert plan_crops(made, BUDGET, exact).left_out == (0,)


def test_a_page_without_lines_is_seen_whole() -> None:
    made = OcrPage("p", PageStatus.OK, "", 800, 600)
    assert plan_crops(made, BUDGET, exact).crops == ()
