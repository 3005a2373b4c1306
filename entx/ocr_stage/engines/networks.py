"""A network file on OpenVINO or on ONNX Runtime, fed with 8-bit pictures.

Both take N x H x W x 3 BGR bytes, bring them to -1..1 (the mean and scale of all three PP-OCR networks) and return the
network's output.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from entx.core.errors import EngineError

Batch = np.ndarray[Any, np.dtype[np.uint8]]
Array = np.ndarray[Any, Any]

MIDDLE = 127.5
"""(byte - 127.5) / 127.5 is -1..1."""

PADDING = 128
"""The byte nearest to zero after normalisation: what pads a batch."""


class Network(Protocol):
    """One loaded network; an array that it returns is valid until its next call."""

    def __call__(self, batch: Batch) -> Array:
        """The output, N x ..."""
        ...


def default_backend() -> str:
    """ "openvino" where it is installed, else "onnxruntime": OpenVINO reads about twice as fast on a CPU."""
    return "openvino" if find_spec("openvino") else "onnxruntime"


def has_bf16() -> bool:
    """Whether OpenVINO computes in bf16 on this processor without emulating it (AVX512-BF16, AMX and the like)."""
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def load_network(path: Path, *, backend: str, threads: int, precision: str) -> Network:
    """Loads one ONNX file.

    Args:
        path: the file.
        backend: "openvino" or "onnxruntime".
        threads: of the CPU.
        precision: "f32", or "bf16" (OpenVINO only; faster on processors that have it, the text may differ).

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
        import openvino
        from openvino.preprocess import PrePostProcessor

        core = openvino.Core()
        steps = PrePostProcessor(core.read_model(path))
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        steps.input().preprocess().convert_element_type(openvino.Type.f32).mean([MIDDLE] * 3).scale([MIDDLE] * 3)
        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
            # Said, not left to OpenVINO: the page key must know it.
            "INFERENCE_PRECISION_HINT": precision,
            "ENABLE_CPU_PINNING": False,
        }
        self._request = core.compile_model(steps.build(), "CPU", settings).create_infer_request()

    def __call__(self, batch: Batch) -> Array:
        self._request.infer([batch])
        output: Array = self._request.get_output_tensor(0).data
        return output


class _OnnxRuntime:
    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # it grows with every new shape and never shrinks
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self._input = self._session.get_inputs()[0].name

    def __call__(self, batch: Batch) -> Array:
        values = (batch.transpose(0, 3, 1, 2).astype(np.float32) - MIDDLE) / MIDDLE
        output: Array = self._session.run(None, {self._input: values})[0]
        return output
