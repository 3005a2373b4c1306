"""The geometry of a page as one column of the store: a struct of plain numbers, in single precision."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from entx.core.types import Direction, LineGeometry, PageGeometry, Stroke

_STROKE = pa.struct([
    ("direction", pa.string()),
    ("x1", pa.float32()),
    ("y1", pa.float32()),
    ("x2", pa.float32()),
    ("y2", pa.float32()),
    ("length", pa.float32()),
    ("gap", pa.float32()),
    ("score", pa.float32()),
    ("broken", pa.bool_()),
    ("ticks", pa.int8()),
])  # fmt: skip
_LINE = pa.struct([
    ("line", pa.int32()),
    ("vertical", _STROKE),
    ("horizontal", _STROKE),
    ("oblique", _STROKE),
    ("across", pa.float32()),
    ("down", pa.float32()),
])  # fmt: skip
GEOMETRY = pa.struct([
    ("product", pa.list_(pa.float32(), 4)),
    ("white", pa.float32()),
    ("parts", pa.int32()),
    ("lines", pa.list_(_LINE)),
    ("marks", pa.list_(pa.int32())),
    ("roundness", pa.float32()),
])  # fmt: skip
"""The Arrow type of the column; the same fields as in the migration that added it."""


def to_row(geometry: PageGeometry | None) -> dict[str, Any] | None:
    """What the column holds for this geometry."""
    if geometry is None:
        return None
    return {
        "product": geometry.product,
        "white": geometry.white,
        "parts": geometry.parts,
        "lines": [
            {
                "line": line.line,
                "vertical": _stroke_row(line.vertical),
                "horizontal": _stroke_row(line.horizontal),
                "oblique": _stroke_row(line.oblique),
                "across": line.across,
                "down": line.down,
            }
            for line in geometry.lines
        ],
        "marks": geometry.marks,
        "roundness": geometry.roundness,
    }


def from_row(row: dict[str, Any] | None) -> PageGeometry | None:
    """The geometry that the column holds."""
    if row is None:
        return None
    return PageGeometry(
        product=None if row["product"] is None else tuple(row["product"]),
        white=row["white"],
        parts=row["parts"],
        lines=tuple(
            LineGeometry(
                line["line"],
                _stroke(line["vertical"]),
                _stroke(line["horizontal"]),
                _stroke(line["oblique"]),
                line["across"],
                line["down"],
            )
            for line in row["lines"]
        ),
        marks=tuple(row["marks"]),
        roundness=row["roundness"],
    )


def _stroke_row(stroke: Stroke | None) -> dict[str, Any] | None:
    if stroke is None:
        return None
    (x1, y1), (x2, y2) = stroke.start, stroke.end
    return {
        "direction": stroke.direction.value,
        "x1": x1,
        "y1": y1,
        "x2": x2,
        "y2": y2,
        "length": stroke.length,
        "gap": stroke.gap,
        "score": stroke.score,
        "broken": stroke.broken,
        "ticks": stroke.ticks,
    }


def _stroke(row: dict[str, Any] | None) -> Stroke | None:
    if row is None:
        return None
    return Stroke(
        Direction(row["direction"]),
        (row["x1"], row["y1"]),
        (row["x2"], row["y2"]),
        row["length"],
        row["gap"],
        row["score"],
        row["broken"],
        row["ticks"],
    )
