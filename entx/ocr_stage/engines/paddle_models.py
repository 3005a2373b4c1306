"""Model folders that PaddleOCR can open, made from the files in RapidOCR's wheel: nothing is downloaded.

A folder holds `inference.onnx` and `inference.yml`; the latter names the model and describes its pre- and
post-processing. The recogniser's alphabet comes from the metadata of its own file.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from entx.core.errors import EngineError
from entx.ocr_stage.engines.networks import characters
from entx.ocr_stage.engines.rapid import DETECTION, ORIENTATION, RECOGNITION, models_folder

LAYOUT = 1
"""Raised with every change of what is written; other layouts live beside it under another name."""

NAMES = {"det": "PP-OCRv6_small_det", "rec": "PP-OCRv6_small_rec", "cls": "PP-LCNet_x0_25_textline_ori"}
"""The names under which PaddleOCR knows networks of these kinds and shapes."""

FILES = {"det": DETECTION, "rec": RECOGNITION, "cls": ORIENTATION}

_SCALE = {"scale": 1 / 255, "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "order": ""}
"""RapidOCR's values for these files."""


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
    source = models_folder("")
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
            "name": "DBPostProcess",
            "thresh": 0.3,
            "box_thresh": 0.5,
            "unclip_ratio": 1.6,
            "max_candidates": 1000,
            "use_dilation": True,
        }
    elif kind == "rec":
        steps = [decode, {"RecResizeImg": {"image_shape": [3, 48, 320]}}]
        after = {"name": "CTCLabelDecode", "character_dict": characters(source / RECOGNITION)}
    else:
        steps = [{"ResizeImage": {"size": [192, 48]}}, {"NormalizeImage": _SCALE}, {"ToCHWImage": None}]
        after = {"Topk": {"topk": 1, "label_list": ["0_degree", "180_degree"]}}
    return {"Global": {"model_name": NAMES[kind]}, "PreProcess": {"transform_ops": steps}, "PostProcess": after}
