"""Pictures per second and peak memory of `Extractor.extract_many` against the commands on the same pictures.

Both ways read the same pictures (drawn by seed, half small, half large) and answer the same questions about each, and
take turns, so that a busy machine slows both; each turn is whole processes, start-up included:

    api        a script of one `entx.Extractor(stage, workers=N).extract_many(pictures, entities)`
    commands   entx ingest, entx ocr-cache, entx predict --stage rules (and --stage llm with --stage both)

The script also says how fast it was after its first 16 answers, which come together: the rate without loading. Its
answers are an ensemble's, those of the commands the rules reader's: where both answer they are compared.

    python -m benchmarks.extract_many PICTURES... [-n 100] [--stage both] [--workers 2] [--rounds 3]
"""

from __future__ import annotations

import csv
import json
import statistics
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.shared import PeakMemory, arguments, drawn, entx, timed

ENTITIES = ("item_weight", "height", "depth")

SCRIPT = """
import json, sys, time
import entx

if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    reader = entx.Extractor(given["stage"], workers=given["workers"])
    times, answers = [], {}
    for picture, of_picture in reader.extract_many(given["pictures"], given["entities"]):
        times.append(time.perf_counter())
        answers[picture] = {name: one.quantity.text if one.quantity else "" for name, one in of_picture.items()}
    print(json.dumps({"rest": times[-1] - times[15], "answers": answers}))  # the first 16 come together
"""


def by_api(folder: Path, pictures: list[Path], stage: str, workers: int) -> tuple[float, dict[str, Any]]:
    """Seconds, and what the script says."""
    (folder / "api.py").write_text(SCRIPT, encoding="utf-8")
    given = {"stage": stage, "workers": workers, "pictures": list(map(str, pictures)), "entities": ENTITIES}
    seconds, printed = timed([folder / "api.py", json.dumps(given)])
    return seconds, json.loads(printed)


def by_commands(
    folder: Path, pictures: list[Path], stage: str, workers: int
) -> tuple[float, dict[str, dict[str, str]]]:
    """Seconds, and the rules reader's answers."""
    table, store, out = folder / "t.csv", folder / "s.duckdb", folder / "rules.csv"
    store.unlink(missing_ok=True)
    asked = [(path, name) for path in pictures for name in ENTITIES]
    with table.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["index", "image_link", "entity_name"])
        writer.writerows([number, path.name, name] for number, (path, name) in enumerate(asked))
    folders = [part for path in dict.fromkeys(path.parent for path in pictures) for part in ("--images", path)]
    seconds = entx("ingest", table, *folders, "--store", store)[0]
    seconds += entx("ocr-cache", "--store", store, "--workers", workers)[0]
    seconds += entx("predict", "--stage", "rules", "--store", store, "--out", out)[0]
    if stage == "both":
        seconds += entx("predict", "--stage", "llm", "--store", store)[0]
    answers: dict[str, dict[str, str]] = {}
    with out.open(newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            path, name = asked[int(row["index"])]
            answers.setdefault(str(path), {})[name] = row["prediction"]
    return seconds, answers


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="PICTURES")
    parser.add_argument("-n", type=int, default=100, help="pictures")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--stage", choices=("rules", "both"), default="rules")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    groups = drawn([folder.resolve() for folder in given.folders], given.n, given.seed)
    by_name = {path.name: path for group in groups.values() for path in group}  # the store finds files by name
    pictures = sorted(by_name.values())
    seconds: dict[str, list[float]] = {"api": [], "commands": [], "api after its start": []}
    peaks: dict[str, int] = {"api": 0, "commands": 0}
    with tempfile.TemporaryDirectory() as name, PeakMemory() as memory:
        folder = Path(name)
        for _ in range(given.rounds):
            took, said = by_api(folder, pictures, given.stage, given.workers)
            seconds["api"].append(took)
            seconds["api after its start"].append(said["rest"])
            peaks["api"] = max(peaks["api"], memory.look()[0])
            took, rules = by_commands(folder, pictures, given.stage, given.workers)
            seconds["commands"].append(took)
            peaks["commands"] = max(peaks["commands"], memory.look()[0])
    print(f"{len(pictures)} pictures, {len(ENTITIES)} questions each, stage {given.stage}, {given.workers} workers")
    for way, took in seconds.items():
        count = len(pictures) - 16 * (way not in peaks)
        rates = ", ".join(f"{count / one:.2f}" for one in took)
        peak = f", peak memory {peaks[way] / 1e6:.0f} MB" if way in peaks else ""
        print(f"{way:20} {count / statistics.median(took):6.2f} pictures/s (rounds: {rates}){peak}")
    ratio = statistics.median(seconds["commands"]) / statistics.median(seconds["api"])
    print(f"the api takes 1/{ratio:.2f} of the commands' time")
    pairs = [(said["answers"][path][name], answer) for path, own in rules.items() for name, answer in own.items()]
    both = [(ours, theirs) for ours, theirs in pairs if ours and theirs]
    same = sum(ours == theirs for ours, theirs in both)
    print(f"answered by both ways: {len(both)} of {len(pairs)} questions, {same} of them alike")


if __name__ == "__main__":
    main()
