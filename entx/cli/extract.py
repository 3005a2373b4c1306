"""`entx extract`: one answer for some pictures, without a store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, app
from entx.cli.output import Output
from entx.core.errors import ExitCode, InputError

if TYPE_CHECKING:
    from entx.core.types import Answer, OcrPage
    from entx.ensemble.job import Choice
    from entx.ocr_stage.page_reader import PageReader
    from entx.rules.reader import Scored

_STAGES = ("rules", "both")


@app.command("extract")
def extract(
    images: Annotated[list[Path], typer.Argument(help="Picture files.")],
    entity: Annotated[
        list[str], typer.Option("--entity", help="What to read, for example item_weight; may be repeated.")
    ],
    stage: Annotated[
        str | None,
        typer.Option(
            "--stage",
            help="rules: the rules reader alone, no torch. both: the text model that ships too. "
            "Default: both where torch is installed.",
        ),
    ] = None,
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
    """Read quantities off pictures and print each with its probability and the text it was read from.

    "p = .93": so many of such answers are right. "p(not shown) = .80": no answer, and so likely the picture states
    none. Both were fitted on labelled pictures of the challenge's eight entities and hold for pictures like those.
    A picture that cannot be read has a reason instead, and the exit code is 3.

    With --explain each candidate of the rules reader follows, the best first: its score (0 to 1, no probability), and
    what each feature added to the score's log-odds.

    Example: entx extract bag.jpg --entity item_weight --json
    Example: entx extract drawing.jpg --entity height --entity depth --stage rules --explain
    """
    from entx.cli.readers import Readers, has_torch
    from entx.core.candidates import find_candidates, page_quantities
    from entx.core.entities import load_schema
    from entx.core.types import PageStatus
    from entx.ensemble.ballot import grounded_ballot
    from entx.ensemble.job import load_default
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.ocr_stage.page_reader import PageReader

    if stage not in (None, *_STAGES):
        raise InputError(f"--stage {stage}: known are {', '.join(_STAGES)}")
    out = Output(quiet=quiet, as_json=as_json)
    entities = load_schema(schema)
    for name in entity:
        entities[name]  # an unknown name is told before any model is loaded
    pages = PageReader(EngineSpec.of(engine))
    readers = Readers(entities, model=has_torch() if stage is None else stage == "both")
    ensemble = load_default(readers.stages)
    for name in dict.fromkeys(entity):
        if name not in ensemble.entities:
            out.notice(f"no labelled pictures ask {name}: its probabilities are those of an average entity")
    results: list[dict[str, Any]] = []
    for image in images:
        page = _read(pages, image)
        parsed = page_quantities(page)
        for asked, answers in zip(entity, readers.read(page, entity), strict=True):
            choice = None
            if page.status is PageStatus.OK:
                kind = entities[asked]
                choice = ensemble.decide(grounded_ballot(0, kind, answers, find_candidates(page, kind, parsed)))
            result = {"image": str(image), "entity": asked, **_told(page, choice, readers.stages, answers)}
            results.append(result)
            out.line(f"{image}  {asked}  {_words(result)}")
            if explain:
                judged = readers.rules.explain(page, asked)
                result["candidates"] = [one.as_dict() for one in judged]
                for one in judged:
                    out.line(_candidate(one))
    out.result({"answers": results})
    if any(result["status"] != PageStatus.OK.value for result in results):
        raise typer.Exit(ExitCode.QUARANTINED)


def _read(pages: PageReader, image: Path) -> OcrPage:
    """The page of one file; one that cannot be opened is an unreadable picture."""
    import hashlib

    from entx.core.types import OcrPage, PageStatus

    try:
        data = image.read_bytes()
    except OSError as error:
        return OcrPage("", PageStatus.UNREADABLE, f"{error.strerror}")
    return pages.read(hashlib.sha256(data).hexdigest(), data)


def _told(page: OcrPage, choice: Choice | None, stages: Sequence[str], answers: Sequence[Answer]) -> dict[str, Any]:
    """One answer for --json; without a choice the picture could not be read, and nothing is known of it."""
    option = choice.ballot.options[choice.option] if choice is not None and choice.option is not None else None
    quantity, evidence = (option.quantity, option.evidence) if option else (None, answers[0].evidence)
    return {
        "status": page.status.value,
        "answer": quantity.text if quantity else "",
        "value": str(quantity.value) if quantity else None,
        "unit": quantity.unit if quantity else None,
        "p_correct": choice.p_correct if choice else None,
        "p_present": choice.p_present if choice else None,
        "text": answers[option.arms[0] if option else 0].text,
        "reason": choice.reason if choice else answers[0].reason,
        "alignment": evidence.alignment.value, "line_ids": list(evidence.line_ids), "polygon": evidence.polygon,
        "arms": {
            stage: {
                "answer": answer.quantity.text if answer.quantity else "", "score": answer.score, "text": answer.text,
                "reason": answer.reason,
            }
            for stage, answer in zip(stages, answers, strict=True)
        },
    }  # fmt: skip


def _words(told: dict[str, Any]) -> str:
    """One answer for a person."""
    if told["answer"]:
        return f"{told['answer']}  p = {_share(told['p_correct'])}  ({told['alignment']}: {told['text']!r})"
    shown = "" if told["p_present"] is None else f"  p(not shown) = {_share(1.0 - told['p_present'])}"
    return f"-{shown}  ({told['reason']})"


def _share(value: float) -> str:
    """0.934 as ".93"; never a certainty, which no probability here is."""
    return f"{min(max(value, 0.01), 0.99):.2f}".removeprefix("0")


def _candidate(one: Scored) -> str:
    reasons = "  ".join(f"{name} {added:+.1f}" for name, added in one.reasons if abs(added) >= 0.05)
    return f"    {one.score:.2f}  {one.candidate.quantity.text}  {one.candidate.text!r}  {reasons}"
