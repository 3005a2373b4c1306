import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entx.core.postprocess import MAX_LENGTH, unwrap


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  5 cm \n", "5 cm"), ("", ""), ("**5 cm**", "5 cm"), ("```\n5 cm\n```", "5 cm"),
        ("```json\n5 cm\n```", "5 cm"), ("5    cm", "5 cm"), ("<think>3 cm?</think>5 cm", "5 cm"),
        ("<think>it never ends 3 cm", ""), ("<|im_start|>assistant\n5 cm<|im_end|>", "5 cm"),
        ("system\nx\nuser\n9 cm?\nassistant\n5 cm", "5 cm"), ("ASSISTANT:\n5 cm", "5 cm"), ("5 cm</s>", "5 cm"),
        ("\\text{5 cm}", "5 cm"), ("\\boxed{5 \\text{ cm}}", "5 cm"), ("\\(8\\frac{1}{4}\\) in", "8 1/4 in"),
        ("2 \\times 3", "2 x 3"), ('{"value": 5, "unit": "cm"}', "5 cm"),
        ('{"Value": "5.50", "Units": "cm"}', "5.50 cm"), ('{"value": "5 cm", "unit": "cm"}', "5 cm"),
        ('{"value": "5 cm"}', "5 cm"), ('{"value": 1e22, "unit": "cm"}', "1e22 cm"),
        ('{"answer": {"value": 5, "unit": "cm"}}', "5 cm"), ('{"height": {"value": 5, "unit": "cm"}}', "height: 5 cm"),
        ('{"result": null}', ""), ("{}", ""), ("[]", ""), ('["5 cm", "2 in"]', "5 cm; 2 in"),
        ('{"a": true, "b": [1, {"c": "2 m"}]}', "b: 1; b: c: 2 m"), ("{5 cm}", "{5 cm}"),
        ("[5, 6] volt", "[5, 6] volt"), ("The assistant says 5 cm", "The assistant says 5 cm"),
    ],
)  # fmt: skip
def test_the_answer_comes_out_of_its_wrapping(text: str, expected: str) -> None:
    assert unwrap(text) == expected


def test_a_runaway_answer_is_cut() -> None:
    assert len(unwrap("5 cm " * 10_000)) <= MAX_LENGTH


def test_deep_json_is_left_as_it_is() -> None:
    text = "[" * 3000 + "]" * 3000
    assert unwrap(text) == text


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["value", "unit", "answer", "x"]), inner, max_size=3)
    ),
    max_leaves=12,
))  # fmt: skip
@settings(deadline=None, derandomize=True)
def test_any_json_gives_text(content: object) -> None:
    assert isinstance(unwrap(json.dumps(content)), str)


@given(st.text())
@settings(deadline=None, derandomize=True)
def test_unwrapping_never_fails(text: str) -> None:
    assert isinstance(unwrap(text), str)
