"""Picture bytes to upright pixels."""

import random
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from entx.core.errors import PictureError
from entx.core.images import PictureRefused, decode, decode_rgb
from tests.ocr_stage.pictures import array, encoded, label

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


def corners() -> Image.Image:
    """60 x 40: red at the top left, green at the top right, blue below."""
    picture = Image.new("RGB", (60, 40), BLUE)
    picture.paste(RED, (0, 0, 30, 20))
    picture.paste(GREEN, (30, 0, 60, 20))
    return picture


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "PPM", "JPEG2000", "AVIF"])
def test_every_kind_of_picture_comes_out_as_bgr(kind: str) -> None:
    image = decode(encoded(corners(), kind))
    assert image.shape == (40, 60, 3)
    assert image.dtype == np.uint8
    assert image.flags.c_contiguous
    assert image[5, 5, 2] > 200  # red is last
    assert image[5, 5, 0] < 60
    assert image[5, 55, 1] > 200
    assert image[35, 30, 0] > 200


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(orientation: int) -> None:
    ways = Image.Transpose
    turns = {
        2: ways.FLIP_LEFT_RIGHT, 3: ways.ROTATE_180, 4: ways.FLIP_TOP_BOTTOM, 5: ways.TRANSPOSE, 6: ways.ROTATE_90,
        7: ways.TRANSVERSE, 8: ways.ROTATE_270,
    }  # fmt: skip
    stored = corners().transpose(turns[orientation]) if orientation in turns else corners()
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert (decode(encoded(stored, "PNG", exif=exif)) == array(corners())).all()


def test_a_jpeg_may_be_halved_while_it_is_decoded_but_not_below_the_asked_size() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stands on its side
    data = encoded(Image.new("RGB", (1600, 800), (200, 30, 30)), "JPEG", exif=exif)
    assert decode(data).shape == (1600, 800, 3)
    assert decode(data, at_least=400).shape == (800, 400, 3)
    assert decode(data, at_least=401).shape == (1600, 800, 3)
    with pytest.raises(PictureRefused):
        decode(data, 1600 * 800 - 1, at_least=100)


def test_damaged_exif_does_not_lose_the_picture() -> None:
    data = encoded(corners(), "JPEG", exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff broken")
    assert decode(data).shape == (40, 60, 3)


def test_alpha_lies_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert (decode(encoded(clear)) == 255).all()
    half = Image.new("RGBA", (8, 8), (0, 0, 0, 128))
    assert abs(int(decode(encoded(half))[0, 0, 0]) - 127) <= 1
    grey = Image.new("LA", (8, 8), (10, 0))
    assert (decode(encoded(grey)) == 255).all()


@pytest.mark.parametrize(
    ("ink", "ground"),
    [("white", 96), ("#ffffc0", 96), ("black", 255), ("#a04020", 255), ("#d0d0d0", 255), (None, 255)],
)
def test_light_print_on_transparency_lies_on_grey(ink: str | None, ground: int) -> None:
    picture = Image.new("RGBA", (200, 60), (0, 0, 0, 0))
    if ink:
        ImageDraw.Draw(picture).text((10, 10), "500 g", ink, ImageFont.load_default(size=30))
    image = decode(encoded(picture, "PNG"))
    assert image[0, 0].tolist() == [ground] * 3
    assert ink is None or np.ptp(image) > 40


def test_white_print_beside_a_dark_product_shows() -> None:
    picture = Image.new("RGBA", (400, 400), (0, 0, 0, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((100, 50, 300, 250), fill="#203040")
    draw.text((100, 300), "Net weight 500 g", "white", ImageFont.load_default(size=24))
    image = decode(encoded(picture, "PNG"))
    assert image[0, 0].tolist() == [96] * 3
    assert image[290:].max() == 255


def test_palette_with_a_transparent_colour() -> None:
    picture = Image.new("P", (8, 8), 0)
    picture.putpalette([0, 0, 0, 200, 0, 0])
    picture.putpixel((3, 3), 1)
    image = decode(encoded(picture, "PNG", transparency=0))
    assert image[0, 0].tolist() == [255, 255, 255]
    assert image[3, 3].tolist() == [0, 0, 200]


def test_sixteen_bits_are_scaled_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 64, dtype=np.uint16).reshape(8, 8)
    image = decode(encoded(Image.fromarray(ramp), "PNG"))
    assert image[0, 0, 0] == 0
    assert image[7, 7, 0] == 255
    assert abs(int(image[3, 7, 0]) - 127) <= 3


def test_float_with_holes() -> None:
    values = np.array([[0.0, 500.0], [np.nan, np.inf]], np.float32)
    assert decode(encoded(Image.fromarray(values), "TIFF"))[0, 1].tolist() == [255, 255, 255]


@pytest.mark.parametrize("mode", ["1", "L", "CMYK"])
def test_other_modes(mode: str) -> None:
    picture = Image.new("RGB", (16, 16), "white").convert(mode)
    assert (decode(encoded(picture, "TIFF")) >= 250).all()


def test_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (10, 10), colour) for colour in (RED, BLUE)]
    assert decode(encoded(frames[0], "GIF", save_all=True, append_images=frames[1:]))[5, 5].tolist() == [0, 0, 255]


