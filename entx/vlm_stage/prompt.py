"""What a vision-language model is shown of a picture, what it is asked about it, and how it is to answer.

The words are data: the published systems each have their own, and a recipe carries them. `OWN` is entx's. The picture
is decoded once and seen whole, perhaps with crops, each view in its size.

Crops are guided by OCR: one pixel budget for the whole picture, small, and close-ups of the lines with numbers. Print
below some 20 pixels is where vision models begin to misread digits, and a picture of 2000 pixels that is shrunk to a
budget of 512 x 512 has most of its print below that. Where the store holds OCR of the picture, it is known where
numbers stand and how high they are; by geometry alone it is decided what is worth a closer look.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from string import Formatter
from typing import Any

from PIL import Image

from entx.core.boxes import bounds, print_height
from entx.core.entities import Entity
from entx.core.errors import InputError, PictureError
from entx.core.files import picture_bytes
from entx.core.images import MAX_PIXELS, decode_rgb
from entx.core.types import OcrPage, PageStatus, Quantity
from entx.neural.backends.base import Size
from entx.neural.calibration import Calibration
from entx.neural.predict import read_serving as read_described

PROMPT_VERSION = 1
"""Raised with every change of how a form becomes a prompt: a model answers only prompts of its own version."""

_FIELDS = {"entity_name", "entity", "allowed_units"}


@dataclass(frozen=True, slots=True)
class PromptForm:
    """How a question is put. Raises InputError: a field that no question has."""

    question: str  # with {entity_name} ("item_weight"), {entity} ("item weight") and {allowed_units} ("gram, ounce")
    empty: str = ""  # what the model answers where the picture does not show the value; "" for nothing at all
    decimal_point: bool = False  # write "500.0 gram", as the challenge's tables do, instead of "500 gram"

    def __post_init__(self) -> None:
        parts = Formatter().parse(self.question)
        fields = {f"{name}:{width}" if width else name for _, name, width, _ in parts if name is not None}
        if unknown := sorted(fields - _FIELDS):
            known = ", ".join(f"{{{name}}}" for name in sorted(_FIELDS))
            raise InputError(f"prompt.question has {{{unknown[0]}}}; it may have {known}")

    def ask(self, entity: Entity) -> str:
        """The question about an entity; the picture goes before it."""
        return self.question.format(
            entity_name=entity.name, entity=entity.words, allowed_units=", ".join(entity.units)
        )  # fmt: skip

    def answer(self, quantity: Quantity | None) -> str:
        """What the model is to write: "12.5 inch", or the form's word for a value that is not shown."""
        if quantity is None:
            return self.empty
        return quantity.text if self.decimal_point else quantity.text.replace(".0 ", " ")


OWN = PromptForm(
    'What is the {entity}? Answer with one number and one of these units: {allowed_units}; or with "none" where the '
    "picture does not show it.",
    "none",
)
"""Of models that entx trains by itself, and of any other model that no entx.json describes."""

DEFAULT_PIXELS = 512 * 512


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is asked; the defaults are those of any published one that entx has not trained."""

    form: PromptForm = OWN  # of the prompt
    pixels: int = DEFAULT_PIXELS  # budget of a picture, all its views together
    # of its answers' log-probabilities; None for a model that was never calibrated
    calibration: Calibration | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a model folder's entx.json."""
        return {
            "stage": "vlm", "prompt_version": PROMPT_VERSION, "prompt": asdict(self.form), "pixels": self.pixels,
            "calibration": self.calibration.as_dict() if self.calibration else None,
        }  # fmt: skip


read_serving = partial(
    read_described,
    "vlm",
    PROMPT_VERSION,
    Serving(),
    lambda raw: Serving(PromptForm(**raw["prompt"]), int(raw["pixels"])),
)
"""How a model is asked, by the entx.json of its folder or None; see `neural.predict.read_serving`."""


Fit = Callable[[Size, int], Size]
"""`view_size` of a model or a codec: the size at which a picture of some size is seen for a budget of pixels."""

VIEWS_VERSION = 1
"""Raised with every change that can change what a model sees of a picture."""

