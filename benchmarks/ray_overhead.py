"""What Ray costs: `entx run` by Ray's actors against the same run without Ray, on the same pictures.

    python benchmarks/ray_overhead.py --images FOLDER --count 1900 --pictures-a-part 100

Both ways read the same pictures with as many OCR processes, in turns, `--rounds` times. Prints the seconds of the whole
command and, without the start of the cluster and of the actors, those from the first finished part to the last;
compares the predictions byte for byte, and exits with 1 where they differ.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.shared import arguments, entx, files_in
from entx.core.memory import available_cores


def main() -> int:
    parser = arguments(__doc__, "--images")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--pictures-a-part", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    cores = available_cores()
    ways = {"local": ["--workers", cores], "ray": ["--executor", "ray", "--workers", 1]}
    with tempfile.TemporaryDirectory() as scratch:
        table = write_table(Path(scratch, "t.csv"), files_in([given.images])[: given.count])
        took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
        for number in range(given.rounds):
            for way, options in ways.items():
                out = Path(scratch, f"{way}-{number}")
                seconds, found = entx(
                    "run", table, "--images", given.images, "--out", out, "--stages", "ocr,rules",
                    "--pictures-a-part", given.pictures_a_part, *options,
                )  # fmt: skip
                ends = sorted(path.stat().st_mtime for path in (out / "predictions").iterdir())
                took[way].append((seconds, ends[-1] - ends[0]))
                print(f"{way}: {seconds:.1f} s, {ends[-1] - ends[0]:.1f} s after the first part; {found['pages']}")
        texts = {path.read_bytes() for path in Path(scratch).glob("*/predictions.csv")}
    for place, what in enumerate(("whole command", "after the first part")):
        best = {way: min(one[place] for one in rounds) for way, rounds in took.items()}
        print(f"{what}: ray / local = {best['ray'] / best['local']:.3f}")
    print("predictions are equal" if len(texts) == 1 else "predictions DIFFER")
    return len(texts) != 1


def write_table(path: Path, pictures: list[Path]) -> Path:
    """Two questions a picture."""
    rows = [f"{picture.name},{entity}" for picture in pictures for entity in ("item_weight", "height")]
    path.write_text("index,image_link,entity_name\n" + "".join(f"{n},{row}\n" for n, row in enumerate(rows)))
    return path


if __name__ == "__main__":
    sys.exit(main())
