"""Every scene over many seeds: layout, truth, what is recorded of texts and lines; and what each kind promises."""

import itertools
import math
import random
import re
from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import Direction, Quantity
from lab.drawings.canvas import PrintedText, Role, Scene, Truth
from lab.drawings.dimension_drawings import sizes
from lab.drawings.draw import KINDS, draw_scene, questions
from lab.drawings.packs import ink_on
from lab.drawings.shapes import direction_of
from lab.polygons import box_of, corners_of, overlap
from lab.surface_forms import Statement, Wording

SEEDS = 9  # of each kind: more than 200 scenes in all
NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_NAMES = {"height": ("h", "height"), "width": ("w", "width"), "depth": ("d", "depth", "l")}


@cache
def one(kind: str, seed: int) -> Scene:
    return draw_scene(kind, f"kinds/{seed}", size=480)


def many(kind: str, count: int = 10) -> list[Scene]:
    return [one(kind, seed) for seed in range(count)]


@pytest.fixture(scope="module", params=list(KINDS))
def drawn(request: pytest.FixtureRequest) -> list[Scene]:
    return many(request.param, SEEDS)


def stated(scene: Scene) -> dict[str, Truth]:
    return {entity: truth for entity, truth in scene.truth.items() if truth.value is not None}


def answering(scene: Scene, entity: str) -> PrintedText:
    (text,) = [text for text in scene.texts if entity in text.entities]
    return text


def decoys(scene: Scene) -> list[str]:
    return [text.text for text in scene.texts if text.role is Role.DECOY]


def value(scene: Scene, entity: str) -> Quantity:
    found = scene.truth[entity].value
    assert found is not None
    return found


def test_every_text_is_inside_the_picture_big_enough_and_visible_and_no_two_overlap(drawn: list[Scene]) -> None:
    for scene in drawn:
        for first, second in itertools.combinations(scene.texts, 2):
            assert not overlap(corners_of(first.polygon), corners_of(second.polygon), 0), (first.text, second.text)
        gray = np.asarray(scene.image.convert("L"), dtype=int)
        for text in scene.texts:
            left, top, right, bottom = box_of(text.polygon)
            assert 0 <= left <= right <= scene.image.width, (scene.kind, text.text)
            assert 0 <= top <= bottom <= scene.image.height, (scene.kind, text.text)
            corners = corners_of(text.polygon)
            assert math.dist(corners[0], corners[3]) >= 7, text.text  # height of the ink of a lower-case word
            crop = gray[int(top) : math.ceil(bottom), int(left) : math.ceil(right)]
            assert crop.max() - crop.min() > 45, (scene.kind, text.text)


def test_truth_is_legal_and_complete_and_every_stated_value_printed_once_by_a_text_that_says_so(
    drawn: list[Scene],
) -> None:
    for scene in drawn:
        assert set(scene.truth) == set(CHALLENGE.entities)
        for entity, truth in scene.truth.items():
            if truth.value is None:
                assert not truth.also
                continue
            for quantity in (truth.value, *truth.also):
                assert quantity.unit in CHALLENGE[entity].units
                assert quantity.value > 0
            text, number = answering(scene, entity), truth.value.value
            assert text.role is Role.ANSWER
            print_ = text.text.replace(",", ".")
            assert str(number) in print_ or _as_fraction(number) in print_
            assert all(str(other.value) in print_ for other in truth.also)


def _as_fraction(value: Decimal) -> str:
    part = {Decimal("0.25"): "1/4", Decimal("0.5"): "1/2", Decimal("0.75"): "3/4"}.get(value % 1, "")
    return f"{value // 1} {part}" if value > 1 else part


def test_only_answers_name_entities_and_only_stated_ones(drawn: list[Scene]) -> None:
    for scene in drawn:
        for text in scene.texts:
            assert (text.role is Role.ANSWER) == bool(text.entities)
            assert all(scene.truth[entity].value is not None for entity in text.entities)
            assert text.role is not Role.WORDS or not any(c.isdigit() for c in text.text), text.text


def test_dimension_lines_say_what_they_show(drawn: list[Scene]) -> None:
    for scene in drawn:
        for number, line in enumerate(scene.lines):
            angle = math.degrees(math.atan2(line.start[1] - line.end[1], line.end[0] - line.start[0])) % 180
            assert direction_of(angle) is line.direction
            assert math.dist(line.start, line.end) > 15
            assert len([text for text in scene.texts if text.line == number]) == 1


def test_a_lines_direction_or_letter_is_its_entity(drawn: list[Scene]) -> None:
    expected = {"height": Direction.VERTICAL, "width": Direction.HORIZONTAL, "depth": Direction.OBLIQUE}
    for scene in drawn:
        for text in scene.texts:
            if text.line < 0 or not text.entities:
                continue
            letters = {word.strip(":").lower() for word in text.text.split()}
            named = [axis for axis, names in _NAMES.items() if letters & set(names)]
            if named:
                assert named == list(text.entities)
            elif text.entities == ("width", "depth"):  # a diameter
                assert scene.lines[text.line].direction is Direction.HORIZONTAL
            else:
                assert scene.lines[text.line].direction is expected[text.entities[0]]


