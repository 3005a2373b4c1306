from __future__ import annotations

import inspect
import math
import re

import pytest

from entx.core.candidates import find_candidates
from entx.core.entities import CHALLENGE, Entity
from entx.core.types import OcrPage
from entx.rules.features import (
    CAPACITY,
    LOOKALIKES,
    PERSON,
    Layout,
    Rivals,
    axes_in,
    axis_of,
    cue_pattern,
    is_second,
    letter_box,
    quantity_features,
)
from entx.rules.lengths import AXES, PageLengths, axis_features, depth_features, extents_of
from entx.rules.reader import shipped_weights
from entx.storage.questions import GroupPrior
from tests.rules.pages import Text, page

TALL = (100.0, 100.0, 100.0, 700.0)
WIDE = (100.0, 900.0, 700.0, 900.0)
Features = dict[str, float]


def _axis(drawn: OcrPage, axis: str) -> dict[str, Features]:
    layout = Layout.of(drawn)
    extents = extents_of(layout)
    lengths = PageLengths.of(extents)
    return {one.candidate.quantity.text: axis_features(one, lengths, layout, axis) for one in extents}


def _quantities(drawn: OcrPage, entity: str, cues: frozenset[str] = frozenset()) -> dict[str, Features]:
    layout = Layout.of(drawn)
    asked = CHALLENGE[entity]
    legal = find_candidates(drawn, asked, layout.quantities)
    rivals = Rivals.of(legal, layout)
    return {one.quantity.text: quantity_features(one, rivals, layout, asked, cues) for one in legal}


# Words


@pytest.mark.parametrize(
    ("label", "axis"),
    [
        ("h", "height"), ("H", "height"), ("hauteur", "height"), ("höhe", "height"), ("w", "width"),
        ("Breite", "width"), ("d", "depth"), ("tiefe", "depth"), ("l", "length"), ("largo", "length"),
        ("t", "thickness"), ("ø", "diameter"), ("dia", "diameter"), ("", ""), ("volume", ""),
    ],
)  # fmt: skip
def test_a_label_names_an_axis(label: str, axis: str) -> None:
    assert axis_of(label) == axis


@pytest.mark.parametrize(
    ("text", "axes"),
    [
        ("Overall Height 40 inch", ("height",)),
        ("HÖHE: 30 cm", ("height",)),
        ("Breite x Tiefe", ("width", "depth")),
        ("COLLAR WIDTH:1CM", ("width",)),
        ("MIN LENGH:8.66 IN", ("length",)),
        ("Ø 20 cm", ("diameter",)),
        ("heighten your senses", ()),
        ("highlights of a longing", ()),
        ("H 40 cm", ()),  # letters count as labels only
    ],
)
def test_the_axis_words_of_a_text(text: str, axes: tuple[str, ...]) -> None:
    assert axes_in(text) == axes


@pytest.mark.parametrize(
    ("text", "axis"),
    [
        ("H", "height"),
        ("W:", "width"),
        ("(D)", "depth"),
        ("+W", "width"),
        *((t, "") for t in ("Hi", "HW", "x", "A", "10", "")),
    ],
)
def test_a_box_with_a_letter_only(text: str, axis: str) -> None:
    assert letter_box(text) == axis


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("length", "Seat height"), ("length", "cable 1.5 m"), ("length", 'fits 24" grills'), ("length", "ID: 10 mm"),
        ("weight", "Protein 20 g"), ("weight", "per 100 g"), ("weight", "Serving size 30 g"),
        ("power", "60W equivalent"), ("volume", "per serving 250 ml"),
    ],
)  # fmt: skip
def test_lookalikes_are_told(kind: str, text: str) -> None:
    assert LOOKALIKES[kind].search(text)
    plain = {"length": "Height 40 cm", "weight": "NET WT 500 g", "power": "60W", "volume": "500 ml"}
    assert not LOOKALIKES[kind].search(plain[kind])


