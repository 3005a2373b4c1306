"""The default engine: RapidOCR's PP-OCRv6 small files, post-processing and crops, on one core with a flat memory.

The three networks are the files in RapidOCR's own wheel: nothing is downloaded. What differs from calling `RapidOCR()`:
networks run on OpenVINO with one thread (the pool gives each core its own process), partly in bf16 where the processor
has it, each line is read for itself, and a second reading skips the lines that the first one has read well.
"""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from entx.core.errors import EngineError
from entx.core.images import Image
from entx.core.types import Polygon
from entx.ocr_stage.engines.base import Fingerprint, Param, RawLine, onnx_session
from entx.ocr_stage.geometry import area, common_area

Batch = np.ndarray[Any, np.dtype[np.uint8]]
Array = np.ndarray[Any, Any]

VERSION = 2  # raised with every change of this file that can change the text
DETECTION = "PP-OCRv6_det_small.onnx"
ORIENTATION = "ch_ppocr_mobile_v2.0_cls_mobile.onnx"
RECOGNITION = "PP-OCRv6_rec_small.onnx"

MIDDLE = 127.5  # (byte - 127.5) / 127.5 is -1..1, the mean and scale of all three networks
PADDING = 128
"""The byte nearest to zero after normalisation: what pads a batch."""

MIN_SIDE, MAX_SIDE = 736, 2000
"""RapidOCR's own: the search enlarges a shorter side below the first and shrinks a longer side above the second."""

TEXT_HEIGHT, TEXT_WIDTH, MAX_TEXT_WIDTH = 48, 320, 6400
"""Pixels of a line given to the recogniser; narrower lines are padded to TEXT_WIDTH, as in its training."""

WIDTH_STEP = 32  # widths above TEXT_WIDTH are multiples of this: the first line of each new width costs 10 ms more
COMPILED = {DETECTION: 100, ORIENTATION: 1000, RECOGNITION: 1000}
"""Compiled operations that OpenVINO keeps for each network, some 50 for each shape of its input. Its own 5000 grow by
up to 4 MB with each new shape. Lines often come back in the same width, pictures hardly in the same shape; 0 changes
the text."""

ORIENTATION_WIDTH, ORIENTATION_BATCH, UPSIDE_DOWN = 192, 6, 0.9
"""Width and batch of the orientation network, and its probability from which a line is turned (RapidOCR's own)."""

READ_SIDE = 2000  # longer pictures are shrunk to this side, or to max_side, before lines are cut out, as by RapidOCR
LARGE = 640 * 640
"""Pictures with more pixels than this may be searched in bf16: there it costs none of the numbers that a plain RapidOCR
loop reads (98.96 % found either way, n = 385), in smaller ones about half a percent. Lines are always read in f32: bf16
loses fine print (97.6 % found in small pictures, n = 291)."""

KNOWN_SCORE, KNOWN_OVERLAP = 0.8, 0.6
"""A box is not read again where a line read with this score overlaps it this much (intersection over union)."""


Network = Callable[[Batch], Array]
"""Takes N x H x W x 3 BGR bytes and returns N x ...; an array that it returns is valid until its next call."""


def has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this processor without emulating it (AVX512-BF16, AMX and the like)."""
    return "BF16" in _openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def _openvino() -> Any:
    """The package without its telemetry, which unasked reports each import to Google and keeps an id in ~/intel."""
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # not to be had: it takes its stub
    import openvino

    return openvino


def load_network(path: Path, *, backend: str, threads: int, precision: str) -> Network:
    """Loads one ONNX file; "bf16" is for OpenVINO only: faster on processors that have it, the text may differ.

    Raises:
        EngineError: backend not installed, or the file cannot be loaded by it.
    """
    if find_spec(backend) is None:
        raise EngineError(f"{backend} is not installed: pip install {backend}")
    try:
        if backend == "openvino":
            return _OpenVino(path, threads, precision)
        return _OnnxRuntime(path, threads)
    except Exception as error:  # both raise plain RuntimeErrors of many lines
        reason = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        raise EngineError(f"{backend} cannot load {path}: {reason[0]}") from error


def characters(path: Path) -> list[str]:
    """The alphabet in a recognition file's metadata (key `character`, one per line), without the blank."""
    import onnxruntime

    meta = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).get_modelmeta()
    try:
        return str(meta.custom_metadata_map["character"]).splitlines()
    except KeyError:
        raise EngineError(f"{path} carries no alphabet (metadata key 'character')") from None


class _OpenVino:
    def __init__(self, path: Path, threads: int, precision: str) -> None:
        openvino = _openvino()
        core = openvino.Core()
        steps = openvino.preprocess.PrePostProcessor(core.read_model(path))
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        steps.input().preprocess().convert_element_type(openvino.Type.f32).mean([MIDDLE] * 3).scale([MIDDLE] * 3)
        settings = {
            "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": precision,  # not left to OpenVINO: the page key must know it
            "CPU_RUNTIME_CACHE_CAPACITY": COMPILED[path.name],
        }  # fmt: skip
        self._request = core.compile_model(steps.build(), "CPU", settings).create_infer_request()

    def __call__(self, batch: Batch) -> Array:
        self._request.infer([batch])
        output: Array = self._request.get_output_tensor(0).data
        return output


