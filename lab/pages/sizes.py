"""Pages about sizes: drawings with dimension lines, lists "L x W x H", lines that name an axis, charts."""

from __future__ import annotations

import random
from collections.abc import Sequence

from entx.core.types import Quantity
from lab import words
from lab.pages import distributions
from lab.pages.dimension_lines import horizontal, oblique, vertical
from lab.pages.distributions import draw
from lab.pages.layout import (
    Body,
    Layout,
    body,
    chatter,
    column,
    material_line,
    stepped,
    title,
    volume_line,
    weight_line,
    with_product,
)
from lab.pages.sheet import Piece, Sheet, blank, shape_product
from lab.surface_forms import Wording, length_wording
from lab.words import capitals, phrases, weighted

_AXES = {
    "box": (("hw", 0.36), ("hwd", 0.34), ("w", 0.06), ("h", 0.08), ("wd", 0.09), ("hd", 0.07)),
    "round": (("hw", 0.66), ("w", 0.14), ("h", 0.12), ("hww", 0.08)),
    "flat": (("hw", 0.80), ("w", 0.11), ("h", 0.09)),
}
_BY_AXIS = {"h": "height", "w": "width", "d": "depth"}
_BY_LENGTH = {"h": "height", "w": "length", "d": "width"}
_LABELS = (("", 0.70), ("prefix", 0.12), ("suffix", 0.07), ("above", 0.06), ("apart", 0.05))
_STATED = {"inch": ("inch", "in", "inches"), "centimetre": ("cm", "CM"), "millimetre": ("mm", "MM")}
_UNIT_NOTES = phrases("Unit: {}|Unit:{}|unit:{}|Unit:{}|UNIT: {}|(Unit: {})|单位:{}|All dimensions in {}|Units: {}")
_ERRORS = phrases("1-3cm|1-2 cm|0.5 inch|1-3mm|0.39 inches|2cm|1-3 cm")
_TIMES = (" x ", "x", "*", " X ", "×", " * ", " × ", "X")
_TIMES_OF_LETTERS = (" x ", "*", " X ", " * ", " × ")
_PREFIXES = phrases(
    "Size: |||SIZE: |Dimensions: |Size:|Product size:|Dimension: |Measures |Product Dimensions: |Medidas: |Maße: "
)
_AXIS_ORDERS = {"lwh": 0.42, "wdh": 0.20, "lhw": 0.05, "hwd": 0.10, "wh": 0.11, "lw": 0.06, "whd": 0.06}
_NAMED_AXES = tuple(names.split() for names in phrases(
    "length width height|width depth height|width height|height diameter|length width|length width thickness|"
    "height width|diameter|height|width"
))  # fmt: skip


def drawing(rng: random.Random) -> Layout:
    """One product with dimension lines, from one number to eight."""
    thing = body(rng)
    sheet = blank(rng, studio=0.80)
    if rng.random() < 0.9:
        shape_product(sheet, thing.wide + (0.4 * thing.deep if thing.kind == "box" else 0.0), thing.tall, 0.76)
    if sheet.studio:
        sheet.roundness = draw(rng, distributions.ROUND if thing.kind == "round" else distributions.NOT_ROUND)
    layout = Layout(sheet, "drawing")
    mode = rng.random()
    bare = mode < 0.09  # numbers without a unit: half of them with one note for all
    wording = length_wording(rng, max(thing.wide, thing.tall), bare=bare)
    _draw(layout, thing, wording)
    unit = wording.units[0]
    if bare and (mode < 0.045 or len(wording.units) == 2 or unit not in _STATED):
        layout.truth = {}
    elif bare:
        note = rng.choice(_UNIT_NOTES).format(rng.choice(_STATED[unit]))
        sheet.put(note, sheet.across(0.1, 0.9), rng.choice((0.06, 0.94)) * sheet.height, sheet.base)
    _surroundings(layout, thing)
    return layout


