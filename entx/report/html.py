"""HTML from the templates that ship with the package: escaping, how figures are written, and what a page may load.

All text of pictures, tables and models is foreign. The templates escape every expression (jinja2's autoescape), what
HTML cannot hold is shown as U+FFFD, and no foreign text stands in a style sheet or a script. A page's content security
policy lets nothing run or load but its own style and script, both by hash, and the pictures inside it.
"""

from __future__ import annotations

import base64
import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment

MISSING = "–"

COLOURS = 12
"""Colours that the style sheets have for columns, named c0 to c11."""

_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def page(name: str, **values: Any) -> str:
    """The page of the template `name`.html, with the style sheet and the script of that name inside."""
    style, script = asset(f"{name}.css"), asset(f"{name}.js")
    template = environment().get_template(f"{name}.html")
    return template.render(policy=content_policy(style, script), style=style, script=script, **values)


@cache
def environment() -> Environment:
    """The templates, with figures as filters; a value that a template needs and does not get is an error."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("entx.report"), autoescape=True, undefined=StrictUndefined, finalize=printable,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {
        "share": share, "signed": signed, "seconds": seconds, "money": money, "colour": colour, "breakable": breakable,
        "f1_axis": f1_axis, "data_uri": data_uri, "count": lambda number: f"{number:,}",
        "whole": lambda value: f"{value:.0%}",
    }  # fmt: skip
    return made


def printable(value: Any) -> Any:
    """A text with U+FFFD for what HTML cannot hold; markup and other values as they are."""
    if not isinstance(value, str) or hasattr(value, "__html__"):
        return value
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", value)


def content_policy(style: str, script: str) -> str:
    """A content security policy for a page with one style, one script (both by hash) and pictures inside."""
    return (
        f"default-src 'none'; img-src data:; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def asset(name: str) -> str:
    """A text file that ships beside the templates."""
    return (files("entx.report") / "templates" / name).read_text(encoding="utf-8")


def data_uri(jpeg: bytes) -> str:
    """A JPEG inside the page."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()


def share(value: float | None, digits: int = 3) -> str:
    """0.901 as ".901"; a dash for none."""
    if value is None:
        return MISSING
    text = f"{value:.{digits}f}"
    return text.removeprefix("0") if 0.0 <= value < 1.0 else text


def signed(value: float) -> str:
    """A difference with its sign: "+.012"."""
    return ("−" if value < 0 else "+") + share(abs(value))


def seconds(value: float | None) -> str:
    """Seconds with two or three digits that mean something."""
    return MISSING if value is None else f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def money(value: float | None) -> str:
    """A cost with three digits, of which none is lost above a hundred."""
    return MISSING if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def colour(number: int) -> str:
    """The class of a column's colour."""
    return f"c{number % COLOURS}"


def breakable(name: str) -> str:
    """A name as markup that may be broken before a plus sign."""
    from markupsafe import Markup

    return Markup("<wbr>+").join(printable(name).split("+"))


def f1_axis(points: Sequence[Mapping[str, float]]) -> tuple[float, float, list[tuple[float, str]]]:
    """The least and the greatest F1 of an axis that holds the points' intervals, and its marks: place and name."""
    low, high = min(one["low"] for one in points), max(one["high"] for one in points)
    step = 0.05 if high - low <= 0.25 else 0.2
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    low, high = first * step, last * step
    steps = round((high - low) / step)
    return low, high, [(n / steps, f"{low + step * n:.2f}".removeprefix("0")) for n in range(steps + 1)]


def _hash(source: str) -> str:
    """As a content security policy names what it allows."""
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
