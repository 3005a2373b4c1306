"""`entx dataset`: training examples from the labelled questions of a store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from entx.cli.app import Json, Quiet, SchemaOption, StoreOption, app
from entx.cli.output import Output
from entx.core.errors import InputError

if TYPE_CHECKING:
    from entx.llm_stage.data import Row, TextDataset
    from entx.storage.store import Store


_Choice = TypeVar("_Choice", bound=StrEnum)


@app.command("dataset")
def dataset_command(
    stage: Annotated[str, typer.Option("--stage", help="llm: questions about OCR lines.")],
    store: StoreOption,
    out_dir: Annotated[Path, typer.Option("--out", help="Folder for train, dev and dataset.json.")],
    engine: Annotated[str | None, typer.Option("--engine", help="Whose pages; default: those written last.")] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            "--weight",
            help="Weight of a table's labels by name or pattern, such as 'train*=0.4', or of one entity's, such as "
            "'train*/depth=0'; may be repeated, the first that fits counts. Below 1: weak labels; 0: left out. "
            "Default: 1 for all.",
        ),
    ] = None,
    held_out: Annotated[
        list[Path] | None,
        typer.Option(
            "--held-out",
            help="Table with image_link: nothing of its pictures is used; may be repeated.",
            metavar="TABLE",
        ),
    ] = None,
    ranges: Annotated[str, typer.Option("--ranges", help="Labels with two ends: upper, or drop.")] = "upper",
    unreadable: Annotated[
        str, typer.Option("--unreadable", help="Labels that the page's lines do not hold: empty, drop, or keep.")
    ] = "empty",
    negatives: Annotated[
        float, typer.Option("--negatives", min=0.0, max=0.9, help="Share of rows with the answer none, filled up to.")
    ] = 0.3,
    mix: Annotated[
        Literal["store", "test"], typer.Option("--mix", help="Entities as in the store, or as in the challenge's test.")
    ] = "store",
    dev: Annotated[float, typer.Option("--dev", min=0.0, max=0.9, help="Share of the rows held out.")] = 0.1,
    folds: Annotated[int, typer.Option("--folds", min=0, help="Cross-validation: a folder a fold.")] = 0,
    hint_run: Annotated[str | None, typer.Option("--hint-run", help="Run whose answers half of the rows see.")] = None,
    style: Annotated[str, typer.Option("--style", help="compact, or instruct for a model that knows language.")] = (
        "compact"
    ),
    budget: Annotated[int, typer.Option("--budget", min=1, help="Tokens that a page may have.")] = 448,
    model: Annotated[
        Path | None, typer.Option("--model", help="Model folder whose tokenizer counts; default: a rough count.")
    ] = None,
    format_: Annotated[
        Literal["jsonl", "datasets"], typer.Option("--format", help="JSON lines, or folders for `datasets`.")
    ] = "jsonl",
    epoch: Annotated[int, typer.Option("--epoch", min=0, help="Other epochs draw other rows and hints.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="Equal seeds give equal files.")] = 0,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the store's labelled questions as training examples: prompt, completion, weight, candidates.

    Labels are cleaned, questions with the certain answer "none" are added, and no picture and no (group, entity,
    value) stands in train and dev. `entx train` does the same by itself; this shows it, or feeds another trainer.

    Example: entx dataset --stage llm --store challenge.duckdb --out examples --weight 'train*=0.4'
    """
    from entx.core.entities import load_schema
    from entx.core.files import atomic_text
    from entx.llm_stage.data import (
        Hints,
        PageWriter,
        TextData,
        TextDataset,
        Unreadable,
        rough_tokens,
        save_folder,
        write_jsonl,
    )
    from entx.llm_stage.prompt import Style
    from entx.neural.training.labels import RangePolicy
    from entx.storage.pages import choose_pages
    from entx.storage.runs import run_settings
    from entx.storage.store import Store

    if stage != "llm":
        raise InputError(f"--stage {stage}: this version has: llm")
    if folds == 1:
        raise InputError("--folds 1 would hold out everything; use 2 or more, or --dev")
    out = Output(quiet=quiet, as_json=as_json)
    entities = load_schema(schema)
    sources = _weights(weight or [])
    wanted = TextData(
        sources=sources, ranges=_one_of(RangePolicy, ranges, "--ranges"), negatives=negatives, mix=mix,
        unreadable=_one_of(Unreadable, unreadable, "--unreadable"),
    )  # fmt: skip
    writer = PageWriter(
        _one_of(Style, style, "--style"), rough_tokens if model is None else _token_counter(model), budget
    )
    with Store(store) as opened:
        key = choose_pages(opened, engine)
        hints = Hints()
        if hint_run is not None:
            run_settings(opened, hint_run)  # an error that lists the runs, where there is none of that name
            hints = Hints.of_run(opened, hint_run)
        withheld = _pictures(opened, held_out or [])
        data = TextDataset.load(opened, key, entities, writer, wanted, hints=hints, held_out=withheld, seed=seed)
    if not any(not row.generated for row in data.rows):
        _show_tally(out, data)
        raise InputError(f"{store}: no labelled question of it can be used; see the counts above")
    written: dict[str, dict[str, Any]] = {}
    parts = {f"fold-{n}": pair for n, pair in enumerate(data.folds(folds))} if folds else {"": data.split(dev)}
    for folder, (train, held) in parts.items():
        files = {"train": train.examples(epoch), "dev": held.examples(epoch, sampled=False)}
        for name, examples in files.items():
            if examples or format_ == "jsonl":
                target = Path(folder, name if format_ == "datasets" else f"{name}.jsonl")
                (save_folder if format_ == "datasets" else write_jsonl)(out_dir / target, examples)
                written[str(target)] = _counts(examples)
    summary = {
        "store": store.name, "engine": key.engine, "weights": sources, "ranges": wanted.ranges.value,
        "unreadable": wanted.unreadable.value, "held_out_pictures": len(withheld),
        "negatives": negatives, "mix": mix, "style": writer.style.value,
        "budget": budget, "hint_run": hint_run, "epoch": epoch, "seed": seed, "files": written,
        "questions": dict(sorted(data.tally["questions"].items())), "pages": dict(sorted(data.tally["pages"].items())),
    }  # fmt: skip
    with atomic_text(out_dir / "dataset.json") as stream:
        json.dump(summary, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    _show_tally(out, data)
    names = sorted({name for counts in written.values() for name in counts["entities"]})
    lines = [
        (name, f"{one['rows']:,}", f"{one['none']:,}", f"{one['weight']:,.1f}",
         *(f"{one['entities'].get(entity, 0):,}" for entity in names))
        for name, one in written.items()
    ]  # fmt: skip
    out.table(("examples", "all", "none", "weight", *names), lines)
    out.result(summary)


def _weights(texts: list[str]) -> dict[str, float]:
    weights = {}
    for text in texts:
        pattern, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not pattern or not 0.0 <= value <= 1.0:
            raise InputError(f"--weight {text!r} is not a table's name and a weight from 0 to 1, such as 'train*=0.4'")
        weights[pattern] = value
    return weights


def _pictures(store: Store, tables: list[Path]) -> frozenset[str]:
    """The pictures of the store behind the links of the tables."""
    from entx.core.tables import read_table
    from entx.storage.questions import load_files

    files = load_files(store) if tables else {}
    links = {link for path in tables for link in read_table(path, ["image_link"])["image_link"]}
    return frozenset(files[link].picture for link in links if link in files)


def _one_of(choices: type[_Choice], text: str, option: str) -> _Choice:
    try:
        return choices(text)
    except ValueError:
        raise InputError(f"{option} {text}: choose one of: {', '.join(choices)}") from None


def _token_counter(folder: Path) -> Callable[[list[str]], list[int]]:
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise InputError("tokenizers is not installed; pip install 'entx-hybrid[llm]', or leave --model out") from None
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{path}: no such file; --model is a model's folder with its tokenizer.json")
    tokenizer = Tokenizer.from_file(str(path))
    return lambda texts: [len(one.ids) for one in tokenizer.encode_batch(texts, add_special_tokens=False)]


def _counts(examples: list[Row]) -> dict[str, Any]:
    return {
        "rows": len(examples),
        "none": sum(one.right == len(one.choices) - 1 for one in examples),
        "weight": round(sum(one.weight for one in examples), 3),
        "entities": dict(sorted(Counter(one.entity_name for one in examples).items())),
        "sources": dict(sorted(Counter(one.source for one in examples).items())),
    }


def _show_tally(out: Output, data: TextDataset) -> None:
    tally = data.tally
    out.table(
        ("labelled questions", "rows"),
        [(reason, f"{count:,}") for reason, count in sorted(tally["questions"].items()) if count],
    )
    out.table(("pages", ""), [(what, f"{count:,}") for what, count in sorted(tally["pages"].items()) if count])
