"""Posters: loads and capacities, tables of data, advertising that states nothing."""

from __future__ import annotations

import random
from decimal import Decimal

from entx.core.types import Quantity
from lab.pages import words
from lab.pages.bodies import body, stepped
from lab.pages.drafting import horizontal, vertical
from lab.pages.plan import Plan, case, chatter, column, round_content, title, weight_line, wrapped
from lab.pages.sayings import SIZES, Voice, form, length_voice, volume_voice, weight_voice
from lab.pages.sheet import blank, shape_product


def load(rng: random.Random) -> Plan:
    """A claim of how much the product carries."""
    sheet = blank(rng, studio=0.5)
    plan = Plan(
        "load",
        sheet,
        likely={
            "maximum_weight_recommendation": 1.0,
            "item_weight": 0.35,
            "height": 0.12,
            "width": 0.10,
            "depth": 0.08,
        },
    )
    if rng.random() < 0.93:
        text, value = _load(rng)
        word = rng.choice(words.LOAD_WORDS)
        thick = sheet.base * rng.uniform(0.9, 2.4)
        x, y = rng.uniform(0.1, 0.9) * sheet.width, rng.uniform(0.05, 0.95) * sheet.height
        style = rng.random()
        if style < 0.55:
            sheet.put(f"{word}{rng.choice((' ', ': ', ' '))}{text}".replace(":: ", ": "), x, y, thick)
        elif style < 0.85:
            rows = [*(word.split(" ") if rng.random() < 0.2 else [word]), text]
            column(sheet, rows if rng.random() < 0.7 else rows[::-1], x, y, thick, anchor=rng.choice((0.0, 0.5)))
        else:
            sheet.put(
                f"{text} {rng.choice(_LOAD_TAILS)}",
                x,
                y,
                thick,
            )
        plan.truth["maximum_weight_recommendation"] = value
    else:
        weight_line(sheet, plan, 0.3 * sheet.width, 0.2 * sheet.height, sheet.base)
    if rng.random() < 0.12 and "item_weight" not in plan.truth:
        weight_line(sheet, plan, 0.1 * sheet.width, 0.85 * sheet.height, sheet.base)
    if rng.random() < 0.14:
        _small_drawing(plan)
    chatter(sheet, rng.randint(0, 16 if sheet.large else 5))
    if rng.random() < 0.4:
        title(sheet, words.feature(rng))
    return plan


def data(rng: random.Random) -> Plan:
    """A table or a list of data: several kinds of quantity with their names."""
    sheet = blank(rng, studio=0.6)
    plan = Plan("data", sheet, likely={"item_weight": 0.8, "voltage": 0.6, "wattage": 0.6, "item_volume": 0.3,
        "height": 0.6, "width": 0.5, "depth": 0.5,
                                       "maximum_weight_recommendation": 0.3})  # fmt: skip
    rows: list[tuple[str, str]] = []
    makers = [_volt_row, _watt_row, _weight_row, _volume_row, _load_row, _size_row]
    rng.shuffle(makers)
    for maker in makers[: rng.randint(1, 4)]:
        rows.append(maker(plan))
    others = (("Material", rng.choice(words.MATERIALS)), ("Color", rng.choice(words.COLORS)), ("Model",
        words.code(rng)), ("Speed", "12000 rpm"), ("Noise", "<55dB"),
              ("Cable length", "1.5m"), ("Battery", "2000mAh"), ("Frequency", "50/60Hz"), ("Warranty", "2 years"),
              ("Quantity", "1 PCS"), ("Package", "1 x Manual"),
              ("Temperature", "-10~60°C"), ("Charging time", "3-4 hours"), ("Name", rng.choice(words.BOX_PRODUCTS)),
              ("Brand", words.brand(rng)), ("Pressure", "120 PSI"))  # fmt: skip
    rows += [rng.choice(others) for _ in range(rng.randint(1, 7))]
    rng.shuffle(rows)
    thick = sheet.base * rng.uniform(0.7, 1.2)
    x, y = rng.uniform(0.03, 0.5) * sheet.width, rng.uniform(0.1, 0.5) * sheet.height
    style = rng.random()
    if style < 0.6:
        colon = rng.choice((": ", ":", ": ", " : ", " - ", " "))
        column(sheet, [f"{name}{colon}{value}" for name, value in rows], x, y, thick, spacing=rng.uniform(1.2, 1.9))
    else:
        spacing = rng.uniform(1.3, 2.0) * thick
        top = min(y, sheet.height - spacing * len(rows))
        gap = rng.uniform(0.16, 0.32) * sheet.width
        for row, (name, value) in enumerate(rows):
            sheet.put(name, x, top + (row + 0.5) * spacing, thick, anchor=0.0)
            sheet.put(value, x + gap, top + (row + 0.5) * spacing, thick, anchor=0.0)
    if rng.random() < 0.5:
        title(
            sheet,
            case(
                rng,
                rng.choice(
                    (
                        "Specification",
                        "Product Parameters",
                        "PARAMETERS",
                        "Product Information",
                        "Technical Data",
                        "SPECIFICATIONS",
                        "Details",
                    )
                ),
            ),
        )
    chatter(sheet, rng.randint(0, 8 if sheet.large else 3))
    return plan


