"""Every scene function over many seeds: layout, truth, and what is recorded about texts and lines."""

import itertools
import math
import random
from decimal import Decimal

import numpy as np
import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import Direction
from lab.drawings.canvas import PrintedText, Role, Scene, Truth, corners_of, overlap
from lab.drawings.draw import KINDS, draw_scene, questions
from lab.drawings.shapes import direction_of
from lab.drawings.wording import digits

SEEDS = 9  # of each kind: more than 200 scenes in all
_NAMES = {"height": ("h", "height"), "width": ("w", "width"), "depth": ("d", "depth", "l")}


@pytest.fixture(scope="module", params=list(KINDS))
def drawn(request: pytest.FixtureRequest) -> list[Scene]:
    return [draw_scene(request.param, f"test/{seed}", size=480) for seed in range(SEEDS)]


def stated(scene: Scene) -> dict[str, Truth]:
    return {entity: truth for entity, truth in scene.truth.items() if truth.value is not None}


def of_entity(scene: Scene, entity: str) -> list[PrintedText]:
    return [text for text in scene.texts if entity in text.entities]


def test_every_text_is_inside_the_picture(drawn: list[Scene]) -> None:
    for scene in drawn:
        width, height = scene.image.size
        for text in scene.texts:
            for x, y in corners_of(text.polygon):
                assert 0 <= x <= width, (scene.kind, text.text)
                assert 0 <= y <= height, (scene.kind, text.text)


def test_no_two_texts_overlap(drawn: list[Scene]) -> None:
    for scene in drawn:
        for first, second in itertools.combinations(scene.texts, 2):
            assert not overlap(corners_of(first.polygon), corners_of(second.polygon), 0), (first.text, second.text)


def test_texts_are_big_enough_and_visible(drawn: list[Scene]) -> None:
    for scene in drawn:
        gray = np.asarray(scene.image.convert("L"), dtype=int)
        for text in scene.texts:
            corners = corners_of(text.polygon)
            assert math.dist(corners[0], corners[3]) >= 7, text.text  # height of the ink of a lower-case word
            xs, ys = zip(*corners, strict=True)
            crop = gray[int(min(ys)) : math.ceil(max(ys)), int(min(xs)) : math.ceil(max(xs))]
            assert crop.max() - crop.min() > 45, (scene.kind, text.text)


def test_truth_is_legal_and_complete(drawn: list[Scene]) -> None:
    for scene in drawn:
        assert set(scene.truth) == set(CHALLENGE.entities)
        for entity, truth in scene.truth.items():
            for quantity in [*([truth.value] if truth.value else []), *truth.also]:
                assert quantity.unit in CHALLENGE[entity].units
                assert quantity.value > 0
            assert truth.value is not None or not truth.also


def test_every_stated_value_is_printed_once_by_a_text_that_says_so(drawn: list[Scene]) -> None:
    for scene in drawn:
        for entity, truth in stated(scene).items():
            texts = of_entity(scene, entity)
            assert len(texts) == 1, (scene.kind, entity)
            assert texts[0].role is Role.ANSWER
            assert truth.value is not None
            print_ = texts[0].text.replace(",", ".")
            assert digits(truth.value.value) in print_ or _as_fraction(truth.value.value) in print_
            for other in truth.also:
                assert digits(other.value) in print_


def _as_fraction(value: Decimal) -> str:
    part = {Decimal("0.25"): "1/4", Decimal("0.5"): "1/2", Decimal("0.75"): "3/4"}.get(value % 1, "")
    return f"{digits(value - value % 1)} {part}" if value > 1 else part


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


def test_each_scene_has_something_worth_asking(drawn: list[Scene]) -> None:
    for scene in drawn:
        asked = questions(scene, random.Random(1))
        assert 1 <= len(asked) <= 4
        assert len({entity for entity, _ in asked}) == len(asked)
        assert all(scene.truth[entity] == truth for entity, truth in asked)
        assert all(truth.value is not None or truth.tempting for _, truth in asked)


def test_seeds_differ(drawn: list[Scene]) -> None:
    assert len({tuple(text.text for text in scene.texts) for scene in drawn}) > SEEDS * 0.5


@pytest.mark.parametrize("kind", ["lifestyle", "no_unit", "no_label"])
def test_scenes_without_an_answer_state_nothing(kind: str) -> None:
    for seed in range(5):
        scene = draw_scene(kind, f"empty/{seed}", size=480)
        assert not stated(scene)
        assert all(text.role is not Role.ANSWER for text in scene.texts)


def test_one_axis_states_one() -> None:
    for seed in range(5):
        scene = draw_scene("one_axis", f"axis/{seed}", size=480)
        assert len(stated(scene)) == 1
        assert {"height", "width", "depth"} - set(stated(scene)) <= {e for e, t in scene.truth.items() if t.tempting}


def test_a_unit_note_gives_its_unit_to_bare_numbers() -> None:
    for seed in range(8):
        scene = draw_scene("unit_note", f"note/{seed}", size=480)
        note = next(text.text for text in scene.texts if " in " in text.text or "nit" in text.text)
        unit = {"mm": "millimetre", "cm": "centimetre", "inch": "inch"}[note.rstrip(")").split()[-1]]
        assert {truth.value.unit for truth in stated(scene).values() if truth.value} == {unit}
        assert len(stated(scene)) == 3
        assert all(text.text.replace(",", "").replace(".", "").isdigit() for text in scene.texts if text.entities)


def test_a_round_body_has_one_diameter_for_width_and_depth() -> None:
    scene = draw_scene("round_body", "round", size=480)
    assert scene.truth["width"] == scene.truth["depth"]
    assert of_entity(scene, "width") == of_entity(scene, "depth")


def test_both_corner_lines_are_oblique_and_lettered() -> None:
    for seed in range(6):
        scene = draw_scene("corner", f"corner/{seed}", size=480)
        assert sorted(line.direction for line in scene.lines) == ["oblique", "oblique", "vertical"]
        assert len(stated(scene)) == 3


def test_a_multipack_answers_with_its_total() -> None:
    totals = 0
    for seed in range(12):
        scene = draw_scene("carton", f"pack/{seed}", size=480)
        text = of_entity(scene, "item_weight")[0].text
        if "=" in text:
            totals += 1
            count, each = text.split("=")[0].split(" x ")
            value = scene.truth["item_weight"].value
            assert value is not None
            assert value.value == int(count) * int("".join(c for c in each if c.isdigit()))
    assert totals


def test_a_range_answers_with_its_upper_end_and_an_adapter_with_its_output() -> None:
    ranges = adapters = 0
    for seed in range(20):
        scene = draw_scene("plate", f"plate/{seed}", size=480)
        text = of_entity(scene, "voltage")[0].text
        truth = scene.truth["voltage"]
        assert truth.value is not None
        if text.startswith("OUTPUT"):
            adapters += 1
            assert truth.value.value <= 24
        elif truth.also:
            ranges += 1
            assert truth.also[0].value < truth.value.value
    assert ranges
    assert adapters


def test_the_same_seed_draws_the_same_picture() -> None:
    first, again = (draw_scene("pouch", "same") for _ in range(2))
    assert first.image.tobytes() == again.image.tobytes()
    assert (first.texts, first.truth) == (again.texts, again.truth)
    assert draw_scene("pouch", "other").texts != first.texts


def test_large_pictures_are_drawn_too() -> None:
    scene = draw_scene("furniture", "large", size=1500)
    assert min(scene.image.size) == 1500
    assert len(stated(scene)) == 3
