"""PaddleOCR 3.7 as the second engine: the same PP-OCRv6 files on ONNX Runtime, or native Paddle models.

Without arguments it needs neither paddlepaddle nor the network: the files in RapidOCR's wheel are copied once into
model folders that PaddleOCR can open. Such a folder holds `inference.onnx` and `inference.yml`; the latter names the
model and describes its pre- and post-processing.

With `engine="paddle"` (and paddlepaddle or paddlepaddle-gpu installed) it reads with any text models that PaddleOCR
knows, given by folder, or by name when PaddleOCR has them on this machine. Paddle and torch must never meet in one
process: native models are refused where torch is installed. On ONNX Runtime there is no Paddle in the process.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from entx.core.errors import EngineError
from entx.core.images import Image
from entx.core.types import Polygon
from entx.ocr_stage.engines import rapid
from entx.ocr_stage.engines.base import Fingerprint, Param, RawLine

VERSION = 1  # raised with every change of this file or of the model folders' descriptions that can change the text
LAYOUT = 1  # raised with every change of the model folders; other layouts live beside it under another name
NAMES = {"det": "PP-OCRv6_small_det", "rec": "PP-OCRv6_small_rec", "cls": "PP-LCNet_x0_25_textline_ori"}
"""The names under which PaddleOCR knows networks of these kinds and shapes."""

FILES = {"det": rapid.DETECTION, "rec": rapid.RECOGNITION, "cls": rapid.ORIENTATION}

SEARCH: dict[str, Any] = {"text_det_limit_side_len": 736, "text_det_limit_type": "min", "text_det_box_thresh": 0.5}
"""As RapidOCR searches by default; PaddleOCR's own default (64) never enlarges and misses small print."""

SMALLEST_SIDE = 64  # A side below this is enlarged even so: the network divides it by 32
_ARGUMENTS = {"det": "text_detection", "rec": "text_recognition", "cls": "textline_orientation"}
_DEFAULTS: dict[str, Param] = {"threads": 1, "engine": "onnxruntime", "device": "cpu"}
_MODEL_PARAMS = [f"{kind}_{part}" for kind in _ARGUMENTS for part in ("dir", "name")]
_SCALE = {"scale": 1 / 255, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "order": ""}  # as RapidOCR


