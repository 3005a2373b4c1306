"""`entx demo`: the whole pipeline on the pictures that ship with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.evaluate import print_evaluation
from entx.cli.output import Output

if TYPE_CHECKING:
    from entx.core.types import Question


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the store, the predictions and the picture.")] = Path(
        "demo-out"
    ),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Read two dozen drawn product pictures, answer the questions about them, and score the answers.

    Runs ingest, ocr-cache, predict and evaluate; writes the store, predictions.csv and evidence.png, a picture with the
    place that an answer was read from.

    Example: entx demo --out demo-out
    """
    import os
    from contextlib import ExitStack
    from importlib.resources import as_file, files

    from entx.core.entities import CHALLENGE
    from entx.core.evaluation import evaluate
    from entx.demo.evidence import draw_evidence
    from entx.ocr_stage.answer import answer_questions
    from entx.ocr_stage.engines import EngineSpec
    from entx.ocr_stage.job import fill_cache
    from entx.storage.answers import load_answers
    from entx.storage.connection import Store
    from entx.storage.ingest import ingest
    from entx.storage.pages import load_pages
    from entx.storage.questions import load_files, load_questions
    from entx.storage.submission import write_predictions

    words = Output(quiet=quiet, as_json=as_json)
    out.mkdir(parents=True, exist_ok=True)
    predictions, picture = out / "predictions.csv", out / "evidence.png"
    with ExitStack() as stack:
        shipped = stack.enter_context(as_file(files("entx.demo")))
        store = stack.enter_context(Store(out / "demo.duckdb", write=True))
        report = ingest(store, shipped / "questions.csv", [shipped / "pictures"], CHALLENGE)
        words.line(f"ingest     {report.questions} questions about {report.pictures} pictures")
        cached = fill_cache(
            store,
            EngineSpec(),
            workers=len(os.sched_getaffinity(0)),
            begin=lambda total: stack.enter_context(words.progress("pictures", total, unit="pictures")),
        )
        words.line(f"ocr-cache  {cached.read} pictures read in {cached.seconds:.1f} s")
        answered = answer_questions(store, cached.key, CHALLENGE, "rules")
        words.line(f"predict    {answered.asked} questions answered in {answered.seconds:.2f} s by the rules reader")
        write_predictions(store, "rules", predictions)
        found = evaluate(predictions, shipped / "truth.csv", CHALLENGE)
        words.line("evaluate\n")
        print_evaluation(words, found)
        questions = {question.index: question for question in load_questions(store)}
        located = {index: answer for index, answer in load_answers(store, "rules") if answer.evidence.polygon}
        index = next((index for index in located if _is_shown(questions[index])), min(located))
        question, answer = questions[index], located[index]
        page = next(load_pages(store, cached.key, [question.picture or ""]))
        source = load_files(store)[question.image_link]
        draw_evidence(Path(source.path), picture, lines=page, answer=answer, question=question)
    words.line(f"\nWritten: {predictions}, and {picture}: where {question.entity_name} was read as {answer.text!r}")
    words.result({"overall": found.overall.as_dict(), "predictions": str(predictions), "evidence": str(picture)})


def _is_shown(question: Question) -> bool:
    """A dimension drawing with turned text shows best what evidence is."""
    return "cabinet" in question.image_link and question.entity_name == "height"
