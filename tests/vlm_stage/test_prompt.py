"""From a picture file to what a model sees: a bad file is a reason, a good one is decoded once; where crops lie."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import entx.vlm_stage.prompt as views
from entx.core.boxes import print_height
from entx.core.errors import PictureError, PictureUnavailable
from entx.core.images import PictureRefused
from entx.core.types import OcrLine, OcrPage, PageStatus
from entx.neural.backends.base import Model
from entx.vlm_stage.prompt import DEFAULT_CROPS, CropPlan, CropSettings, Look, plan_crops, see, see_file
from tests.vlm_stage.pages import in_patches, line, page

MODEL = Model()
LOOK = Look(256 * 256)
CLOSE = Look(256 * 256, DEFAULT_CROPS)


def noise(width: int, height: int, mode: str = "RGB") -> Image.Image:
    random = np.random.default_rng(width * height)
    return Image.fromarray(random.integers(0, 255, (height, width, 3), dtype=np.uint8)).convert(mode)


def saved(path: Path, picture: Image.Image, kind: str = "JPEG", **options: object) -> Path:
    picture.save(path, kind, **options)
    return path


def test_a_picture_is_seen_whole_within_the_budget(tmp_path: Path) -> None:
    seen = see_file(saved(tmp_path / "p.jpg", noise(1000, 500)), MODEL.view_size, LOOK)
    (whole,) = seen.images
    assert (whole.mode, whole.size) == ("RGB", (362, 181))
    assert seen.left_out == 0


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    drawn = noise(60, 40)
    (whole,) = see_file(saved(tmp_path / "p.png", drawn, "PNG"), MODEL.view_size, LOOK).images
    assert (np.asarray(whole) == np.asarray(drawn)).all()


@pytest.mark.parametrize("mode", ["CMYK", "L", "1", "P", "RGBA", "LA", "I;16"])
def test_every_colour_space_becomes_rgb(tmp_path: Path, mode: str) -> None:
    drawn = Image.new("I;16", (80, 60), 30_000) if mode == "I;16" else noise(80, 60).convert(mode)
    (whole,) = see_file(saved(tmp_path / "p.tiff", drawn, "TIFF"), MODEL.view_size, LOOK).images
    assert (whole.mode, whole.size) == ("RGB", (80, 60))


def test_a_cmyk_jpeg_keeps_its_colours(tmp_path: Path) -> None:
    red = Image.new("RGB", (64, 64), (220, 30, 30)).convert("CMYK")
    (whole,) = see_file(saved(tmp_path / "p.jpg", red), MODEL.view_size, LOOK).images
    r, g, b = whole.getpixel((30, 30))  # type: ignore[misc]
    assert r > 150 > 90 > max(g, b)


def test_of_an_animation_the_first_frame_is_seen(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "p.gif", save_all=True, append_images=frames[1:], duration=100)
    (whole,) = see_file(tmp_path / "p.gif", MODEL.view_size, LOOK).images
    assert whole.getpixel((20, 20)) == (255, 0, 0)


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    (whole,) = see_file(saved(tmp_path / "p.jpg", noise(100, 50), exif=exif), MODEL.view_size, LOOK).images
    assert whole.size == (50, 100)


def test_a_missing_file_is_a_reason(tmp_path: Path) -> None:
    with pytest.raises(PictureUnavailable, match="No such file"):
        see_file(tmp_path / "p.jpg", MODEL.view_size, LOOK)
    with pytest.raises(PictureUnavailable, match="not a regular file"):
        see_file(tmp_path, MODEL.view_size, LOOK)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_truncated_file_is_a_reason(tmp_path: Path, share: float) -> None:
    data = saved(tmp_path / "p.jpg", noise(300, 300)).read_bytes()
    (tmp_path / "p.jpg").write_bytes(data[: int(share * len(data))])
    with pytest.raises(PictureError, match=r"truncated|damaged"):
        see_file(tmp_path / "p.jpg", MODEL.view_size, LOOK)


def test_an_html_page_under_a_pictures_name_is_a_reason(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").write_text("<!doctype html><html>404</html>")
    with pytest.raises(PictureError, match="an HTML page"):
        see_file(tmp_path / "p.jpg", MODEL.view_size, LOOK)


def test_69_megapixels_are_refused_from_the_header(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("L", (9900, 7000)).save(stream, "PNG")
    (tmp_path / "p.png").write_bytes(stream.getvalue())
    with pytest.raises(PictureRefused, match="9900 x 7000 pixels, over the limit of 40000000 pixels"):
        see_file(tmp_path / "p.png", MODEL.view_size, LOOK)
    (whole,) = see_file(tmp_path / "p.png", MODEL.view_size, Look(10_000, max_pixels=70_000_000)).images
    assert whole.size == (118, 84)


@pytest.mark.parametrize("size", [(1, 800), (800, 1), (1, 1), (7, 20), (8, 900), (2000, 12)])
def test_a_picture_that_can_show_nothing_is_a_reason(tmp_path: Path, size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match=rf"{size[0]} x {size[1]} pixels: too narrow"):
        see_file(saved(tmp_path / "p.png", noise(*size), "PNG"), MODEL.view_size, LOOK)


def test_a_narrow_banner_is_still_seen() -> None:
    (whole,) = see(noise(1600, 20), MODEL.view_size, LOOK).images
    assert whole.size == (1600, 20)


SMALL_PRINT = page((2000, 1500), line("12.5 cm", 1500, 1200, 80, 20))


def test_crops_show_the_numbers_at_their_own_size() -> None:
    picture = noise(2000, 1500)
    whole, crop = see(picture, MODEL.view_size, CLOSE, SMALL_PRINT).images
    assert whole.width * whole.height + crop.width * crop.height <= CLOSE.pixels
    assert (np.asarray(crop) == np.asarray(picture.crop((1480, 1180, 1601, 1241)))).all()


@pytest.mark.parametrize(
    "made",
    [
        None,
        OcrPage("p", PageStatus.FAILED, "engine"),
        page((2000, 1501), *SMALL_PRINT.lines),  # read at another size: its polygons would point elsewhere
        page((2000, 1500)),
        page((2000, 1500), line("words", 1500, 1200, 80, 20)),
    ],
)
def test_without_usable_ocr_the_whole_budget_is_the_whole_pictures(made: OcrPage | None) -> None:
    picture = noise(2000, 1500)
    assert [image.size for image in see(picture, MODEL.view_size, CLOSE, made).images] == [(295, 221)]


def test_crops_are_a_switch() -> None:
    assert len(see(noise(2000, 1500), MODEL.view_size, LOOK, SMALL_PRINT).images) == 1


def test_lines_that_no_view_shows_large_enough_are_counted() -> None:
    many = [line(f"{n} mm", 280.0 * (n % 7) + 10, 300.0 * (n // 7) + 10, 90, 12) for n in range(35)]
    assert see(noise(2000, 1500), MODEL.view_size, CLOSE, page((2000, 1500), *many)).left_out >= 20


def test_a_file_is_decoded_once_however_many_crops(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = 0
    decode = views.decode_rgb

    def counting(data: bytes, max_pixels: int) -> Image.Image:
        nonlocal counted
        counted += 1
        return decode(data, max_pixels)

    monkeypatch.setattr(views, "decode_rgb", counting)
    made = page((2000, 1500), *(line("5 V", 600.0 * n + 20, 700, 60, 20) for n in range(3)))
    assert len(see_file(saved(tmp_path / "p.jpg", noise(2000, 1500)), MODEL.view_size, CLOSE, made).images) == 4
    assert counted == 1


def test_sizes_of_models_that_resize_by_themselves() -> None:
    assert MODEL.view_size((100, 50), 10_000) == (100, 50)
    assert MODEL.view_size((1000, 500), 20_000) == (200, 100)
    assert MODEL.view_size((9000, 1), 100) == (948, 1)  # not less than one pixel
    assert MODEL.image_tokens((56, 28)) == 2
    assert MODEL.image_tokens((57, 28)) == 3


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
        wide, high = draw(st.floats(1, width)), draw(st.floats(1, 200))
        # A line may reach out of the picture, as engines draw them; one that lies wholly outside does not occur.
        left = draw(st.floats(1 - min(wide, 50), width - 1))
        top = draw(st.floats(1 - min(high, 50), height - 1))
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
