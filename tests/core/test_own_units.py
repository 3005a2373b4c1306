import pytest

from entx.core.parser import find_own_quantities


@pytest.mark.parametrize(
    ("text", "units", "expected"),
    [
        ("62.5 decibel(A)", ("decibel(A)",), ["62.5 decibel(A)"]), ("5 sone, 6 sones", ("sone",), ["5.0 sone"]),
        ("5sone", ("sone",), ["5.0 sone"]),
        ("5 big sone and 6 sone", ("sone", "big sone"), ["5.0 big sone", "6.0 sone"]), ("x5 sone", ("sone",), []),
        ("1.2.3 sone", ("sone",), []), ("5 gram", ("gram",), []),  # the table knows it: not a unit of the user's own
        ("5 sone", (), []),
    ],
)  # fmt: skip
def test_units_of_a_schema_are_found_as_written(text: str, units: tuple[str, ...], expected: list[str]) -> None:
    matches = find_own_quantities(text, units)
    assert [match.quantity.text for match in matches] == expected
    assert all(text[match.start : match.end].endswith(match.quantity.unit) for match in matches)
