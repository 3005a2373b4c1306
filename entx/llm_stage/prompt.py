"""What the text model reads: the page's lines with their layout, then the question; and what it is to answer.

The plain style, for models that know language, leaves text as it is printed and adds a few marks:

    Text in a picture of a round product:
    DOUBLE WALL TUMBLER
    [vertical line, right, sideways] 24.5cm / 9.6in [24.5 centimetre, 9.6 inch]
    What is the height? Answer with a number and its unit in full, or none.                   -> 24.5 centimetre

The compact style, for a small model that was trained on it from nothing, says the same and more in tags:

    <page><a2><w3><n1><k0>
    <x07><y02><s3> DOUBLE WALL TUMBLER
    <x12><y08><s2><r90><v3><l3><t2><right> [24.5 centimetre] / [9.6 inch]
    <q> height<a>                                                                             -> 24.5 centimetre

The page part is the same for all questions of a picture, so that it is encoded once. A tag is a word in angle brackets
(`TAGS` says what each means); what stands in square brackets is ours in every style. Brackets of either kind never
come from the picture: OCR text is data, and text that imitates a mark or gives orders stays text.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

from entx.core.boxes import centre, frame_of
from entx.core.candidates import Candidate, find_candidates, page_quantities
from entx.core.entities import Entity, Schema
from entx.core.orders import without_orders
from entx.core.types import LineGeometry, OcrLine, OcrPage, PageGeometry, Quantity
from entx.core.units import BY_NAME
from entx.neural.calibration import Calibration
from entx.neural.predict import read_serving as read_described
from entx.storage.runs import load_answers, run_settings
from entx.storage.store import Store

PROMPT_VERSION = 1
"""Raised with every change of the text: a model answers only prompts of the version it was trained on."""

NONE = "none"
"""The answer for a value that the picture does not show."""

GRID = 16
"""Columns and rows that a page is divided into for <x..> and <y..>."""

_SIZES = (0.015, 0.025, 0.04, 0.07)  # text height / page height; quintiles of number lines on real pages, rounded
_STROKES = (0.05, 0.12, 0.25, 0.5)  # stroke scores: below the first a line says nothing
_LENGTHS = (0.1, 0.3, 0.6)  # stroke length / longer side of the page
_ASPECTS = (0.8, 0.95, 1.05, 1.25)  # width / height
_WHITES = (0.25, 0.5, 0.75, 0.9)
_ROUNDNESS = (0.05, 0.2, 0.4)  # a product of the last step is called round
_CLEAR = 0.25  # stroke score from which a dimension line is not called weak
_DOUBTFUL = 0.6  # recogniser's score
_UPRIGHT = 4.0  # degrees by which text may be off a right angle and still counts as straight

_PLAIN_TURNS = {"r90": "sideways", "r270": "sideways", "r180": "upside down", "rs": "slanted"}

_NEUTRAL = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")", "\n": " ", "\r": " ", "\t": " "})

TAGS: dict[str, str] = {
    "page": "start of a page", "q": "the question", "hint": "another reader's answer", "a": "the answer follows",
    **{f"a{n}": f"page shape, {n} of 0 (tall) to 4 (wide)" for n in range(5)},
    **{f"w{n}": f"share of white, {n} of 0 to 4" for n in range(5)},
    **{f"n{n}": f"things on the plain background: {n}, 3 for more" for n in range(4)},
    **{f"k{n}": f"roundness of the product, {n} of 0 to 3" for n in range(4)},
    **{f"x{n:02}": f"column {n} of {GRID}" for n in range(GRID)},
    **{f"y{n:02}": f"row {n} of {GRID}" for n in range(GRID)},
    **{f"s{n}": f"text height, {n} of 0 to 4" for n in range(5)},
    **{f"r{n}": f"text turned by {n} degrees" for n in (90, 180, 270)}, "rs": "slanted text", "low": "doubtful text",
    **{f"v{n}": f"a vertical dimension line at the text, {n} of 1 (weak) to 4 (certain)" for n in range(1, 5)},
    **{f"h{n}": f"a horizontal dimension line, {n} of 1 to 4" for n in range(1, 5)},
    **{f"o{n}": f"an oblique dimension line, {n} of 1 to 4" for n in range(1, 5)},
    **{f"l{n}": f"length of the best of these lines, {n} of 0 to 3" for n in range(4)},
    **{f"t{n}": f"{n} of its ends carry an arrow head or a tick" for n in (1, 2)},
    "mark": "a letter on a dimension line, more likely an arrow",
    **{name: f"stands {name} the product" for name in ("inside", "above", "below")},
    **{name: f"stands {name} of the product" for name in ("left", "right")},
    **{f"p{n}": f"the other reader's score, {n} of 0 to 9" for n in range(10)},
}  # fmt: skip
"""Every tag that a prompt may hold, without its angle brackets, and its meaning."""


class Style(StrEnum):
    """How page and question are put."""

    COMPACT = "compact"  # for a model trained on this format from nothing: tags
    PLAIN = "plain"  # for a model that knows language: text, few plain marks, the question
    BARE = "bare"  # the same without any mark: OCR text alone, as published system 5 gave it

    @property
    def chat(self) -> bool:
        """Whether a prompt goes through the model's chat template."""
        return self is not Style.COMPACT


