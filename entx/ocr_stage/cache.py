"""The `ocr-cache` job: every picture of the store that has no page yet is read once, and its page committed.

Workers read, this process alone writes, in small batches: a crash, a kill or a full disk costs at most the batch in
flight, and the next call goes on from what is committed. A picture that cannot be had now (its folder is not mounted,
there is no memory for it) gets no page and stays pending.

The share of pictures without text is watched while they are read (`PageHealth`): an engine that no longer reads raises
no error, each picture just has no text. (A bare `except` around a changed result type once did this to a whole data
set.)
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from entx.core.types import OcrPage, PageKey, PageStatus
from entx.ocr_stage.engines.base import EngineSpec, page_key
from entx.ocr_stage.page_reader import PageReader
from entx.ocr_stage.pool import Limits, Pool, read_pages
from entx.ocr_stage.worker import Task
from entx.storage.pages import add_pages, count_pages, count_pending, forget_failed_pages, pending_pictures
from entx.storage.runs import begin_run, end_run
from entx.storage.store import Store

_BATCH_PAGES = 32
_BATCH_SECONDS = 2.0  # a kill loses no more than this much reading either; a commit takes some milliseconds
_NAMED = 5  # of the pictures that could not be had, the last
_WINDOW = 200  # latest pages watched: one broken worker must not hide behind the good pages of an hour ago
_LEAST = 50  # pages before which no share is judged
_TOO_MANY = 0.3  # of 220 real pictures drawn at random none was without text; one blind worker in three is noticed


@dataclass(frozen=True, slots=True)
class CacheReport:
    """What one call did."""

    key: PageKey  # of the pages
    read: int  # pictures read by this call
    pages: dict[str, int]  # all pages of the key now in the store, by status
    seconds: float  # wall time of this call
    left: int  # pictures that could not be had and stay pending: the next call tries them again


def fill_cache(
    store: Store,
    spec: EngineSpec,
    *,
    workers: int,
    limits: Limits | None = None,
    pool: Pool | None = None,
    retry_failed: bool = False,
    begin: Callable[[int], Callable[[int], None]] = lambda _: lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> CacheReport:
    """Reads the pictures that questions name and that have no page of this engine, model and setting yet.

    Args:
        store: open for writing.
        workers: processes that read; each holds one engine on one thread.
        pool: reads with its own workers and limits, and is left open; None for processes of this call's own.
        retry_failed: read the pictures again whose pages are not OK, whatever the reason.
        begin: called with the number of pictures to read; what it returns is called with the number just read.
        warn: called at once when most pages come out empty or broken (see `PageHealth`) or a folder is gone, and at
            the end with pictures that stay pending.

    Raises:
        EngineError: the engine cannot be loaded.
        StoreError: the store cannot be written; the pages before stay.
    """
    started = time.monotonic()
    key = page_key(spec)
    forget_failed_pages(store, key, every=retry_failed)
    advance = begin(total := count_pending(store, key))
    health, folders = PageHealth(), _Folders(warn)
    unavailable = deque[str](maxlen=_NAMED)
    read = 0
    if total:
        run = f"ocr-{datetime.now(UTC):%Y%m%dT%H%M%S}-{os.getpid()}"
        begin_run(store, run, "ocr", {"engine": spec.engine, "params": dict(spec.params), "workers": workers})
        batch = _Batch(store, key, run)
        pending = pending_pictures(store, key)
        tasks = (Task(picture, path) for picture, path in pending if folders.have(Path(path).parent))
        read_all = partial(read_pages, make_reader=partial(PageReader, spec), workers=workers, limits=limits)
        try:
            with closing((pool.pages if pool else read_all)(tasks)) as pages:
                for page in pages:
                    advance(1)
                    if page.status is PageStatus.UNAVAILABLE:
                        unavailable.append(page.reason)
                        continue
                    batch.add(page)
                    if warning := health.observe(page):
                        warn(warning)
                    read += 1
        finally:
            batch.commit()
            end_run(store, run, time.monotonic() - started, {"read": read})
    for reason in unavailable:
        warn(reason)
    if total > read:
        warn(f"{total - read} pictures could not be had and stay pending: the next call tries them again")
    return CacheReport(key, read, count_pages(store, key), time.monotonic() - started, total - read)


@dataclass(frozen=True, slots=True)
class _Folders:
    """Looks at each folder of pictures once, and says at once when one is gone: not once a picture."""

    warn: Callable[[str], None]
    there: dict[Path, bool] = field(default_factory=dict)

    def have(self, folder: Path) -> bool:
        """Whether it and those above it are there and not empty, as the place of an unmounted one is."""
        if folder not in self.there:
            above = folder == folder.parent or self.have(folder.parent)
            try:
                with os.scandir(folder) as entries:
                    self.there[folder] = above and any(entries)
            except OSError as error:  # files of a folder that must not be listed may be open to us all the same
                self.there[folder] = above and isinstance(error, PermissionError)
            if above and not self.there[folder]:
                self.warn(f"{folder}: is not there or is empty (not mounted?): its pictures stay pending")
        return self.there[folder]


class PageHealth:
    """Watches how pages end, and says once when something is wrong with all of them."""

    def __init__(self) -> None:
        self._recent = {kind: deque[bool](maxlen=_WINDOW) for kind in ("empty", "broken")}
        self._warned: set[str] = set()

    def observe(self, page: OcrPage) -> str | None:
        """Counts a page; a warning when its kind has become too common, None else and after the first time."""
        self._recent["broken"].append(page.status in (PageStatus.FAILED, PageStatus.QUARANTINED))
        if page.status is PageStatus.OK:
            self._recent["empty"].append(not page.lines)
        for kind, recent in self._recent.items():
            count = sum(recent)
            if len(recent) >= _LEAST and count > _TOO_MANY * len(recent) and kind not in self._warned:
                self._warned.add(kind)
                what = "had no text" if kind == "empty" else f"could not be read (the last: {page.reason})"
                return f"{count} of the last {len(recent)} pictures {what}: check the engine with `entx doctor`"
        return None


class _Batch:
    def __init__(self, store: Store, key: PageKey, run: str) -> None:
        self._store, self._key, self._run = store, key, run
        self._pages: list[OcrPage] = []
        self._since = time.monotonic()

    def add(self, page: OcrPage) -> None:
        self._pages.append(page)
        if len(self._pages) >= _BATCH_PAGES or time.monotonic() - self._since > _BATCH_SECONDS:
            self.commit()

    def commit(self) -> None:
        # emptied first: a batch that the disk refuses is not tried again at the end
        pages, self._pages = self._pages, []
        if pages:
            add_pages(self._store, self._key, self._run, pages)
        self._since = time.monotonic()
