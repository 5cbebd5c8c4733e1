"""Registers by the hour: days that take another course than usual, and hours that hold too much.

Once a day's last hour is over, a register's last weeks are laid out by local hours, as /v1/energy
tells them, and judged anew. Nothing else is kept, so it comes to the same after a restart.
"""

from datetime import date, timedelta, tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, edges, to_datetime, to_ns
from analytics.counters import Facts
from analytics.flows import measured_flows
from analytics.holidays import Day, kind_of
from analytics.oddities import Found, identity, spoken
from analytics.register import RATE_CEILING
from analytics.wording import clock, told
from ingest.derived import HOUR_NS, Anomaly, Windows
from ingest.meter import NOTHING_KNOWN
from ingest.quantity import Kind, quantity
from ingest.reading import Series
from ingest.store import Source
from kernels import days

LOOK_BACK_DAYS = 50
TELL_DAYS = 7
"""Of days before that nothing new is said."""
COURSE, RATE = "day_shape", "rate"
_KINDS = frozenset((COURSE, RATE))
RUN_DAYS = 5


class DayWatch:
    """The days of every register. One thread uses it.

    facts  what people know of a register's meters
    """

    def __init__(self, source: Source, where: tzinfo, facts: Facts | None = None) -> None:
        self._source, self._where = source, where
        self._facts = facts or (lambda *register: NOTHING_KNOWN)
        self._looked_ns: dict[int, int] = {}  # the first day that is not over, by register
        self._others: set[int] = set()
        self._due: dict[int, int] = {}

    @property
    def due(self) -> int:
        """How much there is to look at."""
        return len(self._due)

    def update(self, windows: Windows) -> None:
        """Take note of new windows, which are stored already."""
        hours = windows.width_ns == HOUR_NS
        newest: dict[int, int] = {}
        for slot, start_ns in zip(
            windows.series[hours].tolist(), windows.start_ns[hours].tolist(), strict=True
        ):
            if slot not in self._others:
                newest[slot] = max(start_ns, newest.get(slot, start_ns))
        for slot, start_ns in newest.items():
            if slot not in self._looked_ns:
                measured = quantity(self._source.name_of(slot).quantity)
                if measured.kind is not Kind.REGISTER or measured.unit not in RATE_CEILING:
                    self._others.add(slot)
                    continue
            # The hour after the newest closed one has begun: is it of another day?
            day_ns = self._day_ns(start_ns + HOUR_NS)
            if day_ns > self._looked_ns.get(slot, day_ns - 1):
                self._looked_ns[slot] = self._due[slot] = day_ns

    def look(self) -> Found:
        """Look at one register whose day is over."""
        if not self._due:
            return Found()
        slot = next(iter(self._due))
        end_ns = self._due.pop(slot)
        series = self._source.name_of(slot)
        first = to_datetime(end_ns, self._where) - timedelta(days=LOOK_BACK_DAYS)
        edges_ns = edges(to_ns(first), end_ns, By.HOUR, self._where)
        known = self._facts(*series)
        flows = measured_flows(self._source, slot, edges_ns, self._where, known)
        since_ns = to_ns(to_datetime(end_ns, self._where) - timedelta(days=TELL_DAYS))
        found = [*self._courses(series, edges_ns, flows), *self._rates(series, edges_ns, flows)]
        now = {one.id: one for one in found if one.start_ns >= since_ns}
        before = {
            a.id: a
            for a in self._source.anomalies(
                start_ns=since_ns, end_ns=end_ns, devices=[series.device]
            )
            if a.kind in _KINDS and a.start_ns >= since_ns
            and (a.quantity, a.channel) == (series.quantity, series.channel)
        }  # fmt: skip
        return Found(
            [a for id, a in now.items() if before.get(id) != a],
            [id for id in before if id not in now],
        )

    def _day_ns(self, time_ns: int) -> int:
        moment = to_datetime(time_ns, self._where)
        return to_ns(moment.replace(hour=0, minute=0, second=0, microsecond=0))

    def _courses(
        self, series: Series, edges_ns: NDArray[np.int64], flows: NDArray[np.float64]
    ) -> list[Anomaly]:
        moments = [to_datetime(int(one), self._where) for one in edges_ns[:-1]]
        first = moments[0].date()
        count = (moments[-1].date() - first).days + 1
        hours = np.full((count, days.HOURS), np.nan)
        for moment, flow in zip(moments, flows.tolist(), strict=True):
            day = (moment.date() - first).days
            # Of the hour that comes twice in autumn the second counts.
            hours[day, moment.hour] = flow
        dates = [first + timedelta(days=day) for day in range(count)]
        kinds = [kind_of(one) for one in dates]
        judged = days.unlike(hours, np.array(kinds))
        found = []
        for run in _runs(judged, kinds):
            own = [edge for edge, moment in zip(edges_ns.tolist(), moments, strict=False)
                   if dates[run[0]] <= moment.date() <= dates[run[-1]]]  # fmt: skip
            usual = [
                float(np.nansum(hours[other]))
                for other in range(run[0])
                if kinds[other] == kinds[run[0]]
                and np.isfinite(hours[other]).sum() >= days.HOURS_MIN
            ]
            found.append(
                self._course(
                    series,
                    (own[0], own[-1] + HOUR_NS),
                    [(dates[day], hours[day]) for day in run],
                    float(np.median(usual)),
                    (int(judged.hour[run[0]]), float(judged.usual[run[0]])),
                    float(judged.beyond[run].max()),
                )
            )
        return found

    def _course(
        self,
        series: Series,
        span_ns: tuple[int, int],
        run: list[tuple[date, NDArray[np.float64]]],
        usual: float,
        differs: tuple[int, float],
        beyond: float,
    ) -> Anomaly:
        """Say what was unlike on these days; differs: the first one's hour, and what is usual."""
        unit = quantity(series.quantity).unit
        (day, hours), (hour, then) = run[0], differs
        whole = float(np.nansum(hours))
        more = f", and {len(run) - 1} more like it" if run[1:] else ""
        text = (
            f"took another course on {day:%a %Y-%m-%d}{more} than on such days before:"
            f" {told(whole, unit)}, usual is {told(usual, unit)}; from {hour} to {hour + 1} h"
            f" {told(float(hours[hour]), unit)} instead of {told(then, unit)}."
        )
        score = round(1 - 0.5 * days.BEYOND / max(beyond, days.BEYOND), 4)
        return self._named(series, COURSE, *span_ns, score, whole, usual, text)

    def _rates(
        self, series: Series, edges_ns: NDArray[np.int64], flows: NDArray[np.float64]
    ) -> list[Anomaly]:
        found = []
        unit = quantity(series.quantity).unit
        runs = days.more_than_ever(flows)
        for start, end, peak, before in zip(
            *(c.tolist() for c in (runs.start, runs.end, runs.peak, runs.before)), strict=True
        ):
            start_ns = int(edges_ns[start])
            ends_ns = None if end < 0 else int(edges_ns[end])
            text = (
                f"let {told(peak, unit)} through in an hour from {clock(start_ns, self._where)} on;"
                f" the most in the four weeks before was {told(before, unit)}."
            )
            score = round(1 - 0.5 * days.RATE_TIMES * before / peak, 4)
            found.append(self._named(series, RATE, start_ns, ends_ns, score, peak, before, text))
        return found

    def _named(
        self,
        series: Series,
        kind: str,
        start_ns: int,
        end_ns: int | None,
        score: float,
        value: float,
        expected: float,
        text: str,
    ) -> Anomaly:
        return Anomaly(
            id=identity(kind, *series, start_ns),
            device=series.device,
            quantity=series.quantity,
            channel=series.channel,
            kind=kind,
            start_ns=start_ns,
            end_ns=end_ns,
            score=score,
            value=value,
            expected=expected,
            detector=f"{kind}@1",
            text=f"{series.quantity} of {spoken(self._source, series.device)} {text}",
        )


def _runs(judged: days.Days, kinds: list[Day]) -> list[list[int]]:
    """Return the days of each run of unlike ones, of one kind and in a row: one event each.

    What lasts longer than RUN_DAYS days is what such days are like now.
    """
    found = []
    for kind in Day:
        run: list[int] = []
        for day in (day for day, one in enumerate(kinds) if one == kind):
            if judged.unlike[day]:
                run.append(day)
            elif run and np.isfinite(judged.distance[day]):
                found.append(run[:RUN_DAYS])
                run = []
        if run:
            found.append(run[:RUN_DAYS])
    return sorted(found)
