"""The sections of a report that tell scores: table, parts, paired tests, variants, oracle and causes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from entx.report.ablation.causes import Cause
from entx.report.ablation.cells import (
    MISSING,
    bounds,
    name_of,
    note,
    percent,
    section,
    share,
    signed,
    signed_bounds,
    table,
)
from entx.report.ablation.charts import interval_bar
from entx.report.ablation.pairs import NOT_SEPARABLE
from entx.report.markup import foreign, plain

Summary = Mapping[str, Any]


def scores(summary: Summary) -> str:
    """One row a column: all rows, and F1 on each slice."""
    columns = summary["columns"]
    slices = list(columns[0]["scores"].get("slice", {}))
    header = ["", "F1", "95 % interval", "0 to 1", "precision", "recall", "coverage", "n asked", "F1 as text",
              *(f"F1 {part or 'without a slice'}" for part in slices), "coverage of all rows"]  # fmt: skip
    rows = []
    for number, column in enumerate(columns):
        score = column["scores"]["all"][""]
        cost = column["cost"]
        rows.append([
            name_of(column["name"], number), f"<b>{share(score['f1'])}</b>", bounds(score, "f1_low", "f1_high"),
            interval_bar(score["f1"], score["f1_low"], score["f1_high"], number), share(score["precision"]),
            share(score["recall"]), share(score["coverage"]), f"{column['asked']:,} of {score['n']:,}",
            share(score["f1_string"]),
            *(_part(column["scores"]["slice"][part]) for part in slices),
            f"{share(cost['coverage'])} <small>of {cost['asked']:,}</small>" if "asked" in cost else MISSING,
        ])  # fmt: skip
    return section(
        "scores", "Scores", table(header, rows, "scores"),
        note("F1 of number and unit, the challenge's own: a wrong answer costs one false positive and no false "
             "negative. Intervals resample whole pictures. Hybrids that learn are cross-validated by picture."),
    )  # fmt: skip


def entities(summary: Summary) -> str:
    """F1 of each entity: one row an entity, one column a column."""
    columns = summary["columns"]
    header = ["", "n", *(column["name"] for column in columns)]
    rows = [
        [
            foreign(name),
            f"{score['n']:,}",
            *(_part(column["scores"]["entity_name"][name], n=False) for column in columns),
        ]
        for name, score in columns[0]["scores"]["entity_name"].items()
    ]
    return section("entities", "By entity", table(header, rows))


def _part(score: Mapping[str, Any], *, n: bool = True) -> str:
    count = f" <small>n {score['n']:,}</small>" if n else ""
    return f"{share(score['f1'])} {bounds(score, 'f1_low', 'f1_high')}{count}"


def pairs(summary: Summary) -> str:
    """Paired tests, a matrix for all rows and one for each slice."""
    tests = summary["pairs"]
    if not tests:
        return ""
    parts = list(dict.fromkeys(test["part"] for test in tests))
    shown = [_matrix(summary, part, open_=part == "") for part in parts]
    return section(
        "pairs", "Which is better", *shown,
        note("F1 of the row less F1 of the column over the rows that both were asked, with the 95 % interval of the "
             f"difference (paired bootstrap over pictures). Where it holds 0 the two are {NOT_SEPARABLE}. No "
             "correction for the number of pairs."),
    )  # fmt: skip


def _matrix(summary: Summary, part: str, *, open_: bool) -> str:
    names = [column["name"] for column in summary["columns"]]
    found = {(test["first"], test["second"]): test for test in summary["pairs"] if test["part"] == part}
    rows = [
        [name_of(first, number), *(_pair(found, first, second) for second in names[:-1])]
        for number, first in enumerate(names)
        if number
    ]
    counts = sorted({test["n"] for test in found.values()})
    told = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    title = f"{foreign(part) if part else 'All rows'} <small>n {told}</small>"
    return f"<details{' open' if open_ else ''}><summary>{title}</summary>{table(['', *names[:-1]], rows)}</details>"


def _pair(found: Mapping[tuple[str, str], Mapping[str, Any]], row: str, column: str) -> str:
    test = found.get((column, row))  # tests name the earlier column first; the matrix has the later one as its row
    if test is None:
        return ""
    turned = {"low": -test["high"], "high": -test["low"]}
    difference = signed(-test["difference"])
    if not test["separable"]:
        return f'<span class="same">{NOT_SEPARABLE}</span> <small>{difference}</small> {signed_bounds(turned)}'
    return f"<b>{difference}</b> {signed_bounds(turned)}"


def variants(summary: Summary) -> str:
    """What the postprocessor and the abstention are worth."""
    numbers = {column["name"]: number for number, column in enumerate(summary["columns"])}
    rows = [
        [
            name_of(one["name"], numbers[one["name"]]), share(one["f1"]),
            *(_variant(one[way]) for way in ("strict", "flat", "always")),
            share(one["perfect"]), share(one["perfect_always"]),
        ]
        for one in summary["variants"]
    ]  # fmt: skip
    header = ["", "as it is", "without postprocessor", "without geometry", "always answering", "perfect abstention",
              "always answering, perfect abstention"]  # fmt: skip
    return section(
        "variants", "With and without", table(header, rows),
        note("Without postprocessor: the raw text by the official form alone, where the run keeps one. Without "
             "geometry: the rules read the same lines again without dimension lines and places. Always "
             "answering: the best candidate also where none was given, where it is known. Perfect abstention: no "
             "answer on the rows whose picture states none, everything else as it is."),
    )  # fmt: skip


def _variant(told: Mapping[str, Any] | None) -> str:
    if told is None:
        return MISSING
    verdict = "" if told["separable"] else f' <span class="same">{NOT_SEPARABLE}</span>'
    return f"{share(told['f1'])} <small>({signed(told['difference'])})</small> {signed_bounds(told)}{verdict}"


def oracle(summary: Summary) -> str:
    """The oracle and the share of its gap."""
    found = summary["oracle"]
    if found is None:
        return ""
    parts = found["parts"]
    rows = [
        ["perfect pick among the arms", *(_top(part) for part in parts.values())],
        ["best single arm", *(f"{share(part['best_f1'])} {foreign(part['best'])}" for part in parts.values())],
    ]
    for number, column in enumerate(summary["columns"]):
        if column["kind"] == "arm" and column["stage"] != "ensemble":
            continue
        closed = (_closed(part["closed"][column["name"]]) for part in parts.values())
        rows.append([f"{name_of(column['name'], number)} closes", *closed])
    header = ["", *(f"{name or 'all rows'} (n {part['n']:,})" for name, part in parts.items())]
    return section(
        "oracle", "How far picking could go", table(header, rows),
        note(f"The oracle takes the right one of what {', '.join(found['arms'])} say wherever one of them is right; to "
             "give none is a choice where an arm gives none. Closed: the share of the way from the best single arm to "
             "the oracle; below 0 is worse than the best arm."),
    )  # fmt: skip


def _top(part: Mapping[str, Any]) -> str:
    return f"<b>{share(part['f1'])}</b> {bounds(part)}"


def _closed(value: float | None) -> str:
    return MISSING if value is None else f"{'−' if value < 0 else ''}{abs(value):.0%}"


def causes(summary: Summary) -> str:
    """Wrong rows by cause."""
    numbers = {column["name"]: number for number, column in enumerate(summary["columns"])}
    rows = [
        [name_of(one["name"], numbers[one["name"]]) if one["name"] in numbers else plain(one["name"]),
         f"{one['wrong']:,}", *(percent(one[cause.value], one["wrong"]) for cause in Cause), f"{one['in_text']:,}"]
        for one in summary["causes"]
    ]  # fmt: skip
    header = ["", "wrong rows", *(cause.value for cause in Cause), "no arm has it, but the text does"]
    return section(
        "causes", "Why rows are wrong", table(header, rows),
        note("Abstained and wrong pick: another arm has the right answer. The last row counts what all arms have "
             "wrong; abstained there means that none of them answered. The text: the legal quantities of "
             "the OCR lines."),
    )  # fmt: skip


def notes(lines: Sequence[str]) -> str:
    """What a reader should know before the figures."""
    return f'<ul class="notes">{"".join(f"<li>{foreign(line)}</li>" for line in lines)}</ul>' if lines else ""