def test_loads_and_people_have_their_words() -> None:
    assert CAPACITY.search("Holds up to 50 lb")
    assert CAPACITY.search("MAX. LOAD 120KG")
    assert not CAPACITY.search("Net weight 2 kg")
    assert PERSON.search("3-6 months")
    assert not PERSON.search("aged cheddar")


# The page

HEIGHT, NUMBER = Text("Height", 0, 0), Text("40 cm", 0, 24)
LETTERS = (Text("H", 0, 0), Text("40 cm", 20, 0), Text("W", 0, 300), Text("30 cm", 20, 300))


@pytest.mark.parametrize(
    ("texts", "captions"),
    [
        pytest.param((HEIGHT, NUMBER, Text("30 cm", 0, 100)), {1: (0,)}, id="of the nearest number only"),
        pytest.param((HEIGHT, Text("40 cm", 80, 0)), {1: (0,)}, id="to the left"),
        pytest.param((HEIGHT, Text("40 cm", 0, 30)), {1: (0,)}, id="above"),
        pytest.param((Text("Height", 0, 30), Text("40 cm", 0, 0)), {1: (0,)}, id="below"),
        pytest.param((HEIGHT, Text("40 cm", 0, 200)), {}, id="too far below it"),
        pytest.param((HEIGHT, Text("40 cm", 500, 0)), {}, id="too far to its right"),
        pytest.param(
            (HEIGHT, Text("40 cm", 250, 0), Text("Width", 0, 60), Text("30 cm", 250, 60)),
            {1: (0,), 3: (2,)},
            id="the first column of a table",
        ),
        pytest.param((HEIGHT, NUMBER, Text("30 cm", 200, 0)), {1: (0,)}, id="just above wins over the row"),
        pytest.param(
            (Text("Size", 0, 30), Text("Height", 200, 0), Text("40 cm", 200, 30), Text("5 kg", 600, 30)),
            {2: (0, 1)},
            id="both",
        ),
        # both read upwards; the caption stands on the left of the number, which is above in its own sense
        pytest.param(
            (Text("Height", 100, 100, turned=True), Text("40 cm", 124, 105, turned=True)), {1: (0,)}, id="turned"
        ),
        pytest.param(LETTERS[:2], {}, id="a lone letter is an arrow"),
        pytest.param(LETTERS, {1: (0,), 3: (2,)}, id="letters where several axes have one"),
    ],
)
def test_captions(texts: tuple[Text, ...], captions: dict[int, tuple[int, ...]]) -> None:
    assert Layout.of(page(*texts)).captions == captions


def test_a_letter_that_lies_on_a_stroke_is_never_a_caption() -> None:
    assert Layout.of(page(*LETTERS, marks=(0,))).captions == {}


def test_around_gives_the_texts() -> None:
    layout = Layout.of(page(Text("Net weight", 0, 0), Text("500 g", 0, 24), Text("12 V", 400, 400)))
    assert layout.around(layout.quantities[0]) == ["Net weight"]
    assert layout.around(layout.quantities[1]) == []


def test_a_page_without_geometry_has_none() -> None:
    layout = Layout.of(page(Text("40 cm"), geometry=False))
    assert layout.geometry == {}
    assert layout.tallest == 20.0


# Features, by what is printed and asked