def test_each_scene_has_something_worth_asking_and_seeds_differ(drawn: list[Scene]) -> None:
    assert len({tuple(text.text for text in scene.texts) for scene in drawn}) > SEEDS * 0.5
    for scene in drawn:
        asked = questions(scene, random.Random(1))
        assert 1 <= len(asked) <= 4
        assert len({entity for entity, _ in asked}) == len(asked)
        assert all(scene.truth[entity] == truth for entity, truth in asked)
        assert all(truth.value is not None or truth.tempting for _, truth in asked)


@pytest.mark.parametrize(
    ("kind", "entities"),
    [("lifestyle", ()), ("no_unit", ()), ("no_label", ()), ("flask", ("item_volume",)), ("power_tool", ("voltage",)),
     ("load_banner", ("maximum_weight_recommendation",)), ("data_sheet", ("item_volume", "voltage", "wattage")),
     ("corner", ("depth", "height", "width")), ("unit_note", ("depth", "height", "width"))],
)  # fmt: skip
def test_what_a_kind_states(kind: str, entities: tuple[str, ...]) -> None:
    for scene in many(kind):
        assert sorted(stated(scene)) == list(entities)
        assert sorted(entity for text in scene.texts for entity in text.entities) == list(entities)


@pytest.mark.parametrize(
    ("kind", "entities"), [("one_axis", {"height", "width", "depth"}), ("pot", {"item_weight", "item_volume"})]
)
def test_one_is_stated_and_the_others_tempt(kind: str, entities: set[str]) -> None:
    for scene in many(kind, 16):
        assert len(stated(scene)) == 1
        assert entities - set(stated(scene)) <= {name for name, truth in scene.truth.items() if truth.tempting}
    kinds = {entity for scene in many(kind, 16) for entity in stated(scene)}
    assert kinds == entities - {"depth"}


def test_a_unit_note_gives_its_unit_to_bare_numbers() -> None:
    for scene in many("unit_note", 8):
        note = next(text.text for text in scene.texts if " in " in text.text or "nit" in text.text)
        unit = {"mm": "millimetre", "cm": "centimetre", "inch": "inch"}[note.rstrip(")").split()[-1]]
        assert {value(scene, entity).unit for entity in stated(scene)} == {unit}
        assert all(text.text.replace(",", "").replace(".", "").isdigit() for text in scene.texts if text.entities)


def test_a_round_body_has_one_diameter_for_width_and_depth_and_a_corner_two_oblique_lines() -> None:
    for scene in many("round_body", 3):
        assert scene.truth["width"] == scene.truth["depth"]
        assert answering(scene, "width") == answering(scene, "depth")
    for scene in many("corner", 6):
        assert sorted(line.direction for line in scene.lines) == ["oblique", "oblique", "vertical"]


def test_a_multipack_answers_with_its_total() -> None:
    packs = [scene for scene in many("carton", 12) if "=" in answering(scene, "item_weight").text]
    assert packs
    for scene in packs:
        count, each, total = (int(number) for number in NUMBER.findall(answering(scene, "item_weight").text))
        assert value(scene, "item_weight").value == total == count * each


def test_a_plate_answers_with_the_upper_end_of_its_range_or_with_its_output() -> None:
    seen = {"adapter": 0, "range": 0}
    for scene in many("plate", 20):
        volts, also = value(scene, "voltage").value, scene.truth["voltage"].also
        hertz = [text for text in scene.texts if "Hz" in text.text]
        assert hertz
        assert not any(text.entities for text in hertz)  # nor do amperes answer anything
        for entity in ("voltage", "wattage"):
            if scene.truth[entity].value is not None:
                assert str(value(scene, entity).value) in answering(scene, entity).text
        if scene.texts[1].text == "AC ADAPTER":
            seen["adapter"] += 1
            assert (volts <= 24, also) == (True, ())
            (entry,) = [text for text in scene.texts if text.text.startswith("INPUT")]
            assert entry.role is Role.DECOY
            output = answering(scene, "voltage").text
            assert output.startswith("OUTPUT")
            if scene.truth["wattage"].value is not None:
                amperes = Decimal(output.split()[-1].removesuffix("A"))
                assert value(scene, "wattage").value == volts * amperes
        elif also:
            seen["range"] += 1
            assert also[0].value < volts
    assert all(seen.values())


def test_the_same_seed_draws_the_same_picture_of_any_size() -> None:
    first, again, other = (draw_scene("furniture", seed, size=1500) for seed in ("same", "same", "other"))
    assert first.image.tobytes() == again.image.tobytes()
    assert (first.texts, first.truth) == (again.texts, again.truth) != (other.texts, other.truth)
    assert other.texts != first.texts
    assert min(first.image.size) == 1500
    assert len(stated(first)) == 3


