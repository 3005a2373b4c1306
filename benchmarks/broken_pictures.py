"""Fault test: thousands of broken pictures of every format through the real pool, and a share through `extract`.

    python benchmarks/broken_pictures.py --images ../shared/data/images/test --count 5000

Real and drawn pictures of 120 x 24 pixels are written in every format and mode that Pillow writes (with animations,
interlaced, tiled, CMYK, 16 bits, odd profiles), then broken by a seed: bits, bytes, cuts, gaps, doubled and foreign
parts, lengths of 0 and of all ones. Beside them stand files made by hand: bombs, loops, scans without end, strips, and
what is no picture. Each is decoded by a process of its own kind first, which measures processor time, memory and what
is printed; then all are ingested and read by `ocr-cache`, and some by `extract`. Exits with 1 when violated: a command
ends by 0 or 3; each picture has a status, and a reason where it is not ok; none takes over 10 s of processor time or
1 GB while it is decoded, none over 10 s in its worker; stderr holds no line but ours.
"""

from __future__ import annotations

import io
import itertools
import json
import os
import random
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from benchmarks.shared import ROOT, arguments, files_in, write_json

Files = dict[str, bytes]

SECONDS, MEMORY = 10.0, 2**30
SIZE = 120, 24  # pixels: low ones are searched for text in a sixth of the time of square ones
MAGIC = 12  # bytes that say what a file is
EXTRACTED = 100
_STRIPS = ((59424, 3), (3, 59424), (40_000_000, 1), (1, 40_000_000), (1, 1), (1, 2000), (2001, 1), (32768, 1220),
           (65000, 33), (20_000, 2_000), (2, 2), (3, 1000), (7, 700))  # fmt: skip

# Decodes the files whose paths it is given on stdin and writes one line of JSON for each.
DECODE = """
import json, sys, time
from pathlib import Path
from entx.core.errors import PictureError
from entx.core.images import decode

def memory(name):
    return next(int(row.split()[1]) for row in open("/proc/self/status") if row.startswith(name)) * 1024

decode(Path(sys.argv[1]).read_bytes())
for path in map(str.strip, sys.stdin):
    data = Path(path).read_bytes()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, began = memory("VmRSS"), time.process_time()
    try:
        said = str(decode(data).shape)
    except PictureError as error:
        said = f"{type(error).__name__}: {error}"
    seconds, rise = time.process_time() - began, memory("VmHWM") - before
    print(json.dumps([path, said, seconds, rise]), flush=True)
"""