HEIGHT_15 = (150.0, 300.0, 150.0, 500.0)
THREE = (Text("Length 50 cm", 0, 0), Text("Width 30 cm", 0, 200), Text("Height 20 cm", 0, 400))
MODELS = [Text(f"H: {size} cm", 0, 100.0 * size, (50.0, 0.0, 50.0, 100.0 * size)) for size in (2, 4, 6)]
INS_AND_OUTS = (Text("Input: 240V", 0, 0), Text("Output: 12V", 0, 200))
FEATURES: dict[str, tuple[OcrPage, str, dict[str, Features]]] = {
    "a vertical line speaks for height": (
        page(Text("40 cm", 0, 0, TALL, score=0.8)), "height",
        {"40.0 centimetre": {"line_own": 0.8, "guess_own": 1.0, "line_rival": 0.0}},
    ),
    "and against width": (
        page(Text("40 cm", 0, 0, TALL, score=0.8)), "width",
        {"40.0 centimetre": {"line_rival": 0.8, "guess_rival": 1.0, "line_own": 0.0}},
    ),
    "words silence the line": (
        page(Text("Width 40 cm", 0, 0, TALL)), "height",
        {"40.0 centimetre": {"word_rival": 1.0, "line_own": 0.0, "lone": 0.0}},
    ),
    "a part lies within the span of the whole": (
        page(Text("40 cm", 0, 0, TALL), Text("15 cm", 300, 0, HEIGHT_15)), "height",
        {"15.0 centimetre": {"part": 1.0}, "40.0 centimetre": {"part": 0.0, "several": 0.0}},
    ),
    "what lies beside it is no part": (
        page(Text("40 cm", 0, 0, TALL), Text("35 cm", 600, 0, (800.0, 720.0, 800.0, 1000.0))), "height",
        {"40.0 centimetre": {"several": 0.25}, "35.0 centimetre": {"several": 0.25, "part": 0.0}},
    ),
    "shorter and smaller are told against the largest of the axis": (
        page(Text("40 cm", 0, 0, TALL), Text("10 cm", 300, 0, (150.0, 300.0, 150.0, 450.0))), "height",
        {"10.0 centimetre": {"smaller": 0.75, "shorter": 0.75}, "40.0 centimetre": {"smaller": 0.0}},
    ),
    "models that words name are several even where their lines nest": (
        page(*MODELS), "height", {"6.0 centimetre": {"several_named": 0.5}, "2.0 centimetre": {"part": 0.0}},
    ),
    "a length answers depth beside a height and a width": (
        page(*THREE), "depth", {"50.0 centimetre": {"word_own": 1.0}},
    ),
    "a length with one other size may be any": (page(*THREE[:2]), "depth", {"50.0 centimetre": {"word_own": 0.0}}),
    "a length answers no width": (page(*THREE), "width", {"50.0 centimetre": {"word_own": 0.0}}),
    "thickness answers depth": (page(Text("Thickness 5 mm")), "depth", {"5.0 millimetre": {"word_own": 1.0}}),
    "a lone diameter answers depth": (page(Text("Diameter 20 cm")), "depth", {"20.0 centimetre": {"word_own": 1.0}}),
    "and width": (page(Text("Diameter 20 cm")), "width", {"20.0 centimetre": {"word_own": 1.0}}),
    "and no height": (page(Text("Diameter 20 cm")), "height", {"20.0 centimetre": {"word_own": 0.0}}),
    "the only size is lone": (
        page(Text("40 cm", 0, 0, (0, 100, 0, 700))), "height", {"40.0 centimetre": {"lone": 1.0}},
    ),
    "and bare where nothing tells its axis": (
        page(Text("40 cm")), "height", {"40.0 centimetre": {"lone": 0.0, "lone_bare": 1.0}},
    ),
    "tiny and vast sizes": (
        page(Text("1 mm", 0, 0), Text("5 m", 0, 300)), "depth",
        {"1.0 millimetre": {"tiny": 1.0, "vast": 0.0}, "5.0 metre": {"tiny": 0.0, "vast": math.log10(5)}},
    ),
    "what weighs more is rather a load": (
        page(Text("50 g", 0, 0), Text("1 kg", 0, 300), Text("400 kg", 0, 600)), "item_weight",
        {"50.0 gram": {"heavy": 0.0}, "1.0 kilogram": {"heavy": 0.0}, "400.0 kilogram": {"heavy": 1.0}},
    ),
    "many sizes are a crowd, the last of them late": (
        page(*(Text(f"{n} cm", 0, 60.0 * n) for n in range(1, 9))), "height",
        {"8.0 centimetre": {"crowd": 5 / 9, "later": 1.0}, "1.0 centimetre": {"later": 0.0}},
    ),
    "cue words on the line and beside": (
        page(Text("Net weight 500 g", 0, 0), Text("20 g", 0, 300), Text("WEIGHT", 0, 276)), "item_weight",
        {"500.0 gram": {"cue_on_line": 1.0, "net": 1.0}, "20.0 gram": {"cue_on_line": 0.0, "cue_beside": 1.0}},
    ),
    "nutrition, capacity and people": (
        page(Text("Protein 20 g", 0, 0), Text("Holds up to 5 kg", 0, 200), Text("Baby 9 kg", 0, 400)), "item_weight",
        {"20.0 gram": {"lookalike_on_line": 1.0}, "5.0 kilogram": {"capacity": 1.0, "lookalike_on_line": 0.0},
         "9.0 kilogram": {"person": 1.0}},
    ),
    "rivals are words of other entities of the kind": (
        page(Text("Max load 50 kg")), "item_weight", {"50.0 kilogram": {"rival_on_line": 1.0}},
    ),
    "a rival word alone says that the number is not meant": (
        page(Text("Weight: 34 g")), "maximum_weight_recommendation", {"34.0 gram": {"rival_alone": 1.0}},
    ),
    "beside an own word it does not": (
        page(Text("Weight capacity: 34 kg")), "maximum_weight_recommendation", {"34.0 kilogram": {"rival_alone": 0.0}},
    ),
    "a lone lookalike is not lone": (page(Text("Protein 20 g")), "item_weight", {"20.0 gram": {"lone": 0.0}}),
    "a lone weight is": (page(Text("20 g")), "item_weight", {"20.0 gram": {"lone": 1.0}}),
    "ranges have two ends": (
        page(Text("Input 100-240V")), "voltage",
        {"100.0 volt": {"low_end": 1.0}, "240.0 volt": {"high_end": 1.0, "input": 1.0, "largest": 1.0}},
    ),
    "an adapter's output": (
        page(*INS_AND_OUTS, Text("Power adapter", 0, 400)), "voltage",
        {"12.0 volt": {"adapter_output": 1.0}, "240.0 volt": {"adapter_output": 0.0}},
    ),
    "the output of anything else": (page(*INS_AND_OUTS), "voltage", {"12.0 volt": {"adapter_output": 0.0}}),
}  # fmt: skip
RIVAL_CUES = {"item_weight": frozenset({"max load"}), "maximum_weight_recommendation": frozenset({"weight"})}


