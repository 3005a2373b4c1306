"""The typefaces of the drawn pictures: Roboto, Source Serif Pro and Pillow's built-in one.

The first two come from the PyPI packages font-roboto and font-source-serif-pro (extra `dev`); they are needed to draw
pictures, not to run the demo on those that are shipped.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from entx.core.errors import InputError

BUILT_IN = "built-in"

# the serif's .ttf files carry a kerning table that pulls letters over a preceding "%"; the .otf files carry none
_PACKAGES = {"roboto": ("font_roboto", "Roboto-{}.ttf"), "serif": ("font_source_serif_pro", "SourceSerifPro-{}.otf")}

BOLD = ("roboto Bold", "roboto Black", "serif Bold", "serif Black", "roboto BoldItalic", "serif Semibold")
"""Faces for brands, titles and banners."""

PLAIN = (
    "roboto Regular",
    "roboto Medium",
    "roboto Light",
    "serif Regular",
    "serif Semibold",
    "roboto Italic",
    BUILT_IN,
)
"""Faces for small print and dimension text."""


@lru_cache(maxsize=256)
def load_face(face: str, pixels: int) -> ImageFont.FreeTypeFont:
    """A face at a size in pixels, laid out without Raqm so that every machine spaces it alike.

    Args:
        face: `BUILT_IN`, or family and style: "roboto Bold", "serif Regular".

    Raises:
        InputError: the package with that family is not installed.
    """
    if face == BUILT_IN:
        font = ImageFont.load_default(pixels)
        if not isinstance(font, ImageFont.FreeTypeFont):
            raise InputError("this Pillow was built without FreeType; install a wheel of Pillow from PyPI")
        return font
    family, style = face.split(" ")
    return ImageFont.truetype(_file(family, style), pixels, layout_engine=ImageFont.Layout.BASIC)


def _file(family: str, style: str) -> Path:
    package, pattern = _PACKAGES[family]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise InputError(
            f"the font package {package.replace('_', '-')} is not installed; drawing pictures needs it: "
            "pip install 'entx-hybrid[dev]'"
        )
    return Path(spec.origin).parent / "files" / pattern.format(style)
