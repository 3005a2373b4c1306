"""How often the parser finds the label's quantity in real OCR text: a development aid to see the parser's gaps.

Measures, on a seeded sample of real EasyOCR texts of train pictures (weights, volts, watts, volumes), the share of rows
whose label (number and unit) is among `find_quantities` of the text, and the text read per second. The ceiling is far
below 1: EasyOCR misses many numbers, and about 40 % of the labels are not what the picture shows. The second share
counts only rows in whose text the label's number stands with a form of its unit, as a plain search sees it.

    python benchmarks/parser_recall.py --data ../shared/data [--rows 5000] [--seed 0] [--misses 30]
"""

from __future__ import annotations

import random
import re
import time

import pandas as pd

from benchmarks.shared import Tally, arguments
from entx.core.parser import find_quantities
from entx.core.types import Quantity, parse_written
from entx.core.units import BY_NAME


def stands_in(text: str, quantity: Quantity) -> bool:
    """Whether the number, whole, stands directly before a form of the unit."""
    number = quantity.text.split()[0].removesuffix(".0")
    forms = "|".join(sorted(map(re.escape, BY_NAME[quantity.unit].forms), key=len, reverse=True))
    return re.search(rf"(?<![\w.,]){re.escape(number)} ?(?:{forms})(?!\w)", text, re.IGNORECASE) is not None


def main() -> None:
    parser = arguments(__doc__, "--data")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--misses", type=int, default=0, help="print so many misses of the second share")
    options = parser.parse_args()
    table = pd.read_parquet(options.data / "ocr_text" / "easyocr_train.parquet").dropna(subset=["text"])
    table = table[~table.entity_name.isin(["width", "height", "depth"])].sample(options.rows, random_state=options.seed)
    tally, misses, seconds = Tally(), [], 0.0
    for entity, value, text in zip(table.entity_name, table.entity_value, table.text, strict=True):
        label = parse_written(value)
        if label is None or label.unit not in BY_NAME:
            continue
        began = time.process_time()
        hit = label in {match.quantity for match in find_quantities(text)}
        seconds += time.process_time() - began
        tally.add(hit, ("rows", entity), ("rows", "all"))
        if stands_in(text, label):
            tally.add(hit, ("printed", entity), ("printed", "all"))
            if not hit:
                misses.append((value, text))
    tally.print()
    print(f"{table.text.str.len().sum() / seconds / 1e6:.1f} million characters a second of processor time")
    for value, text in random.Random(0).sample(misses, min(options.misses, len(misses))):
        print(value, "|", text[:300])


if __name__ == "__main__":
    main()
