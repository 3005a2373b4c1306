"""Package labels: a pouch, a bottle, a carton and a jar with net content, brand and nutrition decoys.

Electrical things: the rating plate of an adapter or appliance, a cordless tool, an appliance with its data sheet.

Advertising pictures: load banners, size comparison beside another thing, and scenes that state nothing.
"""

from __future__ import annotations

import random
from decimal import Decimal

from lab.drawings.canvas import BLACK, BOLD, FLAT, NOT_STATED, PLAIN, WHITE, Canvas, Colour, Role, Scene, Truth
from lab.drawings.shapes import (
    DARK,
    PALE,
    VIVID,
    Box,
    DimensionStyle,
    badge,
    bag,
    bottle,
    cabinet_fronts,
    dimension,
    drill,
    extension,
    hand,
    jar,
    outline_of,
    paper,
    room,
    solid,
    studio,
    table,
    tint,
)
from lab.drawings.wording import (
    SPELLINGS,
    Statement,
    Wording,
    length_wording,
    plain_statement,
    quantity,
    range_statement,
    volume_statement,
    weight_statement,
)

BRANDS = (
    "Nordhaven", "Olivetta", "Bright Acre", "Mara & Finn", "Sunfold", "Tidewater", "Karibo", "Linden Hill", "Aurelle",
    "Pinecrest", "Vellano", "Granary Lane", "Casa Brava", "Moss & Fern", "Arctika", "Belmonte",
)  # fmt: skip
FOODS = (
    "Roasted Almonds", "Ground Coffee", "Basmati Rice", "Oat Granola", "Dried Mango", "Sea Salt Crisps", "Red Lentils",
    "Cocoa Powder", "Green Tea", "Trail Mix", "Chia Seeds", "Penne Pasta",
)  # fmt: skip
LIQUIDS = (
    "Body Wash", "Olive Oil", "Shampoo", "Almond Drink", "Hand Lotion", "Maple Syrup", "Facial Toner", "Mouth Rinse",
    "Cold Brew", "Dish Soap",
)  # fmt: skip
CREAMS = ("Face Cream", "Peanut Butter", "Hair Mask", "Honey", "Body Scrub", "Apricot Jam", "Protein Powder")
SLOGANS = (
    "All Natural", "Gluten Free", "Small Batch", "Gently Made", "Family Recipe", "No Added Sugar", "Vegan Friendly",
    "Made With Care",
)  # fmt: skip
WEIGHTS = (
    50,
    85,
    100,
    113,
    125,
    150,
    170,
    200,
    227,
    250,
    283,
    300,
    340,
    400,
    454,
    500,
    680,
    750,
    907,
    1000,
    1500,
    2000,
)
VOLUMES = (30, 50, 75, 100, 120, 150, 200, 236, 250, 300, 354, 400, 473, 500, 591, 750, 946, 1000, 1500, 2000)

_DECOYS = ("Protein {} g", "Sugars {} g", "Fibre {} g per serving", "{} kcal", "{} servings", "Vitamin C {} mg")


def stated(statement: Statement) -> Truth:
    """The truth of an entity that this statement answers."""
    return Truth(statement.value, statement.also)


def ink_on(ground: Colour) -> Colour:
    """Black or white, whichever reads better on that ground."""
    return BLACK if sum(ground) > 420 else WHITE


def frame(rng: random.Random, size: int) -> Canvas:
    """A canvas of about that shorter side, upright or square, on a studio background or in a room."""
    tall = rng.choice([1.0, 1.0, 1.15, 1.3])
    make = room if rng.random() < 0.25 else studio
    return Canvas(make(rng, size, round(size * tall)))


def pouch(rng: random.Random, size: int) -> Scene:
    """A pouch of food: net weight below, nutrition figures as decoys; one in six shows only the decoys."""
    canvas = frame(rng, size)
    colour = rng.choice(VIVID + DARK)
    half, middle = rng.uniform(300, 370), canvas.width / 2
    box = (middle - half, canvas.height * 0.06, middle + half, canvas.height * 0.94)
    bag(canvas, box, colour)
    top = box[1] + 46
    tall = box[3] - top
    _brand(rng, canvas, middle, top + tall * 0.13, half * 1.5, WHITE)
    panel = (middle - half * 0.82, top + tall * 0.26, middle + half * 0.82, top + tall * 0.70)
    canvas.rounded(panel, 26, rng.choice((*PALE, (255, 255, 255))), tint(colour, 0.7), 4)
    _name(rng, canvas, middle, panel[1] + 70, half * 1.45, rng.choice(FOODS), tint(colour, 0.7))
    _decoys(rng, canvas, (panel[0], panel[1] + 125, panel[2], panel[3] - 8), rng.randint(2, 3))
    truth = {"item_volume": NOT_STATED, "maximum_weight_recommendation": NOT_STATED}
    if rng.random() < 1 / 6:
        truth["item_weight"] = NOT_STATED
        _slogan(rng, canvas, middle, top + tall * 0.86, half * 1.5, WHITE)
    else:
        net = weight_statement(rng, rng.choice(WEIGHTS))
        truth["item_weight"] = stated(net)
        _net(rng, canvas, middle, top + tall * 0.84, half * 1.5, net, ("item_weight",), "NET WT", WHITE)
    return canvas.finish("pouch", truth)


