"""A store of pages with known truths, for `entx train --stage llm` with a pretrained model.

    python -m lab.training_store --out S.duckdb [--invented 3000] [--real STORE --copies 2]
                                 [--texts EASYOCR.parquet --most-texts 1000 --left-out GOLD.csv] [--seed 1]

The same kinds of pages that the shipped model learnt from (`lab.shipped_model`), each as the table of the store that a
recipe can weigh: `invented` layouts (`lab.pages`), `real` pages of a store with their labels, `changed` copies of these
with numbers re-drawn, and `texts` that another engine read, laid out anew. A share of all pages carries a line that
gives orders. For hints, run `entx predict --stage rules --store S.duckdb` and name its run in `data.hint_run`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pandas

from entx.core.types import PageKey
from entx.storage.store import Store
from lab.augment import augmented_pages
from lab.corpora import easyocr_pages, real_pages, write_pages
from lab.injections import INJECTED, with_injection
from lab.pages import LayoutPage, generate_pages

KEY = PageKey("lab", "training-store", "1")


def kinds(options: argparse.Namespace) -> Iterator[tuple[str, Iterable[LayoutPage]]]:
    """The pages by table."""
    yield "invented", generate_pages(options.invented, options.seed * 1000)
    if options.real is not None:
        real = real_pages(options.real)
        yield "real", real
        yield "changed", (page for copy in range(options.copies) for page in augmented_pages(real, options.seed + copy))
    if options.texts is not None:
        left_out = (
            frozenset() if options.left_out is None else set(pandas.read_csv(options.left_out, dtype=str)["image"])
        )
        pages = list(easyocr_pages(options.texts, left_out, seed=options.seed))
        weights = [page for page in pages if all(name == "item_weight" for name, value in page.truths if value)]
        others = [page for page in pages if any(name != "item_weight" for name, value in page.truths if value)]
        rng = random.Random(options.seed)  # four fifths of the table ask for a weight: one third here
        yield (
            "texts",
            [
                *rng.sample(weights, min(options.most_texts // 3, len(weights))),
                *rng.sample(others, min(options.most_texts - options.most_texts // 3, len(others))),
            ],
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """Writes the store; says how many questions each table has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="store to make")
    parser.add_argument("--invented", type=int, default=3000, help="pages")
    parser.add_argument("--real", type=Path, help="store with labelled pages")
    parser.add_argument("--copies", type=int, default=2, help="changed copies of each real page")
    parser.add_argument("--texts", type=Path, help="parquet file, see lab.corpora.easyocr_pages")
    parser.add_argument("--most-texts", type=int, default=1000, help="pages of these")
    parser.add_argument("--left-out", type=Path, help="CSV with an image column: pictures whose texts are left out")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    rng, index = random.Random(options.seed), 0
    with Store(options.out, write=True) as store:
        for table, pages in kinds(options):
            injected = (with_injection(rng, page) if rng.random() < INJECTED else page for page in pages)
            linked = ((f"{table}://{number}", page) for number, page in enumerate(injected))
            asked = write_pages(store, KEY, f"{table}.csv", linked, index)
            print(f"{table}: {asked} questions")
            index += asked


if __name__ == "__main__":
    main()
