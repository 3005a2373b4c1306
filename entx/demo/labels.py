"""Package labels: a pouch, a bottle, a carton and a jar with net content, brand and nutrition decoys."""

from __future__ import annotations

import random

from entx.demo.backdrop import DARK, PALE, VIVID, room, studio
from entx.demo.canvas import BLACK, WHITE, Canvas, Colour
from entx.demo.fonts import BOLD, PLAIN
from entx.demo.scene import NOT_STATED, Role, Scene, Truth
from entx.demo.shapes import Box, badge, bag, bottle, jar, solid, tint
from entx.demo.wording import (
    SPELLINGS,
    Statement,
    quantity,
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
