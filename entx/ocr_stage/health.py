"""An alarm for an engine that has gone blind.

An engine that no longer reads raises no error: each picture just has no text. (A bare `except` around a changed result
type once did this to a whole data set.) So the share of pictures without text is watched while they are read.
"""

from __future__ import annotations

from collections import Counter, deque

from entx.core.types import OcrPage, PageStatus


class PageHealth:
    """Counts how pages end, and says once when something is wrong with all of them.

    Args:
        window: how many of the latest pages a share is taken of; a single broken worker must not hide behind the
            good pages of an hour ago.
        least: pages before which no share is judged.
        empty_share: of the readable pictures, the share without a line of text that is too much. Of 220 real product
            pictures drawn at random none was without text, so 0.3 is far from chance, and one blind worker in three
            is noticed.
        broken_share: of all pictures, the share FAILED or QUARANTINED that is too much.
    """

    def __init__(
        self, *, window: int = 200, least: int = 50, empty_share: float = 0.3, broken_share: float = 0.3
    ) -> None:
        self.statuses: Counter[PageStatus] = Counter()
        self.empty = 0
        self._least, self._empty_share, self._broken_share = least, empty_share, broken_share
        self._recent_empty: deque[bool] = deque(maxlen=window)
        self._recent_broken: deque[bool] = deque(maxlen=window)
        self._said: set[str] = set()

    @property
    def read(self) -> int:
        """Pictures that were read well, with or without text in them."""
        return self.statuses[PageStatus.OK]

    def observe(self, page: OcrPage) -> str | None:
        """Counts a page; a warning when its kind has become too common, None else and after the first time."""
        self.statuses[page.status] += 1
        self._recent_broken.append(page.status in (PageStatus.FAILED, PageStatus.QUARANTINED))
        if page.status is PageStatus.OK:
            self.empty += not page.lines
            self._recent_empty.append(not page.lines)
        return self._judge(self._recent_empty, self._empty_share, "had no text") or self._judge(
            self._recent_broken, self._broken_share, f"could not be read (the last: {page.reason})"
        )

    def _judge(self, recent: deque[bool], limit: float, what: str) -> str | None:
        kind = what[:9]
        count = sum(recent)
        if len(recent) < self._least or count <= limit * len(recent) or kind in self._said:
            return None
        self._said.add(kind)
        return f"{count} of the last {len(recent)} pictures {what}: check the engine with `entx doctor`"
