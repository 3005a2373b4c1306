"""The store as training rows of pictures: loaded, sampled, split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from entx.core.entities import Schema
from entx.core.types import PageKey
from entx.neural.labels import RangePolicy
from entx.neural.sampling import TEST_MIX, SampleSettings, draw_rows, sample_rows, split_rows
from entx.storage.store import Store
from entx.vlm_stage.recipe import DataSettings
from entx.vlm_stage.rows import Row, RowSettings, absent_rows, read_rows


@dataclass(frozen=True)
class Dataset:
    """Training rows of a store.

    Args:
        rows: in the order of their pictures.
        tally: what became of all labelled questions, also of parts of the dataset.
    """

    rows: Sequence[Row]
    sampling: SampleSettings
    tally: Mapping[str, int]

    @classmethod
    def load(
        cls,
        store: Store,
        schema: Schema,
        settings: DataSettings,
        *,
        key: PageKey | None = None,
        held_out: frozenset[str] = frozenset(),
        seed: int = 0,
    ) -> Dataset:
        """Every usable labelled question with a picture file, or as many as the settings want.

        Args:
            key: of OCR pages, for generated negatives; None generates none.
            held_out: pictures (sha256) of which nothing may be learnt.
        """
        tally: Counter[str] = Counter()
        rows = read_rows(
            store, schema, RowSettings(settings.sources, RangePolicy(settings.ranges), held_out), tally
        )  # fmt: skip
        shares: Mapping[str, float] | None = None
        if settings.sample != "stratified":
            shares = TEST_MIX if settings.sample == "test" else dict.fromkeys({row.entity_name for row in rows}, 1.0)
        if settings.rows and settings.rows < len(rows):
            drawn = draw_rows(rows, settings.rows, shares, seed)
            tally["not drawn"] += len(rows) - len(drawn)
            rows = drawn
        if key is not None and settings.negatives > 0:
            rows += absent_rows(store, key, schema, rows)
        mix = TEST_MIX if settings.mix == "test" else None
        return cls(rows, SampleSettings(mix, settings.negatives, settings.repeats, seed), dict(sorted(tally.items())))

    def split(self, dev_share: float) -> tuple[Dataset, Dataset]:
        """Train and dev, with no picture and no (group, entity, value) on both sides; see `split_rows`."""
        train, dev = split_rows(self.rows, dev_share, self.sampling.seed)
        return replace(self, rows=train), replace(self, rows=dev)

    def epoch(self, epoch: int = 0) -> list[Row]:
        """The rows of one epoch; see `sample_rows`."""
        return sample_rows(self.rows, self.sampling, epoch)
