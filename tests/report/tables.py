"""Tables of a report as text, read back from its HTML."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any

from PIL import Image

from entx.report.page import environment

VOID = {"meta", "link", "input", "br", "wbr", "img"}
FIGURE = re.compile(r"[-−+]?\d*\.\d+")


def macros(name: str) -> Any:
    """The macros of a template."""
    return environment().get_template(name).module


class Parsed(HTMLParser):
    """Elements with attributes, the text of each kind of element, and whether all that opens is closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.texts: dict[str, list[str]] = {}
        self.balanced = True
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        self.balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]][-1] += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [found for name, found in self.elements if name == tag and wanted.items() <= found.items()]


class Tables(Parsed):
    """Rows of cells by the section that they stand in; a section with several tables has them one after the other."""

    def __init__(self, html: str) -> None:
        self.rows: dict[str, list[list[str]]] = {}
        self.head: dict[str, list[str]] = {}
        self._section = ""
        self._cell: list[str] | None = None
        super().__init__(html)
        assert self.balanced
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        super().handle_starttag(tag, attrs)
        if tag == "section":
            self._section = dict(attrs)["id"] or ""
        elif tag == "tr":
            self.rows.setdefault(self._section, []).append([])
        elif tag in ("td", "th"):
            self._cell = []

    def handle_endtag(self, tag: str) -> None:
        super().handle_endtag(tag)
        if tag in ("td", "th"):
            assert self._cell is not None
            self.rows[self._section][-1].append("".join(self._cell))
            self._cell = None
        elif tag == "thead":
            self.head.setdefault(self._section, self.rows[self._section][-1])

    def handle_data(self, data: str) -> None:
        super().handle_data(data)
        if self._cell is not None:
            self._cell.append(data)

    def under(self, section: str, title: str) -> dict[str, str]:
        """The cells of one column of a section's first table, by the name of their row."""
        place = self.head[section].index(title)
        return {row[0]: row[place] for row in self.rows[section][1:] if len(row) == len(self.head[section])}


def assert_nothing_runs_or_loads_but_its_own(html: str) -> None:
    """One style and one script, which the policy names by hash; nothing that is requested from anywhere."""
    parsed = Parsed(html)
    (policy,) = parsed.all("meta", http_equiv="Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy["content"].split(";"))
    assert (rules["default-src"], rules["img-src"]) == ("'none'", "data:")
    for tag in ("script", "style"):
        (text,) = parsed.texts[tag]
        assert rules[f"{tag}-src"] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    names = [name for name, _ in parsed.elements]
    assert names.index("style") > next(i for i, (_, found) in enumerate(parsed.elements) if "http-equiv" in found)
    assert not any("style" in found for _, found in parsed.elements)  # the policy would not allow them
    assert not re.search(r"https?://|@import|url\(|fetch\(|XMLHttpRequest|WebSocket", html)
    loading = ("src", "href", "srcset", "data", "action", "poster", "xlink:href")
    sources = [found[name] for _, found in parsed.elements for name in loading if found.get(name)]
    assert all(source.startswith(("data:", "#")) for source in sources)


def embedded(image: Mapping[str, str]) -> Image.Image:
    """The picture inside an element of the page."""
    return Image.open(io.BytesIO(base64.b64decode(image["href"].removeprefix("data:image/jpeg;base64,"))))


def figures(cell: str) -> list[float]:
    """The numbers with a decimal point in a cell, in their order."""
    return [float(text.replace("−", "-")) for text in FIGURE.findall(cell)]


def written(*values: float) -> list[float]:
    """As a report writes them: three decimals."""
    return [float(f"{value:.3f}") for value in values]
