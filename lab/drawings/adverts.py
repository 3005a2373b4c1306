"""Advertising pictures: load banners, size comparison beside another thing, and scenes that state nothing."""

from __future__ import annotations

import random
from collections.abc import Mapping

from lab.drawings import shapes
from lab.drawings.canvas import BOLD, NOTHING, PLAIN, WHITE, Canvas, Colour, Scene
from lab.drawings.packs import ink_on
from lab.drawings.shapes import DARK, VIVID, WOODS, DimensionStyle, tint
from lab.surface_forms import SIZES, Statement, drawn_length, drawn_wording
from lab.words import BRANDS, DRAWN_SLOGANS, phrases

_WOODS: tuple[Colour, ...] = (*WOODS[:3], (70, 66, 64), WOODS[4])  # their grey is darker than the drawings'
_PHRASES = phrases(
    "Holds up to {}|Supports {}|Max load: {}|Weight capacity {}|MAX. LOAD {}|Load bearing {}|"
    "Strong & sturdy: up to {}|{} weight capacity"
)
_HEADLINES = phrases("Solid Wood Frame|Built to Last|Heavy Duty|Easy to Assemble|Sturdy and Stable|Made for Every Home")
_MOODS = phrases(
    "Make every morning yours|Designed for living|A gift they will love|Quality you can feel|Simply beautiful|"
    "Your daily ritual"
)
_UNITS = (("pound",), ("kilogram",), ("pound", "kilogram"), ("kilogram", "pound"))


def load_banner(rng: random.Random, size: int) -> Scene:
    """A piece of furniture and what it holds; years and part counts are decoys, its own weight is not stated."""
    canvas = Canvas((shapes.room if rng.random() < 0.4 else shapes.studio)(rng, size, size))
    wood = rng.choice(_WOODS)
    front = (150.0, 420.0 + rng.uniform(0, 60), 720.0, 800.0)
    into = (rng.uniform(90, 150), -rng.uniform(60, 100))
    shapes.table(canvas, front, into, wood, 0.6 if rng.random() < 0.5 else None)
    pounds = rng.choice([33, 44, 50, 66, 100, 150, 220, 250, 300, 330, 500])
    load = drawn_wording(rng, rng.choice(_UNITS)).state(pounds * SIZES["pound"])
    face, ground = rng.choice(BOLD), rng.choice(VIVID + DARK)
    text = rng.choice(_PHRASES).format(load.text)
    canvas.rounded((0, 60, canvas.width, 230), 0, ground)
    canvas.text((500, 145), text, face, 84, WHITE, room=900, states={"maximum_weight_recommendation": load})
    face = rng.choice(PLAIN)
    canvas.text((500, 300), rng.choice(_HEADLINES), face, 56, halo=WHITE, room=800)
    decoy = rng.choice(
        [f"{rng.randint(2, 10)} year warranty", f"{rng.randint(2, 4)} pcs set", f"Set up in {rng.randint(5, 20)} min"]
    )
    plaque = canvas.measure(decoy, face, 44)[0] / 2 + 40
    canvas.rounded((500 - plaque, 880, 500 + plaque, 968), 40, WHITE, ground, 4)
    canvas.text((500, 924), decoy, face, 44, decoy=True)
    return canvas.finish("load_banner", ("item_weight", "height"))


def feature_list(rng: random.Random, size: int) -> Scene:
    """A cabinet beside a list that tells its load from its own weight; speed of delivery and years are decoys."""
    canvas = Canvas(shapes.studio(rng, round(size * 1.2), size))
    wood, accent = rng.choice(_WOODS), rng.choice(VIVID)
    front = (640.0, 330.0, 1030.0, 820.0)
    shapes.solid(canvas, front, (90, -60), wood)
    shapes.cabinet_fronts(canvas, front, wood, 1, rng.choice([0, 2]))
    face, head = rng.choice(BOLD), rng.choice(_HEADLINES)
    canvas.text((canvas.width / 2, 110), head, face, 80, accent, room=1000)
    kilograms = rng.randint(6, 40)
    wording = drawn_wording(rng, rng.choice(_UNITS))
    own, load = wording.state(kilograms * 1000), wording.state((kilograms + rng.randint(20, 120)) * 1000)
    name = rng.choice(["Max load", "Load capacity", "Weight capacity"])
    rows: list[tuple[str, str, Mapping[str, Statement]]] = [
        (name, load.text, {"maximum_weight_recommendation": load}),
        ("Shelves", f"{rng.randint(2, 6)} adjustable", NOTHING),
        ("Warranty", f"{rng.randint(2, 10)} years", NOTHING),
    ]
    if rng.random() < 0.7:
        rows.append((rng.choice(["Product weight", "Item weight", "Weight"]), own.text, {"item_weight": own}))
    rng.shuffle(rows)
    face = rng.choice(PLAIN)
    for i, (name, value, states) in enumerate(rows):
        y = 270 + i * 172
        canvas.ellipse((110, y + 30), 44, 44, accent)
        canvas.line([(92, y + 30), (106, y + 46), (132, y + 14)], WHITE, 9)
        canvas.text((185, y), name, "roboto Bold", 46, anchor="lm")
        canvas.text((185, y + 62), value, face, 44, (84, 86, 92), anchor="lm", room=410, decoy=True, states=states)
    return canvas.finish("feature_list", ("item_weight", "depth"))


