"""`entx demo`: the whole pipeline on the pictures that ship with the package."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.output import Output
from entx.cli.tables import print_evaluation

if TYPE_CHECKING:
    from entx.core.types import PageKey, Question
    from entx.neural.predict import InferReport
    from entx.storage.store import Store


_PICTURE_BYTES = 4_000_000
"""Of the report's gallery."""


@app.command("demo")
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for the store, the predictions and the picture.")] = Path(
        "demo-out"
    ),
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Read two dozen drawn product pictures, answer the questions about them, and score the answers.

    Runs ingest, ocr-cache, predict by the rules and by the text model that ships (where torch is installed), evaluate
    ablate and show; writes the store, a table of predictions for each, report.html (what each arm and a vote of both
    are worth), and evidence.png and evidence.html: a picture with the place that an answer was read from.

    Example: entx demo --out demo-out
    """
    from contextlib import ExitStack
    from importlib.resources import as_file, files

    from entx.core.entities import CHALLENGE
    from entx.core.evaluation import evaluate
    from entx.extractor import default_stage
    from entx.ocr_stage.cache import fill_cache
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.ocr_stage.pool import available_cores
    from entx.report.page import make_gallery, write_html
    from entx.report.show import question_view, write_page_html, write_page_png
    from entx.report.summary import Options, load_ablation, summarise
    from entx.rules.reader import answer_questions
    from entx.storage.questions import load_questions
    from entx.storage.runs import load_answers
    from entx.storage.store import Store
    from entx.storage.transfer import ingest, write_predictions

    words = Output(quiet=quiet, as_json=as_json)
    out.mkdir(parents=True, exist_ok=True)
    written, picture, page = [out / "predictions.csv"], out / "evidence.png", out / "evidence.html"
    scores = {}
    with ExitStack() as stack:
        shipped = stack.enter_context(as_file(files("entx") / "demo"))
        store = stack.enter_context(Store(out / "demo.duckdb", write=True))
        report = ingest(store, shipped / "questions.csv", [shipped / "pictures"], CHALLENGE)
        words.line(f"ingest     {report.questions} questions about {report.pictures} pictures")
        cached = fill_cache(
            store,
            EngineSpec(),
            workers=available_cores(),
            begin=lambda total: stack.enter_context(words.progress("pictures", total, unit="pictures")),
        )
        words.line(f"ocr-cache  {cached.read} pictures read in {cached.seconds:.1f} s")
        answered = answer_questions(store, cached.key, CHALLENGE, "rules")
        words.line(f"predict    {answered.asked} questions answered in {answered.seconds:.2f} s by the rules reader")
        write_predictions(store, "rules", written[0])
        scores["rules"] = evaluate(written[0], shipped / "truth.csv", CHALLENGE)
        if default_stage() == "both":
            by_model = _read_by_model(store, cached.key)
            seconds = f"{by_model.seconds:.2f} s"
            words.line(f"predict    {by_model.answered} questions answered in {seconds} by the text model")
            written.append(out / "predictions-llm.csv")
            write_predictions(store, "llm", written[-1])
            scores["llm"] = evaluate(written[-1], shipped / "truth.csv", CHALLENGE)
        else:
            words.notice("the text model was not asked: it needs pip install 'entx-hybrid[llm]'")
        for arm, found in scores.items():
            whole, interval = found.overall.counts, found.overall.interval
            words.line(f"evaluate   {arm}: F1 {whole.f1:.3f} [{interval.low:.3f}, {interval.high:.3f}], n {whole.rows}")
        words.line("\nrules")
        print_evaluation(words, scores["rules"])
        questions = {question.index: question for question in load_questions(store)}
        located = {index: answer for index, answer in load_answers(store, "rules") if answer.evidence.polygon}
        index = next((index for index in located if _is_shown(questions[index])), min(located))
        options = Options(("vote",))
        ablation = load_ablation(store, shipped / "truth.csv", list(scores), CHALLENGE, options)
        summary = summarise(store, ablation, CHALLENGE, options)
        write_html(summary, make_gallery(ablation, most=61, picture_bytes=_PICTURE_BYTES), out / "report.html")
        view = question_view(store, index, CHALLENGE, engine=None, runs=["rules"])
        write_page_png(view, picture)
        write_page_html(view, page)
    read = f"where {questions[index].entity_name} was read as {located[index].text!r}"
    words.line(f"\nWritten: {', '.join(map(str, written))}; {out / 'report.html'}: what each arm is worth;")
    words.line(f"{picture} and {page}: {read}")
    words.result({
        "overall": scores["rules"].overall.as_dict(),
        "arms": {arm: one.overall.as_dict() for arm, one in scores.items()},
        "predictions": [str(path) for path in written], "report": str(out / "report.html"),
        "evidence": str(picture), "page": str(page),
    })  # fmt: skip


def _read_by_model(store: Store, key: PageKey) -> InferReport:
    from entx.core.entities import CHALLENGE
    from entx.llm_stage.reader import open_reader
    from entx.neural.predict import ModelOptions, Task, answer_questions

    reader, settings = open_reader(ModelOptions(), CHALLENGE)
    return answer_questions(store, reader, "llm", settings, Task(key))


def _is_shown(question: Question) -> bool:
    """A dimension drawing with turned text shows best what evidence is."""
    return "cabinet" in question.image_link and question.entity_name == "height"
