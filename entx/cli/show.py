"""`entx show`: one page with everything that was read on it, as a picture and as an HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entx.cli.app import Json, Quiet, SchemaOption, app
from entx.cli.output import Output
from entx.core.errors import InputError


@app.command("show")
def show(
    what: Annotated[str, typer.Argument(metavar="IMAGE|INDEX", help="A picture file, or a question of --store.")],
    store: Annotated[Path | None, typer.Option("--store", help="The DuckDB store that INDEX is in.")] = None,
    entity: Annotated[
        list[str] | None,
        typer.Option("--entity", help="What to read off IMAGE; may be repeated. Default: all of the schema."),
    ] = None,
    run: Annotated[
        list[str] | None,
        typer.Option("--run", help="Whose answers to INDEX; may be repeated. Default: all runs'."),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine", help="Who reads IMAGE, or read the page of INDEX; default: rapidocr, or the newest pages."
        ),
    ] = None,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", help="FILE.html or FILE.png; may be repeated. Default: NAME.entx.html in this folder."),
    ] = None,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Show the lines, geometry, candidates and answers of one page, drawn on the picture and listed beside it.

    An HTML page is one file that loads nothing; its layers can be switched on and off. IMAGE is read on the spot;
    INDEX shows what stands in the store.

    Example: entx show 131 --store challenge.duckdb --out 131.html --out 131.png
    """
    from entx.core.entities import load_schema
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.report.show import question_view, read_picture_view, write_page_html, write_page_png
    from entx.storage.store import Store

    writers = {".html": write_page_html, ".png": write_page_png}
    words = Output(quiet=quiet, as_json=as_json)
    entities = load_schema(schema)
    files = out or [Path(f"{Path(what).stem}.entx.html")]
    for file in files:
        if file.suffix.lower() not in writers:
            raise InputError(f"--out {file}: write .html or .png")
    if store is not None:
        if not what.isdecimal():
            raise InputError(f"{what}: with --store give a question's index; without it a picture is read on the spot")
        if entity:
            raise InputError(f"--entity is for a picture file; question {what} asks for its own")
        with Store(store) as opened:
            view = question_view(opened, int(what), entities, engine=engine, runs=run or ())
    else:
        if run:
            raise InputError("--run needs --store and a question's index")
        if what.isdecimal() and not Path(what).exists():
            raise InputError(f"{what}: no such file; for a question's index name its store with --store")
        view = read_picture_view(
            Path(what), EngineSpec.of(engine or "rapidocr"), entities, entity or list(entities.entities)
        )
    for file in files:
        writers[file.suffix.lower()](view, file)
    for shown in view.answers:
        said = shown.answer.quantity.text if shown.answer.quantity else f"-  ({shown.answer.reason})"
        words.line(f"{shown.run}  {shown.entity_name}  {said}")
    words.line(
        f"{len(view.page.lines)} lines, {len(view.candidates)} candidates; written: {', '.join(map(str, files))}"
    )
    words.result({
        "title": view.title, "files": [str(file) for file in files], "lines": len(view.page.lines),
        "candidates": len(view.candidates),
        "answers": [
            {"run": shown.run, "entity": shown.entity_name, "truth": shown.truth,
             "answer": shown.answer.quantity.text if shown.answer.quantity else "", "reason": shown.answer.reason}
            for shown in view.answers
        ],
    })  # fmt: skip