def cache_folder() -> Path:
    """`$ENTX_CACHE`, else `$XDG_CACHE_HOME/entx`, else `~/.cache/entx`."""
    if own := os.environ.get("ENTX_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "entx"


def model_folders() -> dict[str, Path]:
    """The folders of "det", "rec" and "cls", made on the first call.

    Safe with any number of processes at once: each makes its own copy under a private name and one of them is renamed
    into place whole.

    Raises:
        EngineError: rapidocr is not installed, or the cache cannot be written.
    """
    source = rapid.models_folder("")
    digest = hashlib.sha256(f"layout {LAYOUT}".encode())
    for file in FILES.values():
        path = source / file
        if not path.is_file():
            raise EngineError(f"{path} is missing: reinstall rapidocr")
        digest.update(f"{file} {path.stat().st_size} {path.stat().st_mtime_ns}".encode())
    folder = cache_folder() / f"paddle-{digest.hexdigest()[:16]}"
    if not folder.is_dir():
        try:
            _build(source, folder)
        except OSError as error:
            raise EngineError(
                f"{folder} cannot be written: {error.strerror}; set ENTX_CACHE to a folder that can"
            ) from None
    return {kind: folder / name for kind, name in NAMES.items()}


def _build(source: Path, folder: Path) -> None:
    import yaml

    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        for kind, name in NAMES.items():
            (part / name).mkdir()
            shutil.copyfile(source / FILES[kind], part / name / "inference.onnx")
            text = yaml.safe_dump(_description(kind, source), allow_unicode=True)
            (part / name / "inference.yml").write_text(text, encoding="utf-8")
        part.chmod(0o755)
        try:
            part.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, with the same content
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _description(kind: str, source: Path) -> dict[str, Any]:
    decode = {"DecodeImage": {"channel_first": False, "img_mode": "BGR"}}
    if kind == "det":
        steps = [decode, {"DetResizeForTest": {}}, {"NormalizeImage": _SCALE}, {"ToCHWImage": None}]
        after: dict[str, Any] = {
            "name": "DBPostProcess", "thresh": 0.3, "box_thresh": 0.5, "unclip_ratio": 1.6, "max_candidates": 1000,
            "use_dilation": True,
        }  # fmt: skip
    elif kind == "rec":
        steps = [decode, {"RecResizeImg": {"image_shape": [3, 48, 320]}}]
        after = {"name": "CTCLabelDecode", "character_dict": rapid.characters(source / rapid.RECOGNITION)}
    else:
        steps = [{"ResizeImage": {"size": [192, 48]}}, {"NormalizeImage": _SCALE}, {"ToCHWImage": None}]
        after = {"Topk": {"topk": 1, "label_list": ["0_degree", "180_degree"]}}
    return {"Global": {"model_name": NAMES[kind]}, "PreProcess": {"transform_ops": steps}, "PostProcess": after}


class PaddleEngine:
    """PaddleOCR's pipeline with text-line orientation, without its document unwarping.

    Args:
        threads: of the CPU.
        engine: "onnxruntime", or "paddle" for native models.
        device: "cpu", or "gpu:0" and the like with paddlepaddle-gpu.
        det_dir, rec_dir, cls_dir: folders of models (an `inference.yml` beside the network's files).
        det_name, rec_name, cls_name: PaddleOCR's names of models; needed where a folder's yml does not tell, and enough
            alone for models that PaddleOCR has on this machine. What is not given is the PP-OCRv6 small of RapidOCR's
            wheel, which only engine="onnxruntime" can read; without cls the lines' orientation is then not looked at.

    Raises:
        EngineError: a package or a model is not here; native models are wanted where torch is installed.
    """

    def __init__(self, **params: Param) -> None:
        if params.get("engine") == "paddle" and find_spec("torch") is not None:
            raise EngineError(
                "paddleocr: torch is installed here, paddleocr loads it (by modelscope), and native Paddle crashes "
                "beside it; use an environment without the extra llm"
            )
        settings = _settings(params)
        models = _models(settings)
        os.environ.setdefault("PADDLE_PDX_DISABLE_MODEL_SOURCE_CHECK", "True")
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # paddleocr loads it where it is, and it talks
        from paddleocr import PaddleOCR

        for logger in ("ppocr", "paddlex"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        arguments: dict[str, Any] = {"use_textline_orientation": "cls" in models, **SEARCH}
        for kind, (name, folder) in models.items():
            arguments[f"{_ARGUMENTS[kind]}_model_name"] = name
            arguments[f"{_ARGUMENTS[kind]}_model_dir"] = str(folder)
        if settings["engine"] == "onnxruntime":
            arguments["engine_config"] = {
                "intra_op_num_threads": settings["threads"], "inter_op_num_threads": 1, "enable_cpu_mem_arena": False,
                "log_severity_level": 4,
            }  # fmt: skip
        else:
            arguments["cpu_threads"] = settings["threads"]
        try:
            self._ocr = PaddleOCR(
                engine=settings["engine"], device=settings["device"], use_doc_orientation_classify=False,
                use_doc_unwarping=False, **arguments,
            )  # fmt: skip
        except Exception as error:  # of many kinds, from paddlex and the runtime under it
            raise EngineError(f"paddleocr cannot be loaded: {error}") from error
        if models.get("cls", (None,))[0] == NAMES["cls"]:
            pipeline = self._ocr.paddlex_pipeline
            pipeline = getattr(pipeline, "_pipeline", pipeline)
            pipeline.textline_orientation_model = _SureOrientation(pipeline.textline_orientation_model)

    @classmethod
    def fingerprint(cls, **params: Param) -> Fingerprint:
        """Every file of the model folders, names, engine and versions."""
        settings = _settings(params)
        models = _models(settings)
        files = [path for _, folder in models.values() for path in sorted(folder.iterdir()) if path.is_file()]
        decisive: dict[str, Param] = {"version": VERSION, "engine": settings["engine"], **SEARCH}
        decisive |= {kind: name for kind, (name, _) in models.items()}
        runtime = "onnxruntime" if settings["engine"] == "onnxruntime" else _paddle_package()
        decisive |= {package: version(package) for package in ("paddleocr", "paddlex", runtime)}
        return Fingerprint(tuple(files), decisive)

    def read(self, image: Image, known: Sequence[RawLine] = (), *, enlarge: bool = True) -> list[RawLine]:
        """All lines of the image; `known` is not made use of: PaddleOCR searches and reads in one call."""
        del known
        (result,) = self._ocr.predict(image, text_det_limit_side_len=None if enlarge else SMALLEST_SIDE)
        polygons, texts, scores = result["rec_polys"], result["rec_texts"], result["rec_scores"]
        angles = result.get("textline_orientation_angles") or [-1] * len(texts)
        return [
            RawLine(str(text), float(score), _turned(np.asarray(polygon), angle))
            for text, score, polygon, angle in zip(texts, scores, polygons, angles, strict=True)
            if text.strip()
        ]


class _SureOrientation:
    """RapidOCR's use of its orientation network: short lines padded, not stretched, and turned only when it is sure.

    PaddleOCR takes the likelier class of a stretched line, which stood every fifth line (of 258 real ones) on its head.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, crops: Sequence[Image]) -> list[dict[str, Any]]:
        wide = []
        for crop in crops:
            height, width = crop.shape[:2]
            missing = max(0, height * rapid.ORIENTATION_WIDTH // rapid.TEXT_HEIGHT - width)
            wide.append(np.pad(crop, ((0, 0), (0, missing), (0, 0)), constant_values=rapid.PADDING))
        turned = []
        for answer in self._model(wide):
            best, score = np.ravel(answer["class_ids"])[0], np.ravel(answer["scores"])[0]
            turned.append({"class_ids": [int(best == 1 and score > rapid.UPSIDE_DOWN)]})
        return turned


def _settings(params: dict[str, Param]) -> dict[str, Any]:
    """All parameters, checked, as far as that goes without importing PaddleOCR."""
    if unknown := sorted(params.keys() - _DEFAULTS.keys() - set(_MODEL_PARAMS)):
        raise EngineError(
            f"paddleocr: unknown parameter {unknown[0]!r}; there are {', '.join([*_DEFAULTS, *_MODEL_PARAMS])}"
        )
    if find_spec("paddleocr") is None:
        raise EngineError("paddleocr is not installed: pip install 'entx-hybrid[paddle]'")
    settings: dict[str, Any] = {**_DEFAULTS, **dict.fromkeys(_MODEL_PARAMS, ""), **params}
    if settings["engine"] not in ("onnxruntime", "paddle"):
        raise EngineError(f"paddleocr: engine must be onnxruntime or paddle, not {settings['engine']!r}")
    if settings["engine"] == "paddle" and find_spec("paddle") is None:
        raise EngineError("paddleocr: engine=paddle needs paddlepaddle: pip install paddlepaddle==3.2.2 (or -gpu)")
    return settings


def _models(settings: dict[str, Any]) -> dict[str, tuple[str, Path]]:
    """For each kind of network its name and folder."""
    own = {kind for kind in _ARGUMENTS if settings[f"{kind}_dir"] or settings[f"{kind}_name"]}
    if settings["engine"] == "paddle" and not {"det", "rec"} <= own:
        raise EngineError("paddleocr: engine=paddle needs det_dir or det_name, and rec_dir or rec_name")
    models: dict[str, tuple[str, Path]] = {}
    for kind in _ARGUMENTS:
        if kind in own:
            name = str(settings[f"{kind}_name"])
            folder = _model_folder(name, str(settings[f"{kind}_dir"]))
            models[kind] = (name or _model_name(kind, folder / "inference.yml"), folder)
        elif settings["engine"] == "onnxruntime":
            models[kind] = (NAMES[kind], model_folders()[kind])
    return models


def _model_folder(name: str, folder: str) -> Path:
    """The folder given, else where PaddleOCR keeps a model that it has downloaded; workers never download."""
    home = os.environ.get("PADDLE_PDX_CACHE_HOME") or str(Path.home() / ".paddlex")
    path = Path(folder) if folder else Path(home) / "official_models" / name
    if (path / "inference.yml").is_file():
        return path
    if folder:
        raise EngineError(f"paddleocr: {folder} is no model folder: it has no inference.yml")
    raise EngineError(
        f"paddleocr: model {name!r} is not on this machine ({path}); fetch it with PaddleOCR, or give its folder"
    )


def _model_name(kind: str, description: Path) -> str:
    """As a folder's inference.yml says. Not by YAML: a recogniser's holds a dictionary that takes seconds to read."""
    text = description.read_text(encoding="utf-8", errors="replace")
    named = re.search(r"^ +model_name: *[\"']?([\w.-]+)", text, re.MULTILINE)
    if named is None:
        raise EngineError(f"paddleocr: {description} names no model (Global.model_name); add --param {kind}_name=NAME")
    return named.group(1)


def _paddle_package() -> str:
    try:
        version("paddlepaddle-gpu")
    except PackageNotFoundError:
        return "paddlepaddle"
    return "paddlepaddle-gpu" if find_spec("paddle") else "paddlepaddle"


def _turned(box: np.ndarray[Any, Any], angle: int) -> Polygon:
    """A box from the picture's top left on, rolled so that it starts at the text's own.

    PaddleOCR turns crops of 3:2 and taller counter-clockwise before reading, and by 180 degrees where `angle` is 1.
    """
    top, right = np.linalg.norm(box[0] - box[1]), np.linalg.norm(box[1] - box[2])
    turn = (1 if right >= 1.5 * top else 0) + (2 if angle == 1 else 0)
    return rapid.polygon_of(np.roll(box, -turn, axis=0))
