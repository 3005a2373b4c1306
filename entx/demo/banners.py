"""Advertising pictures: load banners, size comparison beside another thing, and scenes that state nothing."""

from __future__ import annotations

import random
from decimal import Decimal

from entx.demo.backdrop import DARK, VIVID, room, studio
from entx.demo.canvas import BLACK, FLAT, WHITE, Canvas
from entx.demo.dimension import DimensionStyle, dimension, extension
from entx.demo.fonts import BOLD, PLAIN
from entx.demo.labels import BRANDS, SLOGANS, ink_on, stated
from entx.demo.scene import NOT_STATED, Role, Scene
from entx.demo.shapes import bottle, cabinet_fronts, hand, jar, solid, table, tint
from entx.demo.wording import Wording, length_wording

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
