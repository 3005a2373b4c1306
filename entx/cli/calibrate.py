"""`entx calibrate`: a model's probabilities fitted to rows with known truth, and kept in its folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.cli.predict import (
    AdapterOption,
    BatchOption,
    CropsOption,
    DtypeOption,
    EngineOption,
    FourBitOption,
    PixelsOption,
    ThreadsOption,
    stage_reader,
)
from entx.core.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from entx.neural.calibration import GoldRow
    from entx.neural.predict import ModelOptions

STAGES = ("llm", "vlm")


@app.command("calibrate")
def calibrate(
    stage: Annotated[str, typer.Option("--stage", help="llm or vlm: whose candidates mode is calibrated.")],
    store: StoreOption,
    gold: Annotated[
        Path,
        typer.Option("--gold", help="Truth: index, entity_value or value, perhaps also.", metavar="GOLD.csv"),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="A model folder; llm: default the one that ships (needs --out).")
    ] = None,
    adapter: AdapterOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write into a copy of the folder here; default: into the folder itself."),
    ] = None,
    hint_run: Annotated[
        str | None,
        typer.Option("--hint-run", help="llm: fit on each row with this run's answer as a hint, and without one."),
    ] = None,
    engine: EngineOption = None,
    backend: Annotated[
        str | None, typer.Option("--backend", help="transformers (default), vllm; vlm: unsloth.")
    ] = None,
    dtype: DtypeOption = None,
    four_bit: FourBitOption = None,
    batch: BatchOption = None,
    threads: ThreadsOption = None,
    pixels: PixelsOption = None,
    crops: CropsOption = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit a model's probabilities to labelled rows of a store, say what that is worth, and keep it in its entx.json.

    The figures are of rows that a fit has not seen: five fits, each judged on the pictures that it was not made of. The
    calibration that is kept is fitted on all rows, and --pixels is kept with it.

    Example: entx calibrate --stage llm --store labelled.duckdb --gold gold.csv --model DIR --hint-run rules
    """
    import shutil
    from dataclasses import replace

    from entx.core.entities import load_schema
    from entx.llm_stage.reader import shipped_model
    from entx.neural.calibration import fit_gold
    from entx.neural.predict import ModelOptions, Task, score_gold, write_serving
    from entx.storage.pages import choose_pages, page_keys
    from entx.storage.store import Store

    if stage not in STAGES:
        raise InputError(f"--stage {stage}: known are {', '.join(STAGES)}")
    foreign = {"--pixels": pixels, "--crops": crops} if stage == "llm" else {"--hint-run": hint_run}
    if given := [name for name, value in foreign.items() if value is not None]:
        raise InputError(f"{', '.join(given)}: not of --stage {stage}")
    if backend == "openai":
        raise InputError("--backend openai: a calibration is kept in the folder of a model that is loaded here")
    words = Output(quiet=quiet, as_json=as_json)
    if model is None and stage == "llm":
        if out is None:
            raise InputError("the model that ships is left as it is: name a copy by --out DIR, or a folder by --model")
        model = str(shipped_model())
    options = ModelOptions(
        model, adapter, backend or "transformers", "candidates", dtype, bool(four_bit), threads, None, pixels,
        bool(crops),
    )  # fmt: skip
    target = _target(options, out)
    entities = load_schema(schema)
    reader, _ = stage_reader(stage)(options, entities, words.notice)
    rows: dict[str, list[GoldRow]] = {}
    with Store(store) as opened:
        key = choose_pages(opened, engine) if stage == "llm" or engine or page_keys(opened) else None
        for name, hints in {"all rows": None, **({f"hints of {hint_run}": hint_run} if hint_run else {})}.items():
            with words.progress(name, None) as advance:
                rows[name] = score_gold(opened, reader, Task(key, hints, size=batch), gold, advance)
    worth = {name: _worth(some) for name, some in rows.items()}
    calibration = fit_gold([row for some in rows.values() for row in some])
    serving = replace(reader.serving, calibration=calibration)
    if pixels is not None:
        serving = replace(serving, pixels=pixels)
    if out is not None:
        shutil.copytree(str(options.described), out)
    write_serving(target, serving.as_dict())
    header = ("out of fold", "rows", "scored", "F1", "-> F1", "ECE", "-> ECE", "Brier", "-> Brier")
    words.table(header, [(name, *_cells(found)) for name, found in worth.items()])
    words.line(f"calibration written to {target}/entx.json, fitted on {calibration.rows} rows")
    words.result({"out_of_fold": worth, "calibration": calibration.as_dict(), "folder": str(target)})


def _target(options: ModelOptions, out: Path | None) -> Path:
    """The folder whose entx.json is written; told before a model is loaded that it cannot be."""
    import os

    if out is not None:
        if out.exists():
            raise InputError(f"--out {out}: is there already; the copy needs a folder of its own")
        return out
    if options.model is None:
        raise InputError("--stage vlm needs a model folder: --model DIR (entx ships none)")
    if options.described is None:
        raise InputError(f"{options.model}: no such model folder; models are given as a folder")
    if not os.access(options.described, os.W_OK):
        raise InputError(f"{options.described}: cannot be written to; name a copy by --out DIR")
    return options.described


def _worth(rows: Sequence[GoldRow]) -> dict[str, Any]:
    """What the model's own probabilities and the calibrated ones are worth."""
    from entx.neural.calibration import cross_fit, f1
    from entx.neural.reliability import reliability

    try:
        crossed = cross_fit(rows)
    except ValueError:
        raise InputError(
            f"{len(rows)} rows are too few: there must be some in at least two folds of pictures"
        ) from None
    before, after = reliability(crossed.stated, crossed.right), reliability(crossed.fitted, crossed.right)
    return {
        "rows": len(rows), "scored": before.rows, "f1_before": f1(rows, crossed.before),
        "f1_after": f1(rows, crossed.after), "ece_before": before.error, "ece_after": after.error,
        "brier_before": before.brier, "brier_after": after.brier,
    }  # fmt: skip


def _cells(worth: dict[str, Any]) -> tuple[str, ...]:
    measures = (f"{worth[f'{name}_{when}']:.3f}" for name in ("f1", "ece", "brier") for when in ("before", "after"))
    return (f"{worth['rows']:,}", f"{worth['scored']:,}", *measures)
