"""The store's contract as a dict: slow, obvious, and what every adapter must agree with."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from store_adapters import Row

from ingest.store import Commit, Counts, Outcome


@dataclass
class Model:
    """What lies in the store, in plain Python."""

    rows: dict[tuple[int, int], Row] = field(default_factory=dict)
    history: list[Row] = field(default_factory=list)
    brought: dict[tuple[int, int], int] = field(default_factory=dict)
    heard: dict[int, int] = field(default_factory=dict)
    counts: Counts = field(default_factory=Counts)
    commits: int = 0

    def append(self, rows: Sequence[Row], commit: Commit) -> list[Outcome]:
        """Take a commit in, and say what each row was."""
        self.commits += 1
        outcomes = [self._put(row) for row in rows]
        fresh = {
            row.message
            for row, outcome in zip(rows, outcomes, strict=True)
            if outcome is not Outcome.SAME
        }
        duplicate = len({row.message for row in rows} - fresh)
        self.counts = self.counts.plus(
            Counts(
                commit.messages - duplicate,
                duplicate + commit.repeats,
                len(commit.refusals) - len(commit.released),
                outcomes.count(Outcome.NEW),
                outcomes.count(Outcome.CORRECTED),
            )
        )
        return outcomes

    def _put(self, row: Row) -> Outcome:
        at = (row.series, row.time_ns)
        there = self.rows.get(at)
        if there is not None and (there.value, there.quality) == (row.value, row.quality):
            return Outcome.SAME
        if there is not None:
            self.history.append(there)
        self.rows[at] = row
        self.brought[at] = self.commits
        self.heard[row.series] = max(row.received_ns, self.heard.get(row.series, row.received_ns))
        return Outcome.NEW if there is None else Outcome.CORRECTED

    def scan(self, series: Sequence[int] | None, start_ns: int, end_ns: int) -> list[Row]:
        """Return the rows in [start_ns, end_ns), by (series, time)."""
        return [
            row
            for (number, at), row in sorted(self.rows.items())
            if start_ns <= at < end_ns and (series is None or number in series)
        ]

    def since(self, commit: int, upto: int) -> list[Row]:
        """Return the rows that lie there since these commits, by (series, time)."""
        return [row for at, row in sorted(self.rows.items()) if commit < self.brought[at] <= upto]

    def latest(self) -> list[Row]:
        """Return the newest row of each series, by number."""
        newest = {row.series: row for _, row in sorted(self.rows.items())}
        return [newest[number] for number in sorted(newest)]

    def overwritten(self, series: int) -> list[Row]:
        """Return the history of a series, by time and then as it came."""
        found = [row for row in self.history if row.series == series]
        return sorted(found, key=lambda row: row.time_ns)  # a stable sort


def plain(rows: Sequence[Row]) -> list[tuple[int, int, float, int, int]]:
    """Return rows as `store_adapters.lying` does."""
    return [tuple(row[:5]) for row in rows]