def flask(rng: random.Random, size: int) -> Scene:
    """A bottle: its content on the label, percentages and counts as decoys."""
    canvas = frame(rng, size)
    glass, label = rng.choice((*VIVID, (240, 240, 238), (120, 74, 36))), rng.choice((*PALE, (255, 255, 255)))
    half, middle = rng.uniform(200, 250), canvas.width / 2
    top, bottom = canvas.height * 0.05, canvas.height * 0.95
    bottle(canvas, middle, top, bottom, half, glass, rng.choice((*DARK, (235, 235, 235))))
    tall = bottom - top
    panel = (middle - half * 0.98, top + tall * 0.40, middle + half * 0.98, top + tall * 0.91)
    canvas.shade(
        [(panel[0], panel[1]), (panel[2], panel[1]), (panel[2], panel[3]), (panel[0], panel[3])], label,
        ((0, 0.8), (0.2, 1.04), (0.6, 1.0), (1, 0.78)),
    )  # fmt: skip
    ink = rng.choice([BLACK, tint(rng.choice(VIVID), 0.75)])
    inside = half * 1.72
    deep = panel[3] - panel[1]
    _brand(rng, canvas, middle, panel[1] + deep * 0.14, inside, ink)
    _name(rng, canvas, middle, panel[1] + deep * 0.33, inside, rng.choice(LIQUIDS), ink)
    share = f"{rng.randint(2, 98)}% {rng.choice(['natural', 'plant based', 'aloe', 'recycled'])}"
    face = rng.choice(PLAIN)
    canvas.text((middle, panel[1] + deep * 0.5), share, face, max(canvas.small, 26), ink, role=Role.DECOY)
    _slogan(rng, canvas, middle, panel[1] + deep * 0.64, inside, ink)
    content = volume_statement(rng, rng.choice(VOLUMES))
    _net(rng, canvas, middle, panel[1] + deep * 0.84, inside, content, ("item_volume",), "", ink)
    truth = {"item_volume": stated(content), "item_weight": NOT_STATED, "height": NOT_STATED}
    return canvas.finish("flask", truth)


def carton(rng: random.Random, size: int) -> Scene:
    """A carton in cabinet projection: one weight, or a pack of several whose printed total counts."""
    canvas = frame(rng, size)
    colour = rng.choice(VIVID)
    into = (rng.uniform(90, 140), -rng.uniform(60, 90))
    front = (110.0, canvas.height * 0.18, 850.0 - into[0] * 0.2, canvas.height * 0.9)
    solid(canvas, front, into, colour)
    middle, wide = (front[0] + front[2]) / 2, front[2] - front[0]
    tall = front[3] - front[1]
    _brand(rng, canvas, middle, front[1] + tall * 0.15, wide * 0.85, WHITE)
    band = (front[0] + 24, front[1] + tall * 0.28, front[2] - 24, front[1] + tall * 0.62)
    canvas.rounded(band, 18, rng.choice(PALE))
    _name(rng, canvas, middle, band[1] + tall * 0.1, wide * 0.82, rng.choice(FOODS), tint(colour, 0.7))
    _decoys(rng, canvas, (band[0], band[1] + tall * 0.17, band[2], band[3] - 6), 2)
    y = front[1] + tall * 0.82
    if rng.random() < 0.5:
        count, each = rng.choice([6, 8, 10, 12, 20, 24]), rng.choice([20, 25, 30, 40, 45, 50])
        unit = rng.choice(SPELLINGS["gram"][:2])
        net = Statement(f"{count} x {each}{unit} = {count * each}{unit}", quantity(count * each, "gram"))
        _net(rng, canvas, middle, y, wide * 0.85, net, ("item_weight",), "", WHITE)
    else:
        net = weight_statement(rng, rng.choice(WEIGHTS))
        _net(rng, canvas, middle, y, wide * 0.85, net, ("item_weight",), "NET WEIGHT", WHITE)
    return canvas.finish("carton", {"item_weight": stated(net), "item_volume": NOT_STATED, "width": NOT_STATED})


