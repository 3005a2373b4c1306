"""Small charts as SVG: an interval, a reliability diagram, curves of F1 against coverage."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from entx.report.ablation.cells import COLOURS
from entx.report.markup import plain

_WIDTH, _HEIGHT = 320, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 10, 10, 38
_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def interval_bar(value: float, low: float, high: float, number: int) -> str:
    """A dot in its interval on a scale from 0 to 1."""
    return (
        '<svg class="bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">'
        '<path class="axis" d="M0 6H100"/>'
        f'<path class="c{number % COLOURS} range" d="M{100 * low:.1f} 6H{100 * high:.1f}"/>'
        f'<path class="c{number % COLOURS} at" d="M{100 * value:.1f} 1V11"/></svg>'
    )


def reliability_chart(name: str, bins: Sequence[Mapping[str, Any]], number: int) -> str:
    """What was said against what came true, one dot a bin, its area by the rows in it."""
    most = max(one["rows"] for one in bins)
    dots = "".join(
        f'<circle class="c{number % COLOURS} point" cx="{_x(one["said"]):.1f}" cy="{_y(one["true"]):.1f}" '
        f'r="{2.5 + 7.5 * (one["rows"] / most) ** 0.5:.1f}"><title>said {one["said"]:.2f}, came true '
        f"{one['true']:.2f}, {one['rows']:,} rows</title></circle>"
        for one in bins
    )
    diagonal = f'<path class="axis" d="M{_x(0):.1f} {_y(0.0):.1f}L{_x(1):.1f} {_y(1.0):.1f}"/>'
    return _chart(f"Reliability of {name}", "said", "came true", diagonal + dots)


def coverage_chart(curves: Sequence[tuple[int, Mapping[str, Any]]]) -> str:
    """F1 against coverage.

    Args:
        curves: number of the column's colour and its curve, as `coverage_curves` gives it; a dot where it stands.
    """
    lines = "".join(
        f'<path class="c{number % COLOURS} curve" d="M'
        + "L".join(f"{_x(x):.1f} {_y(y):.1f}" for x, y in one["points"])
        + f'"><title>{plain(one["name"])}</title></path>'
        + f'<circle class="c{number % COLOURS} point" cx="{_x(one["at"][0]):.1f}" cy="{_y(one["at"][1]):.1f}" r="3.5"/>'
        for number, one in curves
    )
    return _chart("F1 against coverage", "coverage", "F1", lines)


def frontier_chart(points: Sequence[Mapping[str, Any]]) -> str:
    """F1 with its interval against the share of rows on which the costly arms are asked.

    Args:
        points: as `frontier` gives them, by rising share.
    """
    low, high = min(one["low"] for one in points), max(one["high"] for one in points)
    step = 0.05 if high - low <= 0.25 else 0.2
    low, high = math.floor(low / step) * step, max(math.ceil(high / step), math.floor(low / step) + 1) * step
    names = [f"{low + step * tick:.2f}".removeprefix("0") for tick in range(round((high - low) / step) + 1)]

    def at(x: float, y: float) -> str:
        return f"{_x(x):.1f} {_y((y - low) / (high - low)):.1f}"

    edge = [at(one["asked"], one["high"]) for one in points]
    edge += [at(one["asked"], one["low"]) for one in reversed(points)]
    line = "L".join(at(one["asked"], one["f1"]) for one in points)
    dots = "".join(
        f'<circle class="c0 point" cx="{_x(one["asked"]):.1f}" cy="{_y((one["f1"] - low) / (high - low)):.1f}" r="3.5">'
        f"<title>asked {one['asked']:.0%}: F1 {one['f1']:.3f}</title></circle>"
        for one in points
    )
    inside = f'<path class="c0 band" d="M{"L".join(edge)}Z"/><path class="c0 curve" d="M{line}"/>{dots}'
    return _chart("F1 of the cascade", "share of rows asked", "F1", inside, names)


def _chart(title: str, across: str, up: str, inside: str, names: Sequence[str] = ()) -> str:
    """Axes with a grid.

    Args:
        names: of marks at equal distances up the side; by default those of 0 to 1.
    """
    side = [(step / (len(names) - 1), name) for step, name in enumerate(names)]
    side = side or [(tick, f"{tick:.1f}") for tick in _TICKS]
    grid = "".join(
        f'<path class="grid" d="M{_x(tick):.1f} {_TOP}V{_HEIGHT - _BOTTOM}"/>'
        f'<text x="{_x(tick):.1f}" y="{_HEIGHT - _BOTTOM + 14}" text-anchor="middle">{tick:.1f}</text>'
        for tick in _TICKS
    ) + "".join(
        f'<path class="grid" d="M{_LEFT} {_y(tick):.1f}H{_WIDTH - _RIGHT}"/>'
        f'<text x="{_LEFT - 5}" y="{_y(tick) + 4:.1f}" text-anchor="end">{name}</text>'
        for tick, name in side
    )
    return (
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{plain(title)}">{grid}{inside}'
        f'<text class="name" x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 6}" text-anchor="middle">'
        f'{plain(across)}</text><text class="name" x="12" y="{(_TOP + _HEIGHT - _BOTTOM) / 2:.0f}" '
        f'text-anchor="middle" transform="rotate(-90 12 {(_TOP + _HEIGHT - _BOTTOM) / 2:.0f})">{plain(up)}</text></svg>'
    )


def _x(value: float) -> float:
    return _LEFT + value * (_WIDTH - _LEFT - _RIGHT)


def _y(value: float) -> float:
    return _HEIGHT - _BOTTOM - value * (_HEIGHT - _TOP - _BOTTOM)
