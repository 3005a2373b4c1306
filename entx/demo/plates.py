"""Electrical things: the rating plate of an adapter or appliance, a cordless tool, an appliance with its data sheet."""

from __future__ import annotations

import random

from entx.demo.backdrop import DARK, VIVID, paper, studio
from entx.demo.canvas import BLACK, FLAT, WHITE, Canvas, Colour
from entx.demo.fonts import BOLD, PLAIN
from entx.demo.labels import BRANDS, stated
from entx.demo.scene import NOT_STATED, Role, Scene, Truth
from entx.demo.shapes import drill, outline_of, tint
from entx.demo.wording import Statement, plain_statement, quantity, range_statement, volume_statement

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
