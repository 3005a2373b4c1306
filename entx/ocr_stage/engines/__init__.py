"""OCR engines, one adapter file each; found by the entry-point group `entx.engines`, the built-in ones included."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass
from typing import cast

from entx.core.errors import EngineError
from entx.core.plugins import load_plugin, plugin_names
from entx.core.types import PageKey
from entx.ocr_stage.engines.base import Engine, EngineFactory, Param
from entx.ocr_stage.settings import GEOMETRY_VERSION, READER_VERSION, ReaderSettings

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
