"""Posters: loads and capacities, tables of data, advertising that states nothing."""

from __future__ import annotations

import random

from lab import words
from lab.pages.dimension_lines import horizontal, vertical
from lab.pages.layout import Layout, body, chatter, column, stepped, title, weight_line, wrapped
from lab.pages.sheet import blank, shape_product
from lab.surface_forms import SIZES, Wording, form, length_wording
from lab.words import capitals, phrases, weighted

_LOAD_TAILS = phrases("MAX|Capacity|CAPACITY|Weight Capacity|Load|Max load|LOAD CAPACITY|Weight Limit")
_POUNDS = (
    5, 10, 11, 15, 20, 22, 25, 30, 33, 35, 40, 44, 50, 55, 60, 66, 70, 75, 80, 88, 90, 100, 110, 120, 130, 132, 150,
    165, 176, 180, 200, 220, 225, 240, 242, 250, 260, 264, 265, 275, 280, 286, 300, 308, 330, 350, 352, 375, 400, 440,
    450, 500, 550, 600, 660, 700, 800, 880, 1000, 1100, 1200, 1500, 2000, 3000,
)  # fmt: skip
_KILOGRAMS = (
    1, 2, 3, 5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 75, 80, 90, 100, 110, 120, 130, 135, 136, 140,
    150, 160, 180, 200, 220, 250, 300, 350, 400, 500, 600, 800, 1000,
)  # fmt: skip
_LOAD_UNITS = {("pound",): 0.5, ("kilogram",): 0.26, ("pound", "kilogram"): 0.14, ("kilogram", "pound"): 0.10}
_WATTS = (5, 10, 20, 25, 36, 40, 60, 100, 150, 200, 300, 400, 500, 600, 800, 900, 1000, 1200, 1500, 1800, 2000)
_VOLTS = phrases("220|110|100-240|12|24|220-240|5|120|110-240|230")
_ROW_NAMES = {
    "voltage": phrases("Voltage|Rated voltage|Input voltage|Power supply"),
    "wattage": phrases("Power|Rated power|Wattage|Motor power|Output power"),
    "weight": phrases("Weight|Net weight|Product weight|Item weight|N.W."),
    "volume": phrases("Capacity|Volume|Water tank|Tank capacity"),
    "load": phrases("Max load|Load capacity|Weight capacity|Max weight|Maximum load|Bearing"),
    "size": phrases("Size|Dimensions|Product size|Dimension"),
}
_TITLES = phrases(
    "Specification|Product Parameters|PARAMETERS|Product Information|Technical Data|SPECIFICATIONS|Details"
)
_OTHER_DATA = tuple((name, value) for name, _, value in (row.partition(": ") for row in phrases(
    "Speed: 12000 rpm|Noise: <55dB|Cable length: 1.5m|Battery: 2000mAh|Frequency: 50/60Hz|Warranty: 2 years|"
    "Quantity: 1 PCS|Package: 1 x Manual|Temperature: -10~60°C|Charging time: 3-4 hours|Pressure: 120 PSI"
)))  # fmt: skip


def load(rng: random.Random) -> Layout:
    """A claim of how much the product carries."""
    sheet = blank(rng, studio=0.5)
    layout = Layout(sheet, "load")
    if rng.random() < 0.93:
        text = _load(layout)
        word = rng.choice(words.LOAD_WORDS)
        thick = sheet.thick(0.9, 2.4)
        x, y = sheet.across(0.1, 0.9), sheet.down(0.05, 0.95)
        style = rng.random()
        if style < 0.55:
            sheet.put(f"{word}{rng.choice((' ', ': ', ' '))}{text}".replace(":: ", ": "), x, y, thick)
        elif style < 0.85:
            rows = [*(word.split(" ") if rng.random() < 0.2 else [word]), text]
            column(sheet, rows if rng.random() < 0.7 else rows[::-1], x, y, thick, anchor=rng.choice((0.0, 0.5)))
        else:
            sheet.put(f"{text} {rng.choice(_LOAD_TAILS)}", x, y, thick)
    else:
        weight_line(layout, 0.3 * sheet.width, 0.2 * sheet.height)
    if rng.random() < 0.12 and "item_weight" not in layout.truth:
        weight_line(layout, 0.1 * sheet.width, 0.85 * sheet.height)
    if rng.random() < 0.14:
        _small_drawing(layout)
    chatter(sheet, 5, 16)
    if rng.random() < 0.4:
        title(sheet, words.feature(rng))
    return layout


def data(rng: random.Random) -> Layout:
    """A table or a list of data: several kinds of quantity with their names."""
    sheet = blank(rng, studio=0.6)
    layout = Layout(sheet, "data")
    kinds = list(_ROW_NAMES)
    rng.shuffle(kinds)
    rows = [_row(layout, kind) for kind in kinds[: rng.randint(1, 4)]]
    others = (
        *_OTHER_DATA, ("Material", rng.choice(words.MATERIALS)), ("Color", rng.choice(words.COLORS)),
        ("Model", words.code(rng)), ("Name", rng.choice(words.BOX_PRODUCTS)), ("Brand", words.brand(rng)),
    )  # fmt: skip
    rows += [rng.choice(others) for _ in range(rng.randint(1, 7))]
    rng.shuffle(rows)
    thick = sheet.thick(0.7, 1.2)
    x, y = sheet.across(0.03, 0.5), sheet.down(0.1, 0.5)
    if rng.random() < 0.6:
        colon = rng.choice((": ", ":", ": ", " : ", " - ", " "))
        column(sheet, [f"{name}{colon}{value}" for name, value in rows], x, y, thick, spacing=rng.uniform(1.2, 1.9))
    else:
        spacing = rng.uniform(1.3, 2.0) * thick
        top = min(y, sheet.height - spacing * len(rows))
        gap = sheet.across(0.16, 0.32)
        for row, (name, value) in enumerate(rows):
            sheet.put(name, x, top + (row + 0.5) * spacing, thick, anchor=0.0)
            sheet.put(value, x + gap, top + (row + 0.5) * spacing, thick, anchor=0.0)
    if rng.random() < 0.5:
        title(sheet, capitals(rng, rng.choice(_TITLES)))
    chatter(sheet, 3, 8)
    return layout


