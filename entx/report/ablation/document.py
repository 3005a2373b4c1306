"""The report as one HTML file that loads nothing, and as one JSON file."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any

from entx.core.files import atomic_text
from entx.report.ablation import more_sections, sections
from entx.report.ablation.gallery import KINDS, Gallery
from entx.report.markup import asset, content_policy, foreign, plain

_PACKAGE = "entx.report.ablation"


def write_json(summary: Mapping[str, Any], out: Path) -> None:
    """Writes the figures, whole or not at all.

    Raises:
        InputError: `out` cannot be written.
    """
    with atomic_text(out) as stream:
        stream.write(json_text(summary))


def json_text(summary: Mapping[str, Any]) -> str:
    """The figures; equal figures give equal text."""
    return json.dumps(summary, ensure_ascii=False, indent=1) + "\n"


def write_html(summary: Mapping[str, Any], gallery: Gallery, out: Path, *, old: str = "") -> None:
    """Writes the page, whole or not at all.

    Args:
        old: name of the older report whose changes stand in `summary["diff"]`.

    Raises:
        InputError: `out` cannot be written.
    """
    with atomic_text(out) as stream:
        stream.write(html_text(summary, gallery, old=old))


def html_text(summary: Mapping[str, Any], gallery: Gallery, *, old: str = "") -> str:
    """The whole page."""
    style, script = asset(_PACKAGE, "ablation.css"), asset(_PACKAGE, "ablation.js")
    found = summary.get("diff")
    parts = [
        sections.scores(summary), more_sections.changes(found, old) if found else "", sections.pairs(summary),
        sections.entities(summary), sections.variants(summary), sections.oracle(summary), sections.causes(summary),
        more_sections.cost(summary), more_sections.frontier(summary), more_sections.units(summary),
        more_sections.labels(summary), more_sections.probabilities(summary),
    ]  # fmt: skip
    return Template(asset(_PACKAGE, "ablation.html")).substitute(
        policy=content_policy(style, script),
        style=style,
        script=script,
        facts="".join(f"<div><dt>{plain(name)}</dt><dd>{foreign(value)}</dd></div>" for name, value in _facts(summary)),
        notes=sections.notes(summary["notes"]),
        sections="".join(parts),
        told=_told(gallery),
        filters=_filters(summary),
        pictures=gallery.pictures,
        cards=gallery.cards,
    )


def _facts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    gold = summary["gold"]
    facts = [
        ("labelled rows", f"{gold['rows']:,} of {gold['file']}"),
        ("pictures", f"{gold['pictures']:,}"),
        ("with a value", f"{gold['stated']:,}"),
    ]
    facts += [("only", f"{column} = {value}") for column, value in gold["where"]]
    if gold["common"]:
        facts.append(("only", "rows that every run was asked"))
    return facts


def _told(gallery: Gallery) -> str:
    told = f"{gallery.wrong:,} questions that some column has wrong"
    if gallery.shown < gallery.wrong:
        told += f", the first {gallery.shown:,} of them here"
    if gallery.without_picture:
        told += f"; {gallery.without_picture:,} without their picture"
    return told + "."


def _filters(summary: Mapping[str, Any]) -> str:
    score = summary["columns"][0]["scores"]
    names = [column["name"] for column in summary["columns"]]
    choices = [
        _select("wrong", "Wrong by", [(str(number), name) for number, name in enumerate(names)], "any"),
        _select("right", "Right by", [(str(number), name) for number, name in enumerate(names)], "any or none"),
        _select("kind", "Kind of error", list(KINDS.items()), "any"),
        _select("entity", "Entity", [(name, name.replace("_", " ")) for name in score["entity_name"]], "all"),
    ]
    if "slice" in score:
        choices.append(_select("slice", "Slice", [(name, name) for name in score["slice"] if name], "all"))
    return "".join(choices)


def _select(name: str, title: str, options: Sequence[tuple[str, str]], default: str) -> str:
    shown = "".join(f'<option value="{plain(value)}">{plain(text)}</option>' for value, text in options)
    first = f'<option value="">{plain(default)}</option>'
    return f'<label>{plain(title)} <select name="{name}">{first}{shown}</select></label>'
