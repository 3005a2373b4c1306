"""Things with print on them: packs of food and cosmetics, rating plates, a cordless tool, a kettle with its data."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal

from entx.core.types import Quantity
from lab.drawings import shapes
from lab.drawings.canvas import BLACK, BOLD, FLAT, NOTHING, PLAIN, WHITE, Canvas, Colour, Scene
from lab.drawings.shapes import DARK, PALE, VIVID, tint
from lab.polygons import Box
from lab.surface_forms import DRAWN_FORMS, Statement, drawn_number, drawn_range, drawn_volume, drawn_weight
from lab.words import BRANDS, DRAWN_FOODS, DRAWN_LIQUIDS, DRAWN_SLOGANS, JAR_CONTENTS, phrases

_GRAMS = (
    50, 85, 100, 113, 125, 150, 170, 200, 227, 250, 283, 300, 340, 400, 454, 500, 680, 750, 907, 1000, 1500, 2000,
)  # fmt: skip
_MILLILITRES = (
    30, 50, 75, 100, 120, 150, 200, 236, 250, 300, 354, 400, 473, 500, 591, 750, 946, 1000, 1500, 2000,
)  # fmt: skip
_DECOYS = phrases("Protein {} g|Sugars {} g|Fibre {} g per serving|{} kcal|{} servings|Vitamin C {} mg")
_NUTRIENTS = phrases("Total Fat|Sodium|Total Carbohydrate|Protein|Sugars|Fibre|Calcium")
_VOLTS = ((100, 240), (110, 240), (220, 240), (110, 120), (200, 240))
_TOOLS = phrases("Impact Driver|Cordless Drill|Hammer Drill|Compact Drill")

Row = tuple[str, Mapping[str, Statement]]  # a printed line and what it states


def ink_on(ground: Colour) -> Colour:
    """Black or white, whichever reads better on that ground."""
    return BLACK if sum(ground) > 420 else WHITE


def _put_brand(rng: random.Random, canvas: Canvas, x: float, y: float, wide: float, ink: Colour) -> None:
    """A brand, in capitals as often as not."""
    face, name = rng.choice(BOLD), rng.choice(BRANDS)
    canvas.text((x, y), name.upper() if rng.random() < 0.4 else name, face, 96, ink, room=wide)


def pouch(rng: random.Random, size: int) -> Scene:
    """A pouch of food: net weight below, nutrition figures as decoys; one in six shows only the decoys."""
    canvas = _frame(rng, size)
    colour = rng.choice(VIVID + DARK)
    half, middle = rng.uniform(300, 370), canvas.width / 2
    box = (middle - half, canvas.height * 0.06, middle + half, canvas.height * 0.94)
    shapes.bag(canvas, box, colour)
    top = box[1] + 46
    tall = box[3] - top
    _put_brand(rng, canvas, middle, top + tall * 0.13, half * 1.5, WHITE)
    panel = (middle - half * 0.82, top + tall * 0.26, middle + half * 0.82, top + tall * 0.70)
    canvas.rounded(panel, 26, rng.choice((*PALE, WHITE)), tint(colour, 0.7), 4)
    _put_name(rng, canvas, middle, panel[1] + 70, half * 1.45, rng.choice(DRAWN_FOODS), tint(colour, 0.7))
    _put_decoys(rng, canvas, (panel[0], panel[1] + 125, panel[2], panel[3] - 8), rng.randint(2, 3))
    if rng.random() < 1 / 6:
        _put_slogan(rng, canvas, middle, top + tall * 0.86, half * 1.5, WHITE)
    else:
        net = drawn_weight(rng, rng.choice(_GRAMS))
        _put_net(rng, canvas, middle, top + tall * 0.84, half * 1.5, net, "item_weight", "NET WT", WHITE)
    return canvas.finish("pouch", ("item_weight", "item_volume", "maximum_weight_recommendation"))


def flask(rng: random.Random, size: int) -> Scene:
    """A bottle: its content on the label, percentages and counts as decoys."""
    canvas = _frame(rng, size)
    glass, label = rng.choice((*VIVID, (240, 240, 238), (120, 74, 36))), rng.choice((*PALE, WHITE))
    half, middle = rng.uniform(200, 250), canvas.width / 2
    top, bottom = canvas.height * 0.05, canvas.height * 0.95
    shapes.bottle(canvas, middle, top, bottom, half, glass, rng.choice((*DARK, (235, 235, 235))))
    tall = bottom - top
    panel = (middle - half * 0.98, top + tall * 0.40, middle + half * 0.98, top + tall * 0.91)
    canvas.face(panel, label, ((0, 0.8), (0.2, 1.04), (0.6, 1.0), (1, 0.78)))
    ink = rng.choice([BLACK, tint(rng.choice(VIVID), 0.75)])
    inside = half * 1.72
    deep = panel[3] - panel[1]
    _put_brand(rng, canvas, middle, panel[1] + deep * 0.14, inside, ink)
    _put_name(rng, canvas, middle, panel[1] + deep * 0.33, inside, rng.choice(DRAWN_LIQUIDS), ink)
    share = f"{rng.randint(2, 98)}% {rng.choice(['natural', 'plant based', 'aloe', 'recycled'])}"
    canvas.text((middle, panel[1] + deep * 0.5), share, rng.choice(PLAIN), max(canvas.small, 26), ink, decoy=True)
    _put_slogan(rng, canvas, middle, panel[1] + deep * 0.64, inside, ink)
    content = drawn_volume(rng, rng.choice(_MILLILITRES))
    _put_net(rng, canvas, middle, panel[1] + deep * 0.84, inside, content, "item_volume", "", ink)
    return canvas.finish("flask", ("item_weight", "height"))


def carton(rng: random.Random, size: int) -> Scene:
    """A carton in cabinet projection: one weight, or a pack of several whose printed total counts."""
    canvas = _frame(rng, size)
    colour = rng.choice(VIVID)
    into = (rng.uniform(90, 140), -rng.uniform(60, 90))
    front = (110.0, canvas.height * 0.18, 850.0 - into[0] * 0.2, canvas.height * 0.9)
    shapes.solid(canvas, front, into, colour)
    middle, wide = (front[0] + front[2]) / 2, front[2] - front[0]
    tall = front[3] - front[1]
    _put_brand(rng, canvas, middle, front[1] + tall * 0.15, wide * 0.85, WHITE)
    band = (front[0] + 24, front[1] + tall * 0.28, front[2] - 24, front[1] + tall * 0.62)
    canvas.rounded(band, 18, rng.choice(PALE))
    _put_name(rng, canvas, middle, band[1] + tall * 0.1, wide * 0.82, rng.choice(DRAWN_FOODS), tint(colour, 0.7))
    _put_decoys(rng, canvas, (band[0], band[1] + tall * 0.17, band[2], band[3] - 6), 2)
    word = ""
    if rng.random() < 0.5:
        count, each = rng.choice([6, 8, 10, 12, 20, 24]), rng.choice([20, 25, 30, 40, 45, 50])
        unit = rng.choice(DRAWN_FORMS["gram"][:2])
        total = Quantity(Decimal(count * each), "gram")
        net = Statement(f"{count} x {each}{unit} = {count * each}{unit}", total)
    else:
        net, word = drawn_weight(rng, rng.choice(_GRAMS)), "NET WEIGHT"
    _put_net(rng, canvas, middle, front[1] + tall * 0.82, wide * 0.85, net, "item_weight", word, WHITE)
    return canvas.finish("carton", ("item_volume", "width"))


def pot(rng: random.Random, size: int) -> Scene:
    """A jar of cream or spread: its content, and a seal with a percentage."""
    canvas = _frame(rng, size)
    body = rng.choice((*VIVID, (238, 232, 222), (226, 236, 240)))
    lid = rng.choice((*DARK, (230, 226, 220), (190, 150, 90)))
    half, middle = rng.uniform(320, 370), canvas.width / 2
    top, bottom = canvas.height * 0.1, canvas.height * 0.9
    shapes.jar(canvas, middle, top, bottom, half, body, lid)
    ink = ink_on(body)
    tall, inside = bottom - top, half * 1.7
    _put_brand(rng, canvas, middle, top + tall * 0.34, inside, ink)
    _put_name(rng, canvas, middle, top + tall * 0.48, inside, rng.choice(JAR_CONTENTS), ink)
    seal, colour = (middle - half * 0.5, top + tall * 0.68), rng.choice(VIVID)
    canvas.ellipse(seal, 74, 74, colour)
    canvas.ellipse(seal, 74 * 0.9, 74 * 0.9, None, WHITE, 2.5)
    canvas.text(seal, f"{rng.randint(10, 99)}%", "roboto Bold", 50, WHITE, decoy=True)
    _put_slogan(rng, canvas, middle + half * 0.32, top + tall * 0.68, half * 0.95, ink)
    if rng.random() < 0.5:
        net, entity, word = drawn_weight(rng, rng.choice(_GRAMS)), "item_weight", "NET"
    else:
        net, entity, word = drawn_volume(rng, rng.choice(_MILLILITRES)), "item_volume", ""
    _put_net(rng, canvas, middle, top + tall * 0.88, inside, net, entity, word, ink)
    return canvas.finish("pot", ("item_weight", "item_volume"))


def nutrition(rng: random.Random, size: int) -> Scene:
    """The back of a pack: a table of nutrition facts, all decoys; the net weight below it, or nowhere."""
    canvas = Canvas(shapes.studio(rng, size, round(size * 1.3)))
    colour, middle = rng.choice(VIVID + DARK), canvas.width / 2
    shapes.bag(canvas, (110, 50, canvas.width - 110, canvas.height - 50), colour)
    panel: Box = (190, 190, canvas.width - 190, 960)
    canvas.rounded(panel, 6, WHITE, BLACK, 5)
    canvas.text((middle, 250), "Nutrition Facts", "roboto Black", 70)
    canvas.line([(panel[0] + 20, 300), (panel[2] - 20, 300)], BLACK, 10)
    serving = rng.choice([15, 28, 30, 40, 55])
    rows = [(f"Serving size {serving}g", ""), ("Calories", f"{rng.randint(60, 280)}")]
    for name in rng.sample(_NUTRIENTS, 5):
        rows.append((name, f"{rng.randint(1, 40)}{'mg' if name in ('Sodium', 'Calcium') else 'g'}"))
    for i, (name, value) in enumerate(rows):
        y = 350 + i * 88
        canvas.text((panel[0] + 26, y), name, "roboto Regular", 42, anchor="lm", decoy=_has_digit(name))
        if value:
            canvas.text((panel[2] - 26, y), value, "roboto Bold", 42, anchor="rm", decoy=True)
        canvas.line([(panel[0] + 20, y + 44), (panel[2] - 20, y + 44)], BLACK, 2)
    if rng.random() < 0.6:
        net = drawn_weight(rng, rng.choice(_GRAMS))
        _put_net(rng, canvas, middle, 1080, 600, net, "item_weight", "NET WT", WHITE)
    else:
        _put_slogan(rng, canvas, middle, 1080, 600, WHITE)
    return canvas.finish("nutrition", ("item_weight", "item_volume"))


def _frame(rng: random.Random, size: int) -> Canvas:
    """A canvas of about that shorter side, upright or square, on a studio background or in a room."""
    tall = rng.choice([1.0, 1.0, 1.15, 1.3])
    make = shapes.room if rng.random() < 0.25 else shapes.studio
    return Canvas(make(rng, size, round(size * tall)))


def _has_digit(text: str) -> bool:
    return any(char.isdigit() for char in text)


def _put_name(rng: random.Random, canvas: Canvas, x: float, y: float, wide: float, name: str, ink: Colour) -> None:
    canvas.text((x, y), name, rng.choice(BOLD), 62, ink, room=wide)


def _put_slogan(rng: random.Random, canvas: Canvas, x: float, y: float, wide: float, ink: Colour) -> None:
    face, words = rng.choice(PLAIN), rng.choice(DRAWN_SLOGANS)
    canvas.text((x, y), words, face, 36, ink, room=wide)


def _put_decoys(rng: random.Random, canvas: Canvas, box: Box, count: int) -> None:
    face = rng.choice(PLAIN)
    middle, step = (box[0] + box[2]) / 2, (box[3] - box[1]) / count
    for i, pattern in enumerate(rng.sample(_DECOYS, count)):
        text, at = pattern.format(rng.randint(2, 95)), (middle, box[1] + step * (i + 0.5))
        canvas.text(at, text, face, min(34, step * 0.8), (60, 60, 64), room=box[2] - box[0] - 30, decoy=True)


def _put_net(
    rng: random.Random, canvas: Canvas, x: float, y: float, wide: float, net: Statement, entity: str, word: str,
    ink: Colour,
) -> None:  # fmt: skip
    face = rng.choice(PLAIN[:5])
    text = f"{word} {net.text}" if word and rng.random() < 0.7 else net.text
    canvas.text((x, y), text, face, rng.uniform(38, 52), ink, room=wide, states={entity: net})


def plate(rng: random.Random, size: int) -> Scene:
    """A rating plate: of an adapter (its output voltage answers) or of an appliance (rated voltage and power)."""
    wide = rng.choice([1.0, 1.25, 1.4])
    desk = rng.choice([(214, 212, 206), (236, 236, 234), (196, 200, 204)])
    canvas = Canvas(shapes.paper(rng, round(size * wide), size, desk))
    rows, tempting = _adapter(rng) if rng.random() < 0.5 else _appliance(rng)
    dark = rng.random() < 0.6
    ground: Colour = rng.choice(DARK) if dark else rng.choice([(226, 228, 230), (242, 242, 240)])
    ink = (232, 232, 230) if dark else BLACK
    left, right = canvas.width * 0.07, canvas.width * 0.93
    canvas.shadow((canvas.width / 2, 930), canvas.width * 0.42, 22)
    canvas.face((left, 70, right, 930), ground, downwards=True)
    canvas.rounded((left + 20, 90, right - 20, 910), 24, None, tint(ground, 1.9) if dark else tint(ground, 0.6), 3)
    brand = rng.choice(BRANDS).upper()
    canvas.text((canvas.width / 2, 160), brand, rng.choice(BOLD), 74, ink, room=right - left - 80)
    canvas.line([(left + 50, 220), (right - 50, 220)], ink, 3)
    face = rng.choice(PLAIN)
    smallest = min(canvas.fit(text, face, 52, right - left - 110) for text, _ in rows)
    step = min(96.0, 620 / len(rows))
    for i, (text, states) in enumerate(rows):
        at = (left + 55, 285 + step * i)
        canvas.text(at, text, face, smallest, ink, anchor="lm", decoy=_has_digit(text), states=states)
    return canvas.finish("plate", tempting)


def _adapter(rng: random.Random) -> tuple[list[Row], tuple[str, ...]]:
    volts, amps = rng.choice([5, 9, 12, 15, 19, 24]), rng.choice([1, 2, 3, 4, 5])
    low, high = rng.choice(_VOLTS)
    output, power = drawn_number(rng, volts, "volt"), drawn_number(rng, volts * amps, "watt")
    rows: list[Row] = [
        ("AC ADAPTER", NOTHING),
        (f"MODEL: {rng.choice('KXTZ')}{rng.choice('ABEH')}-{rng.randint(100, 980)}", NOTHING),
        (f"INPUT: {low}-{high}V~ 50/60Hz {rng.choice(['0.8', '1.5', '1.2'])}A", NOTHING),
        (f"OUTPUT: DC {output.text} {amps}.0A", {"voltage": output}),
    ]
    if rng.random() < 0.6:
        rows.append((f"POWER: {power.text}", {"wattage": power}))
    return [*rows, ("MADE IN DENMARK", NOTHING)], ("item_weight", "wattage")


def _appliance(rng: random.Random) -> tuple[list[Row], tuple[str, ...]]:
    low, high = rng.choice(_VOLTS)
    volts = drawn_range(rng, low, high, "volt") if rng.random() < 0.6 else drawn_number(rng, high, "volt")
    watts = rng.choice([300, 450, 700, 850, 1000, 1500, 2000])
    if rng.random() < 0.3:
        power = drawn_range(rng, watts, watts + rng.choice([100, 200, 350]), "watt")
    else:
        power = drawn_number(rng, watts, "watt")
    rows: list[Row] = [
        (f"MODEL NO. {rng.choice('BDFR')}{rng.randint(20, 99)}-{rng.randint(10, 99)}", NOTHING),
        (f"RATED VOLTAGE: {volts.text}~", {"voltage": volts}),
        (f"FREQUENCY: {rng.choice(['50Hz', '60Hz', '50/60Hz'])}", NOTHING),
        (f"RATED POWER: {power.text}", {"wattage": power}),
    ]
    if rng.random() < 0.5:
        content = drawn_volume(rng, rng.choice([800, 1200, 1500, 1700, 2000]))
        rows.append((f"CAPACITY: {content.text}", {"item_volume": content}))
    return [*rows, (f"CLASS {rng.choice(['I', 'II'])}  IPX{rng.randint(2, 7)}", NOTHING)], ("item_volume",)


def power_tool(rng: random.Random, size: int) -> Scene:
    """A cordless drill with its voltage; charge, speed and torque are decoys, the wattage is never stated."""
    canvas = Canvas(shapes.studio(rng, size, size))
    colour = rng.choice(VIVID)
    shapes.drill(canvas, 640, 380, 540, colour)
    face = rng.choice(BOLD)
    canvas.text((648, 378), rng.choice(BRANDS).upper(), face, 44, WHITE, room=225)
    volts = rng.choice([12, 18, 20, 24, 36, 40])
    text = rng.choice([f"{volts}V", f"{volts}V MAX", f"{volts}V Li-ion", f"DC {volts}V"])
    stated = Statement(text, Quantity(Decimal(volts), "volt"))
    canvas.rounded((40.0, 60.0, 520.0, 175.0), 18, colour)
    canvas.text((280, 118), text, face, 84, WHITE, room=440, states={"voltage": stated})
    canvas.text((40, 820), rng.choice(_TOOLS), face, 74, anchor="lm", room=420)
    decoys = rng.sample(
        [f"{rng.choice([1500, 2000, 4000])}mAh", f"0-{rng.randint(4, 30) * 100} RPM",
         f"{rng.randint(25, 90)} Nm torque", f"{rng.randint(18, 25)}+1 settings", "1 h fast charge"], 3,
    )  # fmt: skip
    face = rng.choice(PLAIN)
    for i, decoy in enumerate(decoys):
        at = (90, 470 + i * 88)
        canvas.ellipse((60, at[1]), 12, 12, colour)
        canvas.text(at, decoy, face, max(canvas.small, 40), anchor="lm", decoy=True)
    return canvas.finish("power_tool", ("wattage",))


def data_sheet(rng: random.Random, size: int) -> Scene:
    """An electric kettle above a table of its data: capacity, power, voltage, and rows that answer nothing."""
    canvas = Canvas(shapes.studio(rng, size, round(size * 1.2)))
    colour = rng.choice(VIVID + DARK)
    profile = [(105.0, 120.0), (120.0, 160.0), (185.0, 500.0), (190.0, 545.0)]
    canvas.shadow((500, 565), 230, 18)
    canvas.line([(605, 175), (760, 200), (770, 260), (725, 430), (672, 450)], tint(DARK[0], 1.3), 34)
    canvas.polygon([(400, 190), (300, 180), (330, 300), (350, 300)], tint(colour, 0.85))
    canvas.shade(shapes.outline_of(profile, 500), colour)
    canvas.shade([(300, 545), (700, 545), (712, 575), (288, 575)], DARK[0], FLAT)
    canvas.ellipse((500, 112), 22, 18, DARK[0])
    canvas.shade([(392, 132), (405, 116), (595, 116), (608, 132)], DARK[0], FLAT)
    face = rng.choice(BOLD)
    canvas.text((500, 400), rng.choice(BRANDS), face, 54, WHITE, room=250)
    volts, watts = rng.choice([110, 120, 220, 230, 240]), rng.choice([800, 1000, 1200, 1500, 1800, 2200])
    content = drawn_volume(rng, rng.choice([800, 1000, 1200, 1500, 1700, 2000]))
    voltage, power = drawn_number(rng, volts, "volt"), drawn_number(rng, watts, "watt")
    rows: list[tuple[str, str, Mapping[str, Statement]]] = [
        ("Capacity", content.text, {"item_volume": content}),
        ("Power", power.text, {"wattage": power}),
        ("Voltage", f"{voltage.text} - {rng.choice([50, 60])}Hz", {"voltage": voltage}),
        ("Power cord", f"{rng.choice([70, 75, 80, 90])}cm", NOTHING),
        ("Warranty", f"{rng.randint(2, 5)} years", NOTHING),
    ]
    rng.shuffle(rows)
    face = rng.choice(PLAIN)
    lined, upper = rng.random() < 0.6, rng.random() < 0.4
    for i, (name, value, states) in enumerate(rows):
        y = 670 + i * 104
        if lined:
            canvas.line([(80, y + 50), (920, y + 50)], (170, 172, 176), 2)
        elif i % 2 == 0:
            canvas.rounded((80, y - 48, 920, y + 48), 8, (226, 230, 236))
        canvas.text((110, y), name.upper() if upper else name, "roboto Bold", 44, anchor="lm")
        canvas.text((890, y), value, face, 44, anchor="rm", decoy=True, states=states)
    return canvas.finish("data_sheet", ("height", "item_weight"))