class _OnnxRuntime:
    def __init__(self, path: Path, threads: int) -> None:
        self._session = onnx_session(path, threads)
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: Batch) -> Array:
        values = (batch.transpose(0, 3, 1, 2).astype(np.float32) - MIDDLE) / MIDDLE
        output: Array = self._session.run(None, {self._input: values})[0]
        return output


class RapidEngine:
    """PP-OCRv6 small through RapidOCR's parts.

    Args:
        threads: of the CPU, for each network.
        backend: "auto" (OpenVINO where installed), "openvino" or "onnxruntime".
        max_side: a picture whose longer side is above this many pixels is shrunk to it for the search; for the reading
            of lines too where this is READ_SIDE or more, else to READ_SIDE. In f32 a process takes 4.6 GB at 4000 x
            4000, 2.8 GB at 3000, 1.4 GB at 2000, 1.0 GB at 1500, 0.5 GB at 1000.
        precision: of the search for text in pictures over LARGE pixels: "f32", "bf16" (1.6 times faster on processors
            that compute in it), or "auto", bf16 where processor and OpenVINO can. All else is f32. What "auto" comes to
            is part of the page key: pages of processors that differ here are kept apart.
        models: a folder with other files of the same three names; "" is RapidOCR's own.

    Raises:
        EngineError: rapidocr or the backend is not installed, a file is missing, an argument is wrong.
    """

    def __init__(
        self, threads: int = 1, backend: str = "auto", precision: str = "auto", max_side: int = MAX_SIDE,
        models: str = "",
    ) -> None:  # fmt: skip
        backend, precision = _resolved(backend, precision, max_side)
        self._max_side = max_side
        folder = models_folder(models)
        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
        from rapidocr.ch_ppocr_det.utils import DBPostProcess
        from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode
        from rapidocr.utils.process_img import get_rotate_crop_image

        def load(file: str, precision: str = "f32") -> Network:
            return load_network(folder / file, backend=backend, threads=threads, precision=precision)

        self._detect_small, self._orient, self._recognise = map(load, (DETECTION, ORIENTATION, RECOGNITION))
        self._detect_large = self._detect_small if precision == "f32" else load(DETECTION, precision)
        self._boxes = DBPostProcess(thresh=0.3, box_thresh=0.5, unclip_ratio=1.6, use_dilation=True)
        self._text = CTCLabelDecode(characters(folder / RECOGNITION))
        self._crop = get_rotate_crop_image

    @classmethod
    def fingerprint(
        cls, threads: int = 1, backend: str = "auto", precision: str = "auto", max_side: int = MAX_SIDE,
        models: str = "",
    ) -> Fingerprint:  # fmt: skip
        """The three files, every setting but the number of threads (which does not change the text), the versions."""
        del threads
        backend, precision = _resolved(backend, precision, max_side)
        folder = models_folder(models)
        settings: dict[str, Param] = {
            "version": VERSION, "backend": backend, "precision": precision, "max_side": max_side,
        }  # fmt: skip
        settings |= {name: version(name) for name in ("rapidocr", backend)}
        return Fingerprint(tuple(folder / name for name in (DETECTION, ORIENTATION, RECOGNITION)), settings)

    def read(self, image: Image, known: Sequence[RawLine] = (), *, enlarge: bool = True) -> list[RawLine]:
        """All lines of the image, except those that `known` holds already, well read."""
        factor = min(1.0, max(READ_SIDE, self._max_side) / max(image.shape[:2]))
        if factor < 1.0:
            image = cv2.resize(image, None, fx=factor, fy=factor)
            known = [replace(line, polygon=polygon_of(np.array(line.polygon) * factor)) for line in known]
        boxes = [box for box in self._search(image, enlarge=enlarge) if not _is_known(box, known)]
        crops, turns = [], []
        for box in boxes:
            crop = self._crop(image, box.copy())
            width, height = _sides(box)
            crops.append(crop)
            turns.append(1 if height >= 1.5 * width else 0)  # get_rotate_crop_image has turned it counter-clockwise
        for index in self._upside_down(crops):
            crops[index] = cv2.rotate(crops[index], cv2.ROTATE_180)
            turns[index] += 2
        return [
            RawLine(text, score, polygon_of(np.roll(box, -turn, axis=0) / factor))
            for box, turn, (text, score) in zip(boxes, turns, self._read(crops), strict=True)
            if text.strip()
        ]

    def _search(self, image: Image, *, enlarge: bool) -> list[np.ndarray[Any, Any]]:
        """Boxes of 4 x 2 corners: the picture's top left, top right, bottom right, bottom left of each line of text."""
        height, width = image.shape[:2]
        scale = search_scale(height, width, MIN_SIDE if enlarge else 0, self._max_side)
        grid_height, grid_width = (max(32, round(int(side * scale) / 32) * 32) for side in (height, width))
        resized = cv2.resize(image, (grid_width, grid_height))
        large = enlarge and height * width > LARGE  # a part that came enlarged is a small picture's
        detect = self._detect_large if large else self._detect_small
        boxes, _ = self._boxes(detect(resized[None]), (height, width))
        return list(boxes)

    def _upside_down(self, crops: Sequence[Image]) -> list[int]:
        """Positions of the crops whose text stands on its head."""
        found = []
        for start in range(0, len(crops), ORIENTATION_BATCH):
            batch = _padded(crops[start : start + ORIENTATION_BATCH], ORIENTATION_WIDTH)
            probabilities = self._orient(batch)
            found += [start + i for i, (_, turned) in enumerate(probabilities) if turned > UPSIDE_DOWN]
        return found

    def _read(self, crops: Sequence[Image]) -> list[tuple[str, float]]:
        """Text and mean probability of each crop, one at a time: a batch pads all to the widest and is not faster."""
        results = []
        for crop in crops:
            width = max(TEXT_WIDTH, math.ceil(TEXT_HEIGHT * crop.shape[1] / crop.shape[0] / WIDTH_STEP) * WIDTH_STEP)
            ((text, score),), _ = self._text(self._recognise(_padded([crop], min(width, MAX_TEXT_WIDTH))))
            results.append((str(text), float(score)))
        return results


