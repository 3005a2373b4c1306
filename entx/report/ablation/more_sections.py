"""The sections of a report besides the scores: cost, units, labels, probabilities, changes since an older one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entx.report.ablation.cells import (
    MISSING,
    bounds,
    money,
    name_of,
    note,
    percent,
    seconds,
    section,
    share,
    signed,
    signed_bounds,
    table,
)
from entx.report.ablation.charts import coverage_chart, frontier_chart, reliability_chart
from entx.report.markup import foreign, plain

Summary = Mapping[str, Any]
_MOST_CHANGES = 200


def cost(summary: Summary) -> str:
    """Seconds and money for 1,000 rows."""
    price = summary["price"]
    rows = []
    for number, column in enumerate(summary["columns"]):
        own = column["cost"]
        paid = [money(own["cost"])] if price is not None else []
        asks = ", ".join(f"{run} {part:.0%}" for run, part in own.get("looked", {}).items())
        rows.append([
            name_of(column["name"], number), seconds(own["answering_seconds"]), seconds(own["reading_seconds"]),
            seconds(own["seconds"]), *paid, share(column["scores"]["all"][""]["f1"]), foreign(asks),
        ])  # fmt: skip
    header = ["seconds for 1,000 rows", "answering", "reading pages", "together"]
    header += [f"cost at {price:g} an hour"] if price is not None else []
    header += ["F1", "asks"]
    return section(
        "cost", "Time" if price is None else "Time and cost", table(header, rows),
        note("From the times stored with each run, on the machine that ran it. Pages: seconds of one worker, each "
             "picture once. An imported run brought no times. An ensemble costs what its runs cost, "
             "one reading for all."),
    )  # fmt: skip


def frontier(summary: Summary) -> str:
    """F1 of the cascade against how often it asks, as a figure and a table."""
    found = summary["frontier"]
    if found is None:
        return ""
    priced = summary["price"] is not None
    rows = [
        [
            f"{one['asked']:.0%}", f"<b>{share(one['f1'])}</b> {bounds(one)}",
            f"{signed(one['against']['difference'])} {signed_bounds(one['against'])}", seconds(one["seconds"]),
            *([money(one["cost"])] if priced else []),
        ]
        for one in found["points"]
    ]  # fmt: skip
    header = ["rows asked", "F1", "less asking all", "seconds for 1,000 rows", *(["cost"] if priced else [])]
    cheap, costly = (foreign(", ".join(found[which])) for which in ("cheap", "costly"))
    return section(
        "frontier", "What asking is worth",
        f"<figure>{frontier_chart(found['points'])}<figcaption>F1 of the cascade, out of fold, with its 95 % interval: "
        f"always asked {cheap}; on a share of the rows {costly}. Asking on {found['near']:.0%} of the rows is within "
        f".01 of asking on all.</figcaption></figure>",
        table(header, rows),
        note("Asked first where that is expected to gain most. On the left stack over the arms that are always asked, "
             "on the right stack over all of them. No seconds: a run that is asked brought no times."),
    )  # fmt: skip


def units(summary: Summary) -> str:
    """Answers that are right but for the unit."""
    numbers = {column["name"]: number for number, column in enumerate(summary["columns"])}
    rows = [
        [name_of(one["name"], numbers[one["name"]]), f"{one['wrong']:,}", f"{one['converted']:,}",
         f"{one['rounded']:,}", share(one["f1_converted"]), foreign("; ".join(one["examples"]))]
        for one in summary["units"]
    ]  # fmt: skip
    header = [
        "",
        "wrong values",
        "equal after exact conversion",
        "after a rounded one",
        "F1 if exact ones counted",
        "rows",
    ]
    return section(
        "units", "The same size in another unit", table(header, rows),
        note("Wrong answers to rows with a truth. The metric wants the printed unit; a rounded conversion differs by "
             "at most 1 %."),
    )  # fmt: skip


def labels(summary: Summary) -> str:
    """What the labels of a training table are worth."""
    found = summary["labels"]
    if found is None:
        return ""
    parts = {"all": found, **found["entity_name"]}
    kinds = {"equal": "equal", "converted": "another unit", "other": "another value", "empty": "picture states none",
             "blank": "label empty", "agree_empty": "both empty"}  # fmt: skip
    shown = [kind for kind in kinds if any(part[kind] for part in parts.values())]
    rows = [[foreign(name), f"{part['n']:,}", *(percent(part[kind], part["n"]) for kind in shown)]
            for name, part in parts.items()]  # fmt: skip
    return section(
        "labels", "Labels of a training table", table(["", "n", *(kinds[kind] for kind in shown)], rows),
        note(f"Labels of {found['source']} for the same picture and entity, against the gold rows."),
    )  # fmt: skip


def probabilities(summary: Summary) -> str:
    """Reliability diagrams and the curves of F1 against coverage."""
    numbers = {column["name"]: number for number, column in enumerate(summary["columns"])}
    parts = []
    if summary["curves"]:
        curves = [(numbers[one["name"]], one) for one in summary["curves"]]
        keys = "".join(
            f"<li>{name_of(one['name'], numbers[one['name']])} <small>by {plain(one['by'])}</small></li>"
            for one in summary["curves"]
        )
        parts.append(
            f"<h3>F1 when only the surest answers are given</h3><figure>{coverage_chart(curves)}"
            f'<figcaption><ul class="keys">{keys}</ul>The dot is what the column gave; beyond it, its best candidates '
            "where it gave none.</figcaption></figure>"
        )
    charts = []
    for one in summary["reliability"]:
        for which, meaning in (("p", "this answer is right"), ("q", "a value is shown")):
            if (told := one[which]) is not None:
                charts.append(
                    f"<figure>{reliability_chart(one['name'], told['bins'], numbers[one['name']])}<figcaption>"
                    f"{name_of(one['name'], numbers[one['name']])} {which}: {meaning}<br><small>expected calibration "
                    f"error {share(told['error'])}, Brier {share(told['brier'])}, n {told['rows']:,}</small>"
                    "</figcaption></figure>"
                )
    if charts:
        parts.append(f'<h3>Do the probabilities keep their word?</h3><div class="charts">{"".join(charts)}</div>')
    return section("probabilities", "Probabilities", *parts) if parts else ""


def changes(found: Mapping[str, Any], old: str) -> str:
    """What changed since an older report."""
    rows = found["rows"]
    summary = [
        [foreign(one["name"]), share(one["old_f1"]), share(one["new_f1"]), signed(one["new_f1"] - one["old_f1"]),
         f"{len(one['changed']):,}"]
        for one in found["columns"]
    ]  # fmt: skip
    tables = [table(["", "F1 then", "F1 now", "difference", "rows changed"], summary)]
    for one in found["columns"]:
        if one["changed"]:
            cells = [
                [f"{row['index']}", foreign(row["entity_name"]), foreign(row["truth"] or MISSING),
                 foreign(row["old"] or MISSING), foreign(row["new"] or MISSING),
                 plain(f"{row['old_outcome']} → {row['new_outcome']}")]
                for row in one["changed"][:_MOST_CHANGES]
            ]  # fmt: skip
            more = len(one["changed"]) - len(cells)
            rest = note(f"{more:,} more rows: the JSON file has all.") if more else ""
            tables.append(
                f"<details><summary>{foreign(one['name'])}: {len(one['changed']):,} rows</summary>"
                f"{table(['row', 'entity', 'truth', 'then', 'now', 'counts as'], cells)}{rest}</details>"
            )
    said = [f"{rows['compared']:,} rows are in both reports"]
    said += [f"{rows[key]:,} {words}" for key, words in _ROWS.items() if rows[key]]
    said += [f"{key}: {', '.join(found[key])}" for key in ("added", "removed") if found[key]]
    return section("changes", f"Changes since {old}", *tables, note("; ".join(said) + "."))


_ROWS = {"only_old": "only in the old one", "only_new": "only in this one", "truth_changed": "with another truth"}
