"""Labels of food, cosmetics and supplements: net contents among brands, slogans, doses and nutrition figures."""

from __future__ import annotations

import random
from collections.abc import Sequence
from decimal import Decimal

from entx.core.types import Quantity
from lab import words
from lab.pages.layout import Layout, chatter, column, round_weight, with_product, wrapped
from lab.pages.sheet import Sheet, blank
from lab.surface_forms import SIZES, rounded, weight_wording
from lab.words import capitals, phrases

_DOSES = (50, 100, 200, 250, 400, 500, 600, 750, 1000, 1200, 1500, 2000, 3000)
_DOSE_UNITS = (" mg", "mg", "mg", " MG", "mcg", " IU")
_COUNTS = (30, 60, 90, 100, 120, 180, 240, 365)
_COUNTED = ("Capsules", "TABLETS", "Softgels", "Veggie Caps", "GUMMIES", "SERVINGS")
_MULTIPACKS = phrases(
    "{n} x {e}{u} = {t}{u}|NET WT {t}{u} ({n} x {e}{u})|{t}{u} ({e}{u}X{n})|Net Qty. {t}{u} ({e}{u} x {n})"
)
_CONTENT_WORDS = phrases("||||NET CONTENTS |CONTENTS: |Net |NET |e |Vol. |Net content: ")
_FACTS = phrases("Nutrition Facts|Supplement Facts|NUTRITION INFORMATION|Nutritional Information|Typical Values")
_PORTIONS = ("scoop", "capsules", "cup", "tbsp", "pieces")
_SERVING_WORDS = ("Serving Size", "Serving size:", "Per Serving", "Amount per serving", "Portion")
_AMOUNTS = (0, 1, 2, 3, 5, 8, 10, 12, 20, 24, 140, 250, 0.5, 2.5)
_NUTRIENTS = phrases(
    "Protein|Total Fat|Saturated Fat|Sodium|Total Carbohydrate|Dietary Fiber|Sugars|Cholesterol|Added Sugars|Calcium|"
    "Iron|Potassium|Vitamin D|Salt|Energy (kcal)|Carbohydrates (g)|Protein (g)|Trans Fat"
)


def food(rng: random.Random) -> Layout:
    """A pack with a net weight; some without."""
    layout = Layout(_pack_sheet(rng), "weighed")
    texts = _front(rng, rng.choice(words.FOODS))
    grams = round_weight(rng)
    kind = rng.random()
    net: Sequence[str] = ()
    if kind < 0.80:
        net = _net_weight(layout, grams)
    elif kind < 0.88:
        net = _multipack(layout)
    _lay(layout.sheet, texts, net)
    _finish(layout, nutrition=0.32)
    return layout


def liquid(rng: random.Random) -> Layout:
    """A bottle, tube or jar with its content in a volume; creams by weight or by volume."""
    layout = Layout(_pack_sheet(rng), "poured")
    cream = rng.random() < 0.25
    texts = _front(rng, rng.choice(words.CREAMS if cream else words.LIQUIDS))
    net: Sequence[str] = ()
    if rng.random() < 0.85:
        if cream and rng.random() < 0.55:
            layout.kind = "weighed"
            net = _net_weight(layout, min(round_weight(rng), 1000.0))
        else:
            first, *rest = layout.volume_alone(below=0.15)
            net = [rng.choice(_CONTENT_WORDS) + first, *rest]
    _lay(layout.sheet, texts, net)
    _finish(layout, nutrition=0.25)
    return layout


def supplement(rng: random.Random) -> Layout:
    """A bottle of capsules or powder: doses and counts, a net weight only where it is printed."""
    layout = Layout(_pack_sheet(rng), "supplement")
    name = rng.choice(words.SUPPLEMENTS)
    dose = f"{rng.choice(_DOSES)}{rng.choice(_DOSE_UNITS)}"
    texts = [words.brand(rng), capitals(rng, name), dose, f"{rng.choice(_COUNTS)} {rng.choice(_COUNTED)}"]
    texts[2:2] = [rng.choice(words.SLOGANS) for _ in range(rng.randint(0, 3))]
    net: Sequence[str] = ()
    kind = rng.random()
    if kind < 0.5:
        net = _net_weight(layout, rng.choice((round_weight(rng), 907.0, 454.0, 300.0, 250.0, 2270.0)))
    elif kind < 0.8 and rng.random() >= 0.5:
        layout.unsettled.add("item_weight")  # the dose alone: labelled now as the weight, now as none
    _lay(layout.sheet, texts, net)
    _finish(layout, nutrition=0.5)
    return layout


def _net_weight(layout: Layout, grams: float) -> list[str]:
    rng = layout.rng
    wording = weight_wording(rng, grams, below=0.12)
    first, *rest = layout.state("item_weight", wording, grams).lines
    word = rng.choice(words.NET_WORDS)
    if rng.random() < 0.15 and word:
        return [word, first, *rest]
    pounds = wording.units[0] == "pound"
    if pounds and rng.random() < 0.2 and layout.truth["item_weight"].value > 1:  # 2 LB (32 OZ): the first stands
        ounces = rounded(grams / float(SIZES["ounce"]), 0)
        first, rest = f"{first} ({ounces} OZ)", []
    joint = rng.choice((" ", " ", " ", ": ", "" if len(word) > 1 and word[-2:].isalpha() else " "))
    return [(word + (joint if word else "") + first).replace(":: ", ": "), *rest]