def search_scale(height: int, width: int, min_side: int = MIN_SIDE, max_side: int = MAX_SIDE) -> float:
    """The factor by which a picture is resized to search it for text: the shorter side at least, the longer at most."""
    scale = min(1.0, max_side / max(height, width))
    if min(height, width) * scale < min_side:
        # A strip of paper is not enlarged without bound.
        scale = min(min_side / min(height, width), max_side / max(height, width))
    return scale


def _padded(crops: Sequence[Image], width: int) -> Image:
    """Crops at the text height, side by side in one batch, grey on their right up to `width`."""
    batch = np.full((len(crops), TEXT_HEIGHT, width, 3), PADDING, np.uint8)
    for row, crop in zip(batch, crops, strict=True):
        used = min(width, math.ceil(TEXT_HEIGHT * crop.shape[1] / crop.shape[0]))
        row[:, :used] = cv2.resize(crop, (used, TEXT_HEIGHT))
    return batch


def _sides(box: np.ndarray[Any, Any]) -> tuple[int, int]:
    """Width and height of the crop of a box, in whole pixels as `get_rotate_crop_image` takes them."""
    top, right, bottom, left = (float(np.linalg.norm(box[i] - box[(i + 1) % 4])) for i in range(4))
    return int(max(top, bottom)), int(max(right, left))


def _is_known(box: np.ndarray[Any, Any], known: Sequence[RawLine]) -> bool:
    polygon = polygon_of(box)
    own = area(polygon)
    for line in known:
        if line.score >= KNOWN_SCORE:
            common = common_area(polygon, line.polygon)
            if common >= KNOWN_OVERLAP * (own + area(line.polygon) - common):
                return True
    return False


def polygon_of(box: np.ndarray[Any, Any]) -> Polygon:
    """The 4 x 2 corners of a box as plain numbers."""
    x1, y1, x2, y2, x3, y3, x4, y4 = (float(value) for value in box.reshape(8))
    return x1, y1, x2, y2, x3, y3, x4, y4


def _resolved(backend: str, precision: str, max_side: int) -> tuple[str, str]:
    """Backend, and precision of the search in large pictures, checked against this machine."""
    if backend not in ("auto", "openvino", "onnxruntime"):
        raise EngineError(f"rapidocr: backend must be auto, openvino or onnxruntime, not {backend!r}")
    if backend == "auto":  # OpenVINO reads about twice as fast on a CPU
        backend = "openvino" if find_spec("openvino") else "onnxruntime"
    if find_spec(backend) is None:
        raise EngineError(f"rapidocr: {backend} is not installed: pip install {backend}")
    if precision not in ("auto", "f32", "bf16"):
        raise EngineError(f"rapidocr: precision must be auto, f32 or bf16, not {precision!r}")
    if precision == "bf16" and backend != "openvino":
        raise EngineError(f"rapidocr: precision must be f32 on {backend}")
    if not isinstance(max_side, int) or max_side < MIN_SIDE:
        raise EngineError(f"rapidocr: max_side must be a whole number of {MIN_SIDE} or more, not {max_side!r}")
    if precision == "auto":
        precision = "bf16" if backend == "openvino" and has_bf16() else "f32"
    return backend, precision


def models_folder(models: str) -> Path:
    """The folder of the three files: the one given, or the one in RapidOCR's wheel when "" is."""
    if models:
        return Path(models)
    spec = find_spec("rapidocr")
    if spec is None or spec.origin is None:
        raise EngineError("rapidocr is not installed: pip install rapidocr")
    return Path(spec.origin).parent / "models"
