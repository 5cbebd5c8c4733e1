"""What a group of devices measures and says in a slice of time, faults and all.

A row is one message of one device. Its values are whole steps of the wire, as they truly are and
as they are told; the two differ only where a fault says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.chance import keys_of, uniforms
from fleet.days import Ints
from fleet.exact import Floats
from fleet.faults import CLOCKS, HOUR_NS, JUMPS, WORLDLY, Broken, Fault, stated_ns
from fleet.kind import Channel
from fleet.meters import PER_UNIT, Change
from fleet.town import Group

_HOUR_MS = 3_600_000
_MS = 1_000_000
_EMPTY_V = 0.9


@dataclass(frozen=True)
class Slice:
    """Rows of one group, in the order of devices; every array is (n,).

    which, turn  the device's place in its group, and how often it spoke before
    times_ns     when it was sampled; stated_ns: when the message says that it was
    true, told   steps on the wire by channel key
    fault        number of the fault that touches a row's value by channel key, -1 for none
    is_sent      False where the device says nothing
    garbage      True where what it sends can't be read
    history      water meters: (n, hours + 1) registers at the whole hours before
    """

    which: NDArray[np.intp]
    turn: Ints
    times_ns: Ints
    stated_ns: Ints
    true: Mapping[str, Ints]
    told: Mapping[str, Ints]
    fault: Mapping[str, Ints]
    is_sent: NDArray[np.bool_]
    garbage: NDArray[np.bool_]
    history: Ints


class Sampler:
    """One group with its faults; slices are asked for in rising order."""

    def __init__(self, group: Group, faults: Sequence[Fault]) -> None:
        """Settle where each register starts, so that one that is to roll over does so in time."""
        self.group, self.faults = group, list(faults)
        self._broken = Broken(group.keys)
        self._settled: dict[tuple[int, str], int] = {}
        self._registers = [one for one in group.kind.channels if one.register is not None]
        self._offset = {one.key: self._starts(number, one)
                        for number, one in enumerate(self._registers)}  # fmt: skip
        self._jumps = sorted(
            (one for one in self.faults if one.kind in JUMPS - {"rollover"}),
            key=lambda one: one.start_ns,
        )

    def slice(self, begin_ns: int, end_ns: int) -> Slice:
        """Return the rows of [begin, end), which lies within one UTC day."""
        group, kind = self.group, self.group.kind
        which, turn, times_ns = group.due(begin_ns, end_ns)
        seconds = times_ns / 1e9
        count = len(which)
        true: dict[str, Ints] = {}
        told: dict[str, Ints] = {}
        if group.meters is None:
            values = kind.physics(group.world, group, which, seconds)
        else:
            for one in self._jumps:
                if begin_ns <= one.start_ns < end_ns and one.channel is not None:
                    self._after(one, one.channel)
            totals = group.meters.at(which, times_ns // _MS)
            values = kind.physics(group.world, group, which, seconds, totals.flow)
            sides = {"import": totals.imported, "export": totals.exported}
            for channel in self._registers:
                steps = _steps(sides[channel.register or ""], channel)
                shown, whole = self._shown(channel, which, times_ns, steps)
                true[channel.key], told[channel.key] = whole, shown
        active = [one for one in self.faults if one.start_ns < end_ns and one.end_ns > begin_ns]
        fault = {}
        for channel in kind.channels:
            fault[channel.key] = np.full(count, -1, np.int64)
            for one in active:
                fault[channel.key][one.touches(channel, which, times_ns)] = one.number
            if channel.register is None:
                exact = values[channel.key]
                true[channel.key] = _cut(exact, channel)
                mine = [one for one in active if one.channel == channel]
                for one in mine:
                    exact = self._changed(one, which, times_ns, exact)
                told[channel.key] = _cut(exact, channel) if mine else true[channel.key]
        stated = times_ns
        is_sent = np.ones(count, bool)
        garbage = np.zeros(count, bool)
        for one in active:
            rows = one.covers(which, times_ns)
            if one.kind in CLOCKS:
                stated = np.where(rows, stated_ns(one, times_ns), stated)
            elif one.kind == "garbage":
                garbage |= rows
            is_sent &= ~one.silences(which, times_ns)
        return Slice(
            which, turn, times_ns, stated, true, told, fault, is_sent, garbage,
            self._history(which, times_ns),
        )  # fmt: skip

    def _shown(
        self, channel: Channel, which: NDArray[np.intp], times_ns: Ints, steps: Ints
    ) -> tuple[Ints, Ints]:
        """Return what the register shows, faults and all, and what it shows of right."""
        offset = self._offset[channel.key][which]
        for one in self._jumps:
            if one.channel is not None and one.channel.key == channel.key:
                after = (which == one.member) & (times_ns >= one.start_ns)
                if after.any():
                    offset = np.where(after, self._after(one, channel), offset)
        whole = (steps + offset) % channel.width
        shown = whole
        for one in self.faults:
            if one.channel == channel and one.kind not in JUMPS:
                shown = self._broken.shown(one, which, times_ns, shown)
        return np.minimum(shown, channel.high), whole

    def _after(self, fault: Fault, channel: Channel) -> int:
        """Return the offset of a register since a fault made it start again."""
        key = (fault.number, channel.key)
        found = self._settled.get(key)
        if found is None:
            assert self.group.meters is not None
            member = np.array([fault.member])
            at = self.group.meters.at(member, np.array([fault.start_ns // _MS]))
            side = at.imported if channel.register == "import" else at.exported
            before = int(_steps(side, channel)[0])
            first = int(fault.size * channel.per_base[0] / channel.per_base[1])
            found = (first if fault.kind == "meter_exchange" else 0) - before
            self._settled[key] = found
        return found

    def _changed(
        self, fault: Fault, which: NDArray[np.intp], times_ns: Ints, values: Floats
    ) -> Floats:
        if fault.kind != "battery_death":
            return self._broken.told(fault, which, times_ns, values)
        rows = fault.covers(which, times_ns)
        gone = np.clip((times_ns - fault.start_ns) / (fault.size * HOUR_NS), 0.0, 1.0)
        return np.where(rows, values - _EMPTY_V * gone * gone, values)

    def _starts(self, number: int, channel: Channel) -> Ints:
        """Return what a register shows at the beginning: an age of some years, by its kind."""
        group = self.group
        draws = uniforms(keys_of(group.keys, 60 + number), np.zeros(len(group), np.int64))
        usual = channel.per_base[0] * 60_000_000 // channel.per_base[1]
        starts = (draws * min(usual, channel.width * 0.6)).astype(np.int64)
        for one in self.faults:
            if one.kind == "rollover" and one.channel == channel:
                flowed = self._flowed(one, channel)
                starts[one.member] = channel.width - flowed
        return starts

    def _flowed(self, fault: Fault, channel: Channel) -> int:
        """Return the steps that a meter counts from the start to a fault's."""
        group = self.group
        assert group.meters is not None
        alone = group.meters.alone(fault.member)
        first = group.start_ns // (24 * HOUR_NS)
        last = fault.start_ns // (24 * HOUR_NS)
        for number in range(first, last + 1):
            alone.go_to(number)
        at = alone.at(np.array([0]), np.array([fault.start_ns // _MS]))
        side = at.imported if channel.register == "import" else at.exported
        return int(_steps(side, channel)[0])

    def _history(self, which: NDArray[np.intp], times_ns: Ints) -> Ints:
        hours = self.group.kind.history_hours
        if not hours or self.group.meters is None or not len(which):
            return np.zeros((len(which), 0), np.int64)
        channel = self._registers[0]
        last = times_ns // _MS // _HOUR_MS * _HOUR_MS
        back = last[:, None] - np.arange(hours, -1, -1, dtype=np.int64) * _HOUR_MS
        again = np.repeat(which, hours + 1)
        totals = self.group.meters.at(again, back.reshape(-1))
        shown, _ = self._shown(
            channel, again, back.reshape(-1) * _MS, _steps(totals.imported, channel)
        )
        return shown.reshape(back.shape)


class Astray:
    """Theft and leaks: flows that a fault changes, see fleet.meters.Change."""

    def __init__(self, faults: Sequence[Fault], step_s: int) -> None:
        """Take the faults of one group."""
        self._faults = [one for one in faults if one.kind in WORLDLY]
        self._step_ns = step_s * 1_000_000_000

    def __call__(self, meter: int, day: int, flow: Ints) -> tuple[Ints, Ints]:
        """Return what flows and what is metered; see fleet.meters.Change."""
        true = metered = flow
        starts = day * 24 * HOUR_NS + np.arange(len(flow), dtype=np.int64) * self._step_ns
        for one in self._faults:
            if one.member == meter:
                inside = (starts >= one.start_ns) & (starts < one.end_ns)
                if one.kind == "water_leak":
                    true = metered = true + inside * int(one.size)
                else:
                    part = (np.maximum(flow, 0) * one.size).astype(np.int64)
                    metered = metered - inside * part
        return true, metered


def change_of(faults: Sequence[Fault], step_s: int) -> Change | None:
    """Return what a group's faults do to its flows; None where they do nothing."""
    return Astray(faults, step_s) if any(one.kind in WORLDLY for one in faults) else None


def _steps(total: Ints, channel: Channel) -> Ints:
    """Return whole steps of a total in flow times ms."""
    mul, div = channel.per_base
    return total * mul // (PER_UNIT * div)


def _cut(values: Floats, channel: Channel) -> Ints:
    """Return values as steps on the wire, the nearest that the field carries."""
    steps = np.floor(values * channel.div / channel.mul + 0.5).astype(np.int64)
    return np.clip(steps, channel.low, channel.high)
