"""What OCR-guided crops are worth in pixels: how high the print of the answers is in what a model sees.

For the labelled rows whose truth stands in the OCR lines: the height of that print in the view of the whole picture for
a budget, and with crops for the same budget, by slice. No model takes part: what a model makes of it, only a model can
say (`entx predict --stage vlm` with and without --crops).

    python benchmarks/crop_coverage.py --store s.duckdb --gold gold.csv [--pixels 65536 262144 589824]
"""

from __future__ import annotations

import time
from statistics import median

from benchmarks.shared import arguments
from entx.core.boxes import print_height
from entx.core.candidates import evidence_of, page_quantities
from entx.core.entities import CHALLENGE
from entx.core.types import OcrPage, parse_written
from entx.neural.backends.base import Model
from entx.report.columns import GoldRow, read_gold
from entx.storage.pages import choose_pages, load_pages
from entx.storage.store import Store
from entx.vlm_stage.prompt import DEFAULT_CROPS, CropPlan, plan_crops

HIGH = DEFAULT_CROPS.print_height
ANY = Model()


def place_of(row: GoldRow, page: OcrPage) -> int | None:
    """The first line in which a truth of the row stands; None where none does."""
    quantities = page_quantities(page)
    for text in (row.truth, *row.also):
        quantity = parse_written(text)
        if quantity is not None and quantity.unit in CHALLENGE[row.entity_name].units:
            found = evidence_of(quantity, quantities)
            if found.line_ids:
                return found.line_ids[0]
    return None


def seen_height(page: OcrPage, line: int, plan: CropPlan) -> float:
    """Pixels of the line's print in the view that shows it largest."""
    scales = [min(plan.whole[0] / page.width, plan.whole[1] / page.height)]
    xs, ys = page.lines[line].polygon[0::2], page.lines[line].polygon[1::2]
    for crop in plan.crops:
        x1, y1, x2, y2 = crop.box
        across = x1 <= max(min(xs), 0) and x2 >= min(max(xs), page.width)
        if across and y1 <= max(min(ys), 0) and y2 >= min(max(ys), page.height):
            scales.append(min(crop.size[0] / (x2 - x1), crop.size[1] / (y2 - y1)))
    return print_height(page.lines[line].polygon) * max(scales)


def main() -> None:
    parser = arguments(__doc__, "--store", "--gold")
    parser.add_argument("--pixels", type=int, nargs="+", default=[256 * 256, 512 * 512, 768 * 768])
    given = parser.parse_args()
    with Store(given.store) as store:
        rows = read_gold(given.gold, store, CHALLENGE).rows
        pages = {page.picture: page for page in load_pages(store, choose_pages(store, None))}
    read = [(row.slice, pages[row.picture], row) for row in rows if row.picture in pages]
    placed = [(part, page, line) for part, page, row in read if row.truth and (line := place_of(row, page)) is not None]
    print(f"{len(placed)} rows whose truth stands in a line, of {len(read)}")
    for pixels in given.pixels:
        for part in sorted({part for part, _, _ in placed}):
            some = [(page, line) for own, page, line in placed if own == part]
            began = time.perf_counter()
            plans = [plan_crops(page, pixels, ANY.view_size) for page, _ in some]
            spent = (time.perf_counter() - began) / len(some) * 1000
            wholes = [CropPlan(ANY.view_size((page.width, page.height), pixels)) for page, _ in some]
            for name, shown in (("whole", wholes), ("crops", plans)):
                heights = [seen_height(page, line, plan) for (page, line), plan in zip(some, shown, strict=True)]
                share = sum(height >= 0.85 * HIGH for height in heights) / len(heights)
                low = sum(height < 10 for height in heights) / len(heights)
                print(
                    f"{pixels:8} pixels  {part:6} n {len(some):4}  {name}: print of the answer "
                    f"{median(heights):5.1f} px (median), {share:.3f} high enough, {low:.3f} below 10 px"
                )
            close = [plan for plan in plans if plan.crops]
            print(
                f"{'':8}         {part:6} {len(close)} pictures with crops, "
                f"{sum(len(plan.crops) for plan in close) / max(len(close), 1):.1f} each; {spent:.2f} ms a plan"
            )


if __name__ == "__main__":
    main()
