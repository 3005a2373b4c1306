"""Rating plates, adapters, batteries, lamps and tools: volts and watts among amperes, hertz and model numbers."""

from __future__ import annotations

import random
from decimal import Decimal

from entx.core.types import Quantity
from lab.pages import words
from lab.pages.plan import Plan, case, chatter, column, title
from lab.pages.sayings import form, plain
from lab.pages.sheet import blank

_LIKELY = {"voltage": 1.0, "wattage": 1.0, "item_weight": 0.10, "height": 0.08, "width": 0.06, "depth": 0.06,
    "item_volume": 0.05,
           "maximum_weight_recommendation": 0.04}  # fmt: skip
_MAINS = (("100-240", 240), ("110-240", 240), ("110-220", 220), ("220-240", 240), ("85-265", 265), ("110-120", 120),
    ("90-264", 264), ("100-120", 120),
          ("200-240", 240), ("208-240", 240), ("12-24", 24), ("9-36", 36), ("10-30", 30), ("220~240", 240),
          ("100~240", 240), ("100 - 240", 240))  # fmt: skip
_SINGLE = (110, 115, 120, 125, 127, 220, 230, 240, 250, 380)
_LOW = (
    "3.7",
    "5",
    "6",
    "7.4",
    "9",
    "12",
    "12.8",
    "14.8",
    "15",
    "18",
    "19",
    "19.5",
    "20",
    "24",
    "36",
    "48",
    "3",
    "1.5",
    "3.6",
    "10.8",
    "11.1",
    "3.85",
    "40",
    "56",
    "60",
    "80",
)
_WATTS = (3, 5, 6, 7, 8, 9, 10, 12, 15, 18, 20, 24, 25, 30, 36, 40, 45, 48, 50, 60, 65, 72, 75, 80, 90, 100, 120, 150,
    180, 200, 240, 250, 300, 350, 400, 500, 600, 650,
          700, 750, 800, 850, 900, 1000, 1100, 1200, 1300, 1400, 1500, 1600, 1800, 2000, 2200, 2400, 3000, 3500,
          5000)  # fmt: skip


def adapter(rng: random.Random) -> Plan:
    """A charger or an adapter: its output is the voltage."""
    sheet = blank(rng, studio=0.75)
    plan = Plan("adapter", sheet, likely=dict(_LIKELY))
    low, amps = (
        rng.choice(_LOW),
        rng.choice(("0.5", "1", "1.0", "1.5", "2", "2.0", "2.1", "3", "3.42", "4.74", "5", "6.0")),
    )
    volts = Quantity(plain(Decimal(low)), "volt")
    mains = rng.choice(_MAINS[:4] + _MAINS[14:])[0]
    watts = plain((Decimal(low) * Decimal(amps)).quantize(Decimal("0.1")))
    output = rng.choice(
        (
            "OUTPUT: {v}V {a}A",
            "Output: {v}V⎓{a}A",
            "OUTPUT:{v}VDC {a}A",
            "Output: DC {v}V {a}A",
            "OUTPUT: {v}V=={a}A",
            "DC OUTPUT: {v}V {a}A",
            "Output: {v}V/{a}A",
            "O/P: {v}V {a}A",
        )
    )
    texts = [rng.choice(words.POWER_TITLES), f"{rng.choice(('MODEL', 'Model:', 'MODEL NO.'))} {words.code(rng)}",
             rng.choice(("INPUT: {}V~ 50/60Hz 1.5A", "Input: AC {}V 50-60Hz", "INPUT:{}VAC 50/60Hz 0.6A Max",
                 "AC INPUT: {}V~50/60Hz", "INPUT: {}V 0.5A")).format(mains),
             output.format(v=low, a=amps).replace("⎓", "=")]  # fmt: skip
    plan.truth["voltage"] = volts
    if rng.random() < 0.4:
        text = f"{watts}{form(rng, 'watt')}"
        texts[-1:] = (
            [f"{texts[-1]}. {text}"]
            if rng.random() < 0.4
            else [texts[-1], f"{rng.choice(('POWER: ', '', 'Output Power: ', 'MAX '))}{text}"]
        )
        plan.truth["wattage"] = Quantity(watts, "watt")
    if rng.random() < 0.3:
        texts[2], texts[3] = texts[3], texts[2]
    _plate(plan, texts)
    return plan


