"""From a picture file to what a model sees: every kind of bad file is a reason, every good one is decoded once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import entx.vlm_stage.views as views
from entx.core.errors import PictureError
from entx.core.images import PictureRefused
from entx.core.types import OcrPage, PageStatus
from entx.neural.backends.base import Model
from entx.vlm_stage.views import DEFAULT_CROPS, Look, see, see_file
from tests.vlm_stage.pages import line, page

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
    with pytest.raises(PictureError, match=r"p\.jpg: cannot be read: No such file"):
        see_file(tmp_path / "p.jpg", MODEL.view_size, LOOK)
    with pytest.raises(PictureError, match="cannot be read: Is a directory"):
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
