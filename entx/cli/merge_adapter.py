"""`entx merge-adapter`: a LoRA adapter into its base model's 16-bit weights, if the answers stay the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.core.entities import Schema
    from entx.neural.adapter import Merged

    Merge = Callable[..., Merged]


@app.command("merge-adapter")
def merge_adapter_command(
    model: Annotated[Path, typer.Option("--model", help="Folder of the base model, 16-bit or wider weights.")],
    adapter: Annotated[Path, typer.Option("--adapter", help="Folder that `entx train` made, of either stage.")],
    store: StoreOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Model folder to make.")],
    rows: Annotated[int, typer.Option("--rows", min=1, help="Questions of the store that the guard asks.")] = 64,
    allow: Annotated[int, typer.Option("--allow", min=0, help="Answers that may differ.")] = 0,
    dtype: Annotated[str, typer.Option("--dtype", help="Of the merged weights: bfloat16 or float32.")] = "bfloat16",
    engine: Annotated[
        str | None, typer.Option("--engine", help="Whose pages a text model reads; default: those written last.")
    ] = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Merge an adapter into its base model, for servers that load whole models.

    The merge guard asks both the same questions: a text model by scoring candidates and by free writing, a
    vision-language model by reading the pictures within the legal answers and by free writing. Where an answer changes,
    nothing is written and the exit code is 2.

    Example: entx merge-adapter --model gemma-2-9b-it --adapter my-adapter --store s.duckdb --out merged
    """
    from entx.cli.train import require_libraries

    require_libraries()
    from entx.core.entities import load_schema
    from entx.neural.adapter import DTYPES, adapter_record

    if dtype not in DTYPES:
        raise InputError(f"--dtype {dtype}: choose one of: {', '.join(DTYPES)}")
    words = Output(quiet=quiet, as_json=as_json)
    record = adapter_record(adapter)
    entities = load_schema(schema)
    if record.get("stage") == "vlm":
        merge = _vision(record, store, entities, rows)
    else:
        merge = _text(record, model, store, engine, entities, rows)
    merged = merge(model, adapter, out_dir, dtype=dtype, allowed=allow, tell=words.line)
    words.line(f"guard: {merged.guard.questions} questions, {merged.guard.changed} answers differ")
    if merged.trained is not None:
        words.notice(
            f"against the adapter on 4-bit weights, as it was trained: {merged.trained.chosen} chosen and "
            f"{merged.trained.written} written answers of {merged.trained.questions} differ"
        )
    words.line(f"Written: {out_dir}")
    trained = merged.trained and {"chosen": merged.trained.chosen, "written": merged.trained.written}
    words.result({
        "out": str(out_dir), "questions": merged.guard.questions, "chosen": merged.guard.chosen,
        "written": merged.guard.written, "against_4bit": trained,
    })  # fmt: skip


def _text(record: dict[str, Any], model: Path, store: Path, engine: str | None, entities: Schema, rows: int) -> Merge:
    from functools import partial

    from entx.core.settings import read_settings
    from entx.llm_stage.adapters import prompt_tokenizer
    from entx.llm_stage.merge import merge_adapter
    from entx.llm_stage.recipe import Recipe
    from entx.llm_stage.training_data import dev_questions, load_dataset
    from entx.neural.model_folder import check_model_folder
    from entx.storage.pages import choose_pages
    from entx.storage.store import Store

    recipe = read_settings(Recipe, record["recipe"]["settings"], "training.json")
    tokenizer = prompt_tokenizer(recipe, check_model_folder(model))
    with Store(store) as opened:
        dataset = load_dataset(opened, choose_pages(opened, engine), entities, recipe, tokenizer)
    return partial(merge_adapter, questions=dev_questions(dataset.examples(sampled=False), rows))


def _vision(record: dict[str, Any], store: Path, entities: Schema, rows: int) -> Merge:
    from collections import Counter
    from functools import partial

    from entx.core.settings import read_settings
    from entx.neural.labels import RangePolicy
    from entx.storage.store import Store
    from entx.vlm_stage.dev import dev_questions
    from entx.vlm_stage.merge import merge_adapter
    from entx.vlm_stage.recipe import Recipe
    from entx.vlm_stage.rows import RowSettings, read_rows

    data = read_settings(Recipe, record["recipe"]["settings"], "training.json").data
    with Store(store) as opened:
        asked = read_rows(opened, entities, RowSettings(data.sources, RangePolicy(data.ranges)), Counter())
    return partial(merge_adapter, questions=dev_questions(asked, rows), schema=entities)