def capacity(rng: random.Random) -> Layout:
    """A vessel with its capacity, in words or alone."""
    sheet = blank(rng, studio=0.7)
    layout = Layout(sheet, "capacity")
    first, *rest = layout.volume_alone(below=0.2)
    word = rng.choice((*words.VOLUME_WORDS, "", "", "", ""))
    piece = sheet.put(f"{word} {first}".strip(), sheet.across(0.15, 0.85), sheet.down(0.06, 0.9), sheet.thick(0.9, 2.2))
    for line in rest:
        sheet.put(line, piece.x, piece.y + 1.2 * piece.thick, piece.thick)
    if rng.random() < 0.35:
        _small_drawing(layout, round_body=True)
    chatter(sheet, 3, 10)
    return layout


def advertising(rng: random.Random) -> Layout:
    """A picture that answers nothing: features, prose, numbers of other kinds."""
    sheet = blank(rng, studio=0.35)
    title(sheet, words.feature(rng))
    chatter(sheet, 8, 24, least=2)
    if rng.random() < 0.5:
        lines = wrapped(rng, rng.choice(words.SENTENCES))
        column(sheet, lines, sheet.across(0.05, 0.6), sheet.down(0.1, 0.8), sheet.thick(0.6, 1.0))
    return Layout(sheet, "advertising")


def _load(layout: Layout) -> str:
    """A load as printed: a round number in its first unit."""
    rng = layout.rng
    units = weighted(rng, _LOAD_UNITS)
    grams = rng.choice(_POUNDS if units[0] == "pound" else _KILOGRAMS) * SIZES[units[0]]
    joiner = rng.choice(("{}/{}", "{} / {}", "{} ({})", "{}({})"))
    decimals = tuple(rng.choices((0, 1), (0.94, 0.06))[0] for _ in units)
    wording = Wording(units, tuple(form(rng, unit) for unit in units), decimals, joiner)
    return layout.state("maximum_weight_recommendation", wording, grams).text


def _small_drawing(layout: Layout, *, round_body: bool = False) -> None:
    """A height and a width beside what the picture is about."""
    sheet, rng = layout.sheet, layout.rng
    thing = body(rng)
    shape_product(sheet, thing.wide, thing.tall, 0.6)
    wording = length_wording(rng, max(thing.wide, thing.tall))
    x0, y0, x1, y1 = sheet.product
    lines = layout.state("height", wording, stepped(rng, thing.tall)).lines
    side = rng.choice((-1, 1))
    vertical(sheet, lines, (y0, y1), (x0 if side < 0 else x1) + side * 0.02 * sheet.width, side, sheet.base)
    if rng.random() < 0.75:
        lines = layout.state("width", wording, stepped(rng, thing.wide)).lines
        horizontal(sheet, lines, (x0, x1), y1 + 0.02 * sheet.height, 1, sheet.base)
        if round_body or thing.kind == "round":
            layout.truth["depth"] = layout.truth["width"]
            layout.unsettled |= set() if round_body else {"depth"}


def _row(layout: Layout, kind: str) -> tuple[str, str]:
    """One row of a table of data: a name of that kind of quantity, and a quantity."""
    rng, names = layout.rng, _ROW_NAMES[kind]
    if kind == "voltage":
        volts = rng.choice(_VOLTS)
        return rng.choice(names), layout.number("voltage", "volt", volts.rpartition("-")[2], volts)
    if kind == "wattage":
        watts = rng.choice(_WATTS)
        return rng.choice(names), layout.number("wattage", "watt", watts)
    if kind == "weight":
        text = layout.weight(1, 4.3)
    elif kind == "volume":
        text = layout.volume().text
    else:
        text = _load(layout) if kind == "load" else _size(layout)
    return rng.choice(names), text


def _size(layout: Layout) -> str:
    """Width, depth and height in one text."""
    rng = layout.rng
    thing = body(rng)
    wording = length_wording(rng, max(thing.wide, thing.tall), below=0.0)
    printed = [wording.parts(stepped(rng, size))[0] for size in (thing.wide, thing.deep, thing.tall)]
    unit = wording.forms[0]
    text = rng.choice(("x", " x ", "*")).join(one.removesuffix(unit) for one, _ in printed) + unit
    wide, deep, layout.truth["height"] = (value for _, value in printed)
    if rng.random() < 0.5:
        text += rng.choice((" (W x D x H)", " (WxDxH)", "(W*D*H)"))
        layout.truth["width"], layout.truth["depth"] = wide, deep
    else:
        layout.unsettled |= {"width", "depth"}  # without letters the first two may be either
    return text