def appliance(rng: random.Random) -> Plan:
    """A rating plate or a table of data: voltage (upper end of a range), power, frequency."""
    sheet = blank(rng, studio=0.65)
    plan = Plan("appliance", sheet, likely=dict(_LIKELY))
    texts = []
    if rng.random() < 0.8:
        voltage, printed = _voltage(rng)
        word = rng.choice(
            (
                "Voltage: ",
                "Rated Voltage: ",
                "INPUT: ",
                "VOLTAGE:",
                "Voltage ",
                "AC",
                "AC ",
                "",
                "",
                "Rated voltage:",
                "Input Voltage: ",
                "Spannung: ",
                "Voltaje: ",
                "Tension: ",
                "Tensione: ",
            )
        )
        texts.append(word + printed + rng.choice(("", "", "~", " 50Hz", " 50/60Hz", "~60Hz", " AC", "/60Hz")))
        plan.truth["voltage"] = voltage
    if rng.random() < 0.72:
        watts = rng.choice(_WATTS)
        unit = "kilowatt" if watts >= 1000 and rng.random() < 0.12 else "watt"
        value = plain(Decimal(watts) / 1000) if unit == "kilowatt" else Decimal(watts)
        word = rng.choice(
            (
                "Power: ",
                "Rated Power: ",
                "POWER:",
                "Wattage: ",
                "",
                "",
                "",
                "Power ",
                "Rated power:",
                "Leistung: ",
                "Potencia: ",
                "Puissance: ",
                "Max. Power: ",
            )
        )
        texts.append(f"{word}{value}{form(rng, unit)}")
        plan.truth["wattage"] = Quantity(value, unit)
    texts += [rng.choice(("Frequency: 50Hz", "50/60Hz", "1.5A", "Current: 2A", "Speed: 1200 rpm", "IP44", "IPX4",
        "Class II", "Noise: <60dB", "RPM 12000", "3.5A", "Lumen: 800lm",
                          "Capacity: 2000mAh", "Temp: 60-200°C", "Cable: 1.5 m", "CRI>80", "3000K",
                          "Charging Time: 3h")) for _ in range(rng.randint(0, 5))]  # fmt: skip
    if rng.random() < 0.6:
        rng.shuffle(texts)
    texts.insert(0, case(rng, rng.choice(words.APPLIANCES), 0.4))
    if rng.random() < 0.5:
        texts.insert(1, f"{rng.choice(('Model:', 'Model No.', 'Type:', 'MODEL'))} {words.code(rng)}")
    if len(texts) > 2 and "voltage" in plan.truth and "wattage" in plan.truth and rng.random() < 0.25:
        joined = rng.choice((" ", "  ", " / ", ", ", "|", "·")).join(texts[1:4])
        texts[1:4] = [joined]
    _plate(plan, texts)
    return plan