def capacity(rng: random.Random) -> Plan:
    """A vessel with its capacity, in words or alone."""
    sheet = blank(rng, studio=0.7)
    plan = Plan(
        "capacity", sheet, likely={"item_volume": 1.0, "height": 0.25, "width": 0.2, "depth": 0.25, "item_weight": 0.15}
    )
    content = round_content(rng)
    lines, value = volume_voice(rng, content, below=0.2).say(content)
    word = rng.choice((*words.VOLUME_WORDS, "", "", "", ""))
    sheet.put(
        f"{word} {lines[0]}".strip(),
        rng.uniform(0.15, 0.85) * sheet.width,
        rng.uniform(0.06, 0.9) * sheet.height,
        sheet.base * rng.uniform(0.9, 2.2),
    )
    if len(lines) > 1:
        first = sheet.pieces[-1]
        sheet.put(lines[1], first.x, first.y + 1.2 * first.thick, first.thick)
    plan.truth["item_volume"] = value
    if value.unit == "fluid ounce" and "fl" not in lines[0].lower():
        plan.unsettled.add("item_weight")
    if rng.random() < 0.35:
        _small_drawing(plan, round_body=True)
    chatter(sheet, rng.randint(0, 10 if sheet.large else 3))
    return plan


def advertising(rng: random.Random) -> Plan:
    """A picture that answers nothing: features, prose, numbers of other kinds."""
    sheet = blank(rng, studio=0.35)
    plan = Plan("advertising", sheet, likely={"item_weight": 0.6, "height": 0.5, "width": 0.5, "depth": 0.5,
        "voltage": 0.3, "wattage": 0.3, "item_volume": 0.3,
                                              "maximum_weight_recommendation": 0.2})  # fmt: skip
    title(sheet, words.feature(rng))
    chatter(sheet, rng.randint(2, 24 if sheet.large else 8))
    if rng.random() < 0.5:
        column(
            sheet,
            wrapped(rng, words.sentence(rng)),
            rng.uniform(0.05, 0.6) * sheet.width,
            rng.uniform(0.1, 0.8) * sheet.height,
            sheet.base * rng.uniform(0.6, 1.0),
        )
    return plan


_LOAD_TAILS = (
    "MAX", "Capacity", "CAPACITY", "Weight Capacity", "Load", "Max load", "LOAD CAPACITY", "Weight Limit",
)  # fmt: skip
_POUNDS = (
    5, 10, 11, 15, 20, 22, 25, 30, 33, 35, 40, 44, 50, 55, 60, 66, 70, 75, 80, 88, 90, 100, 110, 120, 130, 132, 150,
    165, 176, 180, 200, 220,
    225, 240, 242, 250, 260, 264, 265, 275, 280, 286, 300, 308, 330, 350, 352, 375, 400, 440, 450, 500, 550, 600, 660,
    700, 800, 880, 1000, 1100,
    1200, 1500, 2000, 3000,
)  # fmt: skip
_KILOGRAMS = (
    1, 2, 3, 5, 8, 10, 12, 15, 18, 20, 25, 30, 35, 40, 45, 50, 60, 70, 75, 80, 90, 100, 110, 120, 130, 135, 136, 140,
    150, 160, 180, 200, 220, 250,
    300, 350, 400, 500, 600, 800, 1000,
)  # fmt: skip