@pytest.mark.parametrize("size", [(1, 1), (1, 400), (400, 1)])
def test_one_pixel_wide(size: tuple[int, int]) -> None:
    assert decode(encoded(Image.new("RGB", size))).shape == (size[1], size[0], 3)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty file"), (b"<!DOCTYPE html><html>Sorry</html>", "HTML"), (b"  \n<html lang='en'>", "HTML"),
        (b"<?xml version='1.0'?><svg/>", "an SVG; convert it to PNG first"), (b"<a>", "XML"),
        (b'{"a": 1}', "JSON"), (b"Not found\n", "text"), (b"\x00" * 1000, "1000 bytes of an unknown format"),
        (b"PK\3\4", "a zip file; unpack it"),
        (encoded(Image.new("L", (9, 9)), "PDF"), "a PDF; convert its pages to PNG first"),
        (encoded(Image.new("RGB", (9, 9)), "EPS"), "an EPS; convert it to PNG first"),
        (encoded(Image.new("RGB", (16, 16)), "ICO"), "an icon; convert it to PNG first"),
        (b"\0\0\0\x20ftypheic\0\0\0\0", "a HEIC; convert it to PNG first"),
        (b"\0\0\0\x20ftypmp42\0\0\0\0", "a video; save a frame of it as PNG first"),
    ],
)  # fmt: skip
def test_what_is_no_picture_says_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        decode(data)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_truncated_files_are_unreadable_with_a_reason(kind: str, share: float) -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8))
    data = encoded(noise, kind)
    with pytest.raises(PictureError) as caught:
        decode(data[: int(len(data) * share)])
    assert str(caught.value)
    assert not isinstance(caught.value, PictureRefused)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises width x height pixels and holds none of them."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def gif_header(width: int, height: int) -> bytes:
    frame = b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02L\x01\x00;"
    return b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + b"\x00\x00\x00\xff\xff\xff" + frame


BOMBS = {
    "PNG": png_header(60_000, 60_000), "PNG just over": png_header(8_000, 5_001), "GIF": gif_header(65_535, 65_535),
    "BMP": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, 50_000, 50_000, 1, 24, 0, 0, 0, 0, 0, 0),
    "JPEG": encoded(Image.new("L", (8_400, 8_300)), "JPEG"),
    "WEBP": encoded(Image.new("RGB", (16_000, 2_600)), "WEBP", quality=1, method=0),
    "TIFF": encoded(Image.new("1", (9_000, 9_000)), "TIFF", compression="group4"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BOMBS)
def test_too_many_pixels_are_refused_from_the_header(kind: str) -> None:
    Image.init()  # loading Pillow's plug-ins is not the picture's cost
    tracemalloc.start()
    start = time.perf_counter()
    try:
        with pytest.raises(PictureRefused, match=r"pixels"):
            decode(BOMBS[kind])
        seconds = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert seconds < 0.1
    assert peak < 20_000_000


