"""What each kind of scene promises beyond what holds for all."""

import re
from decimal import Decimal
from functools import cache

import pytest

from entx.core.entities import CHALLENGE
from entx.core.types import Direction, Quantity
from lab.drawings.canvas import PrintedText, Role, Scene
from lab.drawings.draw import draw_scene
from lab.drawings.labels import ink_on
from lab.drawings.sizes import sizes
from lab.drawings.wording import Wording, digits, quantity

NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?")


@cache
def one(kind: str, seed: int) -> Scene:
    return draw_scene(kind, f"kinds/{seed}", size=480)


def many(kind: str, count: int = 10) -> list[Scene]:
    return [one(kind, seed) for seed in range(count)]


def answering(scene: Scene, entity: str) -> PrintedText:
    (text,) = [text for text in scene.texts if entity in text.entities]
    return text


def decoys(scene: Scene) -> list[str]:
    return [text.text for text in scene.texts if text.role is Role.DECOY]


def value(scene: Scene, entity: str) -> Quantity:
    found = scene.truth[entity].value
    assert found is not None
    return found


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


def test_a_flask_states_its_content_only() -> None:
    for scene in many("flask"):
        assert [entity for entity, truth in scene.truth.items() if truth.value] == ["item_volume"]
        assert value(scene, "item_volume").unit in CHALLENGE["item_volume"].units
        assert any("%" in text for text in decoys(scene))


def test_a_pot_states_weight_or_volume_and_tempts_with_the_other() -> None:
    seen = set()
    for scene in many("pot", 16):
        said = [entity for entity, truth in scene.truth.items() if truth.value]
        assert len(said) == 1
        seen |= set(said)
        (other,) = {"item_weight", "item_volume"} - set(said)
        assert scene.truth[other].tempting
    assert seen == {"item_weight", "item_volume"}


def test_plates_print_hertz_and_amperes_that_answer_nothing() -> None:
    for scene in many("plate"):
        text = " ".join(text.text for text in scene.texts)
        assert "Hz" in text
        assert all("Hz" not in t.text for t in scene.texts if t.entities)
        for entity in ("voltage", "wattage"):
            if scene.truth[entity].value is not None:
                assert digits(value(scene, entity).value) in answering(scene, entity).text


def test_an_adapters_input_is_a_decoy() -> None:
    adapters = [scene for scene in many("plate", 16) if scene.texts[1].text == "AC ADAPTER"]
    assert adapters
    for scene in adapters:
        (entry,) = [text for text in scene.texts if text.text.startswith("INPUT")]
        assert entry.role is Role.DECOY
        assert not scene.truth["voltage"].also


def test_an_adapters_power_is_volts_times_amperes() -> None:
    for scene in many("plate", 20):
        if scene.texts[1].text != "AC ADAPTER" or scene.truth["wattage"].value is None:
            continue
        amperes = re.search(r"([0-9.]+)A$", answering(scene, "voltage").text)
        assert amperes is not None
        assert value(scene, "wattage").value == value(scene, "voltage").value * Decimal(amperes[1])


def test_a_power_tool_states_volts_and_never_watts() -> None:
    for scene in many("power_tool"):
        assert value(scene, "voltage").unit == "volt"
        assert scene.truth["wattage"].value is None
        assert len(decoys(scene)) == 3


def test_a_data_sheet_states_three_things_and_its_cord_is_no_size() -> None:
    for scene in many("data_sheet"):
        said = {entity for entity, truth in scene.truth.items() if truth.value}
        assert said == {"item_volume", "wattage", "voltage"}
        assert any(text.endswith("cm") for text in decoys(scene))
        assert scene.truth["height"].tempting


def test_loads_and_own_weights_are_told_apart() -> None:
    both = 0
    for scene in many("feature_list", 16):
        load = value(scene, "maximum_weight_recommendation")
        own = scene.truth["item_weight"].value
        if own is not None:
            both += 1
            assert own.unit == load.unit
            assert own.value < load.value
            assert answering(scene, "item_weight") != answering(scene, "maximum_weight_recommendation")
    assert both


def test_a_banner_states_its_load_only() -> None:
    for scene in many("load_banner"):
        assert [entity for entity, truth in scene.truth.items() if truth.value] == ["maximum_weight_recommendation"]
        text = answering(scene, "maximum_weight_recommendation").text
        assert digits(value(scene, "maximum_weight_recommendation").value) in text


def test_what_the_product_is_compared_with_is_a_decoy() -> None:
    beside = [scene for scene in many("comparison", 16) if len(scene.lines) == 2]
    assert beside
    for scene in beside:
        (other,) = [text for text in scene.texts if text.role is Role.DECOY]
        own = answering(scene, "height")
        assert other.line >= 0
        assert other.text != own.text
        longest = max(scene.lines, key=lambda line: abs(line.start[1] - line.end[1]))
        assert scene.lines[other.line] == longest
        assert all(line.direction is Direction.VERTICAL for line in scene.lines)


def test_an_expression_gives_each_letter_its_number() -> None:
    letters = {"L": "depth", "D": "depth", "W": "width", "H": "height"}
    for scene in many("size_expression", 12):
        text = answering(scene, "height").text
        order = re.search(r"([LWDH]) x ([LWDH]) x ([LWDH])", text)
        assert order is not None
        numbers = NUMBER.findall(text)
        assert len(numbers) == 3
        for letter, number in zip(order.groups(), numbers, strict=True):
            assert digits(value(scene, letters[letter]).value) == number


def test_a_table_row_is_named_after_its_entity() -> None:
    for scene in many("size_table"):
        for entity in ("height", "width", "depth"):
            if scene.truth[entity].value is None:
                assert entity not in {text.text.lower() for text in scene.texts}
                continue
            row = answering(scene, entity)
            names = [text for text in scene.texts if text.text.lower() == entity]
            assert len(names) == 1
            assert abs(names[0].polygon[7] - row.polygon[7]) < 12  # the same row
            assert names[0].polygon[2] < row.polygon[0]


def test_a_panels_opening_is_smaller_than_the_panel() -> None:
    inner = 0
    for scene in many("panel", 16):
        assert scene.truth["depth"].value is None
        for text in scene.texts:
            if text.role is Role.DECOY and "1/" not in text.text:
                inner += 1
                number = NUMBER.search(text.text)
                assert number is not None
                assert Decimal(number[0].replace(",", ".")) < value(scene, "width").value
    assert inner


@pytest.mark.parametrize(
    ("letters", "text"), [("", "25 cm"), ("before", "H: 25 cm"), ("after", "25 cm H"), ("words", "Height 25 cm")]
)
def test_letters_of_an_axis(letters: str, text: str) -> None:
    told = sizes(Wording(("centimetre",), (" cm",)), {"height": 250}, letters=letters)
    assert told.texts == {"height": text}
    assert told.truth["height"].value == quantity(25, "centimetre")


def test_numbers_without_a_unit_state_nothing_and_with_a_note_they_do() -> None:
    words = Wording(("centimetre", "inch"), (" cm", '"'))
    bare = sizes(words, {"width": 250}, units="none")
    assert bare.texts == {"width": "25"}
    assert bare.truth["width"].value is None
    noted = sizes(words, {"width": 250}, units="note")
    assert noted.texts == {"width": "25"}
    assert noted.truth["width"].value == quantity(25, "centimetre")
    assert noted.truth["width"].also == ()  # the inches are not printed


def test_ink_stands_out_from_its_ground() -> None:
    assert ink_on((250, 250, 240)) == (22, 22, 24)
    assert ink_on((28, 32, 40)) == (255, 255, 255)