def _load(rng: random.Random) -> tuple[str, Quantity]:
    """A load as printed: a round number in its first unit."""
    units = rng.choices(
        [("pound",), ("kilogram",), ("pound", "kilogram"), ("kilogram", "pound")], (0.5, 0.26, 0.14, 0.10)
    )[0]
    grams = rng.choice(_POUNDS if units[0] == "pound" else _KILOGRAMS) * SIZES[units[0]]
    joiner = rng.choice(("{}/{}", "{} / {}", "{} ({})", "{}({})"))
    decimals = tuple(rng.choices((0, 1), (0.94, 0.06))[0] for _ in units)
    return Voice(rng, units, tuple(form(rng, unit) for unit in units), decimals, joiner=joiner).line(grams)


def _small_drawing(plan: Plan, *, round_body: bool = False) -> None:
    """A height and a width beside what the picture is about."""
    sheet, rng = plan.sheet, plan.sheet.rng
    thing = body(rng)
    shape_product(sheet, thing.wide, thing.tall, 0.6)
    voice = length_voice(rng, max(thing.wide, thing.tall))
    x0, y0, x1, y1 = sheet.product
    lines, plan.truth["height"] = voice.say(stepped(rng, thing.tall))
    side = rng.choice((-1, 1))
    vertical(sheet, lines, (y0, y1), (x0 if side < 0 else x1) + side * 0.02 * sheet.width, side, sheet.base)
    if rng.random() < 0.75:
        lines, plan.truth["width"] = voice.say(stepped(rng, thing.wide))
        horizontal(sheet, lines, (x0, x1), y1 + 0.02 * sheet.height, 1, sheet.base)
        if round_body or thing.kind == "round":
            plan.truth["depth"] = plan.truth["width"]
            plan.unsettled |= set() if round_body else {"depth"}


def _volt_row(plan: Plan) -> tuple[str, str]:
    rng = plan.sheet.rng
    low, high = rng.choice(
        ((0, 220), (0, 110), (100, 240), (0, 12), (0, 24), (220, 240), (0, 5), (0, 120), (110, 240), (0, 230))
    )
    plan.truth["voltage"] = Quantity(Decimal(high), "volt")
    return rng.choice(
        ("Voltage", "Rated voltage", "Input voltage", "Power supply")
    ), f"{f'{low}-' if low else ''}{high}{form(rng, 'volt')}"


def _watt_row(plan: Plan) -> tuple[str, str]:
    rng = plan.sheet.rng
    watts = rng.choice(
        (5, 10, 20, 25, 36, 40, 60, 100, 150, 200, 300, 400, 500, 600, 800, 900, 1000, 1200, 1500, 1800, 2000)
    )
    plan.truth["wattage"] = Quantity(Decimal(watts), "watt")
    return rng.choice(("Power", "Rated power", "Wattage", "Motor power", "Output power")), f"{watts}{form(rng, 'watt')}"


def _weight_row(plan: Plan) -> tuple[str, str]:
    rng = plan.sheet.rng
    grams = 10 ** rng.uniform(1, 4.3)
    text, plan.truth["item_weight"] = weight_voice(rng, grams).line(grams)
    return rng.choice(("Weight", "Net weight", "Product weight", "Item weight", "N.W.")), text


def _volume_row(plan: Plan) -> tuple[str, str]:
    rng = plan.sheet.rng
    content = round_content(rng)
    text, plan.truth["item_volume"] = volume_voice(rng, content).line(content)
    return rng.choice(("Capacity", "Volume", "Water tank", "Tank capacity")), text


def _load_row(plan: Plan) -> tuple[str, str]:
    rng = plan.sheet.rng
    text, plan.truth["maximum_weight_recommendation"] = _load(rng)
    return rng.choice(("Max load", "Load capacity", "Weight capacity", "Max weight", "Maximum load", "Bearing")), text


def _size_row(plan: Plan) -> tuple[str, str]:
    rng = plan.sheet.rng
    thing = body(rng)
    voice = length_voice(rng, max(thing.wide, thing.tall), below=0.0)
    spelt = [voice.parts(stepped(rng, size)) for size in (thing.wide, thing.deep, thing.tall)]
    bare = [texts[0].removesuffix(voice.forms[0]) for texts, _ in spelt]
    text = rng.choice(("x", " x ", "*")).join(bare) + voice.forms[0]
    plan.unsettled |= {"width", "depth"}  # without letters the first two may be either
    plan.truth["height"] = spelt[2][1]
    if rng.random() < 0.5:
        text += rng.choice((" (W x D x H)", " (WxDxH)", "(W*D*H)"))
        plan.unsettled -= {"width", "depth"}
        plan.truth["width"], plan.truth["depth"] = spelt[0][1], spelt[1][1]
    return rng.choice(("Size", "Dimensions", "Product size", "Dimension")), text
