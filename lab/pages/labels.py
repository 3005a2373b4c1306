"""Labels of food, cosmetics and supplements: net contents among brands, slogans, doses and nutrition figures."""

from __future__ import annotations

import random

from entx.core.types import Quantity
from lab.pages import measured, words
from lab.pages.measured import draw
from lab.pages.plan import Plan, case, chatter, column, round_content, round_weight, wrapped
from lab.pages.sayings import number, volume_voice, weight_voice
from lab.pages.sheet import Sheet, blank, shape_product

_WEIGHED = {
    "item_weight": 1.0,
    "item_volume": 0.18,
    "maximum_weight_recommendation": 0.06,
    "height": 0.10,
    "width": 0.08,
    "depth": 0.08,
}
_POURED = {
    "item_volume": 1.0,
    "item_weight": 0.40,
    "height": 0.08,
    "width": 0.06,
    "depth": 0.08,
    "maximum_weight_recommendation": 0.04,
}
_DOSES = (50, 100, 200, 250, 400, 500, 600, 750, 1000, 1200, 1500, 2000, 3000)
_DOSE_UNITS = (" mg", "mg", "mg", " MG", "mcg", " IU")
_COUNTS = (30, 60, 90, 100, 120, 180, 240, 365)
_COUNTED = ("Capsules", "TABLETS", "Softgels", "Veggie Caps", "GUMMIES", "SERVINGS")
_PORTIONS = ("scoop", "capsules", "cup", "tbsp", "pieces")
_SERVING_WORDS = ("Serving Size", "Serving size:", "Per Serving", "Amount per serving", "Portion")
_AMOUNTS = (0, 1, 2, 3, 5, 8, 10, 12, 20, 24, 140, 250, 0.5, 2.5)
_NUTRIENTS = ("Protein", "Total Fat", "Saturated Fat", "Sodium", "Total Carbohydrate", "Dietary Fiber", "Sugars",
    "Cholesterol", "Added Sugars", "Calcium",
              "Iron", "Potassium", "Vitamin D", "Salt", "Energy (kcal)", "Carbohydrates (g)", "Protein (g)",
              "Trans Fat")  # fmt: skip


def food(rng: random.Random) -> Plan:
    """A pack with a net weight; some without."""
    sheet = _pack_sheet(rng)
    plan = Plan("food", sheet, likely=dict(_WEIGHED))
    texts = _front(rng, rng.choice(words.FOODS))
    grams = round_weight(rng)
    draw_ = rng.random()
    net: list[str] = []
    if draw_ < 0.80:
        net, plan.truth["item_weight"] = _net_weight(rng, grams)
    elif draw_ < 0.88:
        count, each = (
            rng.choice((2, 3, 4, 6, 8, 10, 12, 20, 24)),
            float(rng.choice((20, 25, 28, 30, 35, 40, 45, 50, 60, 85, 100))),
        )
        unit = rng.choice(("g", " g", "G", "gm"))
        if rng.random() < 0.5:
            total = number(count * each, 0)
            form = rng.choice(
                (
                    "{n} x {e}{u} = {t}{u}",
                    "NET WT {t}{u} ({n} x {e}{u})",
                    "{t}{u} ({e}{u}X{n})",
                    "Net Qty. {t}{u} ({e}{u} x {n})",
                )
            )
            net = [form.format(n=count, e=number(each, 0), u=unit, t=total)]
            plan.truth["item_weight"] = Quantity(total, "gram")
        else:
            net = [
                f"{count} {rng.choice(('PACK', 'bars', 'pouches', 'ct'))}",
                f"NET WT {number(each, 0)}{unit} {rng.choice(('EACH', '', 'per pack'))}".strip(),
            ]
            plan.truth["item_weight"] = Quantity(number(each, 0), "gram")
    _lay(sheet, texts, net)
    if rng.random() < 0.32:
        _nutrition(sheet)
    _finish(plan)
    return plan


