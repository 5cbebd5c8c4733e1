"""`make bench-nab`: the novelty score on the Numenta Anomaly Benchmark, run as an operator would.

    python tests/bench/nab.py [FOLDER]

Streaming, one reading after the other, no look-ahead, no range or length of a file known before,
one set of settings for all. FOLDER holds windows.json and CSV files; default: tests/vectors/nab.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from nab_score import NONE, PROFILES, Stream, Tally, streams, tally

from kernels import novelty

HERE = Path(__file__).resolve().parent.parent / "vectors" / "nab"
BATCH = 512


def alarms(stream: Stream) -> list[int]:
    """Return the rows at which the detector alarms, fed in batches as they would come."""
    state = novelty.State.empty(1)
    slot, found = np.zeros(1, np.int64), []
    for at in range(0, len(stream.value), BATCH):
        part = slice(at, at + BATCH)
        rows = len(stream.value[part])
        made = novelty.fold(
            state, slot, np.array([0, rows]), stream.time_ns[part], stream.value[part]
        )
        found += (at + np.flatnonzero(made.alarm)).tolist()
    return found


def z_alarms(stream: Stream) -> list[int]:
    """Return those of a peer: a rolling z-score of 100 readings, above 4, and a pause of 60."""
    found: list[int] = []
    for i in range(100, len(stream.value)):
        past = stream.value[i - 100 : i]
        spread = past.std()
        far = spread > 0 and abs(stream.value[i] - past.mean()) > 4 * spread
        if far and (not found or i - found[-1] > 60):
            found.append(i)
    return found


def main() -> int:
    """Print the scores of each half of the files, of all, and of the peer."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    folder = parser.parse_args().folder
    if not (folder / "windows.json").is_file():
        print(f"{folder}: expected a folder with windows.json and CSV files", file=sys.stderr)
        return 1
    novelty.fold(novelty.State.empty(1), np.zeros(1), np.array([0, 1]), np.zeros(1), np.zeros(1))
    sums: dict[tuple[str, str], Tally] = {}
    rows, seconds = 0, 0.0
    print(f"{'file':58} {'rows':>6} {'found':>6} {'false':>6} {'score':>7}")
    for number, stream in enumerate(streams(folder)):
        began = time.perf_counter()
        ours = alarms(stream)
        seconds += time.perf_counter() - began
        rows += len(stream.value)
        for who, given in (("novelty", ours), ("rolling z-score", z_alarms(stream))):
            for profile, costs in PROFILES.items():
                one = tally(len(stream.value), stream.windows, given, costs)
                half = "every second file, from the first" if number % 2 == 0 else "the others"
                for part in (half, "all"):
                    key = f"{who}, {part}", profile
                    sums[key] = sums.get(key, NONE).plus(one)
                if (who, profile) == ("novelty", "standard"):
                    print(
                        f"{stream.name:58} {len(stream.value):6} {one.found:3}/{one.windows:<2}"
                        f" {one.false_alarms:6} {one.score:7.2f}"
                    )
    print(f"\n{'':46}" + "".join(f"{profile:>10}" for profile in PROFILES))
    for label in dict.fromkeys(label for label, _ in sums):
        scores = "".join(f"{sums[label, profile].percent:10.1f}" for profile in PROFILES)
        print(f"{label:46}{scores}")
    if rows:
        print(f"\n{rows} readings, {seconds / rows * 1e6:.1f} us each ({rows / seconds:.0f}/s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