def main() -> int:
    parser = arguments(__doc__, "--images")
    parser.add_argument("--count", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--param", action="append", default=[], help="of ocr-cache, NAME=VALUE")
    parser.add_argument("--decode-only", action="store_true", help="without ocr-cache and extract")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = write(Path(folder) / "pictures", args.images, args.count, args.seed)
        print(f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.0f} MB", flush=True)
        faults = decoded(files, Path(folder))
        if not args.decode_only:
            faults += cached(files, Path(folder), args.param, args.json)
            faults += extracted(files, args.seed)
    for fault in faults[:40]:
        print("FAULT", fault)
    print(f"{len(faults)} faults:", "FAILED" if faults else "PASSED")
    return 1 if faults else 0


def write(folder: Path, images: Path, count: int, seed: int) -> list[Path]:
    """The broken pictures as files; names say what was done."""
    chance = random.Random(seed)
    folder.mkdir()
    made = {**by_hand(), **no_pictures()}
    sound = sorted(sources(images, chance).items())
    made |= {f"{name}-sound": data for name, data in sound}
    for number in itertools.count():
        if len(made) >= count:
            break
        name, data = chance.choice(sound)
        way, (_, other) = chance.choice(list(WAYS)), chance.choice(sound)
        made[f"{name}-{way}-{number}"] = WAYS[way](data, other, chance)
    paths = []
    for name, data in made.items():
        path = folder / f"{name}.img"
        path.write_bytes(data)
        paths.append(path)
    return paths


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def animated(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """Three frames."""
    first, *others = (picture.rotate(turn) for turn in (0, 90, 180))
    return encoded(first, kind, save_all=True, append_images=others, **options)


def sources(images: Path, chance: random.Random) -> Files:
    """Sound files, by format and mode."""
    pictures = [drawn_label()]
    for path in chance.sample(files_in([images]), 2):
        with Image.open(path) as picture:
            pictures.append(ImageOps.fit(picture.convert("RGB"), SIZE))
    files: Files = {}
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    for number, picture in enumerate(pictures):
        grey, palette = picture.convert("L"), picture.convert("P")
        deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
        cut = picture.convert("RGBA")
        cut.putalpha(grey)
        one = {
            "jpeg": encoded(picture, "JPEG"),
            "jpeg-progressive": encoded(picture, "JPEG", progressive=True),
            "jpeg-exif": encoded(picture, "JPEG", exif=exif),
            "jpeg-odd-exif": encoded(picture, "JPEG", exif=b"Exif\0\0MM\0*" + chance.randbytes(300)),
            "jpeg-odd-icc": encoded(picture, "JPEG", icc_profile=chance.randbytes(3000)),
            "jpeg-cmyk": encoded(picture.convert("CMYK"), "JPEG"),
            "jpeg-restarts": encoded(picture, "JPEG", restart_marker_blocks=1, subsampling=0),
            "jpeg-grey": encoded(grey, "JPEG"),
            "mpo": animated(picture, "MPO"),
            "png": encoded(picture, "PNG"), "png-alpha": encoded(cut, "PNG"),
            "png-palette": encoded(palette, "PNG"), "png-few": encoded(palette, "PNG", bits=2),
            "png-odd-clear": encoded(palette, "PNG", transparency=bytes(range(256))),
            "png-clear": encoded(picture, "PNG", transparency=(255, 255, 255)),
            "png-one-bit": encoded(picture.convert("1"), "PNG"), "png-deep": encoded(deep, "PNG"),
            "png-odd-icc": encoded(picture, "PNG", icc_profile=chance.randbytes(3000)),
            "png-exif": encoded(picture, "PNG", exif=exif), "png-interlaced": interlaced(picture),
            "apng": animated(picture, "PNG"),
            "gif": encoded(palette, "GIF"), "gif-animated": animated(picture, "GIF", disposal=2),
            "gif-clear": encoded(palette, "GIF", transparency=3, interlace=1),
            "webp": encoded(picture, "WEBP"), "webp-lossless": encoded(cut, "WEBP", lossless=True),
            "webp-animated": animated(picture, "WEBP"),
            "webp-exif": encoded(picture, "WEBP", exif=exif, icc_profile=chance.randbytes(500)),
            "bmp": encoded(picture, "BMP"), "bmp-palette": encoded(palette, "BMP"),
            "bmp-one-bit": encoded(picture.convert("1"), "BMP"), "bmp-alpha": encoded(cut, "BMP"),
            "tiff": encoded(picture, "TIFF"), "tiff-pages": animated(picture, "TIFF"),
            "tiff-deep": encoded(deep, "TIFF"), "tiff-float": encoded(grey.convert("F"), "TIFF"),
            "tiff-cmyk": encoded(picture.convert("CMYK"), "TIFF"), "tiff-tiled": tiled(picture),
            "tiff-group4": encoded(picture.convert("1"), "TIFF", compression="group4"),
            "tiff-big": encoded(picture, "TIFF", big_tiff=True), "tiff-exif": encoded(picture, "TIFF", exif=exif),
            "avif": encoded(picture, "AVIF", speed=10), "avif-animated": animated(picture, "AVIF", speed=10),
            "avif-alpha": encoded(cut, "AVIF", speed=10, exif=exif),
            "jp2": encoded(picture, "JPEG2000"), "j2k": encoded(picture, "JPEG2000", no_jp2=True),
            "jp2-tiles": encoded(picture, "JPEG2000", tile_size=(32, 32), irreversible=True, num_resolutions=3),
            "jp2-alpha": encoded(cut, "JPEG2000"), "jp2-deep": encoded(deep, "JPEG2000"),
            "ppm": encoded(picture, "PPM"), "pgm": encoded(grey, "PPM"), "pgm-deep": encoded(deep, "PPM"),
            "pbm": encoded(picture.convert("1"), "PPM"), "pfm": encoded(grey.convert("F"), "PPM"),
            "ppm-plain": b"P3\n" + f"{picture.width} {picture.height}\n255\n".encode()
            + b" ".join(str(value).encode() for value in picture.tobytes()),
        }  # fmt: skip
        for packing in ("tiff_lzw", "tiff_deflate", "jpeg", "packbits", "zstd", "lzma"):
            one[f"tiff-{packing}"] = encoded(picture, "TIFF", compression=packing)
        files |= {f"{number}-{name}": data for name, data in one.items()}
    return files


def drawn_label() -> Image.Image:
    picture = Image.new("RGB", SIZE, "white")
    font = ImageFont.load_default(size=16)
    ImageDraw.Draw(picture).text((8, 3), "NET 12.5 kg", font=font, fill="black")
    return picture


def interlaced(picture: Image.Image) -> bytes:
    """Adam7, which Pillow reads and does not write."""
    values, rows = np.asarray(picture), b""
    passes = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
    for top, left, down, right in passes:
        rows += b"".join(b"\0" + row.tobytes() for row in values[top::down, left::right])
    head = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 1)
    return png([(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")])


def png(chunks: list[tuple[bytes, bytes]]) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def png_head(width: int, height: int, depth: int = 8, kind: int = 2) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)


def tiff(tags: dict[int, tuple[int, int, int]], body: bytes = b"", after: int = 0) -> bytes:
    """A little-endian TIFF of one directory: tag -> (type, count, value or offset); the body begins at byte 8."""
    entries = b"".join(struct.pack("<HHII", tag, *tags[tag]) for tag in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + struct.pack(
        "<I", after
    )  # fmt: skip


def tiff_tags(width: int, height: int, **more: tuple[int, int, int]) -> dict[int, tuple[int, int, int]]:
    """Grey, 8 bits, one strip at byte 8; `t273=...` replaces or adds a tag."""
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8),
            277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, width * height)}  # fmt: skip
    return tags | {int(name[1:]): value for name, value in more.items()}


def tiled(picture: Image.Image) -> bytes:
    """Tiles of 64 x 64 grey pixels, which Pillow reads and does not write."""
    grey = np.asarray(picture.convert("L"))
    across, down = -(-grey.shape[1] // 64), -(-grey.shape[0] // 64)
    padded = np.zeros((down * 64, across * 64), np.uint8)
    padded[: grey.shape[0], : grey.shape[1]] = grey
    tiles = [padded[y * 64 :, x * 64 :][:64, :64].tobytes() for y in range(down) for x in range(across)]
    count, body = len(tiles), b"".join(tiles)
    offsets = struct.pack(f"<{count}I", *(8 + 4096 * i for i in range(count))) + struct.pack("<I", 4096) * count
    tags = tiff_tags(picture.width, picture.height, t322=(4, 1, 64), t323=(4, 1, 64))
    tags |= {324: (4, count, 8 + len(body)), 325: (4, count, 8 + len(body) + 4 * count)}
    for tag in (273, 278, 279):
        del tags[tag]
    return tiff(tags, body + offsets)


def by_hand() -> Files:
    """Bombs, loops, endless parts and strips."""
    files: Files = {}
    end = (b"IEND", b"")
    for width, height in ((60_000, 60_000), (8_000, 5_001), (2**31 - 1, 2**31 - 1), (0, 10)):
        name = f"bomb-{width}x{height}"
        files[f"{name}-png"] = png([png_head(width, height), (b"IDAT", zlib.compress(b"")), end])
        files[f"{name}-tiff"] = tiff(tiff_tags(width, height) | {279: (4, 1, 100)}, bytes(100))
        files[f"{name}-ppm"] = f"P6 {width} {height} 255\n".encode()
        short = struct.pack("<HH", width & 65535, height & 65535)
        files[f"{name}-gif"] = b"GIF89a" + short + b"\x80\0\0\0\0\0\xff\xff\xff,\0\0\0\0" + short + b"\0\x02\x02L\1\0;"
        head = struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
        files[f"{name}-bmp"] = b"BM" + head
        sides = struct.pack("<I", width)[:3] + struct.pack("<I", height)[:3]
        files[f"{name}-webp"] = b"RIFF\x2e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + sides + bytes(20)
        siz = struct.pack(">HHIIIIIIIIH", 47, 0, width, height, 0, 0, width, height, 0, 0, 3) + b"\7\1\1" * 3
        files[f"{name}-j2k"] = b"\xff\x4f\xff\x51" + siz + b"\xff\x52\0\x0c\0\0\0\1\1\5\4\4\0\0"
        frame = struct.pack(">HBHHB", 17, 8, height & 65535, width & 65535, 3) + b"\1\x22\0\2\x11\1\3\x11\1"
        files[f"{name}-jpeg"] = b"\xff\xd8\xff\xc0" + frame + b"\xff\xda\0\x0c\3\1\0\2\x11\3\x11\0\x3f\0" + bytes(50)
    full = png_head(6_000, 6_000, kind=0)
    files["bomb-zlib-png"] = png([full, (b"IDAT", zlib.compress(bytes(600_000_000), 9)), end])  # 16 x too many bytes
    files["bomb-lzw-tiff"] = encoded(Image.new("L", (6_000, 6_500)), "TIFF", compression="tiff_lzw")
    files["large-jpeg"] = encoded(Image.new("RGB", (7_900, 5_000), "white"), "JPEG", progressive=True)
    files["large-webp"] = encoded(Image.new("RGB", (8_000, 5_000), "white"), "WEBP", quality=1, method=0)
    files["large-avif"] = encoded(Image.new("RGB", (8_000, 4_900), "white"), "AVIF", speed=10)
    files["large-jp2"] = encoded(Image.new("L", (6_000, 6_000)), "JPEG2000")

    label = drawn_label()
    chunks = [png_head(10, 10), (b"IDAT", zlib.compress(bytes(310))), end]
    files["png-many-empty"] = png([chunks[0], *[(b"IDAT", b"")] * 50_000, *chunks[1:]])
    files["png-many-texts"] = png([chunks[0], *[(b"tEXt", b"a\0b")] * 50_000, *chunks[1:]])
    packed = zlib.compress(bytes(300_000_000), 9)
    files["png-text-bomb"] = png([chunks[0], (b"zTXt", b"a\0\0" + packed), *chunks[1:]])
    files["png-profile-bomb"] = png([chunks[0], (b"iCCP", b"a\0\0" + packed), *chunks[1:]])
    files["png-tail-text-bomb"] = png([*chunks[:2], (b"iTXt", b"a\0\1\0\0\0" + packed), end])
    files["png-no-data"] = png([chunks[0], end])
    files["png-two-heads"] = png([png_head(9000, 9000), *chunks])
    files["png-tRNS-odd"] = png([chunks[0], (b"tRNS", b"\1"), *chunks[1:]])
    files["png-no-palette"] = png(
        [png_head(10, 10, kind=3), (b"tRNS", bytes(300)), (b"IDAT", zlib.compress(bytes(110))), end]
    )

    files["tiff-loop"] = tiff(tiff_tags(10, 10), bytes(100), after=8 + 100)
    files["tiff-huge-count"] = tiff(tiff_tags(10, 10, t270=(2, 2**32 - 1, 8)), bytes(100))
    files["tiff-huge-strips"] = tiff(tiff_tags(10, 10, t273=(4, 2**31, 8), t279=(4, 2**31, 8)), bytes(100))
    files["tiff-huge-strip"] = tiff(tiff_tags(10, 10, t279=(4, 1, 2**32 - 1)), bytes(100))
    for packing in (1, 2, 3, 5, 6, 7, 8, 32773, 34712, 50000, 50001, 65535):
        name = f"tiff-packing-{packing}"
        files[name] = tiff(tiff_tags(10, 10, t259=(3, 1, packing)), bytes(range(100)))
        files[f"{name}-huge-tile"] = tiff(
            tiff_tags(
                10, 10, t259=(3, 1, packing), t322=(4, 1, 2**20), t323=(4, 1, 2**20), t324=(4, 1, 8), t325=(4, 1, 99)
            ),
            bytes(100),
        )
        files[f"{name}-huge-rows"] = tiff(tiff_tags(6_000, 6_000, t259=(3, 1, packing)), bytes(range(256)))
    files["tiff-wide-samples"] = tiff(tiff_tags(2_000, 2_000, t277=(3, 1, 65535)), bytes(100))
    files["tiff-odd-order"] = tiff(tiff_tags(10, 10, t266=(3, 1, 9), t274=(3, 1, 99), t284=(3, 1, 2)), bytes(100))
    files["tiff-exif-loop"] = tiff(tiff_tags(10, 10, t34665=(4, 1, 108), t34853=(4, 1, 108)), bytes(100))

    progressive = encoded(label, "JPEG", progressive=True)
    at = progressive.rfind(b"\xff\xda")
    files["jpeg-many-scans"] = progressive[:at] + progressive[at:-2] * 20_000 + progressive[-2:]
    large = encoded(Image.effect_noise((3_000, 3_000), 90), "JPEG", progressive=True, quality=30)
    at = large.rfind(b"\xff\xda")
    files["jpeg-large-many-scans"] = large[:at] + large[at : at + 60] * 30_000
    wide = bytearray(large)
    at = wide.find(b"\xff\xc2") + 5
    wide[at : at + 4] = struct.pack(">HH", 6300, 6300)
    start = bytes(wide).find(b"\xff\xda")
    files["jpeg-wide-empty-scans"] = bytes(wide[:start]) + b"\xff\xda\0\x08\1\1\0\0\0\0" * 3_000 + b"\xff\xd9"
    files["jpeg-many-comments"] = b"\xff\xd8" + b"\xff\xfe\0\2" * 300_000 + encoded(label, "JPEG")[2:]
    files["jpeg-fill-bytes"] = b"\xff\xd8" + b"\xff" * 3_000_000 + encoded(label, "JPEG")[2:]
    gif = encoded(label.convert("P"), "GIF")
    files["gif-far-frame"] = gif[:6] + struct.pack("<HH", 10, 10) + gif[10:]
    files["gif-many-extensions"] = gif[:-1].replace(b",", b"!\xfe\1a\0" * 100_000 + b",", 1) + b";"
    files["ppm-plain-endless"] = b"P3 100 100 255\n" + b"1" * 3_000_000
    files["ppm-comments"] = b"P6\n" + b"#a\n" * 500_000 + b"2 2 255\n" + bytes(12)
    files["ppm-zero-top"] = b"P6 10 10 0\n" + bytes(300)

    for width, height in _STRIPS:
        picture = Image.new("L", (width, height), 255)
        files[f"strip-{width}x{height}-png"] = encoded(picture, "PNG")
        files[f"strip-{width}x{height}-ppm"] = encoded(picture, "PPM")
        if max(width, height) <= 65_500:
            files[f"strip-{width}x{height}-jpeg"] = encoded(picture, "JPEG")
            files[f"strip-{width}x{height}-tiff"] = encoded(picture, "TIFF", compression="tiff_lzw")
            files[f"strip-{width}x{height}-gif"] = encoded(picture.convert("P"), "GIF")
    return files


def no_pictures() -> Files:
    """Formats that are closed by design, and what else people name .jpg."""
    label, box = drawn_label(), b"\0\0\0\x20ftyp"
    files = {
        "closed-pdf": encoded(label, "PDF"), "closed-eps": encoded(label, "EPS"), "closed-ico": encoded(label, "ICO"),
        "closed-dds": encoded(label, "DDS"), "closed-tga": encoded(label, "TGA"), "closed-pcx": encoded(label, "PCX"),
        "closed-sgi": encoded(label, "SGI"), "closed-icns": encoded(label.resize((64, 64)), "ICNS"),
        "closed-psd": b"8BPS\0\1" + bytes(100), "closed-heic": box + b"heic\0\0\0\0mif1heic" + bytes(99),
        "closed-wmf": b"\xd7\xcd\xc6\x9a" + bytes(99),
        "closed-emf": b"\1\0\0\0\x6c\0\0\0" + bytes(32) + b" EMF" + bytes(99),
        "closed-svg": b"<?xml version='1.0'?>\n<!-- a -->\n<svg xmlns='http://www.w3.org/2000/svg'/>",
        "closed-svg-plain": b"<svg xmlns='http://www.w3.org/2000/svg'/>", "closed-jxl": b"\xff\x0a" + bytes(99),
        "closed-jxl-box": b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "closed-mp4": box + b"isom" + bytes(99),
        "closed-mov": box + b"qt  " + bytes(99), "closed-webm": b"\x1aE\xdf\xa3" + bytes(99),
        "closed-avi": b"RIFF\x99\0\0\0AVI " + bytes(99), "closed-raw": b"FUJIFILMCCD-RAW " + bytes(99),
        "text-html": b"<!DOCTYPE html><html>Sorry</html>", "text-xml": b"<?xml version='1.0'?><Error/>",
        "text-json": b'{"error": "gone"}', "text-plain": b"Not found\n", "text-utf8": "Nicht verf\xfcgbar".encode(),
        "text-utf16": "gone".encode("utf-16"), "data-gzip": b"\x1f\x8b\x08" + bytes(99),
        "data-zip": b"PK\3\4" + bytes(99),
        "data-rar": b"Rar!\x1a\7\0" + bytes(99), "data-zeros": bytes(1000),
        "data-random": random.Random(1).randbytes(999),
        "data-elf": b"\x7fELF" + bytes(99), "data-sqlite": b"SQLite format 3\0" + bytes(99),
    }  # fmt: skip
    return files | {f"data-{size}-bytes": bytes(size) for size in (1, 2, 4, 8, 15)}


def _holes(data: bytes, chance: random.Random, make: Callable[[bytes], bytes], longest: int = 200) -> bytes:
    """One to eight stretches, near the head half of the time, replaced by what is made of them."""
    for _ in range(chance.choice((1, 1, 2, 4, 8))):
        at = chance.randrange(min(len(data), chance.choice((60, 600, len(data)))) or 1)
        size = chance.randrange(1, longest)
        data = data[:at] + make(data[at : at + size]) + data[at + size :]
    return data


def _flipped(data: bytes, chance: random.Random) -> bytes:
    broken = bytearray(data)
    for _ in range(chance.choice((1, 3, 10, 100))):
        broken[chance.randrange(min(len(data), chance.choice((40, 400, len(data)))))] ^= 1 << chance.randrange(8)
    return bytes(broken)


def _chunks(data: bytes) -> list[bytes]:
    """Parts that begin at something like a marker, chunk or box."""
    cuts = [0, *(at for at in range(4, len(data) - 8) if data[at] == 0xFF or data[at : at + 4].isalpha()), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(cuts)]


def _shuffled(data: bytes, other: bytes, chance: random.Random) -> bytes:
    parts, foreign = _chunks(data), _chunks(other)
    for _ in range(chance.choice((1, 2, 5))):
        at = chance.randrange(len(parts))
        match chance.randrange(4):
            case 0:
                parts.insert(at, parts[chance.randrange(len(parts))])
            case 1:
                parts.insert(at, chance.choice(foreign))
            case 2:
                parts[at] = b""
            case _:
                parts[at:] = parts[at:][::-1]
    return b"".join(parts)


WAYS: dict[str, Callable[[bytes, bytes, random.Random], bytes]] = {
    "bits": lambda data, _, chance: _flipped(data, chance),
    "bytes": lambda data, _, chance: _holes(data, chance, lambda part: chance.randbytes(len(part)), 12),
    "cut": lambda data, _, chance: data[: chance.randrange(1, min(len(data), chance.choice((64, 700, 10**9))))],
    "gap": lambda data, _, chance: _holes(data, chance, lambda _: b""),
    "twice": lambda data, _, chance: _holes(data, chance, lambda part: part * chance.choice((2, 3, 300))),
    "put": lambda data, _, chance: _holes(data, chance, lambda part: chance.randbytes(chance.randrange(1, 99)) + part),
    "zeros": lambda data, _, chance: _holes(data, chance, lambda part: bytes(len(part))),
    "lengths": lambda data, _, chance: _holes(
        data, chance, lambda _: chance.choice((bytes(4), b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\1\0\0\0")), 5
    ),
    "splice": lambda data, other, chance: data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :],
    "head": lambda data, _, chance: data[: MAGIC + chance.randrange(30)] + chance.randbytes(chance.randrange(2, 900)),
    "parts": _shuffled,
}


def decoded(files: list[Path], folder: Path) -> list[str]:
    """Decodes each; prints the slowest and the largest, gives the faults."""
    printed, rows = folder / "printed", list[tuple[str, str, float, int]]()
    sound, left = next(path for path in files if path.stem.endswith("jpeg-sound")), files
    faults = []
    with printed.open("w") as stderr:
        while left:  # a process that dies is replaced: what it died of is the next file
            done = subprocess.run(
                [sys.executable, "-c", DECODE, sound], input="\n".join(map(str, left)), stdout=subprocess.PIPE,
                stderr=stderr, text=True, cwd=ROOT,
            )  # fmt: skip
            rows += [tuple(json.loads(line)) for line in done.stdout.splitlines()]
            left = files[len(rows) :]
            if left:
                faults.append(f"{left[0].name}: the decoding process ended by {done.returncode}")
                rows.append((str(left[0]), "died", 0.0, 0))
                left = left[1:]
    lines = printed.read_text(errors="replace").splitlines()
    faults += [f"printed while decoding: {line}" for line in dict.fromkeys(lines)]
    for name, unit, of, most in (("slowest", 1, 2, SECONDS), ("largest", 2**20, 3, MEMORY)):
        rows.sort(key=lambda row: -float(row[of]))
        print(f"{name}:", ", ".join(f"{Path(row[0]).name} {float(row[of]) / unit:.2f}" for row in rows[:6]))
        faults += [f"{Path(row[0]).name}: {row[of]} while decoding" for row in rows if float(row[of]) > most]
    print("decoded:", Counter(row[1].split(":")[0] if ":" in row[1] else "ok" for row in rows), flush=True)
    return faults


def cached(files: list[Path], folder: Path, params: list[str], out: Path | None) -> list[str]:
    """All through `entx ocr-cache`; its faults."""
    from entx.storage.store import Store

    table, store = folder / "t.csv", folder / "s.duckdb"
    rows = [f"{number},{path.name},item_weight" for number, path in enumerate(files)]
    table.write_text("\n".join(["index,image_link,entity_name", *rows]) + "\n", encoding="utf-8")
    entx("ingest", table, "--images", files[0].parent, "--store", store)
    began = time.monotonic()
    options = [part for param in params for part in ("--param", param)]
    code, stdout, stderr = entx("ocr-cache", "--store", store, "--workers", 1, *options)
    print(f"ocr-cache: exit {code}, {time.monotonic() - began:.0f} s, {stdout.strip()[-300:]}")
    faults = [] if code in (0, 3) else [f"ocr-cache ended by {code}"]
    faults += [f"stderr of ocr-cache: {line}" for line in stderr if not line.startswith("entx: ")]
    with Store(store) as opened:
        found = opened.connection.execute("""
            select c.image_link, p.status, p.reason, p.seconds
            from pictures c left join pages p using (picture)""").fetchall()
    found.sort(key=lambda row: -(row[3] or 0.0))
    print("slowest pages:", ", ".join(f"{name} {seconds:.1f} ({status})" for name, status, _, seconds in found[:6]))
    print("pages:", Counter(status for _, status, _, _ in found))
    faults += [f"{name}: {status} {reason}" for name, status, reason, _ in found if status is None]
    faults += [
        f"{name}: {status} without a reason" for name, status, reason, _ in found if status != "ok" and not reason
    ]
    faults += [
        f"{name}: {status}: {reason}" for name, status, reason, _ in found if status in ("failed", "quarantined")
    ]
    faults += [f"{name}: {seconds:.1f} s in its worker" for name, _, _, seconds in found if (seconds or 0) > SECONDS]
    write_json(out, found)
    return faults


def extracted(files: list[Path], seed: int) -> list[str]:
    """Some through `entx extract`; its faults."""
    some = random.Random(seed).sample(files, EXTRACTED)
    code, stdout, stderr = entx("extract", *some, "--entity", "item_weight", "--stage", "rules")
    answers = json.loads(stdout)["answers"] if stdout.startswith("{") else []
    print(f"extract: exit {code},", Counter(one["status"] for one in answers))
    faults = [] if code in (0, 3) and len(answers) == len(some) else [f"extract ended by {code}: {stderr[-1:]}"]
    faults += [f"stderr of extract: {line}" for line in stderr if not line.startswith("entx: ")]
    return faults + [f"{one['image']}: no reason" for one in answers if one["status"] != "ok" and not one["reason"]]


def entx(*command: object) -> tuple[int, str, list[str]]:
    """Exit code, stdout and the lines of stderr of a command with --json."""
    done = subprocess.run(
        [sys.executable, "-m", "entx", *map(str, command), "--json"], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.splitlines()


if __name__ == "__main__":
    sys.exit(main())
