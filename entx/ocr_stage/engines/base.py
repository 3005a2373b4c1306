"""What an OCR engine is to entx, how one is asked for, and the key under which the pages that it reads are kept.

An engine is an adapter of a file of its own, found by the entry-point group `entx.engines`, the built-in ones included.
Nothing here loads a model: that is `build_engine`'s work, in the process that reads.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Protocol, cast

from entx.core.errors import EngineError
from entx.core.images import MAX_PIXELS, Image
from entx.core.settings import load_plugin, plugin_names
from entx.core.types import PageKey, Polygon

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # ONNX Runtime reports to Microsoft from native code, and keeps a device id

Param = str | int | float | bool
"""A value of an engine's parameter: plain, so that it pickles and hashes the same everywhere."""


@dataclass(frozen=True, slots=True)
class RawLine:
    """A line as the engine returns it: text as read, mean probability 0 to 1, polygon in pixels of the image given.

    The polygon starts at the text's own top left and goes clockwise, so that it also says how the text stands.
    """

    text: str
    score: float
    polygon: Polygon


class Engine(Protocol):
    """Reads one image. Built and used inside one worker process, never shared between threads or processes."""

    def read(self, image: Image, known: Sequence[RawLine] = (), *, enlarge: bool = True) -> list[RawLine]:
        """All lines of the image, in any order; an image without text gives an empty list.

        Args:
            image: upright picture, or a part of one.
            known: lines read before, in this image's pixels. An engine may leave out what they hold already.
            enlarge: whether the engine may enlarge a small image to search it; False where the caller has done so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What decides an engine's text; found without loading a model."""

    model_files: tuple[Path, ...]  # the files whose bytes are the model, in a fixed order
    settings: Mapping[str, Param]  # every setting and version that can change the text


class EngineFactory(Protocol):
    """What an entry point of the group `entx.engines` names: usually a class, called with the engine's parameters."""

    def __call__(self, **params: Param) -> Engine:
        """Builds the engine. Raises EngineError where a package, a model file or a parameter is wrong."""
        ...

    def fingerprint(self, **params: Param) -> Fingerprint:
        """The same parameters' fingerprint, in a tenth of a second. Raises EngineError as building does."""
        ...


READER_VERSION = 2
"""Raised with every change of decoding, scales or lines that can change a page's text."""

GEOMETRY_VERSION = 2
"""Raised with every change that can change a page's geometry."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How a picture is read, whatever the engine. Raises EngineError: a value that is not allowed."""

    passes: str = "auto"  # "auto" looks at some pictures twice (see `page_reader`), "single" at none
    max_pixels: int = MAX_PIXELS  # pictures with more are refused from their header

    def __post_init__(self) -> None:
        if self.passes not in ("auto", "single"):
            raise EngineError(f"passes must be 'auto' or 'single', not {self.passes!r}")
        if type(self.max_pixels) is not int or self.max_pixels < 1:
            raise EngineError(f"max_pixels must be a positive whole number, not {self.max_pixels!r}")


_READER_PARAMS = frozenset(field.name for field in fields(ReaderSettings))

GROUP = "entx.engines"

BUILT_IN = {
    "rapidocr": "entx.ocr_stage.engines.rapid:RapidEngine",
    "paddleocr": "entx.ocr_stage.engines.paddle:PaddleEngine",
}
"""The same as pyproject.toml's entry points, for a source tree that is not installed."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine reads, and how: small, frozen and picklable, so that it travels to the workers."""

    engine: str = "rapidocr"  # the entry point's name
    # sorted pairs; those named in `ReaderSettings` are the reader's, all others the engine's own
    params: tuple[tuple[str, Param], ...] = ()

    @classmethod
    def of(cls, engine: str = "rapidocr", /, **params: Param) -> EngineSpec:
        """A spec with its parameters sorted."""
        return cls(engine, tuple(sorted(params.items())))

    def reader_settings(self) -> ReaderSettings:
        """The part of the parameters that is the reader's. Raises EngineError for a value that is not allowed."""
        own: dict[str, Any] = {name: value for name, value in self.params if name in _READER_PARAMS}
        return ReaderSettings(**own)

    def engine_params(self) -> dict[str, Param]:
        """The part of the parameters that is the engine's."""
        return {name: value for name, value in self.params if name not in _READER_PARAMS}


def engine_names() -> list[str]:
    """All engines that can be asked for, built in or plugged in, sorted."""
    return plugin_names(GROUP, BUILT_IN)


def build_engine(spec: EngineSpec) -> Engine:
    """Loads the engine of a spec; call it inside the process that will use it.

    Raises:
        EngineError: unknown engine, missing package or model file, a parameter that the engine does not know.
    """
    factory, params = _accepted(spec)
    return factory(**params)


def page_key(spec: EngineSpec) -> PageKey:
    """What a page read with this spec is kept under; computed from files and settings, no model is loaded.

    Raises:
        EngineError: as `build_engine`, as far as that shows without loading.
    """
    factory, params = _accepted(spec)
    fingerprint = factory.fingerprint(**params)
    model = hashlib.sha256()
    for path in fingerprint.model_files:
        try:
            model.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise EngineError(f"{spec.engine}: model file {path} cannot be read: {error.strerror}") from None
    settings = {
        "reader": asdict(spec.reader_settings()), "version": READER_VERSION, "geometry": GEOMETRY_VERSION,
        "engine": dict(fingerprint.settings),
    }  # fmt: skip
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return PageKey(spec.engine, model.hexdigest(), digest)


def _accepted(spec: EngineSpec) -> tuple[EngineFactory, dict[str, Param]]:
    """The engine and its parameters, after a look at whether it takes them."""
    factory = cast("EngineFactory", load_plugin("engine", spec.engine, GROUP, BUILT_IN, EngineError))
    params = spec.engine_params()
    try:
        inspect.signature(factory).bind(**params)
    except TypeError as error:
        raise EngineError(f"engine {spec.engine!r}: {error}") from None
    return factory, params


def onnx_session(path: Path, threads: int) -> Any:
    """A session of ONNX Runtime that stays on so many threads of its own and keeps its memory."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_cpu_mem_arena = False  # it grows with every new shape and never shrinks
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