def pot(rng: random.Random, size: int) -> Scene:
    """A jar of cream or spread: its content, and a seal with a percentage."""
    canvas = frame(rng, size)
    body, lid = (
        rng.choice((*VIVID, (238, 232, 222), (226, 236, 240))),
        rng.choice((*DARK, (230, 226, 220), (190, 150, 90))),
    )
    half, middle = rng.uniform(320, 370), canvas.width / 2
    top, bottom = canvas.height * 0.1, canvas.height * 0.9
    jar(canvas, middle, top, bottom, half, body, lid)
    ink = ink_on(body)
    tall, inside = bottom - top, half * 1.7
    _brand(rng, canvas, middle, top + tall * 0.34, inside, ink)
    _name(rng, canvas, middle, top + tall * 0.48, inside, rng.choice(CREAMS), ink)
    seal = (middle - half * 0.5, top + tall * 0.68)
    badge(canvas, seal, 74, rng.choice(VIVID))
    canvas.text(seal, f"{rng.randint(10, 99)}%", "roboto Bold", 50, WHITE, role=Role.DECOY)
    _slogan(rng, canvas, middle + half * 0.32, top + tall * 0.68, half * 0.95, ink)
    weigh = rng.random() < 0.5
    net = weight_statement(rng, rng.choice(WEIGHTS)) if weigh else volume_statement(rng, rng.choice(VOLUMES))
    entity, other = ("item_weight", "item_volume") if weigh else ("item_volume", "item_weight")
    _net(rng, canvas, middle, top + tall * 0.88, inside, net, (entity,), "NET" if weigh else "", ink)
    return canvas.finish("pot", {entity: stated(net), other: NOT_STATED})


def nutrition(rng: random.Random, size: int) -> Scene:
    """The back of a pack: a table of nutrition facts, all decoys; the net weight below it, or nowhere."""
    canvas = Canvas(studio(rng, size, round(size * 1.3)))
    colour, middle = rng.choice(VIVID + DARK), canvas.width / 2
    bag(canvas, (110, 50, canvas.width - 110, canvas.height - 50), colour)
    panel: Box = (190, 190, canvas.width - 190, 960)
    canvas.rounded(panel, 6, WHITE, BLACK, 5)
    canvas.text((middle, 250), "Nutrition Facts", "roboto Black", 70, BLACK)
    canvas.line([(panel[0] + 20, 300), (panel[2] - 20, 300)], BLACK, 10)
    serving = rng.choice([15, 28, 30, 40, 55])
    rows = [(f"Serving size {serving}g", ""), ("Calories", f"{rng.randint(60, 280)}")]
    names = rng.sample(["Total Fat", "Sodium", "Total Carbohydrate", "Protein", "Sugars", "Fibre", "Calcium"], 5)
    rows += [(name, f"{rng.randint(1, 40)}{'mg' if name in ('Sodium', 'Calcium') else 'g'}") for name in names]
    for i, (name, value) in enumerate(rows):
        y = 350 + i * 88
        role = Role.DECOY if any(c.isdigit() for c in name) else Role.WORDS
        canvas.text((panel[0] + 26, y), name, "roboto Regular", 42, BLACK, anchor="lm", role=role)
        if value:
            canvas.text((panel[2] - 26, y), value, "roboto Bold", 42, BLACK, anchor="rm", role=Role.DECOY)
        canvas.line([(panel[0] + 20, y + 44), (panel[2] - 20, y + 44)], BLACK, 2)
    truth = {"item_weight": NOT_STATED, "item_volume": NOT_STATED}
    if rng.random() < 0.6:
        net = weight_statement(rng, rng.choice(WEIGHTS))
        truth["item_weight"] = stated(net)
        _net(rng, canvas, middle, 1080, 600, net, ("item_weight",), "NET WT", WHITE)
    else:
        _slogan(rng, canvas, middle, 1080, 600, WHITE)
    return canvas.finish("nutrition", truth)


def _brand(rng: random.Random, canvas: Canvas, x: float, y: float, room_: float, ink: Colour) -> None:
    face, name = rng.choice(BOLD), rng.choice(BRANDS)
    name = name.upper() if rng.random() < 0.4 else name
    canvas.text((x, y), name, face, canvas.fit(name, face, 96, room_), ink)


