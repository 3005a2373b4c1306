"""Runs: one execution of a stage with everything that decides its result, and when and how it ended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib import metadata
from typing import Any

from entx.core.errors import InputError
from entx.storage.connection import Store

_LIBRARIES = ("duckdb", "entx-hybrid", "numpy", "onnxruntime", "openvino", "paddleocr", "rapidocr")


def settings_hash(settings: Mapping[str, Any]) -> str:
    """Hash of a run's settings: two runs of one hash on one input give one result."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def begin_run(store: Store, run: str, stage: str, settings: Mapping[str, Any]) -> bool:
    """Records the run, or finds it again; returns True when it already stood there (its rows are to be continued).

    Raises:
        InputError: the name is taken by a run of another stage or with other settings.
    """
    digest = settings_hash(settings)
    rows = store.connection.execute("select stage, settings_hash, settings from runs where run = ?", [run]).fetchall()
    if rows:
        known_stage, known_digest, known = rows[0]
        if (known_stage, known_digest) == (stage, digest):
            return True
        changed = _difference(json.loads(known), settings) if known_stage == stage else [f"stage {known_stage}"]
        raise InputError(
            f"run {run!r} stands in {store.path} with other settings ({'; '.join(changed)}); choose another --run name"
        )
    with store.transaction() as connection:
        connection.execute(
            "insert into runs values (?, ?, ?, ?, ?, now())",
            [run, stage, digest, json.dumps(settings, sort_keys=True), json.dumps(library_versions(_LIBRARIES))],
        )
    return False


def end_run(store: Store, run: str, wall_seconds: float, counts: Mapping[str, int]) -> None:
    """Records that the run came to its end; a continued run has several ends."""
    with store.transaction() as connection:
        connection.execute("insert into run_ends values (?, now(), ?, ?)", [run, wall_seconds, json.dumps(counts)])


def run_settings(store: Store, run: str) -> dict[str, Any]:
    """The settings a run was begun with.

    Raises:
        InputError: no such run; the message lists those there are.
    """
    rows = store.connection.execute("select run, settings from runs order by started").fetchall()
    for name, settings in rows:
        if name == run:
            return dict(json.loads(settings))
    raise InputError(f"no run {run!r} in {store.path}; it holds: {', '.join(name for name, _ in rows) or 'none'}")


def library_versions(names: Iterable[str]) -> dict[str, str]:
    """The installed version of each distribution; those that are not installed are left out."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _difference(known: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    keys = sorted(known.keys() | now.keys())
    return [f"{key} was {known.get(key)!r}, is {now.get(key)!r}" for key in keys if known.get(key) != now.get(key)]
