"""What an OCR engine is to entx.

How a picture is read, whatever the engine: the settings that become part of a page's key.

OCR engines, one adapter file each; found by the entry-point group `entx.engines`, the built-in ones included.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

from entx.core.errors import EngineError
from entx.core.images import MAX_PIXELS, Image
from entx.core.settings import load_plugin, plugin_names
from entx.core.types import PageKey, Polygon

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
            known: lines of another pass, in this image's pixels. An engine may leave out what they hold already.
            enlarge: whether the engine may enlarge a small image to search it; False where the caller has done so.
        """
        ...


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What decides an engine's text, told without loading a model.

    Args:
        model_files: the files whose bytes are the model, in a fixed order.
        settings: every setting and version that can change the text.
    """

    model_files: tuple[Path, ...]
    settings: Mapping[str, Param]


class EngineFactory(Protocol):
    """What an entry point of the group `entx.engines` names: usually a class, called with the engine's parameters."""

    def __call__(self, **params: Param) -> Engine:
        """Builds the engine. Raises EngineError where a package, a model file or a parameter is wrong."""
        ...

    def fingerprint(self, **params: Param) -> Fingerprint:
        """The same parameters' fingerprint, in a tenth of a second. Raises EngineError as building does."""
        ...


READER_VERSION = 1
"""Raised with every change of decoding, passes or lines that can change a page's text."""

GEOMETRY_VERSION = 1
"""Raised with every change that can change a page's geometry."""


@dataclass(frozen=True, slots=True)
class ReaderSettings:
    """How a picture is read, whatever the engine.

    Args:
        passes: "auto" reads small pictures at 2x as well, "single" never.
        max_pixels: pictures with more are refused from their header.
    """

    passes: str = "auto"
    max_pixels: int = MAX_PIXELS

    NAMES: ClassVar[frozenset[str]] = frozenset({"passes", "max_pixels"})

    @classmethod
    def from_params(cls, params: Mapping[str, Param]) -> ReaderSettings:
        """Checked settings. Raises EngineError for a value that is not allowed."""
        passes, max_pixels = params.get("passes", "auto"), params.get("max_pixels", MAX_PIXELS)
        if passes not in ("auto", "single"):
            raise EngineError(f"passes must be 'auto' or 'single', not {passes!r}")
        if not isinstance(max_pixels, int) or isinstance(max_pixels, bool) or max_pixels < 1:
            raise EngineError(f"max_pixels must be a positive whole number, not {max_pixels!r}")
        return cls(str(passes), max_pixels)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for hashing."""
        return asdict(self)


GROUP = "entx.engines"

BUILT_IN = {
    "rapidocr": "entx.ocr_stage.engines.rapid:RapidEngine",
    "paddleocr": "entx.ocr_stage.engines.paddle:PaddleEngine",
}
"""The same as pyproject.toml's entry points, for a source tree that is not installed."""


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Which engine reads, and how: small, frozen and picklable, so that it travels to the workers.

    Args:
        engine: the entry point's name.
        params: sorted pairs; those named in `ReaderSettings` are the reader's, all others the engine's own.
    """

    engine: str = "rapidocr"
    params: tuple[tuple[str, Param], ...] = ()

    @classmethod
    def of(cls, engine: str = "rapidocr", /, **params: Param) -> EngineSpec:
        """A spec with its parameters sorted."""
        return cls(engine, tuple(sorted(params.items())))

    def reader_settings(self) -> ReaderSettings:
        """The part of the parameters that is the reader's. Raises EngineError for a value that is not allowed."""
        return ReaderSettings.from_params({name: value for name, value in self.params if name in ReaderSettings.NAMES})

    def engine_params(self) -> dict[str, Param]:
        """The part of the parameters that is the engine's."""
        return {name: value for name, value in self.params if name not in ReaderSettings.NAMES}


def engine_names() -> list[str]:
    """All engines that can be asked for, built in or plugged in, sorted."""
    return plugin_names(GROUP, BUILT_IN)


def build_engine(spec: EngineSpec) -> Engine:
    """Loads the engine of a spec; call it inside the process that will use it.

    Raises:
        EngineError: unknown engine, missing package or model file, a parameter that the engine does not know.
    """
    factory = _factory(spec.engine)
    return factory(**_accepted(spec, factory))


def page_key(spec: EngineSpec) -> PageKey:
    """What a page read with this spec is kept under; computed from files and settings, no model is loaded.

    Raises:
        EngineError: as `build_engine`, as far as that shows without loading.
    """
    factory = _factory(spec.engine)
    print_ = factory.fingerprint(**_accepted(spec, factory))
    model = hashlib.sha256()
    for path in print_.model_files:
        try:
            model.update(hashlib.sha256(path.read_bytes()).digest())
        except OSError as error:
            raise EngineError(f"{spec.engine}: model file {path} cannot be read: {error.strerror}") from None
    settings = {
        "reader": spec.reader_settings().as_dict(),
        "version": READER_VERSION,
        "geometry": GEOMETRY_VERSION,
        "engine": dict(print_.settings),
    }
    params = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return PageKey(spec.engine, model.hexdigest(), params)


def _accepted(spec: EngineSpec, factory: EngineFactory) -> dict[str, Param]:
    """The engine's parameters, after a look at whether it takes them."""
    params = spec.engine_params()
    try:
        inspect.signature(factory).bind(**params)
    except TypeError as error:
        raise EngineError(f"engine {spec.engine!r}: {error}") from None
    return params


def _factory(name: str) -> EngineFactory:
    return cast("EngineFactory", load_plugin("engine", name, GROUP, BUILT_IN, EngineError))