@pytest.mark.parametrize("case", FEATURES)
def test_features(case: str) -> None:
    drawn, asked, expected = FEATURES[case]
    found = _axis(drawn, asked) if asked in AXES else _quantities(drawn, asked, RIVAL_CUES.get(asked, frozenset()))
    for quantity, features in expected.items():
        assert {name: found[quantity].get(name, 0.0) for name in features} == pytest.approx(features)
        assert 0.0 not in found[quantity].values()


# Depth


def _depth(
    drawn: OcrPage, heights: list[float], widths: list[float], prior: GroupPrior | None = None
) -> list[Features]:
    layout = Layout.of(drawn)
    return depth_features(extents_of(layout), layout, heights, widths, prior)


@pytest.mark.parametrize(("text", "counts"), [("Ceramic Vase", 0.5), ("Surroundings", 0.0)])
def test_round_words(text: str, counts: float) -> None:
    (found,) = _depth(page(Text("30 cm", 0, 0, WIDE), Text(text, 400, 400)), [0.1], [0.5])
    assert found.get("as_width_round_word", 0.0) == counts


def test_the_width_of_a_round_product_is_offered_as_its_depth() -> None:
    texts = (Text("40 cm", 0, 0, TALL), Text("30 cm", 0, 300, WIDE))
    found = _depth(page(*texts, roundness=0.9), [0.9, 0.1], [0.1, 0.8])
    assert found[0] == {}
    assert found[1]["as_width"] == 0.8
    assert found[1]["as_width_round"] == pytest.approx(0.4)
    flat = _depth(page(*texts, roundness=0.0), [0.9, 0.1], [0.1, 0.8])
    assert flat[1]["as_width_round"] < 0
    assert "as_width_round" not in _depth(page(*texts), [0.9, 0.1], [0.1, 0.8])[1]