def _multipack(layout: Layout) -> list[str]:
    """Several in one pack: the printed total is the weight, or where none is printed that of each."""
    rng = layout.rng
    count = rng.choice((2, 3, 4, 6, 8, 10, 12, 20, 24))
    each = Decimal(rng.choice((20, 25, 28, 30, 35, 40, 45, 50, 60, 85, 100)))
    unit = rng.choice(("g", " g", "G", "gm"))
    if rng.random() < 0.5:
        layout.truth["item_weight"] = Quantity(count * each, "gram")
        return [rng.choice(_MULTIPACKS).format(n=count, e=each, u=unit, t=count * each)]
    layout.truth["item_weight"] = Quantity(each, "gram")
    return [
        f"{count} {rng.choice(('PACK', 'bars', 'pouches', 'ct'))}",
        f"NET WT {each}{unit} {rng.choice(('EACH', '', 'per pack'))}".strip(),
    ]


def _pack_sheet(rng: random.Random) -> Sheet:
    return with_product(blank(rng, studio=0.72), 1.0, rng.uniform(0.8, 3.0), 0.96)


def _front(rng: random.Random, name: str) -> list[str]:
    """Brand, name in one to three lines, slogans."""
    texts = [words.brand(rng)] if rng.random() < 0.9 else []
    if rng.random() < 0.2:
        texts.append(words.brand(rng))
    shown = capitals(rng, name, 0.5)
    texts += shown.split(" ") if rng.random() < 0.5 else [shown]
    texts += [rng.choice(words.SLOGANS) for _ in range(rng.choices((0, 1, 2, 4, 7), (0.2, 0.3, 0.25, 0.15, 0.1))[0])]
    if rng.random() < 0.35:
        texts.append(words.decoy(rng))
    if rng.random() < 0.25:
        texts += wrapped(rng, rng.choice(words.SENTENCES))
    if rng.random() < 0.3:
        rng.shuffle(texts)
    return texts


def _lay(sheet: Sheet, texts: list[str], net: Sequence[str]) -> None:
    """The front of the pack: centred lines of changing size, the net contents near the foot."""
    rng = sheet.rng
    x0, y0, x1, y1 = sheet.product
    middle, wide, tall = (x0 + x1) / 2, x1 - x0, y1 - y0
    left, anchor = (middle, 0.5) if rng.random() < 0.8 else (x0 + 0.12 * wide, 0.0)
    small = sheet.thick(0.5, 0.9)
    foot = y1 - rng.uniform(0.04, 0.16) * tall
    room = max(foot - y0 - 0.14 * tall - 2 * small, 4 * small)
    sizes = [small * rng.choice((1.0, 1.0, 1.2, 1.6, 2.4)) for _ in texts]
    fill = room / (1.5 * sum(sizes) or 1.0)
    scale, spread = min(1.0, fill), max(1.0, min(2.2, fill))
    y = y0 + 0.12 * tall
    slant = rng.uniform(5.5, 25) * rng.choice((-1, 1)) % 360 if rng.random() < 0.13 else 0.0
    for text, size in zip(texts, sizes, strict=True):
        sheet.put(text, left, y + size * scale / 2, size * scale, slant, anchor=anchor, widest=0.9 * wide)
        y += size * scale * 1.5 * spread * rng.uniform(0.8, 1.1)
    at = y0 + 0.4 * tall if rng.random() < 0.12 else foot
    x = left + rng.choice((0.0, 0.0, -0.2, 0.2)) * wide
    for row, text in enumerate(net):
        thick = small * rng.uniform(0.7, 1.2)
        sheet.put(text, x, at + row * small * 1.3, thick, slant, anchor=anchor, widest=0.95 * wide)


def _nutrition(sheet: Sheet) -> None:
    """A table of nutrients: names left, amounts right, as rows or as one line each."""
    rng = sheet.rng
    thick = sheet.thick(0.45, 0.75)
    x, y = sheet.width * rng.choice((0.03, 0.55, 0.65)), sheet.down(0.08, 0.5)
    count = rng.randint(2, 10)
    portion = f"{rng.choice((1, 2, 3))} {rng.choice(_PORTIONS)} ({rng.randint(2, 60)}{rng.choice(('g', ' g', 'ml'))})"
    serving = f"{rng.choice(_SERVING_WORDS)} {portion}"
    column(sheet, [rng.choice(_FACTS), serving][: rng.randint(1, 2)], x, y, thick)
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


def _finish(layout: Layout, *, nutrition: float) -> None:
    sheet, rng = layout.sheet, layout.rng
    if rng.random() < nutrition:
        _nutrition(sheet)
    chatter(sheet, 3, 10)
    for _ in range(rng.choices((0, 1, 3), (0.7, 0.2, 0.1))[0]):
        x0, y0, x1, y1 = sheet.product
        text = words.garbage(rng)
        piece = sheet.put(text, rng.uniform(x0, x1), rng.uniform(y0, y1), sheet.thick(0.4, 1.0))
        piece.score = rng.uniform(0.3, 0.95)