def _name(rng: random.Random, canvas: Canvas, x: float, y: float, room_: float, name: str, ink: Colour) -> None:
    face = rng.choice(BOLD)
    canvas.text((x, y), name, face, canvas.fit(name, face, 62, room_), ink)


def _slogan(rng: random.Random, canvas: Canvas, x: float, y: float, room_: float, ink: Colour) -> None:
    face, words = rng.choice(PLAIN), rng.choice(SLOGANS)
    canvas.text((x, y), words, face, canvas.fit(words, face, 36, room_), ink)


def _decoys(rng: random.Random, canvas: Canvas, box: Box, count: int) -> None:
    face = rng.choice(PLAIN)
    middle, step = (box[0] + box[2]) / 2, (box[3] - box[1]) / count
    for i, pattern in enumerate(rng.sample(_DECOYS, count)):
        text = pattern.format(rng.randint(2, 95))
        size = canvas.fit(text, face, min(34, step * 0.8), box[2] - box[0] - 30)
        canvas.text((middle, box[1] + step * (i + 0.5)), text, face, size, (60, 60, 64), role=Role.DECOY)


def _net(
    rng: random.Random, canvas: Canvas, x: float, y: float, room_: float, net: Statement, entities: tuple[str, ...],
    word: str, ink: Colour,
) -> None:  # fmt: skip
    face = rng.choice(PLAIN[:5])
    text = f"{word} {net.text}" if word and rng.random() < 0.7 else net.text
    canvas.text(
        (x, y), text, face, canvas.fit(text, face, rng.uniform(38, 52), room_), ink,
        role=Role.ANSWER, entities=entities,
    )  # fmt: skip


Row = tuple[str, Statement | None, tuple[str, ...]]
"""A printed line; the statement it makes and the entities that answers; no statement for words and decoys."""

_VOLTS = ((100, 240), (110, 240), (220, 240), (110, 120), (200, 240))
_TOOLS = ("Impact Driver", "Cordless Drill", "Hammer Drill", "Compact Drill")


def plate(rng: random.Random, size: int) -> Scene:
    """A rating plate: of an adapter (its output voltage answers) or of an appliance (rated voltage and power)."""
    wide = rng.choice([1.0, 1.25, 1.4])
    canvas = Canvas(
        paper(rng, round(size * wide), size, rng.choice([(214, 212, 206), (236, 236, 234), (196, 200, 204)]))
    )
    rows, truth = _adapter(rng) if rng.random() < 0.5 else _appliance(rng)
    dark = rng.random() < 0.6
    ground: Colour = rng.choice(DARK) if dark else rng.choice([(226, 228, 230), (242, 242, 240)])
    ink = (232, 232, 230) if dark else BLACK
    left, right = canvas.width * 0.07, canvas.width * 0.93
    canvas.shadow((canvas.width / 2, 930), canvas.width * 0.42, 22)
    canvas.shade([(left, 70), (right, 70), (right, 930), (left, 930)], ground, FLAT, downwards=True)
    canvas.rounded((left + 20, 90, right - 20, 910), 24, None, tint(ground, 1.9) if dark else tint(ground, 0.6), 3)
    brand = rng.choice(BRANDS).upper()
    face = rng.choice(BOLD)
    canvas.text((canvas.width / 2, 160), brand, face, canvas.fit(brand, face, 74, right - left - 80), ink)
    canvas.line([(left + 50, 220), (right - 50, 220)], ink, 3)
    face = rng.choice(PLAIN)
    sizes = [canvas.fit(text, face, 52, right - left - 110) for text, _, _ in rows]
    step = min(96.0, 620 / len(rows))
    for i, (text, statement, entities) in enumerate(rows):
        role = Role.ANSWER if statement else Role.DECOY if any(c.isdigit() for c in text) else Role.WORDS
        at = (left + 55, 285 + step * i)
        canvas.text(at, text, face, min(*sizes, 60), ink, anchor="lm", role=role, entities=entities)
    return canvas.finish("plate", truth)