def test_pouches_print_nutrition_decoys_and_now_and_then_no_weight() -> None:
    scenes = many("pouch", 40)
    assert all(len(decoys(scene)) >= 2 for scene in scenes)
    silent = [scene for scene in scenes if scene.truth["item_weight"].value is None]
    assert 1 <= len(silent) <= 16
    assert all(scene.truth["item_weight"].tempting for scene in silent)
    assert all(text.role is not Role.ANSWER for scene in silent for text in scene.texts)


def test_nutrition_grams_are_never_the_weight() -> None:
    for scene in many("nutrition"):
        table = [text for text in scene.texts if text.role is Role.DECOY]
        assert any(text.text.endswith("g") for text in table)
        assert any(text.text.startswith("Serving size") for text in table)
        if scene.truth["item_weight"].value is not None:
            below = answering(scene, "item_weight").polygon[1]
            assert all(text.polygon[1] < below for text in table)


@pytest.mark.parametrize(
    ("kind", "sign", "tempting"),
    [("flask", "%", "item_weight"), ("power_tool", "", "wattage"), ("data_sheet", "cm", "height")],
)
def test_what_a_kind_prints_besides_and_tempts_with(kind: str, sign: str, tempting: str) -> None:
    for scene in many(kind):
        assert any(text.endswith(sign) or sign == "%" in text for text in decoys(scene))
        assert scene.truth[tempting] == Truth()
        assert kind != "power_tool" or (len(decoys(scene)), value(scene, "voltage").unit) == (3, "volt")


def test_loads_and_own_weights_are_told_apart() -> None:
    both = [scene for scene in many("feature_list", 16) if len(stated(scene)) == 2]
    assert both
    for scene in both:
        own, load = value(scene, "item_weight"), value(scene, "maximum_weight_recommendation")
        assert own.unit == load.unit
        assert own.value < load.value
        assert answering(scene, "item_weight") != answering(scene, "maximum_weight_recommendation")


def test_what_the_product_is_compared_with_is_a_decoy() -> None:
    beside = [scene for scene in many("comparison", 16) if len(scene.lines) == 2]
    assert beside
    for scene in beside:
        (other,) = [text for text in scene.texts if text.role is Role.DECOY]
        assert other.line >= 0
        assert other.text != answering(scene, "height").text
        longest = max(scene.lines, key=lambda line: abs(line.start[1] - line.end[1]))
        assert scene.lines[other.line] == longest
        assert all(line.direction is Direction.VERTICAL for line in scene.lines)


def test_an_expression_gives_each_letter_its_number() -> None:
    letters = {"L": "depth", "D": "depth", "W": "width", "H": "height"}
    for scene in many("size_expression", 12):
        text = answering(scene, "height").text
        order = re.findall(r"\b[LWDH]\b", text)
        assert [str(value(scene, letters[letter]).value) for letter in order] == NUMBER.findall(text)
        assert len(order) == 3


def test_a_table_row_is_named_after_its_entity() -> None:
    for scene in many("size_table"):
        for entity in ("height", "width", "depth"):
            if scene.truth[entity].value is None:
                assert entity not in {text.text.lower() for text in scene.texts}
                continue
            row = answering(scene, entity)
            (name,) = [text for text in scene.texts if text.text.lower() == entity]
            assert abs(name.polygon[7] - row.polygon[7]) < 12  # the same row
            assert name.polygon[2] < row.polygon[0]


def test_a_panels_opening_is_smaller_than_the_panel() -> None:
    openings = [(scene, text) for scene in many("panel", 16) for text in decoys(scene) if "1/" not in text]
    assert openings
    for scene, text in openings:
        assert scene.truth["depth"].value is None
        assert Decimal(NUMBER.findall(text)[0].replace(",", ".")) < value(scene, "width").value


@pytest.mark.parametrize(
    ("letters", "text"), [("", "25 cm"), ("before", "H: 25 cm"), ("after", "25 cm H"), ("words", "Height 25 cm")]
)
def test_letters_of_an_axis_and_bare_numbers_in_the_first_unit_only(letters: str, text: str) -> None:
    value, both = Quantity(Decimal(25), "centimetre"), Wording(("centimetre", "inch"), (" cm", '"'), (1, 1))
    printed = sizes(Wording(("centimetre",), (" cm",), (1,)), {"height": 25}, letters=letters)
    assert printed == {"height": Statement(text, value, (), ("25 cm",))}
    assert sizes(both, {"width": 25}, bare=True) == {"width": Statement("25", value, (), ("25",))}


def test_ink_stands_out_from_its_ground() -> None:
    assert (ink_on((250, 250, 240)), ink_on((28, 32, 40))) == ((22, 22, 24), (255, 255, 255))