def liquid(rng: random.Random) -> Plan:
    """A bottle, tube or jar with its content in a volume; creams by weight or by volume."""
    sheet = _pack_sheet(rng)
    cream = rng.random() < 0.25
    plan = Plan("liquid", sheet, likely=dict(_POURED))
    texts = _front(rng, rng.choice(words.CREAMS if cream else words.LIQUIDS))
    net: list[str] = []
    if rng.random() < 0.85:
        if cream and rng.random() < 0.55:
            plan.likely = dict(_WEIGHED)
            net, plan.truth["item_weight"] = _net_weight(rng, min(round_weight(rng), 1000.0))
        else:
            content = round_content(rng)
            voice = volume_voice(rng, content, below=0.15)
            lines, value = voice.say(content)
            word = rng.choice(
                ("", "", "", "", "NET CONTENTS ", "CONTENTS: ", "Net ", "NET ", "e ", "Vol. ", "Net content: ")
            )
            net, plan.truth["item_volume"] = [word + lines[0], *lines[1:]], value
            if value.unit == "fluid ounce" and not any(sign in lines[0].lower() for sign in ("fl", "fluid")):
                plan.unsettled.add("item_weight")  # a bare "16 OZ" is asked for as a weight as well
    _lay(sheet, texts, net)
    if rng.random() < 0.25:
        _nutrition(sheet)
    _finish(plan)
    return plan


def supplement(rng: random.Random) -> Plan:
    """A bottle of capsules or powder: doses and counts, a net weight only where it is printed."""
    sheet = _pack_sheet(rng)
    plan = Plan("supplement", sheet, likely={"item_weight": 1.0, "item_volume": 0.15, "height": 0.05})
    name = rng.choice(words.SUPPLEMENTS)
    dose = f"{rng.choice(_DOSES)}{rng.choice(_DOSE_UNITS)}"
    texts = [
        words.brand(rng),
        case(rng, name),
        dose,
        f"{rng.choice(_COUNTS)} {rng.choice(_COUNTED)}",
    ]
    texts[2:2] = [rng.choice(words.SLOGANS) for _ in range(rng.randint(0, 3))]
    net: list[str] = []
    draw_ = rng.random()
    if draw_ < 0.5:
        net, plan.truth["item_weight"] = _net_weight(
            rng, rng.choice((round_weight(rng), 907.0, 454.0, 300.0, 250.0, 2270.0))
        )
    elif draw_ < 0.8:
        plan.unsettled.add("item_weight")  # the dose alone: labelled now as the weight, now as none
        if rng.random() < 0.5:
            plan.unsettled.clear()
    _lay(sheet, texts, net)
    if rng.random() < 0.5:
        _nutrition(sheet)
    _finish(plan)
    return plan


def _net_weight(rng: random.Random, grams: float) -> tuple[list[str], Quantity]:
    voice = weight_voice(rng, grams, below=0.12)
    lines, value = voice.say(grams)
    word = rng.choice(words.NET_WORDS)
    if rng.random() < 0.15 and word:
        return [word, *lines], value
    if voice.units[0] == "pound" and rng.random() < 0.2 and value.value > 1:  # 2 LB (32 OZ): the first stands
        lines = [f"{lines[0]} ({number(grams / 28.3495, 0)} OZ)"]
    joint = rng.choice((" ", " ", " ", ": ", "" if len(word) > 1 and word[-2:].isalpha() else " "))
    return [(word + (joint if word else "") + lines[0]).replace(":: ", ": "), *lines[1:]], value


def _pack_sheet(rng: random.Random) -> Sheet:
    sheet = blank(rng, studio=0.72)
    tall = rng.uniform(0.8, 3.0)
    shape_product(sheet, 1.0, tall, 0.96)
    if sheet.studio:
        sheet.roundness = draw(rng, measured.ANY_ROUND)
    return sheet


def _front(rng: random.Random, name: str) -> list[str]:
    """Brand, name in one to three lines, slogans."""
    texts = [words.brand(rng)] if rng.random() < 0.9 else []
    if rng.random() < 0.2:
        texts.append(words.brand(rng))
    shown = case(rng, name, 0.5)
    texts += shown.split(" ") if rng.random() < 0.5 else [shown]
    texts += [rng.choice(words.SLOGANS) for _ in range(rng.choices((0, 1, 2, 4, 7), (0.2, 0.3, 0.25, 0.15, 0.1))[0])]
    if rng.random() < 0.35:
        texts.append(words.decoy(rng))
    if rng.random() < 0.25:
        texts += wrapped(rng, words.sentence(rng))
    if rng.random() < 0.3:
        rng.shuffle(texts)
    return texts


