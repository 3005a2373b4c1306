"""Rating plates, adapters, batteries, lamps and tools: volts and watts among amperes, hertz and model numbers."""

from __future__ import annotations

import random
from decimal import Decimal

from entx.core.types import Quantity
from lab import words
from lab.pages.layout import Layout, chatter, column, title
from lab.pages.sheet import blank
from lab.surface_forms import plain
from lab.words import capitals, phrases

_MAINS = (
    ("100-240", 240), ("110-240", 240), ("110-220", 220), ("220-240", 240), ("85-265", 265), ("110-120", 120),
    ("90-264", 264), ("100-120", 120), ("200-240", 240), ("208-240", 240), ("12-24", 24), ("9-36", 36), ("10-30", 30),
    ("220~240", 240), ("100~240", 240), ("100 - 240", 240),
)  # fmt: skip
_SINGLE = (110, 115, 120, 125, 127, 220, 230, 240, 250, 380)
_LOW = phrases("3.7|5|6|7.4|9|12|12.8|14.8|15|18|19|19.5|20|24|36|48|3|1.5|3.6|10.8|11.1|3.85|40|56|60|80")
_AMPERES = phrases("0.5|1|1.0|1.5|2|2.0|2.1|3|3.42|4.74|5|6.0")
_WATTS = (
    3, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 24, 25, 30, 36, 40, 45, 48, 50, 60, 65, 72, 75, 80, 90, 100, 120, 150, 180,
    200, 240, 250, 300, 350, 400, 500, 600, 650, 700, 750, 800, 850, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600,
    1800, 2000, 2200, 2400, 3000, 3500, 5000,
)  # fmt: skip
_LAMPS = _WATTS[:34]  # up to 350 watts
_INPUTS = phrases(
    "INPUT: {}V~ 50/60Hz 1.5A|Input: AC {}V 50-60Hz|INPUT:{}VAC 50/60Hz 0.6A Max|AC INPUT: {}V~50/60Hz|INPUT: {}V 0.5A"
)
_OUTPUTS = phrases(
    "OUTPUT: {v}V {a}A|Output: {v}V={a}A|OUTPUT:{v}VDC {a}A|Output: DC {v}V {a}A|OUTPUT: {v}V=={a}A|"
    "DC OUTPUT: {v}V {a}A|Output: {v}V/{a}A|O/P: {v}V {a}A"
)
_VOLTAGE_WORDS = phrases(
    "Voltage: |Rated Voltage: |INPUT: |VOLTAGE:|Voltage |AC|AC |||Rated voltage:|Input Voltage: |Spannung: |Voltaje: |"
    "Tension: |Tensione: "
)
_VOLTAGE_TAILS = phrases("||~| 50Hz| 50/60Hz|~60Hz| AC|/60Hz")
_POWER_WORDS = phrases(
    "Power: |Rated Power: |POWER:|Wattage: ||||Power |Rated power:|Leistung: |Potencia: |Puissance: |Max. Power: "
)
_OTHER_DATA = phrases(
    "Frequency: 50Hz|50/60Hz|1.5A|Current: 2A|Speed: 1200 rpm|IP44|IPX4|Class II|Noise: <60dB|RPM 12000|3.5A|"
    "Lumen: 800lm|Capacity: 2000mAh|Temp: 60-200°C|Cable: 1.5 m|CRI>80|3000K|Charging Time: 3h"
)
_BATTERIES = phrases(
    "Lithium Battery|Rechargeable Battery|Li-ion Polymer|CORDLESS|Brushless Motor|SEALED LEAD ACID|LiFePO4|Battery|"
    "Alkaline"
)
_BULBS = phrases("LED BULB|LED|Daylight White|E27|E26|A19|GU10|Non-Dimmable|Dimmable|Solar Light")


def adapter(rng: random.Random) -> Layout:
    """A charger or an adapter: its output is the voltage."""
    layout = Layout(blank(rng, studio=0.75), "plate")
    volts, amperes = rng.choice(_LOW), rng.choice(_AMPERES)
    layout.truth["voltage"] = Quantity(plain(volts), "volt")
    mains = rng.choice(_MAINS[:4] + _MAINS[14:])[0]
    watts = plain((Decimal(volts) * Decimal(amperes)).quantize(Decimal("0.1")))
    output = rng.choice(_OUTPUTS).format(v=volts, a=amperes)
    texts = [
        rng.choice(words.POWER_TITLES), f"{rng.choice(('MODEL', 'Model:', 'MODEL NO.'))} {words.code(rng)}",
        rng.choice(_INPUTS).format(mains), output,
    ]  # fmt: skip
    if rng.random() < 0.4:
        power = layout.number("wattage", "watt", watts)
        if rng.random() < 0.4:
            texts[3] = f"{output}. {power}"
        else:
            texts.append(rng.choice(("POWER: ", "", "Output Power: ", "MAX ")) + power)
    if rng.random() < 0.3:
        texts[2], texts[3] = texts[3], texts[2]
    _plate(layout, texts)
    return layout