def comparison(rng: random.Random, size: int) -> Scene:
    """The product with its height beside a bottle or on a hand; what it is compared with has a size of its own."""
    canvas = Canvas(shapes.studio(rng, round(size * 1.1), size))
    height = rng.randint(60, 180) / 10
    wording = drawn_length(rng, height)
    style = DimensionStyle.choose(rng, canvas)
    own = wording.state(height)
    colour = rng.choice(VIVID)
    face = rng.choice(BOLD)
    headline = rng.choice(["Size comparison", "Compact size", "Small but mighty", "Fits in your hand"])
    canvas.text((canvas.width / 2, 90), headline, face, 66)
    if rng.random() < 0.5:
        shapes.hand(canvas, 560, 690, 720)
        shapes.jar(canvas, 520, 350, 715, 120, colour, rng.choice(DARK))
        x, top, bottom = 770.0, 350.0, 712.0
        shapes.extension(canvas, style, (650, top), (x + 14, top))
        shapes.dimension(canvas, style, (x, bottom), (x, top), own.text, side=1, states={"height": own}, room=290)
    else:
        other = wording.state(round(height * 10 * 620 / 360) / 10)  # as the two are drawn
        shapes.bottle(canvas, 780, 230, 850, 96, (120, 160, 190), DARK[0])
        shapes.jar(canvas, 400, 490, 850, 130, colour, rng.choice(DARK))
        shapes.dimension(canvas, style, (220, 850), (220, 490), own.text, side=-1, states={"height": own}, room=160)
        shapes.dimension(canvas, style, (920, 850), (920, 230), other.text, side=1, room=130)
        canvas.text((400, 912), "Ours", face, 46)
        canvas.text((780, 912), rng.choice(["Water bottle", "Soda bottle"]), face, 46, (110, 110, 114))
    return canvas.finish("comparison", ("width", "item_volume"))


def lifestyle(rng: random.Random, size: int) -> Scene:
    """A product in a room under a slogan: no number that answers anything."""
    canvas = Canvas(shapes.room(rng, size, round(size * rng.choice([1.0, 1.2]))))
    colour = rng.choice(VIVID + _WOODS)
    base = canvas.height * 0.86
    shape = rng.choice(["jar", "bottle", "cabinet", "table"])
    brand, face = rng.choice(BRANDS), rng.choice(BOLD)
    if shape == "jar":
        shapes.jar(canvas, 420, base - 420, base, 190, colour, rng.choice(DARK))
        canvas.text((420, base - 160), brand, face, 60, ink_on(colour), room=320)
    elif shape == "bottle":
        shapes.bottle(canvas, 420, base - 540, base, 120, colour, rng.choice(DARK))
        canvas.text((420, base - 160), brand, face, 50, ink_on(colour), room=210)
    elif shape == "cabinet":
        wood = rng.choice(_WOODS)
        front = (190.0, base - 400, 690.0, base)
        shapes.solid(canvas, front, (120, -70), wood)
        shapes.cabinet_fronts(canvas, front, wood, 2, rng.choice([0, 2]))
    else:
        shapes.table(canvas, (160, base - 360, 720, base), (130, -80), rng.choice(_WOODS), 0.6)
    mood = rng.choice(_MOODS)
    ink, halo = rng.choice([(tint(rng.choice(VIVID), 0.6), WHITE), (WHITE, (40, 40, 44))])
    canvas.text((500, canvas.height * 0.12), mood, face, 80, ink, halo=halo, room=900)
    if rng.random() < 0.6:
        x, y = 790, canvas.height * 0.32
        canvas.ellipse((x, y), 120, 120, rng.choice(VIVID))
        canvas.text((x, y - 26), f"{rng.choice([10, 20, 30, 50])}%", "roboto Black", 76, WHITE, decoy=True)
        canvas.text((x, y + 48), "OFF TODAY", "roboto Bold", 34, WHITE)
    else:
        canvas.text((780, canvas.height * 0.3), rng.choice(DRAWN_SLOGANS), face, 46, ink, halo=halo, room=380)
    return canvas.finish("lifestyle", ("height", "item_weight", "item_volume"))


def no_label(rng: random.Random, size: int) -> Scene:
    """A boxed product that says who made it and how many are inside, without any unit."""
    canvas = Canvas(shapes.studio(rng, size, size))
    colour = rng.choice(VIVID)
    shapes.solid(canvas, (140.0, 240.0, 740.0, 880.0), (130, -80), colour)
    canvas.face((140, 640, 740, 790), tint(colour, 0.55))
    face = rng.choice(BOLD)
    canvas.text((440, 360), rng.choice(BRANDS), face, 100, WHITE, room=540)
    text = rng.choice(
        [f"Pack of {rng.randint(2, 24)}", f"{rng.randint(20, 300)} pieces", f"Series {rng.randint(2, 900)}"]
    )
    canvas.text((440, 714), text, face, 70, WHITE, room=520, decoy=True)
    canvas.text((440, 520), rng.choice(DRAWN_SLOGANS), rng.choice(PLAIN), 50, WHITE)
    return canvas.finish("no_label", ("item_weight", "width", "depth"))
