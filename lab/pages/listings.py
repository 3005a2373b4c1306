"""Sizes told in words: lists "L x W x H", axis lines, size charts, several products."""

from __future__ import annotations

import random

from entx.core.types import Quantity
from lab.pages import measured, words
from lab.pages.bodies import body, stepped
from lab.pages.drafting import horizontal, vertical
from lab.pages.measured import draw
from lab.pages.plan import Plan, case, chatter, column, title, weight_line
from lab.pages.sayings import length_voice
from lab.pages.sheet import blank, shape_product

_LIKELY = {
    "height": 1.0,
    "width": 1.0,
    "depth": 0.9,
    "item_weight": 0.15,
    "maximum_weight_recommendation": 0.05,
    "item_volume": 0.06,
}
_TIMES = (" x ", "x", "*", " X ", "×", " * ", " × ", "X")
_TIMES_OF_LETTERS = (" x ", "*", " X ", " * ", " × ")
_PREFIXES = (
    "Size: ",
    "",
    "",
    "SIZE: ",
    "Dimensions: ",
    "Size:",
    "Product size:",
    "Dimension: ",
    "Measures ",
    "Product Dimensions: ",
    "Medidas: ",
    "Maße: ",
)
_ORDERS = {"lwh": 0.42, "wdh": 0.20, "lhw": 0.05, "hwd": 0.10, "wh": 0.11, "lw": 0.06, "whd": 0.06}


def listing(rng: random.Random) -> Plan:
    """One line "30 x 20 x 10 cm", with or without letters."""
    thing = body(rng)
    sheet = blank(rng, studio=0.6)
    shape_product(sheet, thing.wide, thing.tall, 0.8)
    if sheet.studio:
        sheet.roundness = draw(rng, measured.ANY_ROUND)
    plan = Plan("listing", sheet, likely=dict(_LIKELY))
    voice = length_voice(rng, max(thing.wide, thing.tall), below=0.0)
    lettered = rng.random() < 0.6
    order = rng.choices(list(_ORDERS), list(_ORDERS.values()))[0] if lettered else rng.choice(("wdh", "wh"))
    sizes = {"w": thing.wide, "h": thing.tall, "d": thing.deep, "l": thing.wide}
    if "l" in order:
        sizes["w"] = thing.deep
    said = [voice.parts(stepped(rng, sizes[axis])) for axis in order]
    text = _list_text(rng, order, [[*parts] for parts, _ in said], voice.forms, lettered)
    values = {axis: value for axis, (_, value) in zip(order, said, strict=True)}
    prefix = rng.choice(_PREFIXES)
    thick = sheet.base * rng.uniform(0.8, 1.6)
    sheet.put(
        prefix + text,
        rng.uniform(0.1, 0.9) * sheet.width,
        rng.choice((0.06, 0.1, 0.9, 0.94, rng.uniform(0.1, 0.9))) * sheet.height,
        thick,
    )
    _truth_of_list(plan, order, values, lettered, sheet.product)
    if rng.random() < 0.15:
        weight_line(sheet, plan, 0.1 * sheet.width, 0.2 * sheet.height, sheet.base)
    _heads(plan, thing.name)
    return plan


def _list_text(rng: random.Random, order: str, parts: list[list[str]], forms: tuple[str, ...], lettered: bool) -> str:
    """The numbers joined; each with its unit, or the unit once at the end; both units one after the other."""
    times = rng.choice(_TIMES_OF_LETTERS if lettered else _TIMES)
    mark = not forms[0].strip()[:1].isalnum()
    each = rng.random() < (0.6 if mark else 0.3)
    behind = rng.random() < 0.5 and (each or not mark)
    tail = lettered and not each and rng.random() < 0.35
    texts = []
    for unit, spelt in enumerate(forms):
        items = []
        for axis, printed in zip(order, parts, strict=True):
            item = printed[unit]
            if not each and axis != order[-1]:
                item = item.removesuffix(spelt)
            if lettered and not tail and unit == 0:
                letter = axis.upper()
                item = f"{item}{letter}" if behind else f"{letter}{rng.choice(('', ' ', ':')) if each else ''}{item}"
                if behind and not each and axis == order[-1]:
                    item = (
                        printed[unit].removesuffix(spelt) + letter + (spelt if spelt.startswith(" ") else " " + spelt)
                    )
            items.append(item)
        texts.append(times.join(items))
    text = texts[0] if len(texts) == 1 else rng.choice(("{} / {}", "{}/{}", "{} ({})")).format(*texts)
    if tail:
        text += (
            f" ({' x '.join(axis.upper() for axis in order)})"
            if rng.random() < 0.7
            else f" ({'*'.join(order.upper())})"
        )
    return text


def _truth_of_list(
    plan: Plan, order: str, values: dict[str, Quantity], lettered: bool, product: tuple[float, float, float, float]
) -> None:
    if lettered:
        if "w" in values:
            plan.truth["width"] = values["w"]
        if "h" in values:
            plan.truth["height"] = values["h"]
        if "d" in values:
            plan.truth["depth"] = values["d"]
        elif "l" in values:
            plan.truth["depth"] = values["l"]
            if order == "lw":
                plan.unsettled.add("depth")
        return
    first, last = values["w"], values["h"]
    plan.unsettled.add("depth") if "d" in values else None
    x0, y0, x1, y1 = product
    tall = (y1 - y0) > 1.15 * (x1 - x0)
    if plan.sheet.studio and "d" not in values and tall != (last.value > first.value) and first.value != last.value:
        first, last = last, first  # the drawn proportions say which is which
    plan.truth["width"], plan.truth["height"] = first, last