def _draw(layout: Layout, thing: Body, wording: Wording) -> None:
    sheet, rng = layout.sheet, layout.rng
    if thing.kind == "thin":
        axes = ("h" if thing.tall > thing.wide else "w") if rng.random() < 0.6 else "hw"
    else:
        axes = distributions.pick(rng, _AXES[thing.kind])
    style = distributions.pick(rng, _LABELS)
    long_words = rng.random() < 0.4
    by_length = bool(style) and thing.kind != "round" and rng.random() < 0.45  # names L, W, H instead of W, D, H
    thick = sheet.thick(0.9, 1.25)
    sizes = {"h": stepped(rng, thing.tall), "w": stepped(rng, thing.wide), "d": stepped(rng, thing.deep)}
    x0, y0, x1, y1 = sheet.product
    corner = thing.kind == "box" and axes in ("hwd", "wd") and rng.random() < 0.32
    sides = {"h": rng.choice((-1, 1)), "w": rng.choices((1, -1), (0.55, 0.45))[0]}
    stated: dict[str, Quantity] = {}
    drawn: list[Piece] = []
    for axis in dict.fromkeys(axes):
        statement = wording.state(sizes[axis])
        stated[axis] = statement.value
        word = "diameter" if thing.kind == "round" and axis == "w" else (_BY_LENGTH if by_length else _BY_AXIS)[axis]
        texts = _labelled(rng, style, word, [*statement.lines], long_words)
        if axis == "h":
            x_line = _beside(x0, x1, sides["h"], sheet.across(0.005, 0.06))
            pieces = vertical(sheet, texts, (y0, y1), x_line, _outwards(rng, sides["h"]), thick)
        elif axis == "w" and not corner:
            y_line = _beside(y0, y1, sides["w"], sheet.down(0.005, 0.06))
            span = (x0, x1 - (0.25 * (x1 - x0) if "d" in axes else 0.0))
            pieces = horizontal(sheet, texts, span, y_line, _outwards(rng, sides["w"]), thick)
        else:
            pieces = _slanted(sheet, axis, corner, thing, texts, thick)
        drawn += pieces
        if style == "apart":
            _put_beside(sheet, pieces[0], rng.choice(words.AXIS_WORDS[word]))
    if axes == "hww":  # a second diameter, of the foot or the rim: the larger one is the product's
        share = rng.uniform(0.5, 0.9)
        inset = (1 - share) * (x1 - x0) / 2
        y_line = _beside(y0, y1, -sides["w"], sheet.down(0.005, 0.05))
        texts = [*wording.state(thing.wide * share).lines]
        horizontal(sheet, texts, (x0 + inset, x1 - inset), y_line, -sides["w"], thick)
    _draw_parts(layout, wording, axes, sizes, sides, thick)
    _note_truth(layout, thing, style, by_length, stated)
    if rng.random() < distributions.MARKS:
        near = rng.choice(drawn)
        letter = sheet.put(rng.choice("HHHIVKA"), near.x, near.y - 1.5 * near.thick, near.thick * 0.7)
        letter.mark, letter.score = True, rng.uniform(0.3, 1.0)


def _beside(low: float, high: float, side: int, distance: float) -> float:
    """A place before the lower end (side -1) or behind the higher one."""
    return low - distance if side < 0 else high + distance


def _outwards(rng: random.Random, side: int) -> int:
    """The text stands outside its line, seldom between line and product."""
    return side if rng.random() < 0.85 else -side


def _slanted(sheet: Sheet, axis: str, corner: bool, thing: Body, texts: Sequence[str], thick: float) -> list[Piece]:
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
    if rng.random() < 0.75:  # at the lower right, else at the upper left
        side, centre = 1, (x1 - 0.1 * wide + sheet.across(0, 0.05), y1 - sheet.down(0, 0.08))
    else:
        side, centre = -1, (x0 + 0.1 * wide, y0 - sheet.down(0, 0.04))
    return oblique(sheet, texts, centre, length, rng.uniform(25, 65), side, thick)


def _labelled(rng: random.Random, style: str, word: str, texts: list[str], long_words: bool) -> list[str]:
    """The texts with the name of their axis."""
    if not style or style == "apart":
        return texts
    fitting = [one for one in words.AXIS_WORDS[word] if long_words == (len(one) > 1)]
    name = rng.choice(fitting or words.AXIS_WORDS[word])
    if style == "prefix":
        joint = rng.choice((": ", ":", " ", " ", "=", "") if len(name) == 1 else (": ", ":", " ", " "))
        return [f"{name}{joint}{texts[0]}", *texts[1:]]
    if style == "suffix":
        return [*texts[:-1], texts[-1] + rng.choice(("({})", " {}", " ({})", " {}")).format(name)]
    return [name, *texts]