def _lay(sheet: Sheet, texts: list[str], net: list[str]) -> None:
    """The front of the pack: centred lines of changing size, the net contents near the foot."""
    rng = sheet.rng
    x0, y0, x1, y1 = sheet.product
    middle, wide, tall = (x0 + x1) / 2, x1 - x0, y1 - y0
    anchor = 0.5 if rng.random() < 0.8 else 0.0
    left = middle if anchor == 0.5 else x0 + 0.12 * wide
    small = sheet.base * rng.uniform(0.5, 0.9)
    foot = y1 - rng.uniform(0.04, 0.16) * tall
    room = max(foot - y0 - 0.14 * tall - 2 * small, 4 * small)
    sizes = [small * rng.choice((1.0, 1.0, 1.2, 1.6, 2.4)) for _ in texts]
    scale = min(1.0, room / (1.5 * sum(sizes) or 1.0))
    spread = max(1.0, min(2.2, room / (1.5 * sum(sizes) or 1.0)))
    y = y0 + 0.12 * tall
    slant = rng.uniform(5.5, 25) * rng.choice((-1, 1)) % 360 if rng.random() < 0.13 else 0.0
    for text, size in zip(texts, sizes, strict=True):
        size *= scale
        sheet.put(text, left, y + size / 2, size, slant, anchor=anchor, widest=0.9 * wide)
        y += size * 1.5 * spread * rng.uniform(0.8, 1.1)
    at = y0 + 0.4 * tall if rng.random() < 0.12 else foot
    shift = rng.choice((0.0, 0.0, -0.2, 0.2)) * wide
    for row, text in enumerate(net):
        sheet.put(
            text,
            left + shift,
            at + row * small * 1.3,
            small * rng.uniform(0.7, 1.2),
            slant,
            anchor=anchor,
            widest=0.95 * wide,
        )


def _nutrition(sheet: Sheet) -> None:
    """A table of nutrients: names left, amounts right, as rows or as one line each."""
    rng = sheet.rng
    thick = sheet.base * rng.uniform(0.45, 0.75)
    x, y = sheet.width * rng.choice((0.03, 0.55, 0.65)), sheet.height * rng.uniform(0.08, 0.5)
    count = rng.randint(2, 10)
    portion = f"{rng.choice((1, 2, 3))} {rng.choice(_PORTIONS)} ({rng.randint(2, 60)}{rng.choice(('g', ' g', 'ml'))})"
    serving = f"{rng.choice(_SERVING_WORDS)} {portion}"
    heads = [
        rng.choice(
            (
                "Nutrition Facts",
                "Supplement Facts",
                "NUTRITION INFORMATION",
                "Nutritional Information",
                "Typical Values",
            )
        ),
        serving,
    ]
    column(sheet, heads[: rng.randint(1, 2)], x, y, thick)
    split = rng.random() < 0.4
    for row in range(count):
        level = y + (row + 3) * 1.4 * thick
        if level > sheet.height - thick:
            break
        name = rng.choice(_NUTRIENTS)
        amount = f"{rng.choice(_AMOUNTS)}{rng.choice(('g', 'mg', 'g', ' g', ''))}"
        if split:
            sheet.put(name, x, level, thick, anchor=0.0)
            sheet.put(amount, x + 0.26 * sheet.width, level, thick, anchor=0.0)
        else:
            sheet.put(f"{name} {amount}{rng.choice(('', '', f' {rng.randint(1, 60)}%'))}", x, level, thick, anchor=0.0)


def _finish(plan: Plan) -> None:
    sheet, rng = plan.sheet, plan.sheet.rng
    chatter(sheet, rng.randint(0, 10 if sheet.large else 3))
    for _ in range(rng.choices((0, 1, 3), (0.7, 0.2, 0.1))[0]):
        x0, y0, x1, y1 = sheet.product
        piece = sheet.put(
            words.garbage(rng), rng.uniform(x0, x1), rng.uniform(y0, y1), sheet.base * rng.uniform(0.4, 1.0)
        )
        piece.score = rng.uniform(0.3, 0.95)