def appliance(rng: random.Random) -> Layout:
    """A rating plate or a table of data: voltage (upper end of a range), power, frequency."""
    layout = Layout(blank(rng, studio=0.65), "plate")
    texts = []
    if rng.random() < 0.8:
        printed = _voltage(layout)
        texts.append(rng.choice(_VOLTAGE_WORDS) + printed + rng.choice(_VOLTAGE_TAILS))
    if rng.random() < 0.72:
        watts = rng.choice(_WATTS)
        unit = "kilowatt" if watts >= 1000 and rng.random() < 0.12 else "watt"
        value = plain(Decimal(watts) / 1000) if unit == "kilowatt" else Decimal(watts)
        texts.append(rng.choice(_POWER_WORDS) + layout.number("wattage", unit, value))
    texts += [rng.choice(_OTHER_DATA) for _ in range(rng.randint(0, 5))]
    if rng.random() < 0.6:
        rng.shuffle(texts)
    texts.insert(0, capitals(rng, rng.choice(words.APPLIANCES), 0.4))
    if rng.random() < 0.5:
        texts.insert(1, f"{rng.choice(('Model:', 'Model No.', 'Type:', 'MODEL'))} {words.code(rng)}")
    if len(texts) > 2 and {"voltage", "wattage"} <= set(layout.truth) and rng.random() < 0.25:
        texts[1:4] = [rng.choice((" ", "  ", " / ", ", ", "|", "·")).join(texts[1:4])]
    _plate(layout, texts)
    return layout


def battery(rng: random.Random) -> Layout:
    """A battery, a tool or a device known by its volts; lamps known by their watts."""
    layout = Layout(blank(rng, studio=0.75), "plate")
    if rng.random() < 0.6:
        volts = rng.choice(_LOW)
        first = layout.number("voltage", "volt", volts)
        charges = (
            "", "", f" {rng.choice((1, 2, 4, 5, 7, 9, 20, 100))}Ah",
            f" {rng.choice((300, 500, 1200, 2600, 5000))}mAh", " MAX", " Li-ion", f"/{rng.choice((7, 9, 12, 20))}AH",
        )  # fmt: skip
        texts = [first + rng.choice(charges), rng.choice(_BATTERIES)]
        if rng.random() < 0.3:
            texts.append(f"{plain((Decimal(volts) * rng.randint(1, 20)).quantize(Decimal('0.01')))}Wh")
        if rng.random() < 0.12:
            texts.append(layout.number("wattage", "watt", rng.choice(_WATTS)))
    else:
        printed = layout.number("wattage", "watt", rng.choice(_LAMPS))
        other = layout.truth["wattage"].value * rng.choice((6, 7, 8, 5))
        claims = (
            printed, f"{printed} LED", f"{printed} = {other}W", f"{printed} ({other}W Equivalent)",
            f"{other}W Replacement {printed}",
        )  # fmt: skip
        lights = ("6500K", "3000K", "800 lumens", "5000K", "CRI 90")
        texts = [rng.choice(claims), rng.choice(_BULBS), rng.choice(lights)]
        if rng.random() < 0.35:
            volts = _voltage(layout)  # drawn before its word
            texts.append(rng.choice(("AC", "", "AC ", "Input: ")) + volts)
    texts.insert(0, words.brand(rng))
    if rng.random() < 0.3:
        texts.append(words.code(rng))
    if rng.random() < 0.3:
        rng.shuffle(texts)
    _plate(layout, texts)
    return layout


def _voltage(layout: Layout) -> str:
    rng = layout.rng
    volts: int | str
    kind = rng.random()
    if kind < 0.45:
        text, volts = rng.choice(_MAINS)
        if rng.random() < 0.15:
            text = text.replace("-", "V-", 1)
    elif kind < 0.75:
        volts = rng.choice(_SINGLE)
        text = str(volts)
    else:
        volts = rng.choice(_LOW)
        text = rng.choice(("DC ", "DC", "", "")) + volts
    return layout.number("voltage", "volt", volts, text)


def _plate(layout: Layout, texts: list[str]) -> None:
    """The texts as a block on the product, as a poster's headline with details, or spread."""
    sheet, rng = layout.sheet, layout.rng
    if rng.random() < 0.35:
        texts += [rng.choice(words.MARKS_ON_PLATES).replace("{}", words.code(rng)) for _ in range(rng.randint(1, 4))]
    style = rng.random()
    if style < 0.5:
        x0, y0, x1, y1 = sheet.product
        x, y = x0 + rng.uniform(0.05, 0.4) * (x1 - x0), y0 + rng.uniform(0.05, 0.5) * (y1 - y0)
        thick, anchor = sheet.thick(0.5, 0.9), rng.choice((0.0, 0.5))
        column(sheet, texts, x, y, thick, anchor=anchor, spacing=rng.uniform(1.15, 1.8))
    elif style < 0.75:
        x, y = sheet.across(0.04, 0.6), sheet.down(0.1, 0.6)
        column(sheet, texts, x, y, sheet.base, spacing=rng.uniform(1.3, 2.4))
    else:
        for text in texts:
            sheet.put(text, sheet.across(0.1, 0.9), sheet.down(0.06, 0.94), sheet.thick(0.6, 1.6))
    if rng.random() < 0.25:
        title(sheet, words.feature(rng))
    chatter(sheet, 3, 10)