def _adapter(rng: random.Random) -> tuple[list[Row], dict[str, Truth]]:
    volts, amps = rng.choice([5, 9, 12, 15, 19, 24]), rng.choice([1, 2, 3, 4, 5])
    low, high = rng.choice(_VOLTS)
    out = plain_statement(rng, volts, "volt")
    out = Statement(f"OUTPUT: DC {out.text} {amps}.0A", out.value)
    power = plain_statement(rng, volts * amps, "watt")
    rows: list[Row] = [
        ("AC ADAPTER", None, ()),
        (f"MODEL: {rng.choice('KXTZ')}{rng.choice('ABEH')}-{rng.randint(100, 980)}", None, ()),
        (f"INPUT: {low}-{high}V~ 50/60Hz {rng.choice(['0.8', '1.5', '1.2'])}A", None, ()),
        (out.text, out, ("voltage",)),
    ]
    truth = {"voltage": stated(out), "item_weight": NOT_STATED}
    if rng.random() < 0.6:
        rows.append((f"POWER: {power.text}", power, ("wattage",)))
        truth["wattage"] = stated(power)
    else:
        truth["wattage"] = NOT_STATED
    rows.append(("MADE IN DENMARK", None, ()))
    return rows, truth


def _appliance(rng: random.Random) -> tuple[list[Row], dict[str, Truth]]:
    low, high = rng.choice(_VOLTS)
    volts = range_statement(rng, low, high, "volt") if rng.random() < 0.6 else plain_statement(rng, high, "volt")
    watts = rng.choice([300, 450, 700, 850, 1000, 1500, 2000])
    if rng.random() < 0.3:
        power = range_statement(rng, watts, watts + rng.choice([100, 200, 350]), "watt")
    else:
        power = plain_statement(rng, watts, "watt")
    rows: list[Row] = [
        (f"MODEL NO. {rng.choice('BDFR')}{rng.randint(20, 99)}-{rng.randint(10, 99)}", None, ()),
        (f"RATED VOLTAGE: {volts.text}~", volts, ("voltage",)),
        (f"FREQUENCY: {rng.choice(['50Hz', '60Hz', '50/60Hz'])}", None, ()),
        (f"RATED POWER: {power.text}", power, ("wattage",)),
    ]
    truth = {"voltage": stated(volts), "wattage": stated(power), "item_volume": NOT_STATED}
    if rng.random() < 0.5:
        content = volume_statement(rng, rng.choice([800, 1200, 1500, 1700, 2000]))
        rows.append((f"CAPACITY: {content.text}", content, ("item_volume",)))
        truth["item_volume"] = stated(content)
    rows.append((f"CLASS {rng.choice(['I', 'II'])}  IPX{rng.randint(2, 7)}", None, ()))
    return rows, truth


def power_tool(rng: random.Random, size: int) -> Scene:
    """A cordless drill with its voltage; charge, speed and torque are decoys, the wattage is never stated."""
    canvas = Canvas(studio(rng, size, size))
    colour = rng.choice(VIVID)
    drill(canvas, 640, 380, 540, colour)
    face = rng.choice(BOLD)
    brand = rng.choice(BRANDS).upper()
    canvas.text((648, 378), brand, face, canvas.fit(brand, face, 44, 225), WHITE)
    volts = rng.choice([12, 18, 20, 24, 36, 40])
    text = rng.choice([f"{volts}V", f"{volts}V MAX", f"{volts}V Li-ion", f"DC {volts}V"])
    statement = Statement(text, quantity(volts, "volt"))
    bar = (40.0, 60.0, 520.0, 175.0)
    canvas.rounded(bar, 18, colour)
    big = canvas.fit(text, face, 84, 440)
    canvas.text((280, 118), text, face, big, WHITE, role=Role.ANSWER, entities=("voltage",))
    title = rng.choice(_TOOLS)
    canvas.text((40, 820), title, face, canvas.fit(title, face, 74, 420), BLACK, anchor="lm")
    decoys = rng.sample(
        [f"{rng.choice([1500, 2000, 4000])}mAh", f"0-{rng.randint(4, 30) * 100} RPM",
         f"{rng.randint(25, 90)} Nm torque", f"{rng.randint(18, 25)}+1 settings", "1 h fast charge"], 3,
    )  # fmt: skip
    face = rng.choice(PLAIN)
    for i, decoy in enumerate(decoys):
        at = (90, 470 + i * 88)
        canvas.ellipse((60, at[1]), 12, 12, colour)
        canvas.text(at, decoy, face, max(canvas.small, 40), BLACK, anchor="lm", role=Role.DECOY)
    truth = {"voltage": stated(statement), "wattage": NOT_STATED}
    return canvas.finish("power_tool", truth)


