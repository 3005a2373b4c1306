"""What counts as a picture: bytes that say so, a size within bounds, and pixels that can all be decoded."""

from __future__ import annotations

import io
import threading
from contextlib import nullcontext
from pathlib import Path
from typing import IO

from PIL import Image

from entx.core.decode import MAX_PIXELS
from entx.core.errors import PictureError

_MIN_SIDE = 8  # pixels; servers send a dot (often 1 x 1) for a picture that they do not have
_LARGE = 4_000_000  # pixels; larger ones are decoded one at a time, so that many threads need no more memory
_TAIL = 1024  # bytes at the end in which the end mark must stand; some cameras append a few
_MAGIC = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"RIFF": "WEBP",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
}
_END_MARK = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}

_one_large = threading.Lock()


def verify_picture(data: bytes, max_pixels: int = MAX_PIXELS) -> None:
    """Decodes a whole picture (of an animation its first frame).

    Raises:
        PictureError: no picture, cut off, broken, a placeholder dot, or over `max_pixels` (told from the header).
    """
    size, name = _read_header(io.BytesIO(data), max_pixels)
    with _one_large if size > _LARGE else nullcontext():
        try:
            with Image.open(io.BytesIO(data), formats=[name]) as picture:
                # A JPEG is decoded to an eighth of its size: every byte is read all the same, at less cost.
                picture.draft("L", (1, 1))
                picture.load()
        except Exception as error:  # Pillow's decoders raise OSError, SyntaxError, ValueError, MemoryError and more
            reason = f"a broken {name}: it cannot be decoded to its end ({type(error).__name__})"
            raise PictureError(reason) from None


def is_good_file(path: Path, max_pixels: int = MAX_PIXELS) -> bool:
    """Whether a file is a whole picture: by header and end mark where the format has one, else by decoding it."""
    try:
        with path.open("rb") as stream:
            _, name = _read_header(stream, max_pixels)
            stream.seek(max(0, stream.seek(0, io.SEEK_END) - _TAIL))
            mark = _END_MARK.get(name)
            if mark is None or mark not in stream.read():
                verify_picture(path.read_bytes(), max_pixels)
    except (OSError, PictureError):
        return False
    return True


def _read_header(stream: IO[bytes], max_pixels: int) -> tuple[int, str]:
    """The number of pixels and the format."""
    start = stream.read(512)
    name = next((name for magic, name in _MAGIC.items() if start.startswith(magic)), None)
    if name is None:
        raise PictureError(f"not a picture: {_looks_like(start)}")
    stream.seek(0)
    try:
        with Image.open(stream, formats=[name]) as picture:
            width, height = picture.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(f"the picture has more than {max_pixels / 1e6:g} megapixels") from None
    except Exception as error:  # as above
        raise PictureError(f"a broken {name}: its header cannot be read ({type(error).__name__})") from None
    if width * height > max_pixels:
        raise PictureError(f"the picture has {width} x {height} pixels, over {max_pixels / 1e6:g} megapixels")
    if width < _MIN_SIDE and height < _MIN_SIDE:
        raise PictureError(f"a placeholder: the picture has {width} x {height} pixels")
    return width * height, name


def _looks_like(start: bytes) -> str:
    start = start.lstrip().lower()
    if not start:
        return "an empty body"
    if b"<svg" in start:
        return "SVG"
    if start.startswith(b"<"):
        return "HTML or XML"
    return "another kind of file"