@dataclass(frozen=True, slots=True)
class Serving:
    """How a model is asked; the defaults are those of any instruction-tuned one that entx has not trained."""

    style: Style = Style.PLAIN  # of the prompt
    budget: int = 2048  # tokens that the page part may have
    # of the mode that scores candidates; None for a model that was never calibrated
    calibration: Calibration | None = None

    def as_dict(self) -> dict[str, Any]:
        """For a model folder's entx.json."""
        return {
            "style": self.style.value, "budget": self.budget, "prompt_version": PROMPT_VERSION,
            **({"calibration": self.calibration.as_dict()} if self.calibration else {}),
        }  # fmt: skip


read_serving = partial(
    read_described, "llm", PROMPT_VERSION, Serving(), lambda raw: Serving(Style(raw["style"]), int(raw["budget"]))
)
"""How a model is asked, by the entx.json of its folder or None; see `neural.predict.read_serving`."""


@dataclass(frozen=True, slots=True)
class PagePrompt:
    """The page part of a prompt."""

    text: str  # ends in a line break
    kept: tuple[int, ...]  # positions in `OcrPage.lines` of the lines that it holds, ascending
    dropped: int  # number of whole lines left out because the budget was spent


@dataclass(frozen=True, slots=True)
class Hint:
    """What another run answered to the question."""

    quantity: Quantity | None  # None where it abstained
    score: float | None = None  # 0 to 1; None where it has none


def load_hints(store: Store, run: str) -> Mapping[int, Hint]:
    """What a run of the store answered to each question. Raises InputError: no such run; lists those there are."""
    run_settings(store, run)
    return {index: Hint(answer.quantity, answer.score) for index, answer in load_answers(store, run)}


def answer_text(quantity: Quantity | None) -> str:
    """The answer as the model is to write it: "12.5 inch", "12 inch", or "none"."""
    return NONE if quantity is None else quantity.text.replace(".0 ", " ")


def question_prompt(entity: Entity, style: Style, hint: Hint | None = None) -> str:
    """The question part: follows a page part, ends where the answer begins (never in a space)."""
    said = f"[{answer_text(hint.quantity)}]" if hint is not None else ""
    score = hint.score if hint is not None else None
    if style is Style.COMPACT:
        return f"<q> {entity.words}{said and f' <hint> {said}{_score_tag(score)}'}<a>"
    if said:
        said = f"Another reader says {said}{'' if score is None else f' ({score:.0%} sure)'}. "
    return f"{said}What is the {entity.words}? Answer with a number and its unit in full, or {NONE}."


