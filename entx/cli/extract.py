"""`entx extract`: one answer for some pictures, without a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, app
from entx.cli.output import Output
from entx.core.errors import ExitCode


@app.command("extract")
def extract(
    images: Annotated[list[Path], typer.Argument(help="Picture files.")],
    entity: Annotated[
        list[str], typer.Option("--entity", help="What to read, for example item_weight; may be repeated.")
    ],
    engine: Annotated[
        str, typer.Option("--engine", help="rapidocr, paddleocr, or one that a plug-in adds.")
    ] = "rapidocr",
    explain: Annotated[
        bool, typer.Option("--explain", help="Also show every candidate with its score and what made it.")
    ] = False,
    schema: SchemaOption = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Read quantities off pictures and print each with the text it was read from and where that stands.

    A picture that shows no such quantity has no answer; one that cannot be read has a reason, and the exit code is 3.

    With --explain each candidate follows, the best first: its score (0 to 1, no probability), and what each feature
    added to the score's log-odds.

    Example: entx extract bag.jpg --entity item_weight --json
    Example: entx extract drawing.jpg --entity height --entity depth --explain
    """
    import hashlib

    from entx.core.entities import load_schema
    from entx.core.types import OcrPage, PageStatus
    from entx.ocr_stage.engines import EngineSpec
    from entx.ocr_stage.page_reader import PageReader
    from entx.ocr_stage.reader import RulesReader

    out = Output(quiet=quiet, as_json=as_json)
    entities = load_schema(schema)
    for name in entity:
        entities[name]  # an unknown name is told before any model is loaded
    pages = PageReader(EngineSpec.of(engine))
    rules = RulesReader(entities)
    results: list[dict[str, Any]] = []
    for image in images:
        try:
            data = image.read_bytes()
        except OSError as error:
            page = OcrPage("", PageStatus.UNREADABLE, f"{error.strerror}")
        else:
            page = pages.read(hashlib.sha256(data).hexdigest(), data)
        for asked, answer in zip(entity, rules.read(page, entity), strict=True):
            evidence = answer.evidence
            results.append({
                "image": str(image), "entity": asked, "status": page.status.value,
                "answer": answer.quantity.text if answer.quantity else "",
                "value": str(answer.quantity.value) if answer.quantity else None,
                "unit": answer.quantity.unit if answer.quantity else None,
                "score": answer.score, "text": answer.text, "reason": answer.reason, "alignment": evidence.alignment.value,
                "line_ids": list(evidence.line_ids), "polygon": evidence.polygon,
            })  # fmt: skip
            said = (
                f"{answer.quantity.text}  ({evidence.alignment}: {answer.text!r})"
                if answer.quantity
                else f"-  ({answer.reason})"
            )
            out.line(f"{image}  {asked}  {said}")
            if explain:
                judged = rules.explain(page, asked)
                results[-1]["candidates"] = [one.as_dict() for one in judged]
                for one in judged:
                    reasons = "  ".join(f"{name} {added:+.1f}" for name, added in one.reasons if abs(added) >= 0.05)
                    out.line(f"    {one.score:.2f}  {one.candidate.quantity.text}  {one.candidate.text!r}  {reasons}")
    out.result({"answers": results})
    if any(result["status"] != "ok" for result in results):
        raise typer.Exit(ExitCode.QUARANTINED)
