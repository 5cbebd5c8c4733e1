"""Steps of registers that need a name: resets, rollovers, exchanges, glitches, jumps, as they come.

A register that climbs as it always did is only looked over. One that falls, or climbs steeper than
anything that is usual, has its last weeks judged as /v1/energy judges all of it (docs/energy.md),
and again with further readings until that judgement is settled. So the anomaly tells what is told
there, with the same sentence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.corrections import Correction, corrections_of
from analytics.grouping import Groups, valid
from analytics.oddities import ALWAYS_NS, NEVER_NS, Found, identity, spoken
from analytics.register import DIP_NS, DIP_READINGS, JUMP_FLOOR, RATE_CEILING, unwrapped
from analytics.serials import with_serials
from ingest.derived import HOUR_NS, Anomaly
from ingest.meter import NOTHING_KNOWN, RegisterFacts
from ingest.quantity import Kind, quantity
from ingest.reading import Series
from ingest.store import Source

Facts = Callable[[str, str, str], RegisterFacts]
LOOK_BACK_NS = 35 * 24 * HOUR_NS
"""How far back the rates and the typical week are learnt from."""
PREFIX = "register_"
AGAIN_NS = HOUR_NS // 4
"""How often an event that is not settled is judged again, after its first readings."""
_SCORES = {"rollover": 0.3, "exchange": 0.4, "reset": 0.6, "glitch": 0.6, "steep": 0.7}
_SCORE = 0.9  # of what nobody can explain
_UNKNOWN = -1.0


@dataclass(slots=True)
class _Pending:
    """Readings that came since an event that is not settled, and the last that was judged."""

    readings: int = 0
    judged_ns: int = NEVER_NS


class CounterWatch:
    """The registers of all devices. One thread uses it.

    facts  what people know of a register's meters
    """

    def __init__(self, source: Source, where: tzinfo, facts: Facts | None = None) -> None:
        self._source, self._where = source, where
        self._facts = facts or (lambda *register: NOTHING_KNOWN)
        self._usual = np.empty(0)  # the steepest climb that needs no look, per hour; 0: no register
        self._last_ns = np.empty(0, np.int64)
        self._last = np.empty(0)
        self._unsettled: dict[int, _Pending] = {}
        self._open = {
            Series(a.device, a.quantity, a.channel)
            for a in source.anomalies(open_only=True)
            if a.kind.startswith(PREFIX)
        }

    def update(self, groups: Groups) -> Found:
        """Take in rows that are stored already."""
        if not len(groups):
            return Found()
        self._meet(groups)
        groups = groups.only(self._usual[groups.slot] > 0)
        if not len(groups):
            return Found()
        look = self._looks_odd(groups)
        for at in np.flatnonzero(np.isin(groups.slot, list(self._unsettled))).tolist():
            pending = self._unsettled[int(groups.slot[at])]
            pending.readings += int(groups.offsets[at + 1] - groups.offsets[at])
            waited_ns = int(groups.last_ns[at]) - pending.judged_ns
            look[at] |= pending.readings <= DIP_READINGS + 1 or waited_ns >= AGAIN_NS
        first_ns = np.minimum(groups.first_ns, self._last_ns[groups.slot])
        first_ns = np.where(self._last_ns[groups.slot] == NEVER_NS, groups.first_ns, first_ns)
        later = groups.last_ns > self._last_ns[groups.slot]
        self._last_ns[groups.slot[later]] = groups.last_ns[later]
        self._last[groups.slot[later]] = groups.rows.value[groups.offsets[1:] - 1][later]
        found = Found()
        for at in np.flatnonzero(look).tolist():
            found.add(self._judge(int(groups.slot[at]), int(first_ns[at])))
        return found

    def _looks_odd(self, groups: Groups) -> NDArray[np.bool_]:
        """Return which groups fall, climb too steeply, come late, or hold what is no number."""
        rows, slot = groups.rows, groups.slot
        starts = groups.offsets[:-1]
        before_ns = np.empty(len(rows), np.int64)
        before = np.empty(len(rows))
        before_ns[1:], before[1:] = rows.time_ns[:-1], rows.value[:-1]
        before_ns[starts], before[starts] = self._last_ns[slot], self._last[slot]
        row_slot = np.repeat(slot, np.diff(groups.offsets))
        met = before_ns != NEVER_NS
        span_h = np.where(met, rows.time_ns - before_ns, HOUR_NS) / HOUR_NS
        climb = np.where(met, rows.value - before, 0.0)
        plain = (climb >= 0) & (climb <= self._usual[row_slot] * span_h) & (span_h > 0)
        return np.logical_or.reduceat(~plain, starts) | groups.rejected

    def _judge(self, slot: int, first_ns: int) -> Found:
        """Judge a register's last weeks; tell what has changed since two dips before this time."""
        series = self._source.name_of(slot)
        unit = quantity(series.quantity).unit
        from_ns = first_ns - LOOK_BACK_NS
        number = np.array([slot], np.int32)
        rows = valid(self._source.within(number, np.array([from_ns]), np.array([ALWAYS_NS])))
        known = with_serials(self._source, series, self._facts(*series))
        whole = unwrapped(rows, unit, self._where, known)
        if np.isfinite(whole.limits.jump_max):
            self._usual[slot] = max(self._usual[slot], whole.limits.jump_max)
        settles = whole.judged.provisional
        if settles.any():
            pending = self._unsettled.setdefault(slot, _Pending())
            pending.judged_ns = int(rows.time_ns[-1])
        else:
            self._unsettled.pop(slot, None)
        since_ns = max(first_ns - 2 * DIP_NS, int(rows.time_ns[0]) if len(rows) else first_ns)
        open_ns = int(rows.time_ns[settles].min()) if settles.any() else ALWAYS_NS
        now = {
            a.id: a
            for a in (
                self._named(series, unit, one, one.at_ns >= open_ns)
                for one in corrections_of(whole, unit)
                if one.at_ns >= since_ns
            )
        }
        before = {
            a.id: a
            for a in self._source.anomalies(start_ns=since_ns, devices=[series.device])
            if a.kind.startswith(PREFIX) and a.start_ns >= since_ns
            and (a.quantity, a.channel) == (series.quantity, series.channel)
        }  # fmt: skip
        return Found(
            [a for id, a in now.items() if before.get(id) != a],
            [id for id in before if id not in now],
        )

    def _named(self, series: Series, unit: str, one: Correction, open_: bool) -> Anomaly:
        kind = PREFIX + one.kind
        asks = " Somebody should decide whether it flowed." if one.asked else ""
        who = f"{series.quantity} of {spoken(self._source, series.device)}"
        return Anomaly(
            id=identity(kind, *series, one.at_ns),
            device=series.device,
            quantity=series.quantity,
            channel=series.channel,
            kind=kind,
            start_ns=one.at_ns,
            end_ns=None if open_ else one.at_ns,
            score=_SCORES.get(one.kind, _SCORE),
            value=one.value,
            expected=None,
            detector=f"{kind}@1",
            text=f"{who}: {one.note}{asks}",
        )

    def _meet(self, groups: Groups) -> None:
        """Make room for these series, and learn where those that are registers stand."""
        have, top = len(self._usual), int(groups.slot.max()) + 1
        if top > have:
            more = max(top, 2 * have) - have
            self._usual = np.concatenate([self._usual, np.full(more, _UNKNOWN)])
            self._last_ns = np.concatenate([self._last_ns, np.full(more, NEVER_NS)])
            self._last = np.concatenate([self._last, np.zeros(more)])
        fresh = self._usual[groups.slot] == _UNKNOWN
        if not fresh.any():
            return
        for slot in groups.slot[fresh].tolist():
            name = self._source.name_of(slot)
            measured = quantity(name.quantity)
            register = measured.kind is Kind.REGISTER and measured.unit in RATE_CEILING
            self._usual[slot] = JUMP_FLOOR[measured.unit] if register else 0.0
            if name in self._open:
                self._unsettled[slot] = _Pending()
        known = fresh & (self._usual[groups.slot] > 0)
        slots, first_ns = groups.slot[known].astype(np.int32), groups.first_ns[known]
        before_ns = self._source.newest_before(slots, first_ns)
        older = before_ns < first_ns
        stood = self._source.at(slots[older], before_ns[older])
        self._last_ns[stood.series] = stood.time_ns
        self._last[stood.series] = stood.value
