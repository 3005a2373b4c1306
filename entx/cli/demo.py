"""`entx demo`, the whole pipeline on the pictures that ship, and `entx doctor`, which checks the installation."""

from __future__ import annotations

import io
import os
import platform
import runpy
import shutil
import subprocess
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from typer import Option

from entx.cli.app import Output, command, open_store
from entx.cli.tables import print_evaluation
from entx.core.errors import EntxError, ExitCode
from entx.core.files import Writes
from entx.core.memory import require_memory


@command("demo")
def demo(
    words: Output,
    out: Annotated[
        Path,
        Option("--out", help="Folder for the store, the predictions and the picture."),
        Writes(("predictions.csv", "predictions-llm.csv", "report.html", "evidence.png", "evidence.html")),
    ] = Path("demo-out"),
) -> None:
    """Read two dozen drawn product pictures, answer the questions about them, and score the answers.

    Runs ingest, ocr-cache, predict by the rules and by the text model that ships (where torch is installed), evaluate
    ablate and show; writes the store, a table of predictions for each, report.html (what each arm and a vote of both
    are worth), and evidence.png and evidence.html: a picture with the place that an answer was read from.

    Example: entx demo --out demo-out
    """
    from importlib.resources import as_file, files

    from entx.core.entities import CHALLENGE
    from entx.core.evaluation import evaluate
    from entx.extractor import default_stage
    from entx.ocr_stage.cache import fill_cache
    from entx.ocr_stage.engines.base import EngineSpec
    from entx.ocr_stage.pool import Limits, default_workers
    from entx.report.page import make_gallery, write_html
    from entx.report.show import question_view, write_page_html, write_page_png
    from entx.report.summary import Options, load_ablation, summarise
    from entx.rules.reader import answer_questions
    from entx.storage.questions import load_questions
    from entx.storage.runs import load_answers
    from entx.storage.transfer import ingest, write_predictions

    written, picture, page = [out / "predictions.csv"], out / "evidence.png", out / "evidence.html"
    scores = {}
    with (
        as_file(files("entx") / "demo") as shipped,
        open_store(out / "demo.duckdb", create=True) as store,
        words.begin("pictures", unit="pictures") as begin,
    ):
        report = ingest(store, shipped / "questions.csv", [shipped / "pictures"], CHALLENGE)
        words.line(f"ingest     {report.questions} questions about {report.pictures} pictures")
        cached = fill_cache(store, EngineSpec(), workers=default_workers(Limits()), begin=begin)
        words.line(f"ocr-cache  {cached.read} pictures read in {cached.seconds:.1f} s")
        answered = answer_questions(store, cached.key, CHALLENGE, "rules")
        words.line(f"predict    {answered.asked} questions answered in {answered.seconds:.2f} s by the rules reader")
        write_predictions(store, "rules", written[0])
        scores["rules"] = evaluate(written[0], shipped / "truth.csv", CHALLENGE)
        if default_stage() == "both":
            from entx.llm_stage.reader import open_reader
            from entx.neural import predict

            reader, settings = open_reader(predict.ModelOptions(), CHALLENGE)
            by_model = predict.answer_questions(store, reader, "llm", settings, predict.Task(cached.key))
            words.line(
                f"predict    {by_model.answered} questions answered in {by_model.seconds:.2f} s by the text model"
            )
            written.append(out / "predictions-llm.csv")
            write_predictions(store, "llm", written[-1])
            scores["llm"] = evaluate(written[-1], shipped / "truth.csv", CHALLENGE)
        else:
            words.notice("the text model was not asked: it needs pip install 'entx-hybrid[llm]'")
        for arm, found in scores.items():
            whole, interval = found.overall.counts, found.overall.interval
            words.line(f"evaluate   {arm}: F1 {whole.f1:.3f} [{interval.low:.3f}, {interval.high:.3f}], n {whole.rows}")
        words.line()
        words.line("rules")
        print_evaluation(words, scores["rules"])
        questions = {question.index: question for question in load_questions(store)}
        located = {index: answer for index, answer in load_answers(store, "rules") if answer.evidence.polygon}
        heights = [index for index in located if questions[index].entity_name == "height"]
        # A dimension drawing with turned text shows best what evidence is.
        index = next((index for index in heights if "cabinet" in questions[index].image_link), min(located))
        options = Options(("vote",))
        ablation = load_ablation(store, shipped / "truth.csv", list(scores), CHALLENGE, options)
        summary = summarise(store, ablation, CHALLENGE, options)
        write_html(summary, make_gallery(ablation, most=61, picture_bytes=4_000_000), out / "report.html")
        view = question_view(store, index, CHALLENGE, engine=None, runs=["rules"])
        write_page_png(view, picture)
        write_page_html(view, page)
    read = f"where {questions[index].entity_name} was read as {located[index].text!r}"
    words.line()
    words.line(f"Written: {', '.join(map(str, written))}; {out / 'report.html'}: what each arm is worth;")
    words.line(f"{picture} and {page}: {read}")
    words.result({
        "overall": scores["rules"].overall.as_dict(),
        "arms": {arm: one.overall.as_dict() for arm, one in scores.items()},
        "predictions": [str(path) for path in written], "report": str(out / "report.html"),
        "evidence": str(picture), "page": str(page),
    })  # fmt: skip


