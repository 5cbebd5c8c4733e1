"""What flowed through many meters since the start, exactly, at any moment of the day at hand.

Flows are whole watts or litres an hour, constant within a step of the day. Their sums are integers
(flow times milliseconds), so nothing is rounded before a register cuts it to its own resolution,
and the sum of all intervals is the difference of the register, to the last digit.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.calendar import DAY_S
from fleet.days import Days, Ints
from fleet.flows import Flow

PER_UNIT = 3_600_000
"""Watt-milliseconds in a Wh, and litre-an-hour-milliseconds in a litre."""

_DAY_MS = DAY_S * 1000
QUARTER_S = 900


class Change(Protocol):
    """What a fault does to a flow: theft by-passes a meter, a leak adds to it."""

    def __call__(self, meter: int, day: int, flow: Ints, /) -> tuple[Ints, Ints]:
        """Return what flows and what of it the meter sees, each of the shape of flow."""


class Totals(NamedTuple):
    """What flowed since the start of the simulation, each of shape (n,), in flow · ms.

    flow  the power or flow at that moment as the meter sees it, W or l/h
    """

    imported: Ints
    exported: Ints
    flow: Ints


class Quarters(NamedTuple):
    """The energy of a day's quarter hours, in flow · ms, each of shape (meters, 96)."""

    number: int
    true_import: Ints
    true_export: Ints
    metered_import: Ints
    metered_export: Ints


class _Known(NamedTuple):
    """A day: flow (n, s), its sums up to each step (n, s + 1), and the sums before it (n,)."""

    number: int
    flow: Ints
    in_sums: Ints
    out_sums: Ints
    in_before: Ints
    out_before: Ints


class Meters:
    """The flows of n meters, a day at a time; days are asked for in rising order."""

    def __init__(
        self,
        days: Days,
        keys: Sequence[int],
        flows: Sequence[Flow],
        change: Change | None = None,
    ) -> None:
        """keys and flows are one for each meter."""
        self._days, self._keys, self._flows = days, list(keys), list(flows)
        self._change = change
        nothing = np.zeros(len(self._keys), np.int64)
        empty = np.zeros((len(self._keys), 1), np.int64)
        self._now = self._before = _Known(-1, empty, empty, empty, nothing, nothing)
        self.true = empty

    def go_to(self, number: int) -> None:
        """Work out a UTC day (days since 1970), and those between it and the one at hand.

        Before the first day that is asked for, nothing flowed.
        """
        if number == self._now.number:
            return
        if self._now.number >= 0:
            for between in range(self._now.number + 1, number):
                self.go_to(between)
        last = self._before = self._now
        self.true, flow = self._worked_out(number)
        self._now = _Known(
            number,
            flow,
            self._summed(np.maximum(flow, 0)),
            self._summed(np.maximum(-flow, 0)),
            last.in_before + last.in_sums[:, -1],
            last.out_before + last.out_sums[:, -1],
        )

    def at(self, which: NDArray[np.intp], times_ms: Ints) -> Totals:
        """Return the totals of meters (n,) at moments (n,), UTC ms.

        Moments are of the day at hand or of the one before; before the first day nothing flowed.
        """
        today = times_ms >= self._now.number * _DAY_MS
        if today.all():
            return self._at(self._now, which, times_ms)
        told = [np.zeros(len(which), np.int64) for _ in range(3)]
        for day, rows in ((self._now, today), (self._before, ~today)):
            if day.number >= 0:
                mine = rows & (times_ms >= day.number * _DAY_MS)
                found = self._at(day, which[mine], times_ms[mine])
                for into, column in zip(told, found, strict=True):
                    into[mine] = column
        return Totals(*told)

    def _at(self, day: _Known, which: NDArray[np.intp], times_ms: Ints) -> Totals:
        step_ms = self._days.step_s * 1000
        since = times_ms - day.number * _DAY_MS
        step = since // step_ms
        rest = since - step * step_ms
        flow = day.flow[which, step]
        imported = day.in_before[which] + day.in_sums[which, step] + np.maximum(flow, 0) * rest
        exported = day.out_before[which] + day.out_sums[which, step] + np.maximum(-flow, 0) * rest
        return Totals(imported, exported, flow)

    def alone(self, meter: int) -> "Meters":
        """Return one of them by itself, before its first day."""
        whole = self._change

        def change(meter_0: int, day: int, flow: Ints) -> tuple[Ints, Ints]:
            return (flow, flow) if whole is None else whole(meter + meter_0, day, flow)

        return Meters(self._days, [self._keys[meter]], [self._flows[meter]], change)

    def quarters(self) -> Quarters:
        """Return the truth of the day at hand: what flowed and what was metered."""
        return Quarters(
            self._now.number,
            self._quartered(np.maximum(self.true, 0)),
            self._quartered(np.maximum(-self.true, 0)),
            self._quartered(np.maximum(self._now.flow, 0)),
            self._quartered(np.maximum(-self._now.flow, 0)),
        )

    def _worked_out(self, number: int) -> tuple[Ints, Ints]:
        day = self._days.day(number)
        true = np.empty((len(self._keys), day.steps), np.int64)
        metered = true
        for meter, (key, flow) in enumerate(zip(self._keys, self._flows, strict=True)):
            true[meter] = flow(key, day)
        if self._change is not None:
            metered = true.copy()
            for meter in range(len(self._keys)):
                true[meter], metered[meter] = self._change(meter, number, true[meter])
        return true, metered

    def _summed(self, flow: Ints) -> Ints:
        sums = np.zeros((flow.shape[0], flow.shape[1] + 1), np.int64)
        np.cumsum(flow * (self._days.step_s * 1000), axis=1, out=sums[:, 1:])
        return sums

    def _quartered(self, flow: Ints) -> Ints:
        step_s = self._days.step_s
        sums = self._summed(flow)
        ends = np.arange(0, DAY_S + 1, QUARTER_S) // step_s
        return np.asarray(np.diff(sums[:, ends], axis=1))


class Feeder(Meters):
    """Transformer stations: each sums the meters behind it and adds its own losses.

    Losses: what the iron takes always, and what the copper takes with the square of the load.
    """

    def __init__(
        self,
        days: Days,
        behind: Sequence[Sequence[tuple[Meters, int]]],
        rated_va: Sequence[int],
    ) -> None:
        """behind: for each station the meters that it feeds; rated_va: its size."""
        super().__init__(days, [0] * len(behind), [])
        self._behind, self._rated_va = behind, rated_va

    def alone(self, meter: int) -> "Feeder":
        """Return one station with meters of its own behind it, before its first day."""
        behind = [(group.alone(member), 0) for group, member in self._behind[meter]]
        return Feeder(self._days, [behind], [self._rated_va[meter]])

    def _worked_out(self, number: int) -> tuple[Ints, Ints]:
        steps = self._days.day(number).steps
        total = np.zeros((len(self._behind), steps), np.int64)
        for station, (meters, rated) in enumerate(zip(self._behind, self._rated_va, strict=True)):
            for group, meter in meters:
                group.go_to(number)
                total[station] += group.true[meter]
            load = total[station]
            total[station] += rated // 600 + load * load * 11 // (rated * 1000)
        return total, total