def test_the_prior_of_the_group_counts_as_far_as_the_width_is_sure() -> None:
    texts = (Text("40 cm", 0, 0, TALL), Text("30 cm", 0, 300, WIDE))
    found = _depth(page(*texts), [0.9, 0.1], [0.1, 0.5], GroupPrior(depth_is_width=0.4, depth_share=0.6))
    assert found[1]["as_width_habit"] == pytest.approx(0.2)
    assert found[1]["as_width_alone"] == pytest.approx(0.1)


def test_the_third_size_is_neither_the_heights_nor_the_widths() -> None:
    texts = (Text("40 cm", 0, 0), Text("30 cm", 0, 200), Text("20 cm", 0, 400))
    sure = _depth(page(*texts), [0.9, 0.1, 0.1], [0.1, 0.9, 0.1])
    assert [one.get("third", 0.0) for one in sure] == [0.0, 0.0, 1.0]
    unsure = _depth(page(*texts), [0.4, 0.1, 0.1], [0.1, 0.9, 0.1])
    assert not any("third" in one for one in unsure)


def test_one_number_for_both_axes_is_marked() -> None:
    (found,) = _depth(page(Text("40 cm")), [0.4], [0.4])
    assert found["as_height_too"] == 1.0
    assert _depth(page(Text("text")), [], []) == []


# Everything else


@pytest.mark.parametrize(
    ("texts", "total"),
    [
        ((Text("12 x 50 g", 0, 0), Text("600 g", 0, 200)), True),
        ((Text("8 cans", 0, 0), Text("330 ml", 0, 200), Text("2640 ml", 0, 400)), True),
        ((Text("50 g", 0, 0), Text("600 g", 0, 200)), False),
        ((Text("12 pieces", 0, 0), Text("50 g", 0, 200), Text("610 g", 0, 400)), False),
    ],
)
def test_the_printed_total_of_a_pack(texts: tuple[Text, ...], total: bool) -> None:
    found = _quantities(page(*texts), "item_weight" if " g" in texts[-1].text else "item_volume")
    assert ("total" in list(found.values())[-1]) is total


def test_the_second_spelling() -> None:
    drawn = page(Text("500 g (17.6 oz)", 0, 0), Text("500 g", 0, 300))
    legal = find_candidates(drawn, CHALLENGE["item_weight"])
    assert [is_second(one, {other.order: other for other in legal}) for one in legal] == [False, True, False]


def test_single_letters_are_no_cues() -> None:
    assert cue_pattern(("w", "wide")).search("so wide")
    assert not cue_pattern(("w",)).search("w")
    assert not cue_pattern(()).search("anything")


def test_every_weight_of_the_table_names_a_feature_that_exists() -> None:
    """A name that is misspelt in the table would silently count nothing."""
    sources = "".join(map(inspect.getsource, (axis_features, depth_features, quantity_features)))
    known = set(re.findall(r'"([a-z_]+)":', sources)) | {"third", "as_load"}
    for name, family in shipped_weights().families.items():
        assert not family.weights.keys() - known, name


def test_an_entity_of_a_users_schema_has_features_too() -> None:
    layout = Layout.of(page(Text("Cable length 2 m", 0, 0), Text("3 m", 0, 300)))
    entity = Entity("cable_length", "length", ("metre",), ("cable length",))
    legal = find_candidates(layout.page, entity, layout.quantities)
    rivals = Rivals.of(legal, layout)
    found = [quantity_features(one, rivals, layout, entity, frozenset()) for one in legal]
    assert found[0]["cue_on_line"] == 1.0
    assert "cue_on_line" not in found[1]
