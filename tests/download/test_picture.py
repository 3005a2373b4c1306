"""What counts as a picture."""

import random
import time
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from entx.core.errors import PictureError
from entx.download.fetch import is_good_file, verify_picture
from tests.ocr_stage.pictures import encoded


def noise(format_name: str, size: tuple[int, int] = (64, 48), mode: str = "RGB") -> bytes:
    return encoded(Image.frombytes(mode, size, random.Random(7).randbytes(size[0] * size[1] * len(mode))), format_name)


FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF"]


@pytest.mark.parametrize("format_name", FORMATS)
def test_whole_pictures_pass(format_name: str, tmp_path: Path) -> None:
    data = noise(format_name, mode="L" if format_name == "GIF" else "RGB")
    verify_picture(data)
    path = tmp_path / "whole"
    path.write_bytes(data)
    assert is_good_file(path)


@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_a_picture_that_is_cut_off_anywhere_is_broken(format_name: str, share: float, tmp_path: Path) -> None:
    data = noise(format_name, mode="L" if format_name == "GIF" else "RGB")
    cut = data[: int(len(data) * share)]
    with pytest.raises(PictureError, match=r"broken|not a picture"):
        verify_picture(cut)
    path = tmp_path / "cut"
    path.write_bytes(cut)
    assert not is_good_file(path)


def test_a_large_jpeg_that_lacks_its_last_rows_is_broken() -> None:
    data = noise("JPEG", (2000, 1500))
    verify_picture(data)
    with pytest.raises(PictureError, match="cannot be decoded to its end"):
        verify_picture(data[:-2000])


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_colour_modes_of_jpeg(mode: str) -> None:
    verify_picture(noise("JPEG", mode=mode))


def test_a_bomb_is_refused_from_its_header() -> None:
    data = encoded(Image.new("1", (20_000, 20_000)))
    tracemalloc.start()
    started = time.process_time()
    with pytest.raises(PictureError, match="megapixels"):
        verify_picture(data)
    assert time.process_time() - started < 0.1
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()


def test_an_animation_that_announces_a_huge_canvas_is_refused() -> None:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    data = bytearray(encoded(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    canvas = data.index(b"VP8X") + 12
    data[canvas : canvas + 6] = (16_383).to_bytes(3, "little") * 2
    with pytest.raises(PictureError, match="megapixels"):
        verify_picture(bytes(data))


def test_the_cap_is_on_pixels() -> None:
    data = noise("JPEG", (100, 50))
    verify_picture(data, max_pixels=5_000)
    with pytest.raises(PictureError, match=r"100 x 50 pixels, over 0.004999 megapixels"):
        verify_picture(data, max_pixels=4_999)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (7, 7)])
def test_a_dot_is_a_placeholder(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="a placeholder"):
        verify_picture(noise("PNG", size))


@pytest.mark.parametrize("size", [(8, 1), (1, 300)])
def test_a_narrow_picture_is_none(size: tuple[int, int]) -> None:
    verify_picture(noise("PNG", size))


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "an empty body"), (b"\n\n <!DOCTYPE html><p>", "an HTML page"),
        (b'<?xml version="1.0"?><svg/>', "an SVG; convert it to PNG first"), (b"\0\1\2\3\4", "an unknown format"),
        (b"%PDF-1.7", "a PDF; convert its pages to PNG first"), (b"Not found", "text"),
    ],
)  # fmt: skip
def test_other_files_are_named(data: bytes, kind: str) -> None:
    with pytest.raises(PictureError, match=f"^not a picture: {kind}$"):
        verify_picture(data)


@pytest.mark.parametrize("magic", [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"RIFF", b"BM", b"II*\0"])
def test_magic_bytes_alone_are_no_picture(magic: bytes) -> None:
    for rest in (b"", b"\0" * 100, bytes(range(256)) * 4):
        with pytest.raises(PictureError):
            verify_picture(magic + rest)


def test_no_bytes_of_a_picture_changed_at_random_raise_anything_else() -> None:
    for format_name in FORMATS:
        data = bytearray(noise(format_name, mode="L" if format_name == "GIF" else "RGB"))
        for position in range(8, min(len(data), 400), 3):
            changed = data.copy()
            changed[position] ^= 0x5A
            with suppress(PictureError):
                verify_picture(bytes(changed))


def test_a_file_is_good_by_its_end_or_by_its_pixels(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    data = noise("JPEG", (300, 300))
    path.write_bytes(data + b"\0" * 20)  # what some cameras append
    assert is_good_file(path)
    path.write_bytes(data + b"\0" * 5000)  # the end mark is out of sight, the pixels are all there
    assert is_good_file(path)
    path.write_bytes(data[:-100])
    assert not is_good_file(path)
    path.write_bytes(b"")
    assert not is_good_file(path)
    assert not is_good_file(tmp_path / "none.jpg")
    assert not is_good_file(tmp_path)
