"""Sizes in words: a table beside the product, or one expression "L x W x H"."""

from __future__ import annotations

import random

from entx.demo.backdrop import DARK, VIVID, studio
from entx.demo.canvas import BLACK, WHITE, Canvas
from entx.demo.drawings import WOODS, extents_as_drawn
from entx.demo.fonts import BOLD, PLAIN
from entx.demo.labels import stated
from entx.demo.scene import NOT_STATED, Role, Scene, Truth
from entx.demo.shapes import cabinet_fronts, solid, table
from entx.demo.wording import Wording, digits, length_wording, weight_statement

_TITLES = ("Specifications", "Product details", "PRODUCT DATA", "Technical data", "Details")
_MATERIALS = ("Oak", "Pine", "Steel", "Bamboo", "MDF", "Acacia wood")


def size_table(rng: random.Random, size: int) -> Scene:
    """A table of height, width, depth and weight under the product; material and parts are no answers."""
    canvas, title_y = _product(rng, size)
    extents = extents_as_drawn(rng, 400, 350, 0.6, 2.6)
    words = length_wording(rng, max(extents.values()))
    truth: dict[str, Truth] = {}
    rows: list[tuple[str, str, tuple[str, ...]]] = []
    for entity, extent in extents.items():
        if entity == "depth" and rng.random() < 0.3:
            truth[entity] = NOT_STATED
            continue
        statement = words.state(extent)
        truth[entity] = stated(statement)
        rows.append((entity.capitalize(), statement.text, (entity,)))
    weight = weight_statement(rng, rng.randint(15, 180) * 100)
    truth["item_weight"] = stated(weight)
    rows.append((rng.choice(["Weight", "Net weight"]), weight.text, ("item_weight",)))
    rng.shuffle(rows)
    rows.append(("Material", rng.choice(_MATERIALS), ()))
    truth["maximum_weight_recommendation"] = NOT_STATED
    face = rng.choice(PLAIN)
    upper, step = rng.random() < 0.4, 92.0
    for i, (name, value, entities) in enumerate(rows):
        y = title_y + 96 + i * step
        canvas.line([(90, y + step / 2), (910, y + step / 2)], (176, 178, 182), 2)
        canvas.text((110, y), name.upper() if upper else name, "roboto Medium", 44, BLACK, anchor="lm")
        role = Role.ANSWER if entities else Role.WORDS
        size_ = canvas.fit(value, face, 44, 430)
        canvas.text((890, y), value, face, size_, BLACK, anchor="rm", role=role, entities=entities)
    return canvas.finish("size_table", truth)


def size_expression(rng: random.Random, size: int) -> Scene:
    """One line such as "Size: 30 x 20 x 15 cm (L x W x H)": its letters say which number is which."""
    canvas, title_y = _product(rng, size)
    extents = extents_as_drawn(rng, 400, 350, 0.4, 2.4)
    words = length_wording(rng, max(extents.values()))
    words = Wording(words.units[:1], words.spellings[:1])
    order, letters = rng.choice(
        [(("depth", "width", "height"), "L x W x H"), (("width", "depth", "height"), "W x D x H"),
         (("height", "width", "depth"), "H x W x D")],
    )  # fmt: skip
    statements = {entity: words.state(extent) for entity, extent in extents.items()}
    cross = rng.choice([" x ", "x", " × ", "*"])
    numbers = [digits(statements[entity].value.value) for entity in order]
    unit = words.spellings[0]
    joined = cross.join(number + unit for number in numbers) if rng.random() < 0.4 else cross.join(numbers) + unit
    text = rng.choice([f"{letters}: {joined}", f"{joined} ({letters})", f"Size ({letters}): {joined}"])
    face = rng.choice([face for face in PLAIN if face != "built-in"])
    canvas.text(
        (500, title_y + 110), text, face, canvas.fit(text, face, 56, 920), BLACK, role=Role.ANSWER, entities=order
    )
    material = f"Material: {rng.choice(_MATERIALS)}"
    canvas.text((500, title_y + 210), material, face, 46, BLACK)
    parts = f"Set of {rng.randint(2, 8)}, ready in {rng.randint(5, 30)} minutes"
    canvas.text((500, title_y + 300), parts, face, canvas.fit(parts, face, 46, 880), (90, 90, 94), role=Role.DECOY)
    truth = {entity: stated(statement) for entity, statement in statements.items()}
    return canvas.finish("size_expression", {**truth, "item_weight": NOT_STATED})


def _product(rng: random.Random, size: int) -> tuple[Canvas, float]:
    """A piece of furniture in the upper half and a title bar; returns the bar's middle height."""
    canvas = Canvas(studio(rng, size, round(size * 1.25)))
    wood = rng.choice(WOODS)
    front, into = (250.0, 190.0, 650.0, 540.0), (110.0, -75.0)
    if rng.random() < 0.5:
        solid(canvas, front, into, wood)
        cabinet_fronts(canvas, front, wood, rng.randint(1, 2), rng.choice([0, 2]))
    else:
        table(canvas, front, into, wood, 0.6)
    face, title = rng.choice(BOLD), rng.choice(_TITLES)
    canvas.rounded((60, 622, 940, 722), 14, rng.choice(VIVID + DARK))
    canvas.text((500, 672), title, face, 60, WHITE)
    return canvas, 690.0