def data_sheet(rng: random.Random, size: int) -> Scene:
    """An electric kettle above a table of its data: capacity, power, voltage, and rows that answer nothing."""
    canvas = Canvas(studio(rng, size, round(size * 1.2)))
    colour = rng.choice(VIVID + DARK)
    profile = [(105.0, 120.0), (120.0, 160.0), (185.0, 500.0), (190.0, 545.0)]
    canvas.shadow((500, 565), 230, 18)
    canvas.line([(605, 175), (760, 200), (770, 260), (725, 430), (672, 450)], tint(DARK[0], 1.3), 34)
    canvas.polygon([(400, 190), (300, 180), (330, 300), (350, 300)], tint(colour, 0.85))
    canvas.shade(outline_of(profile, 500), colour)
    canvas.shade([(300, 545), (700, 545), (712, 575), (288, 575)], DARK[0], FLAT)
    canvas.ellipse((500, 112), 22, 18, DARK[0])
    canvas.shade([(392, 132), (405, 116), (595, 116), (608, 132)], DARK[0], FLAT)
    face = rng.choice(BOLD)
    brand = rng.choice(BRANDS)
    canvas.text((500, 400), brand, face, canvas.fit(brand, face, 54, 250), WHITE)
    volts, watts = rng.choice([110, 120, 220, 230, 240]), rng.choice([800, 1000, 1200, 1500, 1800, 2200])
    content = volume_statement(rng, rng.choice([800, 1000, 1200, 1500, 1700, 2000]))
    voltage, power = plain_statement(rng, volts, "volt"), plain_statement(rng, watts, "watt")
    rows: list[tuple[str, str, tuple[str, ...]]] = [
        ("Capacity", content.text, ("item_volume",)),
        ("Power", power.text, ("wattage",)),
        ("Voltage", f"{voltage.text} - {rng.choice([50, 60])}Hz", ("voltage",)),
        ("Power cord", f"{rng.choice([70, 75, 80, 90])}cm", ()),
        ("Warranty", f"{rng.randint(2, 5)} years", ()),
    ]
    rng.shuffle(rows)
    face = rng.choice(PLAIN)
    lined, upper = rng.random() < 0.6, rng.random() < 0.4
    for i, (name, value, entities) in enumerate(rows):
        y = 670 + i * 104
        if lined:
            canvas.line([(80, y + 50), (920, y + 50)], (170, 172, 176), 2)
        elif i % 2 == 0:
            canvas.rounded((80, y - 48, 920, y + 48), 8, (226, 230, 236))
        canvas.text((110, y), name.upper() if upper else name, "roboto Bold", 44, BLACK, anchor="lm")
        role = Role.ANSWER if entities else Role.DECOY
        canvas.text((890, y), value, face, 44, BLACK, anchor="rm", role=role, entities=entities)
    truth = {
        "item_volume": stated(content), "wattage": stated(power), "voltage": stated(voltage), "height": NOT_STATED,
        "item_weight": NOT_STATED,
    }  # fmt: skip
    return canvas.finish("data_sheet", truth)


_WOODS = ((176, 132, 88), (120, 84, 58), (214, 206, 196), (70, 66, 64), (196, 160, 116))
_PHRASES = (
    "Holds up to {}", "Supports {}", "Max load: {}", "Weight capacity {}", "MAX. LOAD {}", "Load bearing {}",
    "Strong & sturdy: up to {}", "{} weight capacity",
)  # fmt: skip
_HEADLINES = (
    "Solid Wood Frame", "Built to Last", "Heavy Duty", "Easy to Assemble", "Sturdy and Stable", "Made for Every Home",
)  # fmt: skip
_MOODS = (
    "Make every morning yours", "Designed for living", "A gift they will love", "Quality you can feel",
    "Simply beautiful", "Your daily ritual",
)  # fmt: skip