def axis_lines(rng: random.Random) -> Plan:
    """Lines that name an axis each: "Height: 20 cm"."""
    thing = body(rng)
    sheet = blank(rng, studio=0.6)
    shape_product(sheet, thing.wide, thing.tall, 0.7)
    if sheet.studio:
        sheet.roundness = draw(rng, measured.ANY_ROUND)
    plan = Plan("axis lines", sheet, likely=dict(_LIKELY))
    voice = length_voice(rng, max(thing.wide, thing.tall), below=0.0)
    names = rng.choice((("length", "width", "height"), ("width", "depth", "height"), ("width", "height"), ("height",
        "diameter"),
                        ("length", "width"), ("length", "width", "thickness"), ("height", "width"), ("diameter",),
                        ("height",), ("width",)))  # fmt: skip
    sizes = {"length": max(thing.wide, thing.deep), "width": min(thing.wide, max(thing.deep, 1.0)),
        "height": thing.tall,
             "depth": thing.deep, "thickness": max(0.1, thing.deep / 3), "diameter": thing.wide}  # fmt: skip
    colon = rng.choice((": ", ":", " ", " : ", "", "="))
    rows, values = [], {}
    for name in names:
        text, values[name] = voice.line(stepped(rng, sizes[name]))
        word = rng.choice([one for one in words.AXIS_WORDS[name] if len(one) > 1])
        rows.append((word, text) if rng.random() < 0.12 else (f"{word}{colon or ' '}{text}",))
    texts = [piece for row in rows for piece in row]
    others = [
        f"{rng.choice(('Material', 'Color', 'Style'))}: {rng.choice(words.MATERIALS + words.COLORS)}"
        for _ in range(rng.randint(0, 2))
    ]
    texts = texts + others if rng.random() < 0.5 else others + texts
    x = rng.uniform(0.04, 0.6) * sheet.width
    column(sheet, texts, x, rng.uniform(0.05, 0.75) * sheet.height, sheet.base * rng.uniform(0.8, 1.5))
    plan.truth.update({name: value for name, value in values.items() if name in ("height", "width", "depth")})
    if "diameter" in values:
        plan.truth["width"] = plan.truth["depth"] = values["diameter"]
    if "thickness" in values:
        plan.truth["depth"] = values["thickness"]
        plan.unsettled |= {"height"}
    elif "length" in values:
        plan.truth["depth"] = values["length"]
        if "height" not in values:
            plan.unsettled.add("depth")
    if rng.random() < 0.2:
        weight_line(sheet, plan, x, 0.9 * sheet.height, sheet.base)
    _heads(plan, thing.name)
    return plan


def chart(rng: random.Random) -> Plan:
    """Several sizes or models, none of which is the product's: everything is empty."""
    sheet = blank(rng, studio=0.5)
    plan = Plan("chart", sheet, likely=dict(_LIKELY))
    first = body(rng)
    voice = length_voice(rng, max(first.wide, first.tall), below=0.0)
    count = rng.randint(2, 5)
    if rng.random() < 0.45:
        times = rng.choice(_TIMES)
        scale = 1.0
        texts = []
        for row in range(count):
            scale *= rng.uniform(1.15, 1.6)
            one, other = (
                voice.parts(stepped(rng, first.wide * scale))[0][0],
                voice.parts(stepped(rng, first.tall * scale))[0][0],
            )
            name = rng.choice(("", "", ("S", "M", "L", "XL", "XXL")[row] + ": ", f"{row + 1}. "))
            texts.append(f"{name}{one.removesuffix(voice.forms[0])}{times}{other}")
        column(
            sheet,
            texts,
            rng.uniform(0.1, 0.6) * sheet.width,
            rng.uniform(0.2, 0.6) * sheet.height,
            sheet.base,
            spacing=rng.uniform(1.3, 3.0),
        )
    else:
        sheet.parts = max(sheet.parts, count) if sheet.studio else 0
        wide = sheet.width / count
        scale = 1.0
        for part in range(count):
            scale *= rng.uniform(1.1, 1.5) if part else 1.0
            x0, x1 = (part + 0.2) * wide, (part + 0.8) * wide
            y0, y1 = sheet.height * (0.75 - 0.15 * scale), sheet.height * 0.75
            if rng.random() < 0.85:
                vertical(
                    sheet,
                    voice.say(stepped(rng, first.tall * scale))[0],
                    (max(y0, 9), y1),
                    x0 - 0.02 * wide,
                    -1,
                    sheet.base,
                )
            horizontal(
                sheet, voice.say(stepped(rng, first.wide * scale))[0], (x0, x1), y1 + 0.03 * sheet.height, 1, sheet.base
            )
    if rng.random() < 0.5:
        title(sheet, case(rng, rng.choice(words.SIZE_TITLES)))
    chatter(sheet, rng.randint(0, 6 if sheet.large else 2))
    return plan


def _heads(plan: Plan, name: str) -> None:
    sheet, rng = plan.sheet, plan.sheet.rng
    if rng.random() < 0.35:
        title(sheet, case(rng, rng.choice(words.SIZE_TITLES)))
    elif rng.random() < 0.3:
        title(sheet, case(rng, name))
    chatter(sheet, rng.randint(0, 12 if sheet.large else 4))