def page_prompt(
    page: OcrPage,
    schema: Schema,
    style: Style,
    *,
    count_tokens: Callable[[list[str]], list[int]],
    budget: int,
    quantities: Sequence[Candidate] | None = None,
) -> PagePrompt:
    """The page part.

    Lines are ranked (those with a quantity first, then by nearness to one) and kept whole in that order while the
    budget lasts; the text has the kept ones in reading order. Lines without a letter or digit are not shown.

    Args:
        schema: whose entities may be asked: quantities in its own units are marked too.
        count_tokens: the model's number of tokens of each text.
        budget: tokens that the page part may have.
        quantities: `page_quantities(page)` where the caller has it.
    """
    page = without_orders(page)
    if quantities is None:
        quantities = page_quantities(page)
    by_line = _shown_lines(page, schema, quantities)
    head, rendered = _compact(page, by_line) if style is Style.COMPACT else _plain(page, by_line, schema, style)
    spent, *counts = count_tokens([head, *rendered.values()])
    costs = dict(zip(rendered, counts, strict=True))
    left = budget - spent
    kept = []
    numbers = {number for number, found in by_line.items() if found}
    for number in _ranked(page, list(rendered), numbers):
        if costs[number] <= left:
            left -= costs[number]
            kept.append(number)
    kept.sort()
    parts = [head]
    for before, number in zip([None, *kept], kept, strict=False):
        if style is Style.PLAIN and before is not None and _side_by_side(page.lines[before], page.lines[number]):
            parts[-1] = parts[-1].replace("\n", " | ")
        parts.append(rendered[number])
    return PagePrompt("".join(parts), tuple(kept), len(rendered) - len(kept))


def _shown_lines(page: OcrPage, schema: Schema, quantities: Sequence[Candidate]) -> dict[int, Sequence[Candidate]]:
    """The positions of the lines that are shown, and the quantities that begin in each."""
    found = list(quantities)
    for entity in schema.entities.values():
        if any(unit not in BY_NAME for unit in entity.units):
            found += [one for one in find_candidates(page, entity, quantities) if one.order >= len(quantities)]
    by_line: dict[int, list[Candidate]] = {}
    for one in found:
        by_line.setdefault(one.line_ids[0], []).append(one)
    swallowed = {line for one in found for line in one.line_ids[1:]} - by_line.keys()
    return {
        number: by_line.get(number, ())
        for number, line in enumerate(page.lines)
        if number not in swallowed and any(map(str.isalnum, line.text))
    }


def _plain(
    page: OcrPage, by_line: Mapping[int, Sequence[Candidate]], schema: Schema, style: Style
) -> tuple[str, dict[int, str]]:
    """The line that heads a page, and each shown line, in plain words; only quantities that may be asked are marked."""
    units = {unit for entity in schema.entities.values() for unit in entity.units}
    geometry = page.geometry if style is Style.PLAIN else None
    what = "a picture"
    if geometry is not None and geometry.parts > 1:
        what = f"a picture of {geometry.parts} things"
    elif geometry is not None and (geometry.roundness or 0.0) >= _ROUNDNESS[-1]:
        what = "a picture of a round product"
    lines = {}
    for number, found in by_line.items():
        text = page.lines[number].text
        if style is Style.PLAIN:
            if geometry is not None and number in geometry.marks:
                continue  # an arrow that was read as a letter
            before, behind = _plain_marks(page, number, [one for one in found if one.quantity.unit in units])
            text = f"{_bracketed(before)} {text.translate(_NEUTRAL)} {_bracketed(behind)}"
        else:
            text = " ".join([text, *(page.lines[other].text for one in found for other in one.line_ids[1:])])
            text = text.translate(_NEUTRAL)
        lines[number] = " ".join(text.split()) + "\n"
    return f"Text in {what}:\n", lines


def _side_by_side(left: OcrLine, right: OcrLine) -> bool:
    """Whether two upright lines stand in one row of print, in this order."""
    one, other = frame_of(left.polygon), frame_of(right.polygon)
    (x, y), (behind, at) = centre(left.polygon), centre(right.polygon)
    upright = not _turn(left.rotation) and not _turn(right.rotation)
    return upright and x < behind and abs(y - at) < 0.5 * min(one.height, other.height)


def _bracketed(marks: Sequence[str]) -> str:
    return f"[{', '.join(marks)}]" if marks else ""


def _plain_marks(page: OcrPage, number: int, found: Sequence[Candidate]) -> tuple[list[str], list[str]]:
    """What is said before a line with quantities (dimension lines near by, place, turn), and those in normal form.

    In this order, because a causal model reads a number with what stands before it: what picks the number must not come
    behind it.
    """
    if not found:
        return [], []
    marks: list[str] = []
    geometry = page.geometry.of(number) if page.geometry is not None else None
    if geometry is not None:
        for stroke in (geometry.vertical, geometry.horizontal, geometry.oblique):
            if stroke is not None and stroke.score >= _STROKES[0]:
                marks.append(f"{'' if stroke.score >= _CLEAR else 'weak '}{stroke.direction} line")
        if geometry.place is not None:
            marks.append(geometry.place.value)
    marks += (_PLAIN_TURNS[turn] for turn in _turn(page.lines[number].rotation))
    return marks, list(dict.fromkeys(answer_text(one.quantity) for one in found))


