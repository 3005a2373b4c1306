"""Dimension drawings: a product with arrows and numbers, from one number to eight."""

from __future__ import annotations

import random

from entx.core.types import Quantity
from lab.pages import measured, words
from lab.pages.bodies import Body, body, stepped
from lab.pages.drafting import horizontal, oblique, vertical
from lab.pages.measured import draw
from lab.pages.plan import Plan, case, chatter, title, volume_line, weight_line
from lab.pages.sayings import Voice, length_voice
from lab.pages.sheet import Piece, Sheet, blank, shape_product

_AXES = {
    "box": (("hw", 0.36), ("hwd", 0.34), ("w", 0.06), ("h", 0.08), ("wd", 0.09), ("hd", 0.07)),
    "round": (("hw", 0.66), ("w", 0.14), ("h", 0.12), ("hww", 0.08)),
    "flat": (("hw", 0.80), ("w", 0.11), ("h", 0.09)),
}
_LABELS = (("", 0.70), ("prefix", 0.12), ("suffix", 0.07), ("above", 0.06), ("apart", 0.05))
_STATED = {"inch": ("inch", "in", "inches"), "centimetre": ("cm", "CM"), "millimetre": ("mm", "MM")}
_LIKELY = {"height": 1.0, "width": 1.0, "depth": 1.0, "item_weight": 0.06, "maximum_weight_recommendation": 0.02,
           "item_volume": 0.05, "wattage": 0.02, "voltage": 0.02}  # fmt: skip


def drawing(rng: random.Random) -> Plan:
    """One product with dimension lines."""
    thing = body(rng)
    sheet = blank(rng, studio=0.80)
    if rng.random() < 0.9:
        shape_product(sheet, thing.wide + (0.4 * thing.deep if thing.kind == "box" else 0.0), thing.tall, 0.76)
    if sheet.studio:
        sheet.roundness = draw(rng, measured.ROUND if thing.kind == "round" else measured.NOT_ROUND)
    plan = Plan("drawing", sheet, likely=dict(_LIKELY))
    mode = rng.random()
    bare = mode < 0.09
    voice = length_voice(rng, max(thing.wide, thing.tall), bare=bare)
    if bare and (mode < 0.045 or len(voice.units) == 2 or voice.units[0] not in _STATED):
        _draw(plan, thing, voice)
        plan.truth = {}
    else:
        _draw(plan, thing, voice)
        if bare:
            _state_unit(sheet, voice.units[0])
    _surroundings(plan, thing)
    return plan


def _draw(plan: Plan, thing: Body, voice: Voice) -> None:
    sheet, rng = plan.sheet, plan.sheet.rng
    axes = _axes_of(rng, thing)
    style = measured.pick(rng, _LABELS)
    long_words = rng.random() < 0.4
    by_length = bool(style) and thing.kind != "round" and rng.random() < 0.45  # names L, W, H instead of W, D, H
    thick = sheet.base * rng.uniform(0.9, 1.25)
    sizes = {"h": stepped(rng, thing.tall), "w": stepped(rng, thing.wide), "d": stepped(rng, thing.deep)}
    x0, y0, x1, y1 = sheet.product
    corner = thing.kind == "box" and axes in ("hwd", "wd") and rng.random() < 0.32
    sides = {"h": rng.choice((-1, 1)), "w": rng.choices((1, -1), (0.55, 0.45))[0]}
    stated: dict[str, Quantity] = {}
    drawn: list[Piece] = []
    for axis in dict.fromkeys(axes):
        texts, value = voice.say(sizes[axis])
        stated[axis] = value
        word = _word_of(thing, axis, by_length)
        texts = _dressed(rng, style, word, texts, long_words)
        factor = 1.0
        if axis == "h":
            x_line = (
                (x0 - rng.uniform(0.005, 0.06) * sheet.width)
                if sides["h"] < 0
                else x1 + rng.uniform(0.005, 0.06) * sheet.width
            )
            pieces = vertical(sheet, texts, (y0, y1), x_line, _outwards(rng, sides["h"]), thick, factor=factor)
        elif axis == "w" and not corner:
            y_line = (
                y1 + rng.uniform(0.005, 0.06) * sheet.height
                if sides["w"] > 0
                else y0 - rng.uniform(0.005, 0.06) * sheet.height
            )
            span = (x0, x1 - (0.25 * (x1 - x0) if "d" in axes else 0.0))
            pieces = horizontal(sheet, texts, span, y_line, _outwards(rng, sides["w"]), thick, factor=factor)
        else:
            pieces = _slanted(sheet, axis, corner, thing, texts, thick)
        drawn += pieces
        if style == "apart" and pieces:
            _apart(sheet, pieces[0], rng.choice(words.AXIS_WORDS[word]))
    if axes == "hww":  # a second diameter, of the foot or the rim: the larger one is the product's
        _second_diameter(sheet, thing, voice, -sides["w"], thick)
    _partials(plan, voice, axes, sizes, sides, thick)
    _truth(plan, thing, style, by_length, stated)
    if rng.random() < measured.MARKS and drawn:
        near = rng.choice(drawn)
        letter = sheet.put(rng.choice("HHHIVKA"), near.x, near.y - 1.5 * near.thick, near.thick * 0.7)
        letter.mark, letter.score = True, rng.uniform(0.3, 1.0)