def battery(rng: random.Random) -> Plan:
    """A battery, a tool or a device known by its volts; lamps known by their watts."""
    sheet = blank(rng, studio=0.75)
    plan = Plan("battery", sheet, likely=dict(_LIKELY))
    kind = rng.random()
    if kind < 0.6:
        low = rng.choice(_LOW)
        plan.truth["voltage"] = Quantity(plain(Decimal(low)), "volt")
        first = low + form(rng, "volt")
        tail = rng.choice(
            (
                "",
                "",
                f" {rng.choice((1, 2, 4, 5, 7, 9, 20, 100))}Ah",
                f" {rng.choice((300, 500, 1200, 2600, 5000))}mAh",
                " MAX",
                " Li-ion",
                f"/{rng.choice((7, 9, 12, 20))}AH",
            )
        )
        texts = [
            first + tail,
            rng.choice(
                (
                    "Lithium Battery",
                    "Rechargeable Battery",
                    "Li-ion Polymer",
                    "CORDLESS",
                    "Brushless Motor",
                    "SEALED LEAD ACID",
                    "LiFePO4",
                    "Battery",
                    "Alkaline",
                )
            ),
        ]
        if rng.random() < 0.3:
            hours = plain((Decimal(low) * rng.randint(1, 20)).quantize(Decimal("0.01")))
            texts.append(f"{hours}Wh")
        if rng.random() < 0.12:
            watts = rng.choice(_WATTS)
            texts.append(f"{watts}{form(rng, 'watt')}")
            plan.truth["wattage"] = Quantity(Decimal(watts), "watt")
    else:
        watts = rng.choice(_WATTS[:34])
        plan.truth["wattage"] = Quantity(Decimal(watts), "watt")
        printed = f"{watts}{form(rng, 'watt')}"
        other = watts * rng.choice((6, 7, 8, 5))
        texts = [rng.choice((printed, f"{printed} LED", f"{printed} = {other}W", f"{printed} ({other}W Equivalent)",
            f"{other}W Replacement {printed}")),
                 rng.choice(("LED BULB", "LED", "Daylight White", "E27", "E26", "A19", "GU10", "Non-Dimmable",
                     "Dimmable", "Solar Light")), rng.choice(("6500K", "3000K", "800 lumens", "5000K",
                     "CRI 90"))]  # fmt: skip
        if rng.random() < 0.35:
            plan.truth["voltage"], volts = _voltage(rng)
            texts.append(rng.choice(("AC", "", "AC ", "Input: ")) + volts)
    texts.insert(0, words.brand(rng))
    if rng.random() < 0.3:
        texts.append(words.code(rng))
    if rng.random() < 0.3:
        rng.shuffle(texts)
    _plate(plan, texts)
    return plan


def _voltage(rng: random.Random) -> tuple[Quantity, str]:
    kind = rng.random()
    if kind < 0.45:
        text, upper = rng.choice(_MAINS)
        if rng.random() < 0.15:
            text = text.replace("-", "V-", 1)
        return Quantity(Decimal(upper), "volt"), text + form(rng, "volt")
    if kind < 0.75:
        volts = rng.choice(_SINGLE)
        return Quantity(Decimal(volts), "volt"), f"{volts}{form(rng, 'volt')}"
    low = rng.choice(_LOW)
    return Quantity(plain(Decimal(low)), "volt"), rng.choice(("DC ", "DC", "", "")) + low + form(rng, "volt")


def _plate(plan: Plan, texts: list[str]) -> None:
    """The texts as a block on the product, as a poster's headline with details, or spread."""
    sheet, rng = plan.sheet, plan.sheet.rng
    if rng.random() < 0.35:
        texts += [rng.choice(words.MARKS_ON_PLATES).replace("{}", words.code(rng)) for _ in range(rng.randint(1, 4))]
    style = rng.random()
    x0, y0, x1, y1 = sheet.product
    if style < 0.5:
        column(sheet, texts, x0 + rng.uniform(0.05, 0.4) * (x1 - x0), y0 + rng.uniform(0.05, 0.5) * (y1 - y0),
            sheet.base * rng.uniform(0.5, 0.9),
               anchor=rng.choice((0.0, 0.5)), spacing=rng.uniform(1.15, 1.8))  # fmt: skip
    elif style < 0.75:
        column(
            sheet,
            texts,
            rng.uniform(0.04, 0.6) * sheet.width,
            rng.uniform(0.1, 0.6) * sheet.height,
            sheet.base,
            spacing=rng.uniform(1.3, 2.4),
        )
    else:
        for text in texts:
            sheet.put(
                text,
                rng.uniform(0.1, 0.9) * sheet.width,
                rng.uniform(0.06, 0.94) * sheet.height,
                sheet.base * rng.uniform(0.6, 1.6),
            )
    if rng.random() < 0.25:
        title(sheet, words.feature(rng))
    chatter(sheet, rng.randint(0, 10 if sheet.large else 3))
