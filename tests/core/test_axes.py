import re

import pytest

from entx.core.expressions import label_at, labels_of_list


def label(text: str) -> str:
    """The label of the size in angle brackets."""
    start, end = text.index("<"), text.index(">") - 1
    plain = text.replace("<", "").replace(">", "")
    return label_at(plain, 0, start, end, len(plain))[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Height: <10 cm>", "height"), ("Height <10 cm>", "height"), ("HEIGHT - <10 cm>", "height"),
        ("Height is <10 cm>", "height"), ("Width approx. <10 cm>", "width"), ("(H) <10 cm>", "h"), ("H<10cm>", "h"),
        ("H:<10cm>", "h"), ("h: <10cm>", "h"), ("L = <30cm>", "l"), ("Ø<30cm>", "ø"), ("Hauteur <10 cm>", "hauteur"),
        ("Breite: <10 cm>", "breite"), ("Seat Depth: <10 cm>", "depth"), ('<10">H', "h"), ('<10"> (H)', "h"),
        ('<10">-W', "w"), ("<10 cm> wide", "wide"), ("<10 cm> in height", "height"), ("<10 cm>) tall", "tall"),
        ("<10cm>(L)", "l"), ("<10 cm> high-quality", "high"), ("<10 cm>", ""), ("the <10 cm> box", ""),
        ("with <10 cm> handle", ""), ("<10 cm> wider", ""), ("<10 cm> Hook", ""), ("<10 cm> d'eau", ""),
        ("and <10 cm>", ""), ("model <10 cm>", ""),
    ],
)  # fmt: skip
def test_label_at_a_number(text: str, expected: str) -> None:
    assert label(text) == expected


def test_a_label_is_used_up_by_the_number_before() -> None:
    text = "10cm Height 5cm Width"
    first, floor = label_at(text, 0, 0, 4, 12)
    second, _ = label_at(text, floor, 12, 15, len(text))
    assert (first, floor, second) == ("height", 11, "width")


def test_the_next_numbers_text_is_not_looked_at() -> None:
    assert label_at("10cm 5cm Width", 0, 0, 4, 5)[0] == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("L x W x H: 10 x 5 x 3 cm", ["l", "w", "h"]), ("LxWxH 10x5x3", ["l", "w", "h"]),
        ("(L*W*H) 10*5*3", ["l", "w", "h"]), ("Length x Width x Height: 10x5x3", ["length", "width", "height"]),
        ("W/H/D 10x5x3", ["w", "h", "d"]), ("10 x 5 x 3 (W x D x H)", ["w", "d", "h"]),
        ("10x5x3 LxWxH", ["l", "w", "h"]), ("Size (L x W): 10 x 5 x 3", []), ("10 x 5 x 3", []),
        ("box x 2, 10 x 5 x 3", []), ("L x W x H of the box and some more words 10 x 5 x 3", []),
    ],
)  # fmt: skip
def test_labels_of_a_list(text: str, expected: list[str]) -> None:
    listed = re.search(r"10 ?[x*] ?5 ?[x*] ?3", text)
    assert listed is not None
    assert labels_of_list(text, listed.start(), listed.end(), 3) == expected
