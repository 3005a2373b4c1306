"""RapidOCR (PP-OCRv6 small, the files in its own wheel) on OpenVINO, or on ONNX Runtime where OpenVINO is absent."""

from __future__ import annotations

import logging
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from entx.core.errors import EngineError
from entx.core.types import Polygon
from entx.ocr_stage.engines.base import Fingerprint, Image, Param, RawLine


class RapidEngine:
    """The default engine."""

    def __init__(self, threads: int = 1) -> None:
        from rapidocr import EngineType, RapidOCR

        logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
        kind = EngineType.OPENVINO if find_spec("openvino") else EngineType.ONNXRUNTIME
        params = {f"{part}.engine_type": kind for part in ("Det", "Cls", "Rec")}
        params["Global.log_level"] = "critical"
        params["EngineConfig.openvino.inference_num_threads"] = threads
        params["EngineConfig.onnxruntime.intra_op_num_threads"] = threads
        self._ocr = RapidOCR(params=params)

    @classmethod
    def fingerprint(cls, **params: Param) -> Fingerprint:
        """Model files and settings; threads do not change the text."""
        del params
        spec = find_spec("rapidocr")
        if spec is None or spec.origin is None:
            raise EngineError("rapidocr is not installed: pip install rapidocr")
        models = sorted((Path(spec.origin).parent / "models").glob("*.onnx"))
        return Fingerprint(tuple(models), {"rapidocr": version("rapidocr"), "openvino": bool(find_spec("openvino"))})

    def read(self, image: Image) -> list[RawLine]:
        """All lines of the image."""
        out = self._ocr(image)
        if out.boxes is None or out.txts is None:
            return []
        return [
            RawLine(text, float(score), _polygon(box))
            for text, score, box in zip(out.txts, out.scores, out.boxes, strict=True)
        ]


def _polygon(box: object) -> Polygon:
    x1, y1, x2, y2, x3, y3, x4, y4 = (float(value) for value in box.reshape(8))  # type: ignore[attr-defined]
    return x1, y1, x2, y2, x3, y3, x4, y4
