"""entx reads quantities off product pictures: "500.0 gram", where it stands, and how sure it is.

    import entx

    answer = entx.extract("bag.jpg", ["item_weight"])["item_weight"]

Names are imported when they are first used, so that `import entx` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from entx.core.entities import Schema
    from entx.core.errors import EntxError
    from entx.core.evaluation import Evaluation
    from entx.core.parser import QuantityMatch, find_quantities
    from entx.core.types import Answer, Evidence, OcrLine, Quantity
    from entx.extractor import Extractor, extract
    from entx.storage.store import Store

_HOMES = {
    "Answer": "entx.core.types",
    "EntxError": "entx.core.errors",
    "Evaluation": "entx.core.evaluation",
    "Evidence": "entx.core.types",
    "Extractor": "entx.extractor",
    "OcrLine": "entx.core.types",
    "Quantity": "entx.core.types",
    "QuantityMatch": "entx.core.parser",
    "Store": "entx.storage.store",
    "extract": "entx.extractor",
    "find_quantities": "entx.core.parser",
}

__all__ = [
    "Answer", "EntxError", "Evaluation", "Evidence", "Extractor", "OcrLine", "Quantity", "QuantityMatch", "Store",
    "__version__", "evaluate", "extract", "find_quantities", "postprocess",
]  # fmt: skip


def postprocess(text: str, entity: str, schema: Schema | None = None) -> Quantity | None:
    """What a model's free text says of an entity, or None; the same for every arm. Never raises on a text.

    Args:
        text: "about 2,5 kg", a sentence, JSON, a refusal.
        entity: a name of the schema, by default one of the challenge's eight.
    """
    from entx.core.entities import CHALLENGE
    from entx.core.postprocess import postprocess

    return postprocess(text, (schema or CHALLENGE)[entity]).quantity


def evaluate(
    predictions: str | Path | pd.DataFrame,
    gold: str | Path | pd.DataFrame,
    schema: Schema | None = None,
    **options: Any,
) -> Evaluation:
    """The challenge's F1 of predictions (index, prediction) against a truth table (index, value, perhaps also).

    Args:
        predictions, gold: tables as files or as frames.
        options: as `entx.core.evaluation.evaluate` takes them: where, by, use_also, seed.
    """
    from tempfile import TemporaryDirectory

    from entx.core.entities import CHALLENGE
    from entx.core.evaluation import evaluate

    with TemporaryDirectory(prefix="entx-") as folder:  # one reader of tables: a frame is read as its CSV file would be
        tables = _as_file(predictions, f"{folder}/predictions.csv"), _as_file(gold, f"{folder}/gold.csv")
        return evaluate(*tables, schema or CHALLENGE, **options)


def _as_file(table: str | Path | pd.DataFrame, name: str) -> Path:
    from pathlib import Path

    if isinstance(table, str | Path):
        return Path(table)
    table.to_csv(name, index=False)
    return Path(name)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'entx' has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
