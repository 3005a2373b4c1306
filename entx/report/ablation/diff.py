"""Two reports compared: which rows are answered differently, and what that did to F1."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.errors import InputError
from entx.core.evaluation import Counts, Outcome
from entx.report.ablation.summary import FORMAT


def load_summary(path: Path) -> dict[str, Any]:
    """Reads the JSON file of an earlier report.

    Raises:
        InputError: missing, not such a file, or of another format.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise InputError(f"{path}: not the JSON of an ablation report") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        of = found.get("format") if isinstance(found, dict) else None
        raise InputError(
            f"{path}: not an ablation report of format {FORMAT} (found {of}); make it again with --json-out"
        )
    try:
        names = {column["name"] + "" for column in found["columns"]}
        for row in found["rows"]:
            _ = row["index"] + 0, row["truth"] + "", [text + "" for text in row["answers"].values()]
            told = {name: Outcome[outcome] for name, outcome in row["outcomes"].items()}
            if not told.keys() == row["answers"].keys() == names:
                raise ValueError("answers and outcomes of different names")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path}: a damaged ablation report: {type(error).__name__} {error}") from None
    return found


def diff(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """What changed between two summaries, over the rows and columns that both have.

    Returns:
        added, removed: names of columns; rows: compared, only_old, only_new, truth_changed; and columns: one object for
        each common column with old_f1, new_f1 over the compared rows and changed: rows whose answer or verdict differs.
    """
    before = {row["index"]: row for row in old["rows"]}
    after = {row["index"]: row for row in new["rows"]}
    common = [index for index in after if index in before]
    old_names, new_names = ([column["name"] for column in one["columns"]] for one in (old, new))
    return {
        "added": [name for name in new_names if name not in old_names],
        "removed": [name for name in old_names if name not in new_names],
        "rows": {
            "compared": len(common), "only_old": len(before) - len(common), "only_new": len(after) - len(common),
            "truth_changed": sum(before[index]["truth"] != after[index]["truth"] for index in common),
        },
        "columns": [
            _column(name, [(before[index], after[index]) for index in common])
            for name in new_names
            if name in old_names
        ],
    }  # fmt: skip


def _column(name: str, rows: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> dict[str, Any]:
    changed = [
        {
            "index": new["index"], "entity_name": new["entity_name"], "truth": new["truth"],
            "old": old["answers"][name], "new": new["answers"][name],
            "old_outcome": old["outcomes"][name], "new_outcome": new["outcomes"][name],
        }
        for old, new in rows
        if (old["answers"][name], old["outcomes"][name]) != (new["answers"][name], new["outcomes"][name])
    ]  # fmt: skip
    old_f1, new_f1 = (_f1([pair[side]["outcomes"][name] for pair in rows]) for side in (0, 1))
    return {"name": name, "old_f1": old_f1, "new_f1": new_f1, "changed": changed}


def _f1(outcomes: Sequence[str]) -> float:
    return round(Counts.of(np.array([Outcome[one] for one in outcomes], dtype=np.int64)).f1, 6)