def load_banner(rng: random.Random, size: int) -> Scene:
    """A piece of furniture and what it holds; years and part counts are decoys, its own weight is not stated."""
    canvas = Canvas((room if rng.random() < 0.4 else studio)(rng, size, size))
    wood = rng.choice(_WOODS)
    front = (150.0, 420.0 + rng.uniform(0, 60), 720.0, 800.0)
    into = (rng.uniform(90, 150), -rng.uniform(60, 100))
    table(canvas, front, into, wood, 0.6 if rng.random() < 0.5 else None)
    pounds = rng.choice([33, 44, 50, 66, 100, 150, 220, 250, 300, 330, 500])
    units = rng.choice([("pound",), ("kilogram",), ("pound", "kilogram"), ("kilogram", "pound")])
    load = Wording.choose(rng, units).state(Decimal(pounds) * Decimal("453.592"))
    face, ground = rng.choice(BOLD), rng.choice(VIVID + DARK)
    text = rng.choice(_PHRASES).format(load.text)
    canvas.rounded((0, 60, canvas.width, 230), 0, ground)
    canvas.text(
        (500, 145), text, face, canvas.fit(text, face, 84, 900), WHITE,
        role=Role.ANSWER, entities=("maximum_weight_recommendation",),
    )  # fmt: skip
    face = rng.choice(PLAIN)
    head = rng.choice(_HEADLINES)
    canvas.text((500, 300), head, face, canvas.fit(head, face, 56, 800), BLACK, halo=WHITE)
    decoy = rng.choice(
        [f"{rng.randint(2, 10)} year warranty", f"{rng.randint(2, 4)} pcs set", f"Set up in {rng.randint(5, 20)} min"]
    )
    plaque = canvas.measure(decoy, face, 44)[0] / 2 + 40
    canvas.rounded((500 - plaque, 880, 500 + plaque, 968), 40, WHITE, ground, 4)
    canvas.text((500, 924), decoy, face, 44, BLACK, role=Role.DECOY)
    truth = {"maximum_weight_recommendation": stated(load), "item_weight": NOT_STATED, "height": NOT_STATED}
    return canvas.finish("load_banner", truth)


def feature_list(rng: random.Random, size: int) -> Scene:
    """A cabinet beside a list that tells its load from its own weight; speed of delivery and years are decoys."""
    canvas = Canvas(studio(rng, round(size * 1.2), size))
    wood, accent = rng.choice(_WOODS), rng.choice(VIVID)
    front = (640.0, 330.0, 1030.0, 820.0)
    solid(canvas, front, (90, -60), wood)
    cabinet_fronts(canvas, front, wood, 1, rng.choice([0, 2]))
    face, head = rng.choice(BOLD), rng.choice(_HEADLINES)
    canvas.text((canvas.width / 2, 110), head, face, canvas.fit(head, face, 80, 1000), accent)
    kilograms = rng.randint(6, 40)
    units = rng.choice([("pound",), ("kilogram",), ("pound", "kilogram"), ("kilogram", "pound")])
    words = Wording.choose(rng, units)
    own, load = words.state(kilograms * 1000), words.state((kilograms + rng.randint(20, 120)) * 1000)
    rows: list[tuple[str, str, tuple[str, ...]]] = [
        (rng.choice(["Max load", "Load capacity", "Weight capacity"]), load.text, ("maximum_weight_recommendation",)),
        ("Shelves", f"{rng.randint(2, 6)} adjustable", ()),
        ("Warranty", f"{rng.randint(2, 10)} years", ()),
    ]
    truth = {"maximum_weight_recommendation": stated(load), "item_weight": NOT_STATED, "depth": NOT_STATED}
    if rng.random() < 0.7:
        rows.append((rng.choice(["Product weight", "Item weight", "Weight"]), own.text, ("item_weight",)))
        truth["item_weight"] = stated(own)
    rng.shuffle(rows)
    face = rng.choice(PLAIN)
    for i, (name, value, entities) in enumerate(rows):
        y = 270 + i * 172
        canvas.ellipse((110, y + 30), 44, 44, accent)
        canvas.line([(92, y + 30), (106, y + 46), (132, y + 14)], WHITE, 9)
        canvas.text((185, y), name, "roboto Bold", 46, BLACK, anchor="lm")
        role = Role.ANSWER if entities else Role.DECOY
        size_ = canvas.fit(value, face, 44, 410)
        canvas.text((185, y + 62), value, face, size_, (84, 86, 92), anchor="lm", role=role, entities=entities)
    return canvas.finish("feature_list", truth)


