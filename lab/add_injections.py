"""Copies of a store's labelled pages with a line that gives orders, for a fine-tuning that is not to follow them.

    python -m lab.add_injections --store S [--copies 1] [--first-index 9000000]

The copies stand under the key of the pages they come from and ask what those ask; `entx predict --stage rules` then
answers them as any page, so that hints are sometimes what the order says, and wrong.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import replace
from pathlib import Path

from entx.storage.pages import page_keys
from entx.storage.store import Store
from lab.corpora import write_pages
from lab.injections import with_order
from lab.pages import LayoutPage, picture_of
from lab.shipped_model import real_pages


def main() -> None:
    """Adds the pages and prints the number of their questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=1)
    parser.add_argument("--first-index", type=int, default=9_000_000)
    options = parser.parse_args()
    made: list[tuple[str, LayoutPage]] = []
    for copy in range(options.copies):
        for layout in real_pages(options.store):
            ordered = with_order(random.Random(f"{copy}/{layout.page.picture}"), layout)
            if ordered is not layout:
                link = f"orders://{copy}/{layout.page.picture}"
                page = replace(ordered.page, picture=picture_of(link))
                made.append((link, LayoutPage(page, ordered.truths)))
    with Store(options.store, write=True) as store:
        asked = write_pages(store, page_keys(store)[0][0], "orders", made, options.first_index)
    print(f"{len(made)} pages, {asked} questions")


if __name__ == "__main__":
    main()