@pytest.mark.parametrize("size", [(59_424, 3), (3, 59_424), (40_000_000, 1), (1, 2001)])
def test_a_strip_too_narrow_for_text_is_refused_from_the_header(size: tuple[int, int]) -> None:
    data = png_header(*size)
    start = time.perf_counter()
    with pytest.raises(PictureRefused, match=f"^{size[0]} x {size[1]} pixels: too narrow to hold text$"):
        decode(data)
    assert time.perf_counter() - start < 0.1


def test_a_jpeg_of_scans_without_end_is_refused_before_they_are_decoded() -> None:
    data = encoded(Image.effect_noise((3000, 3000), 90), "JPEG", progressive=True, quality=30)
    at = data.rfind(b"\xff\xda")
    start = time.perf_counter()
    with pytest.raises(PictureRefused, match=r"a JPEG of \d+ scans, over the limit of 500"):
        decode(data[:at] + data[at : at + 60] * 30_000)  # 2 MB that would take 20 s
    assert time.perf_counter() - start < 1


def test_what_libtiff_says_of_damaged_files_stays_off_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    for packing in ("tiff_lzw", "tiff_deflate", "jpeg"):
        data = encoded(Image.effect_noise((90, 90), 90), "TIFF", compression=packing)
        assert outcome(data[:8] + bytes(range(200)) + data[208:])[0] == "unreadable"
    assert capfd.readouterr().err == ""


def test_the_limit_is_a_setting() -> None:
    data = encoded(corners())
    assert decode(data, max_pixels=2400).shape == (40, 60, 3)
    with pytest.raises(PictureRefused, match="60 x 40 pixels, over the limit of 2399"):
        decode(data, max_pixels=2399)


def mutations(count: int, seed: int) -> list[bytes]:
    """Real files of every kind with bytes changed, cut out, doubled or inserted."""
    chance = random.Random(seed)
    picture = label(["NET 12.5 kg"], width=300, size=24)
    seeds = [encoded(picture, kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "AVIF", "JPEG2000")]
    seeds.append(encoded(picture, "JPEG", progressive=True))
    found = []
    for _ in range(count):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice([1, 3, 30])):
            at = chance.randrange(min(len(data), chance.choice([40, 400, len(data)])))
            match chance.randrange(4):
                case 0:
                    data[at] = chance.randrange(256)
                case 1:
                    del data[at : at + chance.randrange(1, 64)]
                case 2:
                    data[at:at] = data[at : at + 64]
                case 3:
                    data[at:at] = chance.randbytes(chance.randrange(1, 16))
            if not data:
                break
        found.append(bytes(data))
    return found


def outcome(data: bytes) -> tuple[str, str]:
    """How decoding ended, and the reason; errors of other kinds pass through and fail the test."""
    try:
        image = decode(data)
    except PictureRefused as error:
        return "refused", str(error)
    except PictureError as error:
        return "unreadable", str(error)
    return "decoded", str(image.shape)


def test_broken_files_decode_or_say_why_in_one_line() -> None:
    ends = set()
    for data in mutations(600, seed=3):
        start = time.perf_counter()
        end, reason = outcome(data)
        assert time.perf_counter() - start < 10
        assert 0 < len(reason) < 300
        assert "\n" not in reason
        ends.add(end)
    assert ends == {"decoded", "refused", "unreadable"}


def test_only_pictures_are_opened() -> None:
    """Pillow's plug-ins for PostScript, PDF and the like stay closed."""
    with pytest.raises(PictureError, match="not a picture"):
        decode(encoded(Image.new("RGB", (16, 16)), "TGA"))


@pytest.mark.parametrize("mode", ["RGB", "L", "1", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_the_rgb_picture_is_the_bgr_array_the_other_way_round(mode: str) -> None:
    drawn = Image.new("I;16", (60, 40), 40_000) if mode == "I;16" else corners().convert(mode)
    data = encoded(drawn, "TIFF")
    picture = decode_rgb(data)
    assert (picture.mode, picture.size) == ("RGB", (60, 40))
    assert (np.asarray(picture)[..., ::-1] == decode(data)).all()
