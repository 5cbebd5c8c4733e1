"""Feeders: what a station feeds in, against what the meters behind it count.

Which meters lie behind which station is told by the catalog (`feeder` of a device). Once a day of
the station is over its last weeks are laid out by hours and judged anew; nothing else is kept.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.counters import Facts
from analytics.flows import measured_flows
from analytics.oddities import Found, identity, spoken
from analytics.sums import whole_of
from analytics.wording import clock, lasting, told
from ingest.derived import HOUR_NS, Anomaly, Windows
from ingest.meter import NOTHING_KNOWN
from ingest.quantity import quantity
from ingest.reading import Series
from ingest.store import SeriesSpan, Source
from kernels import balance

IMPORT, EXPORT = "active_energy_import", "active_energy_export"
KIND = "imbalance"
LOOK_BACK_NS = 35 * 24 * HOUR_NS
TELL_NS = 14 * 24 * HOUR_NS
EVERY_NS = 6 * HOUR_NS
RETURNED = 0.2
"""Of what flows: above it a station that counts one way only can't be balanced."""

Feeders = Callable[[], Mapping[str, Sequence[str]]]
"""The devices behind each station."""


class BalanceWatch:
    """The stations that the catalog names. One thread uses it."""

    def __init__(
        self, source: Source, where: tzinfo, feeders: Feeders | None, facts: Facts | None = None
    ) -> None:
        self._source, self._where, self._feeders = source, where, feeders or dict
        self._facts = facts or (lambda *register: NOTHING_KNOWN)
        self._looked_ns: dict[str, int] = {}
        self._due: dict[str, int] = {}

    @property
    def due(self) -> int:
        """How much there is to look at."""
        return len(self._due)

    def update(self, windows: Windows) -> None:
        """Take note of new windows, which are stored already."""
        hours = windows.width_ns == HOUR_NS
        if not hours.any() or not (stations := self._feeders()):
            return
        for slot in np.unique(windows.series[hours]).tolist():
            name = self._source.name_of(slot)
            if name.device not in stations or name.quantity != IMPORT:
                continue
            newest_ns = int(windows.start_ns[hours & (windows.series == slot)].max()) + HOUR_NS
            if newest_ns >= self._looked_ns.get(name.device, -EVERY_NS) + EVERY_NS:
                self._looked_ns[name.device] = self._due[name.device] = newest_ns

    def look(self) -> Found:
        """Look at one station that has new hours."""
        if not self._due:
            return Found()
        station = next(iter(self._due))
        end_ns = self._due.pop(station)
        behind = [one for one in self._feeders().get(station, ()) if one != station]
        edges_ns = np.arange(end_ns - LOOK_BACK_NS, end_ns + HOUR_NS, HOUR_NS)
        fed, back = self._flows(station, edges_ns)
        counted, gross, returned = np.zeros((3, len(edges_ns) - 1))
        for device in behind:
            taken, given = self._flows(device, edges_ns)
            counted, gross, returned = counted + taken - given, gross + taken, returned + given
        lost = fed - back - counted
        if not whole_of(self._source.series(station), EXPORT):
            # It does not count what flows back through it.
            lost[returned > RETURNED * gross] = np.nan
        runs = balance.missing(lost, gross)
        since_ns = end_ns - TELL_NS
        found = [self._named(station, len(behind), edges_ns, runs, k) for k in range(len(runs))]
        now = {one.id: one for one in found if one.start_ns >= since_ns}
        before = {
            a.id: a
            for a in self._source.anomalies(start_ns=since_ns, devices=[station])
            if a.kind == KIND and a.start_ns >= since_ns
        }
        return Found(
            [a for id, a in now.items() if before.get(id) != a],
            [id for id in before if id not in now],
        )

    def _flows(
        self, device: str, edges_ns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return what a device took and what it gave back in each hour."""
        spans = self._source.series(device)
        taken, given = (whole_of(spans, one) for one in (IMPORT, EXPORT))
        nothing = np.zeros(len(edges_ns) - 1)
        return (
            self._sum(taken, edges_ns) if taken else nothing * np.nan,
            self._sum(given, edges_ns) if given else nothing,
        )

    def _sum(self, spans: list[SeriesSpan], edges_ns: NDArray[np.int64]) -> NDArray[np.float64]:
        total = np.zeros(len(edges_ns) - 1)
        for span in spans:
            known = self._facts(*span.series)
            total += measured_flows(self._source, span.number, edges_ns, self._where, known)
        return total

    def _named(
        self, station: str, meters: int, edges_ns: NDArray[np.int64], runs: balance.Runs, k: int
    ) -> Anomaly:
        start_ns = int(edges_ns[runs.start[k]])
        end = int(runs.end[k])
        end_ns = None if end < 0 else int(edges_ns[end])
        lost, usual = float(runs.lost[k]), float(runs.usual[k])
        way = "more" if lost > usual else "less"
        since = clock(start_ns, self._where)
        who = spoken(self._source, station)
        unit = quantity(IMPORT).unit
        if end_ns is None:
            text = (
                f"{who} feeds {way} than usual beyond what the {meters} meters behind it count,"
                f" since {since}."
            )
        else:
            amount, day, then = (
                told(float(f"{one:.3g}"), unit) for one in (abs(runs.amount[k]), lost, usual)
            )
            text = (
                f"{who} fed {amount} {way} than usual beyond what the {meters} meters behind it"
                f" counted, for {lasting(end_ns - start_ns)} from {since}: up to {day} a day"
                f" instead of {then}."
            )
        beyond = abs(lost - usual) / float(runs.limit[k])
        series = Series(station, IMPORT)
        return Anomaly(
            id=identity(KIND, *series, start_ns),
            device=station,
            quantity=IMPORT,
            channel="",
            kind=KIND,
            start_ns=start_ns,
            end_ns=end_ns,
            score=0.5 if end_ns is None else round(1 - 0.5 / max(beyond, 1.0), 4),
            value=None if end_ns is None else float(runs.amount[k]),
            expected=None if end_ns is None else 0.0,
            detector=f"{KIND}@1",
            text=text,
        )