def _compact(page: OcrPage, by_line: Mapping[int, Sequence[Candidate]]) -> tuple[str, dict[int, str]]:
    """The line that heads a page, and each shown line, in tags."""
    return _page_tags(page) + "\n", {
        number: f"{_line_tags(page, number)} {_marked(page.lines[number].text, found)}\n"
        for number, found in by_line.items()
    }


def _marked(text: str, candidates: Sequence[Candidate]) -> str:
    parts, start = [], 0
    behind = []
    for one in candidates:
        mark = f"[{answer_text(one.quantity)}]"
        at = text.find(one.text, start)
        if at < 0:  # its number and unit do not stand together in this line
            behind.append(mark)
            continue
        parts += [text[start:at].translate(_NEUTRAL), mark]
        start = at + len(one.text)
    return " ".join("".join([*parts, text[start:].translate(_NEUTRAL), " ", *behind]).split())


def _page_tags(page: OcrPage) -> str:
    tags = ["page", f"a{_bucket(page.width / max(page.height, 1), _ASPECTS)}"]
    geometry = page.geometry
    if geometry is not None:
        tags += [f"w{_bucket(geometry.white, _WHITES)}", f"n{min(geometry.parts, 3)}"]
        if geometry.roundness is not None:
            tags.append(f"k{_bucket(geometry.roundness, _ROUNDNESS)}")
    return _tags(tags)


def _line_tags(page: OcrPage, number: int) -> str:
    line = page.lines[number]
    x, y = centre(line.polygon)
    width, height = max(page.width, 1), max(page.height, 1)
    tags = [
        f"x{_cell(x / width):02}",
        f"y{_cell(y / height):02}",
        f"s{_bucket(frame_of(line.polygon).height / height, _SIZES)}",
    ]
    tags += _turn(line.rotation)
    if line.score < _DOUBTFUL:
        tags.append("low")
    if page.geometry is not None:
        tags += _geometry_tags(page, page.geometry, number)
    return _tags(tags)


def _geometry_tags(page: OcrPage, geometry: PageGeometry, number: int) -> list[str]:
    if number in geometry.marks:
        return ["mark"]
    found = geometry.of(number)
    return [] if found is None else [*_stroke_tags(page, found), *([found.place.value] if found.place else [])]


def _stroke_tags(page: OcrPage, found: LineGeometry) -> list[str]:
    tags = []
    for letter, stroke in (("v", found.vertical), ("h", found.horizontal), ("o", found.oblique)):
        if stroke is not None and (level := _bucket(stroke.score, _STROKES)):
            tags.append(f"{letter}{level}")
    best = found.best
    if tags and best is not None:
        tags.append(f"l{_bucket(best.length / max(page.width, page.height, 1), _LENGTHS)}")
        if best.ticks:
            tags.append(f"t{best.ticks}")
    return tags


def _turn(rotation: float) -> list[str]:
    right_angle = round(rotation / 90.0) * 90
    if abs(rotation - right_angle) > _UPRIGHT:
        return ["rs"]
    return [f"r{right_angle % 360}"] if right_angle % 360 else []


def _ranked(page: OcrPage, shown: Sequence[int], numbers: set[int]) -> list[int]:
    """Lines with a quantity first, larger print first; then the others by their distance from the nearest of those."""
    centres = {number: centre(page.lines[number].polygon) for number in shown}
    anchors = [centres[number] for number in shown if number in numbers]

    def rank(number: int) -> tuple[bool, float]:
        if number in numbers or not anchors:
            return number not in numbers, -frame_of(page.lines[number].polygon).height
        return True, min(math.dist(centres[number], anchor) for anchor in anchors)

    return sorted(shown, key=rank)


def _cell(share: float) -> int:
    return min(max(int(share * GRID), 0), GRID - 1)


def _bucket(value: float, edges: Sequence[float]) -> int:
    return sum(value >= edge for edge in edges)


def _score_tag(score: float | None) -> str:
    return "" if score is None else f"<p{min(max(int(score * 10), 0), 9)}>"


def _tags(names: Sequence[str]) -> str:
    return "".join(f"<{name}>" for name in names)