def comparison(rng: random.Random, size: int) -> Scene:
    """The product with its height beside a bottle or on a hand; what it is compared with has a size of its own."""
    canvas = Canvas(studio(rng, round(size * 1.1), size))
    height = rng.randint(60, 180)
    words = length_wording(rng, height)
    style = DimensionStyle.choose(rng, canvas)
    own = words.state(height)
    colour = rng.choice(VIVID)
    face = rng.choice(BOLD)
    headline = rng.choice(["Size comparison", "Compact size", "Small but mighty", "Fits in your hand"])
    canvas.text((canvas.width / 2, 90), headline, face, 66, BLACK)
    if rng.random() < 0.5:
        hand(canvas, 560, 690, 720)
        jar(canvas, 520, 350, 715, 120, colour, rng.choice(DARK))
        x, top, bottom = 770.0, 350.0, 712.0
        extension(canvas, style, (650, top), (x + 14, top))
        dimension(canvas, style, (x, bottom), (x, top), own.text, side=1, entities=("height",), room=290)
    else:
        other = words.state(round(height * 620 / 360))  # as the two are drawn
        bottle(canvas, 780, 230, 850, 96, (120, 160, 190), DARK[0])
        jar(canvas, 400, 490, 850, 130, colour, rng.choice(DARK))
        dimension(canvas, style, (220, 850), (220, 490), own.text, side=-1, entities=("height",), room=160)
        dimension(canvas, style, (920, 850), (920, 230), other.text, side=1, role=Role.DECOY, room=130)
        canvas.text((400, 912), "Ours", face, 46, BLACK)
        canvas.text((780, 912), rng.choice(["Water bottle", "Soda bottle"]), face, 46, (110, 110, 114))
    truth = {"height": stated(own), "width": NOT_STATED, "item_volume": NOT_STATED}
    return canvas.finish("comparison", truth)


def lifestyle(rng: random.Random, size: int) -> Scene:
    """A product in a room under a slogan: no number that answers anything."""
    canvas = Canvas(room(rng, size, round(size * rng.choice([1.0, 1.2]))))
    colour = rng.choice(VIVID + _WOODS)
    base = canvas.height * 0.86
    shape = rng.choice(["jar", "bottle", "cabinet", "table"])
    brand, face = rng.choice(BRANDS), rng.choice(BOLD)
    if shape == "jar":
        jar(canvas, 420, base - 420, base, 190, colour, rng.choice(DARK))
        canvas.text((420, base - 160), brand, face, canvas.fit(brand, face, 60, 320), ink_on(colour))
    elif shape == "bottle":
        bottle(canvas, 420, base - 540, base, 120, colour, rng.choice(DARK))
        canvas.text((420, base - 160), brand, face, canvas.fit(brand, face, 50, 210), ink_on(colour))
    elif shape == "cabinet":
        wood = rng.choice(_WOODS)
        front = (190.0, base - 400, 690.0, base)
        solid(canvas, front, (120, -70), wood)
        cabinet_fronts(canvas, front, wood, 2, rng.choice([0, 2]))
    else:
        table(canvas, (160, base - 360, 720, base), (130, -80), rng.choice(_WOODS), 0.6)
    mood = rng.choice(_MOODS)
    ink, halo = rng.choice([(tint(rng.choice(VIVID), 0.6), WHITE), (WHITE, (40, 40, 44))])
    canvas.text((500, canvas.height * 0.12), mood, face, canvas.fit(mood, face, 80, 900), ink, halo=halo)
    if rng.random() < 0.6:
        place = (790, canvas.height * 0.32)
        canvas.ellipse(place, 120, 120, rng.choice(VIVID))
        canvas.text(
            (place[0], place[1] - 26), f"{rng.choice([10, 20, 30, 50])}%", "roboto Black", 76, WHITE, role=Role.DECOY
        )
        canvas.text((place[0], place[1] + 48), "OFF TODAY", "roboto Bold", 34, WHITE)
    else:
        words = rng.choice(SLOGANS)
        canvas.text((780, canvas.height * 0.3), words, face, canvas.fit(words, face, 46, 380), ink, halo=halo)
    return canvas.finish("lifestyle", dict.fromkeys(("height", "item_weight", "item_volume"), NOT_STATED))


def no_label(rng: random.Random, size: int) -> Scene:
    """A boxed product that says who made it and how many are inside, without any unit."""
    canvas = Canvas(studio(rng, size, size))
    colour = rng.choice(VIVID)
    front = (140.0, 240.0, 740.0, 880.0)
    solid(canvas, front, (130, -80), colour)
    canvas.shade([(140, 640), (740, 640), (740, 790), (140, 790)], tint(colour, 0.55), FLAT)
    face = rng.choice(BOLD)
    brand = rng.choice(BRANDS)
    canvas.text((440, 360), brand, face, canvas.fit(brand, face, 100, 540), WHITE)
    text = rng.choice(
        [f"Pack of {rng.randint(2, 24)}", f"{rng.randint(20, 300)} pieces", f"Series {rng.randint(2, 900)}"]
    )
    canvas.text((440, 714), text, face, canvas.fit(text, face, 70, 520), WHITE, role=Role.DECOY)
    canvas.text((440, 520), rng.choice(SLOGANS), rng.choice(PLAIN), 50, WHITE)
    return canvas.finish("no_label", dict.fromkeys(("item_weight", "width", "depth"), NOT_STATED))
