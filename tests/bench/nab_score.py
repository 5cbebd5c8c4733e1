"""The score of the Numenta Anomaly Benchmark, after its published rules.

Source: Lavin and Ahmad 2015, Evaluating Real-time Anomaly Detection Algorithms,
doi:10.1109/ICMLA.2015.141; tests/vectors/README.md says how windows and costs are applied.
"""

import csv
import gzip
import json
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

PROBATION, PROBATION_MAX = 0.15, 750
FAR = 3.0


class Costs(NamedTuple):
    """What a false alarm and a missed window cost; a window that is found early brings 1."""

    false_alarm: float
    missed: float


PROFILES = {"standard": Costs(0.11, 1.0), "low FP": Costs(0.22, 1.0), "low FN": Costs(0.11, 2.0)}


class Stream(NamedTuple):
    """One file: its rows, and its windows as (first row, last row)."""

    name: str
    time_ns: NDArray[np.int64]
    value: NDArray[np.float64]
    windows: list[tuple[int, int]]


class Tally(NamedTuple):
    """The score of files, and those of no alarm at all and of every window's first row."""

    score: float
    nothing: float
    perfect: float
    found: int
    windows: int
    false_alarms: int

    def plus(self, other: "Tally") -> "Tally":
        """Return the sum, number by number."""
        return Tally(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def percent(self) -> float:
        """The score from 0 (nothing) to 100 (perfect); NaN where no window is."""
        best = self.perfect - self.nothing
        return 100 * (self.score - self.nothing) / best if best > 0 else math.nan


NONE = Tally(0.0, 0.0, 0.0, 0, 0, 0)


def worth(x: float) -> float:
    """Return the benchmark's sigmoid: near 1 at -1, 0 at 0, near -1 from there on."""
    return 2 / (1 + math.exp(5 * x)) - 1


def probation(rows: int) -> int:
    """Return how many rows at a file's start are not scored."""
    return min(int(PROBATION * rows), PROBATION_MAX)


def tally(
    rows: int, windows: Sequence[tuple[int, int]], alarms: Sequence[int], costs: Costs
) -> Tally:
    """Return the tally of one file; windows and alarms as row numbers, rising."""
    begins = probation(rows)
    scored = [window for window in windows if window[1] >= begins]
    found: set[int] = set()
    score, false_alarms = 0.0, 0
    for alarm in alarms:
        if alarm < begins:
            continue
        inside = [k for k, (first, last) in enumerate(scored) if first <= alarm <= last]
        if inside:
            first, last = scored[inside[0]]
            if inside[0] not in found:
                found.add(inside[0])
                score += worth(-(last - alarm + 1) / (last - first + 1)) / worth(-1.0)
            continue
        false_alarms += 1
        before = [window for window in scored if window[1] < alarm]
        away = FAR
        if before:
            first, last = before[-1]
            away = (alarm - last) / max(last - first, 1)
        score += costs.false_alarm * (worth(away) if away < FAR else -1.0)
    count = len(scored)
    score -= costs.missed * (count - len(found))
    return Tally(score, -costs.missed * count, float(count), len(found), count, false_alarms)


def streams(folder: Path) -> Iterator[Stream]:
    """Yield the files of a folder that holds windows.json, by name; .csv or .csv.gz."""
    named = json.loads((folder / "windows.json").read_text())
    for path in sorted([*folder.rglob("*.csv"), *folder.rglob("*.csv.gz")]):
        name = path.relative_to(folder).as_posix().removesuffix(".gz")
        with gzip.open(path, "rt") if path.suffix == ".gz" else path.open() as file:
            rows = list(csv.reader(file))[1:]
        time_ns = np.array([_ns(row[0]) for row in rows], np.int64)
        value = np.array([float(row[1]) for row in rows])
        told = named.get(name, [])
        spans = told["windows"] if isinstance(told, dict) else told
        windows = []
        for first, last in spans:
            inside = np.flatnonzero((time_ns >= _ns(first)) & (time_ns <= _ns(last)))
            if len(inside):
                windows.append((int(inside[0]), int(inside[-1])))
        yield Stream(name, time_ns, value, sorted(windows))


def _ns(text: str) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 10**9
