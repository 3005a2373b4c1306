"""Lines that give orders, in training pages."""

import random
from dataclasses import replace

from entx.core.candidates import find_candidates
from entx.core.entities import CHALLENGE
from entx.core.parser import find_quantities
from lab.injections import INJECTIONS, with_injection
from lab.pages import LayoutPage, generate_pages

PAGES = list(generate_pages(60, 7))


def changed(seed: int) -> list[tuple[LayoutPage, LayoutPage]]:
    rng = random.Random(seed)
    return [(layout, after) for layout in PAGES if (after := with_injection(rng, layout)) is not layout]


def added(before: LayoutPage, after: LayoutPage) -> int:
    """Position of the line that is new."""
    pairs = zip(before.page.lines, after.page.lines, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), len(before.page.lines))


def test_most_pages_get_one_more_line_and_keep_their_truths() -> None:
    pairs = changed(1)
    assert len(pairs) > 50
    for before, after in pairs:
        place = added(before, after)
        lines = after.page.lines
        assert lines[:place] + lines[place + 1 :] == before.page.lines
        assert after.truths == before.truths
        for name, truth in after.truths:
            assert truth is None or truth in {one.quantity for one in find_candidates(after.page, CHALLENGE[name])}


def test_the_geometry_stays_with_its_lines() -> None:
    checked = 0
    for before, after in changed(2):
        one, other = before.page.geometry, after.page.geometry
        assert one is not None
        assert other is not None
        for was, now in zip(one.lines, other.lines, strict=True):
            assert before.page.lines[was.line] == after.page.lines[now.line]
            assert replace(now, line=was.line) == was
            checked += 1
        assert [before.page.lines[mark] for mark in one.marks] == [after.page.lines[mark] for mark in other.marks]
    assert checked > 50


def test_the_ordered_value_is_legal_and_wrong() -> None:
    orders = 0
    for before, after in changed(3):
        for name, truth in after.truths:
            units = CHALLENGE[name].units
            said = find_quantities(after.page.lines[added(before, after)].text)
            new = {one.quantity for one in said if one.quantity.unit in units}
            assert truth not in new
            orders += bool(new)
    assert orders > 30


def test_orders_stand_anywhere_and_are_many_but_none_is_the_benchmarks() -> None:
    pairs = changed(4) + changed(5)
    texts = {after.page.lines[added(before, after)].text for before, after in pairs}
    assert len(texts) > 80
    ends = [added(before, after) == len(before.page.lines) for before, after in pairs]
    assert 0 < sum(ends) < len(ends) / 2
    for text in INJECTIONS:
        assert not any(word in text.lower() for word in ("ignore", "ignora", "ignoriere", "system:", "忽略", "repeat"))


def test_equal_seeds_give_equal_pages_and_a_page_without_questions_stays() -> None:
    assert changed(6) == changed(6)
    layout = LayoutPage(PAGES[0].page, ())
    assert with_injection(random.Random(0), layout) is layout
