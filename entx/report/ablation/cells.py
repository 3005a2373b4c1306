"""Figures and tables as HTML: how a share, a difference and an interval are written, and the table around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from entx.report.markup import foreign, plain

MISSING = "–"


def share(value: float | None, digits: int = 3) -> str:
    """0.901 as ".901"; a dash for none."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if 0.0 <= value < 1.0 else text


def signed(value: float) -> str:
    """A difference with its sign: "+.012"."""
    sign = "−" if value < 0 else "+"
    return sign + share(abs(value))


def bounds(figures: Mapping[str, Any], low: str = "low", high: str = "high") -> str:
    """An interval, small."""
    return f"<small>[{share(figures[low])}, {share(figures[high])}]</small>"


def signed_bounds(figures: Mapping[str, Any]) -> str:
    """The interval of a difference, small."""
    return f"<small>[{signed(figures['low'])}, {signed(figures['high'])}]</small>"


def percent(count: int, of: int) -> str:
    """A count with its share: "12 (4 %)"."""
    return f"{count:,} <small>({100 * count / of:.0f} %)</small>" if of else f"{count:,}"


def seconds(value: float | None) -> str:
    """Seconds with two or three digits that mean something."""
    return MISSING if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def money(value: float | None) -> str:
    """A cost with three digits, of which none is lost above a hundred."""
    return MISSING if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]], kind: str = "") -> str:
    """A table that scrolls sideways where it is too wide; the first cell of a row names it.

    Args:
        header: texts, escaped here.
        rows: cells of HTML.
        kind: class of the table.
    """
    head = "".join(f'<th scope="col">{plain(name)}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0"><table class="{kind}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def section(key: str, title: str, *parts: str) -> str:
    """A section with an anchor; parts are HTML."""
    return f'<section id="{key}"><h2>{plain(title)}</h2>{"".join(parts)}</section>'


def note(text: str) -> str:
    """A sentence below a table."""
    return f'<p class="note">{plain(text)}</p>'


def name_of(name: str, number: int) -> str:
    """A column's name with its colour; it may be broken before a plus sign."""
    return f'<i class="dot c{number % COLOURS}"></i>{foreign(name).replace("+", "<wbr>+")}'


COLOURS = 12
"""Colours that the style sheet has for columns, named c0 to c11."""