_SMALLEST_SIDE = 8  # pixels; no print is readable below it
_LONGEST = 100  # times the shorter side; vision towers refuse 200, and round the shorter side up to some 28 pixels
_NEARLY = 0.85
"""Share of the wanted print height at which a crop still serves: models round the sizes of their views."""

_JOIN = 1.3
"""Two crops are joined for up to so many times their pixels: what stands between them is context, and a view fewer."""


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How a budget is spent."""

    print_height: float = 20.0  # pixels that print is to be high; lower print gets a closer look
    most: int = 6  # crops of one picture
    # of the budget that the whole picture keeps in any case; what crops leave over goes to it as well
    whole_share: float = 0.4
    # around a line, in heights of its print: enough for a unit in the next box and the end of an arrow
    margin: float = 1.0
    largest_scale: float = 3.0  # a crop is enlarged no further


DEFAULT_CROPS = CropSettings()


@dataclass(frozen=True, slots=True)
class Look:
    """How pictures are looked at."""

    pixels: int  # budget of a picture, all its views together
    # of the lines with numbers, where OCR of the picture is at hand; None for the whole picture alone
    crops: CropSettings | None = None
    # larger pictures are refused from their header, as by OCR. A JPEG could be reduced while it is decoded, but a
    # progressive one of 69 megapixels takes more than 200 MB all the same
    max_pixels: int = MAX_PIXELS


@dataclass(frozen=True, slots=True)
class Views:
    """What a model sees of a picture."""

    images: tuple[Image.Image, ...]  # RGB; the whole picture first, then crops in reading order
    left_out: int = 0  # lines with numbers that neither view shows large enough; 0 without crops


def see_file(path: Path, fit: Fit, look: Look, page: OcrPage | None = None, sha256: str = "") -> Views:
    """Reads (see `picture_bytes`) and decodes a picture file, once.

    Raises:
        PictureUnavailable: the file, or memory for it, is not there now.
        PictureError: no picture, over a limit, too narrow; `str(error)` is the reason.
    """
    return see(decode_rgb(picture_bytes(path, sha256), look.max_pixels), fit, look, page)


def see(picture: Image.Image, fit: Fit, look: Look, page: OcrPage | None = None) -> Views:
    """The views of an upright RGB picture.

    Args:
        page: its OCR, for crops; one that is not OK, or of another size, guides none.

    Raises:
        PictureError: too narrow for a vision tower.
    """
    short, long = sorted(picture.size)
    if short < _SMALLEST_SIDE or long > _LONGEST * short:
        raise PictureError(f"{picture.width} x {picture.height} pixels: too narrow to show anything")
    guided = page is not None and page.status is PageStatus.OK and (page.width, page.height) == picture.size
    if look.crops is None or page is None or not guided:
        return Views((_resized(picture, fit(picture.size, look.pixels)),))
    plan = plan_crops(page, look.pixels, fit, look.crops)
    close = tuple(_resized(picture, crop.size, crop.box) for crop in plan.crops)
    return Views((_resized(picture, plan.whole), *close), len(plan.left_out))


def _resized(picture: Image.Image, size: Size, box: tuple[int, int, int, int] | None = None) -> Image.Image:
    """The picture or a part of it in that size; bicubic, as the processors of the models do."""
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)


@dataclass(frozen=True, slots=True)
class Crop:
    """A part of a picture and how large it is seen."""

    box: tuple[int, int, int, int]  # x1 y1 x2 y2 in pixels of the upright picture, inside it, of at least one pixel
    size: Size  # of the view


@dataclass(frozen=True, slots=True)
class CropPlan:
    """The views of one picture."""

    whole: Size  # size at which the whole picture is seen
    crops: tuple[Crop, ...] = ()  # in reading order; empty where the whole picture shows all print large enough
    covered: tuple[int, ...] = ()  # positions in `OcrPage.lines` of the lines with numbers that a crop shows
    left_out: tuple[int, ...] = ()  # of those whose print is too low in the whole picture, and that no crop shows

    @property
    def pixels(self) -> int:
        """Of all views together."""
        return _area(self.whole) + sum(_area(crop.size) for crop in self.crops)


def plan_crops(page: OcrPage, budget: int, fit: Fit, settings: CropSettings = DEFAULT_CROPS) -> CropPlan:
    """What a model is to see of a picture for a budget of pixels.

    Args:
        page: its OCR, of status OK; its width and height are the picture's.
        budget: pixels of all views together. Never exceeded, unless one view of the whole picture alone exceeds it.
        fit: of the model.
    """
    size = (page.width, page.height)
    numeric = [place for place, line in enumerate(page.lines) if any(letter.isdigit() for letter in line.text)]
    alone = fit(size, budget)
    low = _too_low(page, numeric, _scale(alone, size), settings)
    if not low:
        return CropPlan(alone)
    coarse = fit(size, int(budget * settings.whole_share))
    left = budget - _area(coarse)
    low = _too_low(page, numeric, _scale(coarse, size), settings)
    spots = [_spot(page, place, settings) for place in low]
    crops: list[Crop] = []
    covered: set[int] = set()
    joined = _joined([spot for spot in spots if spot is not None])
    for spot in sorted(joined, key=lambda one: one.cost / len(one.lines)):
        if len(crops) == settings.most or left <= 0:
            break
        view = fit(spot.view, left)
        if _area(view) <= left and _scale(view, spot.view) >= _NEARLY:
            crops.append(Crop(spot.box, view))
            covered.update(spot.lines)
            left -= _area(view)
    whole = fit(size, budget - sum(_area(crop.size) for crop in crops))
    low = _too_low(page, numeric, _scale(whole, size), settings)
    return CropPlan(
        whole, tuple(sorted(crops, key=lambda crop: (crop.box[1], crop.box[0]))), tuple(sorted(covered)),
        tuple(place for place in low if place not in covered),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Spot:
    """A part of the picture that needs a closer look."""

    box: tuple[int, int, int, int]  # as in `Crop`
    scale: float  # at which it is to be seen
    lines: tuple[int, ...]  # positions of the lines that it is for

    @property
    def view(self) -> Size:
        """Pixels of its view."""
        x1, y1, x2, y2 = self.box
        return max(1, round((x2 - x1) * self.scale)), max(1, round((y2 - y1) * self.scale))

    @property
    def cost(self) -> int:
        return _area(self.view)

    def __or__(self, other: _Spot) -> _Spot:
        box = (
            min(self.box[0], other.box[0]), min(self.box[1], other.box[1]),
            max(self.box[2], other.box[2]), max(self.box[3], other.box[3]),
        )  # fmt: skip
        return _Spot(box, max(self.scale, other.scale), self.lines + other.lines)


def _too_low(page: OcrPage, places: Sequence[int], scale: float, settings: CropSettings) -> list[int]:
    """Which lines are printed too low to be read in a view of that scale."""
    return [place for place in places if print_height(page.lines[place].polygon) * scale < settings.print_height]


def _spot(page: OcrPage, place: int, settings: CropSettings) -> _Spot | None:
    """The line with a margin, as far as it lies in the picture; None where it does not."""
    polygon = page.lines[place].polygon
    height = print_height(polygon)
    margin = settings.margin * height
    left, top, right, bottom = bounds(polygon)
    box = (
        max(0, int(left - margin)), max(0, int(top - margin)),
        min(page.width, int(right + margin) + 1), min(page.height, int(bottom + margin) + 1),
    )  # fmt: skip
    if box[0] >= box[2] or box[1] >= box[3]:
        return None
    return _Spot(box, min(settings.print_height / max(height, 1.0), settings.largest_scale), (place,))


def _joined(spots: Sequence[_Spot]) -> list[_Spot]:
    """Spots of which no two are about as cheap as one."""
    found: list[_Spot] = []
    for spot in spots:
        joined = spot
        while True:  # a joined spot may reach others that its parts did not
            near = next((one for one in found if (one | joined).cost <= _JOIN * (one.cost + joined.cost)), None)
            if near is None:
                break
            found.remove(near)
            joined = near | joined
        found.append(joined)
    return found


def _scale(view: Size, size: Size) -> float:
    """How much smaller a view is than what it shows, along the side that lost more."""
    return min(view[0] / size[0], view[1] / size[1])


def _area(size: Size) -> int:
    return size[0] * size[1]
