"""One picture's bytes to one `OcrPage`, inside a worker."""

from __future__ import annotations

import time

from entx.core.decode import PictureRefused, decode
from entx.core.errors import PictureError
from entx.core.types import OcrPage, PageStatus
from entx.ocr_stage.engines import EngineSpec, build_engine
from entx.ocr_stage.geometry import page_geometry
from entx.ocr_stage.lines import to_lines
from entx.ocr_stage.passes import read_passes


class PageReader:
    """Reads pictures with one engine. Build one in each worker process; it is not shared.

    Args:
        spec: which engine, and how.

    Raises:
        EngineError: the engine cannot be built.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._settings = spec.reader_settings()
        self._engine = build_engine(spec)

    def read(self, picture: str, data: bytes) -> OcrPage:
        """The page of one picture. Whatever is wrong with that picture becomes a status and a reason, never an error.

        Args:
            picture: sha256 of `data`.
            data: the file's bytes.
        """
        start = time.perf_counter()
        width = height = 0
        try:
            image = decode(data, self._settings.max_pixels)
            height, width = image.shape[:2]
            lines = to_lines(read_passes(self._engine, image, self._settings))
            geometry = page_geometry(image, lines)
        except PictureRefused as error:
            status, reason = PageStatus.REFUSED, str(error)
        except PictureError as error:
            status, reason = PageStatus.UNREADABLE, str(error)
        except Exception as error:
            said = " ".join(str(error).split())[:200]
            status, reason = PageStatus.FAILED, f"{type(error).__name__}: {said}" if said else type(error).__name__
        else:
            seconds = time.perf_counter() - start
            return OcrPage(picture, PageStatus.OK, "", width, height, lines, seconds, geometry)
        return OcrPage(picture, status, reason, width, height, (), time.perf_counter() - start)
