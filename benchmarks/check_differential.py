"""Differential fuzz of `entx check`'s rule for one prediction against the challenge's own rule.

What ours accepts the official rule must accept: "ours only" has to be 0, and the exit status says so.

    python -m benchmarks.check_differential --count 1000000
"""

from __future__ import annotations

import sys
import time
from collections import Counter

from benchmarks.shared import arguments
from entx.core.entities import CHALLENGE
from entx.core.submission import check_prediction
from tests.core.official_rule import officially_accepted, random_predictions


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    verdicts: Counter[tuple[bool, bool]] = Counter()
    start = time.perf_counter()
    for text, name in random_predictions(options.count, options.seed):
        ours, official = check_prediction(text, CHALLENGE[name]) is None, officially_accepted(text)
        verdicts[ours, official] += 1
        if ours and not official:
            print(f"ours only: {text!r} for {name}")
    seconds = time.perf_counter() - start
    print(f"strings        {options.count:>10,}  in {seconds:.1f} s, seed {options.seed}")
    print(f"both accept    {verdicts[True, True]:>10,}")
    print(f"official only  {verdicts[False, True]:>10,}")
    print(f"both refuse    {verdicts[False, False]:>10,}")
    print(f"ours only      {verdicts[True, False]:>10,}")
    return 1 if verdicts[True, False] else 0


if __name__ == "__main__":
    sys.exit(main())