def _put_beside(sheet: Sheet, piece: Piece, name: str) -> None:
    """The axis' name in a box of its own beside or over the number."""
    if sheet.rng.random() < 0.5:
        sheet.put(name, piece.x, piece.y - 1.3 * piece.thick, piece.thick)
    else:
        sheet.put(name, piece.x - piece.wide / 2 - 0.8 * piece.thick, piece.y, piece.thick, anchor=1.0)


def _draw_parts(
    layout: Layout, wording: Wording, axes: str, sizes: dict[str, float], sides: dict[str, int], thick: float
) -> None:
    """Sizes of parts: shorter lines with smaller numbers, in a direction whose whole extent is drawn too."""
    sheet, rng = layout.sheet, layout.rng
    x0, y0, x1, y1 = sheet.product
    for _ in range(rng.choices((0, 1, 2, 3, 5), (0.66, 0.16, 0.09, 0.06, 0.03))[0]):
        axis = rng.choice([one for one in axes if one in "hw"])
        share = rng.uniform(0.12, 0.85)
        texts = [*wording.state(sizes[axis] * share).lines]
        if rng.random() < 0.22:
            part = capitals(rng, rng.choice(words.PART_WORDS))
            texts = [part, *texts] if rng.random() < 0.5 else [f"{part}: {texts[0]}", *texts[1:]]
        start = rng.uniform(0.0, 1 - share)
        low, high = (y0, y1) if axis == "h" else (x0, x1)
        span = (low + start * (high - low), low + (start + share) * (high - low))
        left, right, whole = (x0, x1, sheet.width) if axis == "h" else (y0, y1, sheet.height)
        inside = rng.random() < 0.5
        place = rng.uniform(left, right) if inside else _beside(left, right, -sides[axis], 0.02 * whole)
        line = vertical if axis == "h" else horizontal
        line(sheet, texts, span, place, rng.choice((-1, 1)), thick * rng.uniform(0.75, 1.0), factor=0.95)


def _note_truth(layout: Layout, thing: Body, style: str, by_length: bool, stated: dict[str, Quantity]) -> None:
    """What the drawing answers: words win over arrows, a round body's width is its depth."""
    truth = layout.truth
    if "h" in stated:
        truth["height"] = stated["h"]
    if by_length:
        if "d" in stated:
            truth["width"] = stated["d"]
            if "w" in stated:
                truth["depth"] = stated["w"]
        elif "w" in stated:  # a length and a height: whether it is the width or the depth is anyone's guess
            layout.unsettled |= {"width", "depth"}
        return
    if "w" in stated:
        truth["width"] = stated["w"]
        if thing.kind == "round":
            truth["depth"] = stated["w"]
            if layout.sheet.roundness is None and not style and layout.rng.random() < 0.5:
                layout.unsettled.add("depth")
    if "d" in stated:
        truth["depth"] = stated["d"]