def _axes_of(rng: random.Random, thing: Body) -> str:
    if thing.kind == "thin":
        main = "h" if thing.tall > thing.wide else "w"
        return main if rng.random() < 0.6 else "hw"
    return measured.pick(rng, _AXES[thing.kind])


def _outwards(rng: random.Random, side: int) -> int:
    """The text stands outside its line, seldom between line and product."""
    return side if rng.random() < 0.85 else -side


def _slanted(sheet: Sheet, axis: str, corner: bool, thing: Body, texts: list[str], thick: float) -> list[Piece]:
    """The depth, and of a body seen over its corner the width too: at the lower edge, rising away from the corner."""
    rng = sheet.rng
    x0, y0, x1, y1 = sheet.product
    wide = x1 - x0
    if corner:
        share = max(0.25, min(0.75, thing.wide / (thing.wide + thing.deep)))
        if axis == "w":
            length, degrees, at = wide * share, -rng.uniform(13, 32), x0 + wide * share / 2
        else:
            length, degrees, at = wide * (1 - share), rng.uniform(22, 55), x1 - wide * (1 - share) / 2
        at, degrees = (at, degrees) if rng.random() < 0.6 else (x0 + x1 - at, -degrees)
        y = y1 - 0.1 * (y1 - y0)
        return oblique(sheet, texts, (at, y + 0.02 * sheet.height), length, degrees, 1, thick)
    length = max(0.08, min(0.35, thing.deep / max(thing.wide, 0.1))) * wide * rng.uniform(0.7, 1.2)
    low = rng.random() < 0.75
    if low:
        centre = (x1 - 0.1 * wide + rng.uniform(0, 0.05) * sheet.width, y1 - rng.uniform(0, 0.08) * sheet.height)
        return oblique(sheet, texts, centre, length, rng.uniform(25, 65), 1, thick)
    centre = (x0 + 0.1 * wide, y0 - rng.uniform(0, 0.04) * sheet.height)
    return oblique(sheet, texts, centre, length, rng.uniform(25, 65), -1, thick)


def _word_of(thing: Body, axis: str, by_length: bool) -> str:
    if axis == "h":
        return "height"
    if thing.kind == "round" and axis == "w":
        return "diameter"
    if by_length:
        return {"w": "length", "d": "width"}[axis]
    return {"w": "width", "d": "depth"}[axis]


def _dressed(rng: random.Random, style: str, word: str, texts: list[str], long_words: bool) -> list[str]:
    """The texts with the name of their axis."""
    if not style or style == "apart":
        return texts
    name = rng.choice(
        [one for one in words.AXIS_WORDS[word] if long_words == (len(one) > 1)] or list(words.AXIS_WORDS[word])
    )
    if style == "prefix":
        joint = rng.choice((": ", ":", " ", " ", "=", "") if len(name) == 1 else (": ", ":", " ", " "))
        return [f"{name}{joint}{texts[0]}", *texts[1:]]
    if style == "suffix":
        return [*texts[:-1], texts[-1] + rng.choice(("({})", " {}", " ({})", " {}")).format(name)]
    return [name, *texts]


def _apart(sheet: Sheet, piece: Piece, name: str) -> None:
    """The axis' name in a box of its own beside or over the number."""
    if sheet.rng.random() < 0.5:
        sheet.put(name, piece.x, piece.y - 1.3 * piece.thick, piece.thick)
    else:
        sheet.put(name, piece.x - piece.wide / 2 - 0.8 * piece.thick, piece.y, piece.thick, anchor=1.0)


def _second_diameter(sheet: Sheet, thing: Body, voice: Voice, side: int, thick: float) -> None:
    x0, y0, x1, y1 = sheet.product
    share = sheet.rng.uniform(0.5, 0.9)
    inset = (1 - share) * (x1 - x0) / 2
    texts, _ = voice.say(thing.wide * share)
    y_line = (y1 if side > 0 else y0) + side * sheet.rng.uniform(0.005, 0.05) * sheet.height
    horizontal(sheet, texts, (x0 + inset, x1 - inset), y_line, side, thick)


