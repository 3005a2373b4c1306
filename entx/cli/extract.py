"""`entx extract`: one answer for some pictures, without a store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entx.cli.app import Json, Quiet, SchemaOption, app
from entx.cli.output import Output
from entx.core.errors import ExitCode, InputError

if TYPE_CHECKING:
    from entx.extractor import Reading
    from entx.rules.reader import Scored


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
    from entx.core.types import PageStatus
    from entx.extractor import STAGES, Extractor, default_stage

    if stage not in (None, *STAGES):
        raise InputError(f"--stage {stage}: known are {', '.join(STAGES)}")
    out = Output(quiet=quiet, as_json=as_json)
    extractor = Extractor(stage or default_stage(), engine, schema)
    names = extractor.names(entity)
    for name in names:
        if name not in extractor.known:
            out.notice(f"no labelled pictures ask {name}: its probabilities are those of an average entity")
    results: list[dict[str, Any]] = []
    for reading in extractor.readings((image, names) for image in images):
        for name in names:
            result = {"image": str(reading.picture), "entity": name, **_as_dict(reading, name)}
            results.append(result)
            out.line(f"{reading.picture}  {name}  {_words(result)}")
            if explain:
                candidates = extractor.readers.rules.explain(reading.page, name)
                result["candidates"] = [one.as_dict() for one in candidates]
                for one in candidates:
                    out.line(_candidate(one))
    out.result({"answers": results})
    if any(result["status"] != PageStatus.OK.value for result in results):
        raise typer.Exit(ExitCode.QUARANTINED)


def _as_dict(reading: Reading, name: str) -> dict[str, Any]:
    """One answer for --json."""
    answer = reading.answers[name]
    quantity, evidence = answer.quantity, answer.evidence
    return {
        "status": reading.page.status.value,
        "answer": quantity.text if quantity else "",
        "value": str(quantity.value) if quantity else None,
        "unit": quantity.unit if quantity else None,
        "p_correct": answer.p_correct,
        "p_present": answer.p_present,
        "text": answer.text,
        "reason": answer.reason,
        "alignment": evidence.alignment.value, "line_ids": list(evidence.line_ids), "polygon": evidence.polygon,
        "arms": {
            stage: {
                "answer": own.quantity.text if own.quantity else "", "score": own.score, "text": own.text,
                "reason": own.reason,
            }
            for stage, own in reading.arms[name].items()
        },
    }  # fmt: skip


def _words(answer: dict[str, Any]) -> str:
    """One answer for a person."""
    if answer["answer"]:
        return f"{answer['answer']}  p = {_share(answer['p_correct'])}  ({answer['alignment']}: {answer['text']!r})"
    shown = "" if answer["p_present"] is None else f"  p(not shown) = {_share(1.0 - answer['p_present'])}"
    return f"-{shown}  ({answer['reason']})"


def _share(value: float) -> str:
    """0.934 as ".93"; never a certainty, which no probability here is."""
    return f"{min(max(value, 0.01), 0.99):.2f}".removeprefix("0")


def _candidate(one: Scored) -> str:
    reasons = "  ".join(f"{name} {added:+.1f}" for name, added in one.reasons if abs(added) >= 0.05)
    return f"    {one.score:.2f}  {one.candidate.quantity.text}  {one.candidate.text!r}  {reasons}"