def _surroundings(layout: Layout, thing: Body) -> None:
    """Headings, names, notes and chatter around the drawing; large pictures carry more."""
    sheet, rng = layout.sheet, layout.rng
    if rng.random() < (0.5 if sheet.large else 0.2):
        title(sheet, capitals(rng, rng.choice(words.SIZE_TITLES), 0.2), bottom=0.1)
    if rng.random() < (0.25 if sheet.large else 0.08) + (0.25 if thing.kind == "round" and not sheet.studio else 0.0):
        name = f"{words.brand(rng)} {thing.name}" if rng.random() < 0.3 else thing.name
        title(sheet, capitals(rng, name), bottom=0.4)
    if rng.random() < 0.10:
        note = rng.choice(words.ERROR_NOTES).format(rng.choice(_ERRORS))
        sheet.put(note, sheet.width / 2, rng.choice((0.93, 0.96, 0.12)) * sheet.height, sheet.thick(0.5, 0.8))
    if thing.kind == "flat" and rng.random() < 0.07:
        text = layout.state("depth", length_wording(rng, 1.0), thing.deep).text
        text = f"{rng.choice(words.AXIS_WORDS['thickness'][:3])}: {text}"
        sheet.put(text, sheet.width * 0.3, sheet.height * 0.9, sheet.base)
    spot = sheet.across(0.05, 0.6), rng.choice((0.05, 0.12, 0.88, 0.94)) * sheet.height
    extra = rng.random()
    if extra < 0.05:
        weight_line(layout, *spot)
    elif extra < 0.09 and thing.kind in ("box", "round"):
        volume_line(layout, *spot)
    amount = rng.choices((0, 2, 6, 14), (0.42, 0.30, 0.18, 0.10) if sheet.large else (0.78, 0.16, 0.05, 0.01))[0]
    chatter(sheet, amount, amount, least=amount // 2)


def listing(rng: random.Random) -> Layout:
    """One line "30 x 20 x 10 cm", with or without letters."""
    thing = body(rng)
    sheet = with_product(blank(rng, studio=0.6), thing.wide, thing.tall, 0.8)
    layout = Layout(sheet, "list")
    wording = length_wording(rng, max(thing.wide, thing.tall), below=0.0)
    lettered = rng.random() < 0.6
    order = weighted(rng, _AXIS_ORDERS) if lettered else rng.choice(("wdh", "wh"))
    sizes = {"w": thing.deep if "l" in order else thing.wide, "h": thing.tall, "d": thing.deep, "l": thing.wide}
    printed = {axis: wording.parts(stepped(rng, sizes[axis])) for axis in order}
    parts = [[text for text, _ in of_axis] for of_axis in printed.values()]
    text = _list_text(rng, order, parts, wording.forms, lettered)
    text = rng.choice(_PREFIXES) + text
    thick = sheet.thick(0.8, 1.6)
    x, level = sheet.across(0.1, 0.9), rng.choice((0.06, 0.1, 0.9, 0.94, rng.uniform(0.1, 0.9)))
    sheet.put(text, x, level * sheet.height, thick)
    _note_list_truth(layout, order, {axis: of_axis[0][1] for axis, of_axis in printed.items()}, lettered)
    if rng.random() < 0.15:
        weight_line(layout, 0.1 * sheet.width, 0.2 * sheet.height)
    _heads(layout, thing.name)
    return layout


def _list_text(rng: random.Random, order: str, parts: list[list[str]], forms: tuple[str, ...], lettered: bool) -> str:
    """The numbers joined; each with its unit, or the unit once at the end; both units one after the other."""
    times = rng.choice(_TIMES_OF_LETTERS if lettered else _TIMES)
    mark = not forms[0].strip()[:1].isalnum()
    each = rng.random() < (0.6 if mark else 0.3)
    behind = rng.random() < 0.5 and (each or not mark)
    tail = lettered and not each and rng.random() < 0.35
    texts = []
    for unit, form in enumerate(forms):
        items = []
        for axis, printed in zip(order, parts, strict=True):
            last = axis == order[-1]
            item = printed[unit] if each or last else printed[unit].removesuffix(form)
            if lettered and not tail and unit == 0:
                letter = axis.upper()
                if behind and last and not each:
                    item = item.removesuffix(form) + letter + (form if form.startswith(" ") else f" {form}")
                elif behind:
                    item += letter
                else:
                    item = f"{letter}{rng.choice(('', ' ', ':')) if each else ''}{item}"
            items.append(item)
        texts.append(times.join(items))
    text = texts[0] if len(texts) == 1 else rng.choice(("{} / {}", "{}/{}", "{} ({})")).format(*texts)
    if tail:
        text += f" ({(' x ' if rng.random() < 0.7 else '*').join(order.upper())})"
    return text


def _note_list_truth(layout: Layout, order: str, values: dict[str, Quantity], lettered: bool) -> None:
    if lettered:
        names = {"l": "depth", "w": "width", "h": "height", "d": "depth"}  # a depth beside a length wins
        layout.truth.update((names[axis], values[axis]) for axis in "lwhd" if axis in values)
        if order == "lw":
            layout.unsettled.add("depth")
        return
    first, last = values["w"], values["h"]
    if "d" in values:
        layout.unsettled.add("depth")
    elif layout.sheet.studio and first.value != last.value:  # the drawn proportions say which is which
        x0, y0, x1, y1 = layout.sheet.product
        tall = (y1 - y0) > 1.15 * (x1 - x0)
        first, last = sorted((first, last), key=lambda one: one.value, reverse=not tall)
    layout.truth["width"], layout.truth["height"] = first, last


def axis_lines(rng: random.Random) -> Layout:
    """Lines that name an axis each: "Height: 20 cm"."""
    thing = body(rng)
    sheet = with_product(blank(rng, studio=0.6), thing.wide, thing.tall, 0.7)
    layout = Layout(sheet, "list")
    wording = length_wording(rng, max(thing.wide, thing.tall), below=0.0)
    names = rng.choice(_NAMED_AXES)
    sizes = {
        "length": max(thing.wide, thing.deep), "width": min(thing.wide, max(thing.deep, 1.0)), "height": thing.tall,
        "depth": thing.deep, "thickness": max(0.1, thing.deep / 3), "diameter": thing.wide,
    }  # fmt: skip
    colon = rng.choice((": ", ":", " ", " : ", "", "="))
    texts, values = [], {}
    for name in names:
        statement = wording.state(stepped(rng, sizes[name]))
        values[name] = statement.value
        word = rng.choice([one for one in words.AXIS_WORDS[name] if len(one) > 1])
        texts += [word, statement.text] if rng.random() < 0.12 else [f"{word}{colon or ' '}{statement.text}"]
    others = [material_line(rng, "Material", "Color", "Style") for _ in range(rng.randint(0, 2))]
    texts = texts + others if rng.random() < 0.5 else others + texts
    x = sheet.across(0.04, 0.6)
    column(sheet, texts, x, sheet.down(0.05, 0.75), sheet.thick(0.8, 1.5))
    layout.truth.update({name: value for name, value in values.items() if name in ("height", "width", "depth")})
    if "diameter" in values:
        layout.truth["width"] = layout.truth["depth"] = values["diameter"]
    if "thickness" in values:
        layout.truth["depth"] = values["thickness"]
        layout.unsettled |= {"height"}
    elif "length" in values:
        layout.truth["depth"] = values["length"]
        if "height" not in values:
            layout.unsettled.add("depth")
    if rng.random() < 0.2:
        weight_line(layout, x, 0.9 * sheet.height)
    _heads(layout, thing.name)
    return layout


def chart(rng: random.Random) -> Layout:
    """Several sizes or models, none of which is the product's: everything is empty."""
    sheet = blank(rng, studio=0.5)
    layout = Layout(sheet, "list")
    first = body(rng)
    wording = length_wording(rng, max(first.wide, first.tall), below=0.0)
    count = rng.randint(2, 5)
    scale = 1.0
    if rng.random() < 0.45:
        times = rng.choice(_TIMES)
        texts = []
        for row in range(count):
            scale *= rng.uniform(1.15, 1.6)
            wide, tall = (wording.parts(stepped(rng, size * scale))[0][0] for size in (first.wide, first.tall))
            name = rng.choice(("", "", ("S", "M", "L", "XL", "XXL")[row] + ": ", f"{row + 1}. "))
            texts.append(f"{name}{wide.removesuffix(wording.forms[0])}{times}{tall}")
        x, y = sheet.across(0.1, 0.6), sheet.down(0.2, 0.6)
        column(sheet, texts, x, y, sheet.base, spacing=rng.uniform(1.3, 3.0))
    else:
        sheet.parts = max(sheet.parts, count) if sheet.studio else 0
        wide_part = sheet.width / count
        for part in range(count):
            scale *= rng.uniform(1.1, 1.5) if part else 1.0
            x0, x1 = (part + 0.2) * wide_part, (part + 0.8) * wide_part
            y0, y1 = sheet.height * (0.75 - 0.15 * scale), sheet.height * 0.75
            if rng.random() < 0.85:
                lines = wording.state(stepped(rng, first.tall * scale)).lines
                vertical(sheet, lines, (max(y0, 9), y1), x0 - 0.02 * wide_part, -1, sheet.base)
            lines = wording.state(stepped(rng, first.wide * scale)).lines
            horizontal(sheet, lines, (x0, x1), y1 + 0.03 * sheet.height, 1, sheet.base)
    if rng.random() < 0.5:
        title(sheet, capitals(rng, rng.choice(words.SIZE_TITLES)))
    chatter(sheet, 2, 6)
    return layout


def _heads(layout: Layout, name: str) -> None:
    sheet, rng = layout.sheet, layout.rng
    if rng.random() < 0.35:
        title(sheet, capitals(rng, rng.choice(words.SIZE_TITLES)))
    elif rng.random() < 0.3:
        title(sheet, capitals(rng, name))
    chatter(sheet, 4, 12)