_KNOWN_TEXT = "NET WT 500g"
_LIBRARIES = (
    "entx-hybrid", "rapidocr", "openvino", "onnxruntime", "paddleocr", "paddlepaddle", "paddlepaddle-gpu", "duckdb",
    "numpy", "opencv-python-headless", "pillow", "rapidfuzz", "torch", "transformers", "accelerate", "trl", "peft",
    "bitsandbytes", "llguidance", "unsloth", "vllm",
)  # fmt: skip


@command("doctor")
def doctor(words: Output) -> None:
    """Check this installation: versions, processors, GPU, and each engine on a picture whose text is known.

    The exit code is 2 when the default engine does not read that picture right.

    Example: entx doctor --json
    """
    from entx.ocr_stage.engines.base import engine_names
    from entx.storage.runs import library_versions

    require_memory()
    versions = library_versions(_LIBRARIES)
    python, system, cores, gpu = platform.python_version(), platform.platform(), os.cpu_count(), _gpu()
    cuda = _cuda()
    words.line(f"python {python} on {system}, {cores} cores, GPU: {gpu or 'none'}, CUDA of torch: {cuda or 'none'}")
    words.line(", ".join(f"{name} {version}" for name, version in versions.items()))
    engines = {name: _try_engine(name) for name in engine_names()}
    for name, verdict in engines.items():
        words.line(f"engine {name}: {verdict['said']}")
    machine = {"python": python, "system": system, "cores": cores, "gpu": gpu, "cuda": cuda}
    words.result({"machine": machine, "versions": versions, "engines": engines})
    if not engines["rapidocr"]["right"]:
        raise typer.Exit(ExitCode.WRONG_INPUT)


def _try_engine(name: str) -> dict[str, Any]:
    """Whether the engine loads, and whether it reads the known text from a picture drawn on the spot."""
    from PIL import Image, ImageDraw, ImageFont

    from entx.ocr_stage.engines.base import EngineSpec, page_key
    from entx.ocr_stage.page_reader import PageReader

    picture, stream = Image.new("RGB", (480, 200), "white"), io.BytesIO()
    ImageDraw.Draw(picture).text((60, 70), _KNOWN_TEXT, fill="black", font=ImageFont.load_default(size=56))
    picture.save(stream, format="PNG")
    try:
        spec = EngineSpec.of(name)
        key = page_key(spec)
        began = time.perf_counter()
        reader = PageReader(spec)
        loaded = time.perf_counter()
        page = reader.read("", stream.getvalue())
    except EntxError as error:
        return {"right": False, "said": str(error)}
    seconds = time.perf_counter() - loaded
    text = " ".join(line.text for line in page.lines)
    right = text.replace(" ", "") == _KNOWN_TEXT.replace(" ", "")
    wrong = f"reads {text!r} instead of {_KNOWN_TEXT!r} ({page.reason or page.status})"
    verdict = "reads the known picture" if right else wrong
    said = f"{verdict}; loaded in {loaded - began:.1f} s, read in {seconds:.2f} s, models {key.model_hash[:8]}"
    load_seconds = round(loaded - began, 3)
    return {"right": right, "text": text, "said": said, "model_hash": key.model_hash, "load_seconds": load_seconds}


def _gpu() -> str:
    """The NVIDIA driver's own list, "" where there is no driver; torch is not imported for it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    query = [tool, "--query-gpu=name,memory.total,compute_cap,driver_version", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _cuda() -> str | None:
    """The version of CUDA that torch was built for, None for no torch or one of CPUs; torch itself is not imported."""
    found = find_spec("torch")
    file = Path(found.origin).parent / "version.py" if found and found.origin else None
    return runpy.run_path(str(file)).get("cuda") if file and file.is_file() else None
