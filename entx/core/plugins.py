"""Plug-ins by entry point: a name's object from an installed distribution, or from the built-in table."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from entx.core.errors import EntxError


def plugin_names(group: str, built_in: Mapping[str, str]) -> list[str]:
    """All names of a group, built in or plugged in, sorted."""
    return sorted({point.name for point in entry_points(group=group)} | set(built_in))


def load_plugin(kind: str, name: str, group: str, built_in: Mapping[str, str], error: type[EntxError]) -> Any:
    """The object of that name; an entry point wins over a built-in of the same name.

    Args:
        kind: what it is, for messages ("engine").
        built_in: "module:attribute" by name: they are found in a source tree that is not installed, too.
        error: raised where the name is unknown or cannot be imported.
    """
    points = {point.name: point for point in entry_points(group=group)}
    try:
        if name in points:
            return points[name].load()
        if name in built_in:
            module, _, attribute = built_in[name].partition(":")
            return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as fault:
        raise error(f"{kind} {name!r} cannot be imported: {fault}") from fault
    raise error(
        f"unknown {kind} {name!r}; there are: {', '.join(plugin_names(group, built_in))}. "
        f"Others plug in by an entry point of the group {group!r}"
    )
