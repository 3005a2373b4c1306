"""`entx doctor`: what is installed, what the machine has, and whether a known picture is read right."""

from __future__ import annotations

from typing import Any

import typer

from entx.cli.app import Json, Quiet, app
from entx.cli.output import Output
from entx.core.errors import EntxError, ExitCode

_KNOWN_TEXT = "NET WT 500g"
_LIBRARIES = (
    "entx-hybrid", "rapidocr", "openvino", "onnxruntime", "paddleocr", "paddlepaddle", "paddlepaddle-gpu", "duckdb",
    "numpy", "opencv-python-headless", "pillow", "torch", "transformers",
)  # fmt: skip


@app.command("doctor")
def doctor(quiet: Quiet = False, as_json: Json = False) -> None:
    """Check this installation: versions, processors, GPU, and each engine on a picture whose text is known.

    The exit code is 2 when the default engine does not read that picture right.

    Example: entx doctor --json
    """
    import os
    import platform
    from importlib import metadata

    from entx.ocr_stage.engines.base import engine_names

    out = Output(quiet=quiet, as_json=as_json)
    versions = {}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    machine = {
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "gpu": _gpu(),
    }
    out.line(
        f"python {machine['python']} on {machine['system']}, {machine['cores']} cores, GPU: {machine['gpu'] or 'none'}"
    )
    out.line(", ".join(f"{name} {version}" for name, version in versions.items()))
    engines = {name: _try_engine(name) for name in engine_names()}
    for name, verdict in engines.items():
        out.line(f"engine {name}: {verdict['said']}")
    out.result({"machine": machine, "versions": versions, "engines": engines})
    if not engines["rapidocr"]["right"]:
        raise typer.Exit(ExitCode.WRONG_INPUT)


def _try_engine(name: str) -> dict[str, Any]:
    """Whether the engine loads, and whether it reads the known text from a picture drawn on the spot."""
    import time

    from entx.ocr_stage.engines.base import EngineSpec, page_key
    from entx.ocr_stage.page_reader import PageReader

    try:
        spec = EngineSpec.of(name)
        key = page_key(spec)
        began = time.perf_counter()
        reader = PageReader(spec)
        loaded = time.perf_counter()
        page = reader.read("", _known_picture())
    except EntxError as error:
        return {"right": False, "said": str(error)}
    seconds = time.perf_counter() - loaded
    text = " ".join(line.text for line in page.lines)
    right = text.replace(" ", "") == _KNOWN_TEXT.replace(" ", "")
    verdict = (
        "reads the known picture"
        if right
        else f"reads {text!r} instead of {_KNOWN_TEXT!r} ({page.reason or page.status})"
    )
    said = f"{verdict}; loaded in {loaded - began:.1f} s, read in {seconds:.2f} s, models {key.model_hash[:8]}"
    return {
        "right": right,
        "text": text,
        "said": said,
        "model_hash": key.model_hash,
        "load_seconds": round(loaded - began, 3),
    }


def _known_picture() -> bytes:
    import io

    from PIL import Image, ImageDraw, ImageFont

    picture = Image.new("RGB", (480, 200), "white")
    ImageDraw.Draw(picture).text((60, 70), _KNOWN_TEXT, fill="black", font=ImageFont.load_default(size=56))
    stream = io.BytesIO()
    picture.save(stream, format="PNG")
    return stream.getvalue()


def _gpu() -> str:
    """The NVIDIA driver's own list, "" where there is no driver; torch is not imported for it."""
    import shutil
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    done = subprocess.run(query, capture_output=True, text=True, timeout=10, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""