def _partials(
    plan: Plan, voice: Voice, axes: str, sizes: dict[str, float], sides: dict[str, int], thick: float
) -> None:
    """Sizes of parts: shorter lines with smaller numbers, in a direction whose whole extent is drawn too."""
    sheet, rng = plan.sheet, plan.sheet.rng
    x0, y0, x1, y1 = sheet.product
    count = rng.choices((0, 1, 2, 3, 5), (0.66, 0.16, 0.09, 0.06, 0.03))[0]
    for _ in range(count):
        axis = rng.choice([one for one in axes if one in "hw"] or ["-"])
        if axis == "-":
            return
        share = rng.uniform(0.12, 0.85)
        texts, _ = voice.say(sizes[axis] * share)
        if rng.random() < 0.22:
            part = case(rng, rng.choice(words.PART_WORDS))
            texts = [part, *texts] if rng.random() < 0.5 else [f"{part}: {texts[0]}", *texts[1:]]
        start = rng.uniform(0.0, 1 - share)
        if axis == "h":
            span = (y0 + start * (y1 - y0), y0 + (start + share) * (y1 - y0))
            x_line = (
                rng.uniform(x0, x1)
                if rng.random() < 0.5
                else (x1 + 0.02 * sheet.width if sides["h"] < 0 else x0 - 0.02 * sheet.width)
            )
            vertical(sheet, texts, span, x_line, rng.choice((-1, 1)), thick * rng.uniform(0.75, 1.0), factor=0.95)
        else:
            span = (x0 + start * (x1 - x0), x0 + (start + share) * (x1 - x0))
            y_line = (
                rng.uniform(y0, y1)
                if rng.random() < 0.5
                else (y0 - 0.02 * sheet.height if sides["w"] > 0 else y1 + 0.02 * sheet.height)
            )
            horizontal(sheet, texts, span, y_line, rng.choice((-1, 1)), thick * rng.uniform(0.75, 1.0), factor=0.95)


def _truth(plan: Plan, thing: Body, style: str, by_length: bool, stated: dict[str, Quantity]) -> None:
    """What the drawing answers: words win over arrows, a round body's width is its depth."""
    rng = plan.sheet.rng
    if "h" in stated:
        plan.truth["height"] = stated["h"]
    if by_length:
        if "d" in stated:
            plan.truth["width"] = stated["d"]
            if "w" in stated:
                plan.truth["depth"] = stated["w"]
        elif "w" in stated:  # a length and a height: whether it is the width or the depth is anyone's guess
            plan.unsettled |= {"width", "depth"}
        return
    if "w" in stated:
        plan.truth["width"] = stated["w"]
        if thing.kind == "round":
            plan.truth["depth"] = stated["w"]
            if plan.sheet.roundness is None and not style and rng.random() < 0.5:
                plan.unsettled.add("depth")
    if "d" in stated:
        plan.truth["depth"] = stated["d"]


def _state_unit(sheet: Sheet, unit: str) -> None:
    rng = sheet.rng
    text = rng.choice(
        (
            "Unit: {}",
            "Unit:{}",
            "unit:{}",
            "Unit:{}",
            "UNIT: {}",
            "(Unit: {})",
            "单位:{}",
            "All dimensions in {}",
            "Units: {}",
        )
    )
    sheet.put(
        text.format(rng.choice(_STATED[unit])),
        rng.uniform(0.1, 0.9) * sheet.width,
        rng.choice((0.06, 0.94)) * sheet.height,
        sheet.base,
    )


def _surroundings(plan: Plan, thing: Body) -> None:
    """Headings, names, notes and chatter around the drawing; large pictures carry more."""
    sheet, rng = plan.sheet, plan.sheet.rng
    if rng.random() < (0.5 if sheet.large else 0.2):
        title(sheet, case(rng, rng.choice(words.SIZE_TITLES), 0.2), bottom=0.1)
    if rng.random() < (0.25 if sheet.large else 0.08) + (0.25 if thing.kind == "round" and not sheet.studio else 0.0):
        name = f"{words.brand(rng)} {thing.name}" if rng.random() < 0.3 else thing.name
        title(sheet, case(rng, name), bottom=0.4)
    if rng.random() < 0.10:
        note = rng.choice(words.ERROR_NOTES).format(
            rng.choice(("1-3cm", "1-2 cm", "0.5 inch", "1-3mm", "0.39 inches", "2cm", "1-3 cm"))
        )
        sheet.put(
            note, sheet.width / 2, rng.choice((0.93, 0.96, 0.12)) * sheet.height, sheet.base * rng.uniform(0.5, 0.8)
        )
    if thing.kind == "flat" and rng.random() < 0.07:
        voice = length_voice(rng, 1.0)
        text, value = voice.line(thing.deep)
        sheet.put(
            f"{rng.choice(words.AXIS_WORDS['thickness'][:3])}: {text}",
            sheet.width * 0.3,
            sheet.height * 0.9,
            sheet.base,
        )
        plan.truth["depth"] = value
    spot = rng.uniform(0.05, 0.6) * sheet.width, rng.choice((0.05, 0.12, 0.88, 0.94)) * sheet.height
    extra = rng.random()
    if extra < 0.05:
        weight_line(sheet, plan, *spot, sheet.base)
    elif extra < 0.09 and thing.kind in ("box", "round"):
        volume_line(sheet, plan, *spot, sheet.base)
    amount = rng.choices((0, 2, 6, 14), (0.42, 0.30, 0.18, 0.10) if sheet.large else (0.78, 0.16, 0.05, 0.01))[0]
    chatter(sheet, rng.randint(amount // 2, amount))
