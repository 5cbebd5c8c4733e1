"""A scenario on its way: messages in the order of their sending, and the truth behind them."""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from fleet.calendar import DAY_S
from fleet.days import Ints
from fleet.exact import Floats
from fleet.faults import AT_ONCE, FAULTS, Fault
from fleet.message import SECOND_NS, Message
from fleet.network import dev_addr_of
from fleet.sampling import Sampler, Slice, change_of
from fleet.scenario import Scenario, span_s
from fleet.settle import settled
from fleet.speech import spoken
from fleet.town import Group, town

_ROWS = 4000
_DAY_NS = DAY_S * SECOND_NS
_BULK_NS = 40_000_000  # between two messages of a device that catches up


@dataclass(frozen=True)
class Samples:
    """Truth of a slice, a row for each value; every array is (n,). See docs/simulation.md."""

    device: Ints
    channel: Ints
    time_ns: Ints
    stated_ns: Ints
    true: Floats
    sent: Floats
    copies: Ints
    fault: Ints


@dataclass(frozen=True)
class Energy:
    """Truth of a day of one group: Wh or litres of each quarter hour; every array is (n,)."""

    device: Ints
    direction: Ints
    start_ns: Ints
    true: Floats
    metered: Floats


@dataclass(frozen=True)
class Batch:
    """A piece of time: what is sent in it, by the time of sending, and what is true."""

    end_ns: int
    messages: list[Message]
    samples: list[Samples]
    energy: list[Energy]


class Simulation:
    """All devices of a scenario from its start to its end; one run each.

    anchor_ns  when devices began to speak and registers to count, UTC ns: runs of one anchor fit
               onto each other, whenever each of them starts; None: at its start
    like       a run that was made up to where this one starts, and whose meters go on here
    part       faults that chance decides are others in another part of a longer life
    rows       so many messages are made at once, about
    reached_ns  how far it has been made: another run can go on from there
    """

    def __init__(
        self,
        scenario: Scenario,
        start_ns: int | None = None,
        *,
        anchor_ns: int | None = None,
        like: "Simulation | None" = None,
        part: int = 0,
        rows: int = _ROWS,
    ) -> None:
        """Build the town and settle the faults. Errors: ScenarioError."""
        self.scenario = scenario
        self.start_ns = scenario.start_ns(start_ns)
        self.end_ns = self.start_ns + scenario.length_ns
        self.reached_ns = self.start_ns
        self._anchor_ns = self.start_ns if anchor_ns is None else anchor_ns
        self._rows, self._goes_on = rows, like is not None
        self.world, self.groups = town(scenario, self._anchor_ns)
        self._first = _numbered(self.groups)
        self._channel_0 = _counted(self.groups)
        trouble = settled(scenario, self.groups, self.start_ns, part)
        self.faults = [one for faults in trouble.values() for one in faults]
        self._label = {one.number: label for label, all_ in trouble.items() for one in all_}
        step_s = span_s(scenario.step)
        ordered = sorted(self.groups.values(), key=lambda group: group.kind.flow == "feeder")
        for group in ordered:
            change = change_of(trouble[group.part.label], step_s)
            before = None if like is None else like.groups[group.part.label]
            group.connect(change, self.groups, before)
        self._samplers = [Sampler(group, trouble[group.part.label]) for group in ordered]
        self._told_hour: dict[int, int] = {}

    @property
    def per_second(self) -> float:
        """How many messages a second there are, about."""
        billionths = sum(
            int((10**9 * SECOND_NS // group.period_ns).sum()) for group in self.groups.values()
        )  # whole numbers, so that slices are cut alike on every machine
        return billionths / 10**9

    def __len__(self) -> int:
        """Return how many devices there are."""
        return sum(map(len, self.groups.values()))

    def devices(self) -> list[dict[str, object]]:
        """Return a row for each device."""
        rows: list[dict[str, object]] = []
        for label, group in self.groups.items():
            feeder = self.groups.get(group.part.feeder)
            for member, place in enumerate(group.places):
                behind = (
                    -1 if feeder is None else self._first[feeder.part.label] + member % len(feeder)
                )
                rows.append(
                    {
                        "device": group.device(member),
                        "name": group.names[member],
                        "kind": group.kind.name,
                        "label": label,
                        "city": place.city,
                        "district": place.district,
                        "flow": group.kind.flow,
                        "network": group.part.network if group.identities else "mqtt",
                        "feeder": behind,
                        "own_clock": group.kind.own_clock,
                        "timeless": group.kind.timeless,
                    }
                )
        return rows

    def channels(self) -> list[dict[str, object]]:
        """Return a row for each channel of each [[fleet]]."""
        return [
            {
                "label": label,
                "quantity": channel.quantity,
                "channel": channel.channel,
                "register": channel.register or "",
                "step": float(channel.value(1)),
            }
            for label, group in self.groups.items()
            for channel in group.kind.channels
        ]

    def fault_rows(self) -> list[dict[str, object]]:
        """Return a row for each fault, by its start."""
        rows = []
        for one in sorted(self.faults, key=lambda fault: (fault.start_ns, fault.number)):
            group = self.groups[self._label[one.number]]
            rows.append(
                {
                    "number": one.number,
                    "kind": one.kind,
                    "device": self._first[group.part.label] + one.member,
                    "device_id": group.device(one.member),
                    "quantity": one.channel.quantity if one.channel else "",
                    "channel": one.channel.channel if one.channel else "",
                    "start_ns": one.start_ns,
                    "end_ns": one.end_ns,
                    "size": one.size,
                    "text": self.sentence(one),
                }
            )
        return rows

    def sentence(self, fault: Fault) -> str:
        """Return what happens to whom, for a person."""
        group = self.groups[self._label[fault.number]]
        return f"{group.names[fault.member]}: {FAULTS[fault.kind].text}"

    def batches(self) -> Iterator[Batch]:
        """Yield the whole run, a piece of time after the other."""
        late: list[tuple[int, str, int, Message]] = []
        order = 0
        width_ns = max(SECOND_NS, int(self._rows / max(self.per_second, 1e-9)) * SECOND_NS)
        begin = self.start_ns
        hello = self._hello()
        if not self._goes_on:
            for number in range(self._anchor_ns // _DAY_NS, begin // _DAY_NS):
                self._go_to(number)
                yield Batch(begin, [], [], [])  # so that whoever waits can change his mind
        while begin < self.end_ns:
            midnight = (begin // _DAY_NS + 1) * _DAY_NS
            end = min(begin + width_ns, midnight, self.end_ns)
            self._go_to(begin // _DAY_NS)
            samples: list[Samples] = []
            fresh = hello
            hello = []
            for sampler in self._samplers:
                rows = sampler.slice(begin, end)
                if len(rows.which):
                    self._told(sampler, rows, fresh, samples)
            for message in fresh:
                # By topic where times are the same, so that no cut of the time shows.
                heapq.heappush(late, (message.time_ns, message.topic, order, message))
                order += 1
            ready = []
            while late and (late[0][0] < end or end == self.end_ns):
                ready.append(heapq.heappop(late)[3])
            energy = self._energy(begin) if end in {midnight, self.end_ns} else []
            yield Batch(end, ready, samples, energy)
            begin = self.reached_ns = end

    def _go_to(self, number: int) -> None:
        for sampler in self._samplers:
            if sampler.group.meters is not None:
                sampler.group.meters.go_to(number)

    def messages(self) -> Iterator[Message]:
        """Yield only what is sent."""
        for batch in self.batches():
            yield from batch.messages

    def _hello(self) -> list[Message]:
        """Return what devices say when the simulation begins: announcements and joins."""
        told: list[Message] = []
        for group in self.groups.values():
            for member, speaker in enumerate(group.speakers):
                if group.kind.hello is not None:
                    told += group.kind.hello(speaker, self.start_ns)
                fresh = self.start_ns == self._anchor_ns and group.frame_0[member] < 1000
                if fresh and group.server is not None:
                    identity = group.identities[member]
                    joined = group.server.join(identity, self.start_ns, dev_addr_of(identity))
                    told.append(joined)
        return told

    def _told(
        self, sampler: Sampler, rows: Slice, messages: list[Message], samples: list[Samples]
    ) -> None:
        """Put a group's rows into messages, and their truth beside them."""
        group = sampler.group
        lost = ~rows.is_sent
        if group.radio is not None:
            # A fault of one message is always heard: it would not have happened otherwise.
            surely = rows.garbage
            for one in sampler.faults:
                if one.kind in AT_ONCE:
                    surely = surely | one.covers(rows.which, rows.times_ns)
            lost = lost | (group.radio.lost(rows.which, rows.turn) & ~surely)
        copies = np.where(lost | rows.garbage, 0, 1)
        send_ns = rows.times_ns.copy()
        twice = np.zeros(len(lost), np.int64)
        for one in sampler.faults:
            touched = one.covers(rows.which, rows.times_ns)
            if not touched.any():
                continue
            if one.kind == "duplicate":
                copies = np.where(touched, copies * 2, copies)
                twice[touched] = int(one.size * SECOND_NS)
            elif one.kind == "late_bulk":
                since = rows.times_ns[touched] - one.start_ns
                send_ns[touched] = one.end_ns + since // group.period_ns[one.member] * _BULK_NS
            elif one.kind == "reordered":
                block = max(2, int(one.size))
                behind = 2 * (block - 1 - rows.turn[touched] % block)
                send_ns[touched] += behind * group.period_ns[one.member]
        made = spoken(group, rows, lost)
        as_due = not sampler.faults  # most groups in most slices: nothing is late or spoilt
        for at, sent in made:
            if as_due:
                messages += sent
                continue
            when, later = int(send_ns[at]), int(twice[at])
            # A message is made with the time of the device's clock, which may be wrong.
            clock_ns = int((rows.times_ns if group.server else rows.stated_ns)[at])
            is_due = when == rows.times_ns[at]
            for message in sent:
                payload = message.payload
                if rows.garbage[at]:
                    payload = payload[: len(payload) // 2]
                spoilt = message._replace(
                    time_ns=when + (message.time_ns - clock_ns if is_due else 0), payload=payload
                )
                messages.append(spoilt)
                if later:
                    messages.append(spoilt._replace(time_ns=spoilt.time_ns + later))
        if group.kind.timeless:  # it states no time, so that it is taken as of when it came
            rows = replace(rows, stated_ns=send_ns)
        self._true(group, rows, copies, samples)

    def _true(self, group: Group, rows: Slice, copies: Ints, samples: list[Samples]) -> None:
        label = group.part.label
        device = self._first[label] + rows.which
        for place, channel in enumerate(group.kind.channels):
            number = np.full(len(device), self._channel_0[label] + place, np.int64)
            samples.append(
                Samples(
                    device, number, rows.times_ns, rows.stated_ns,
                    channel.value(rows.true[channel.key]), channel.value(rows.told[channel.key]),
                    copies, rows.fault[channel.key],
                )
            )  # fmt: skip
        if rows.history.shape[1]:
            samples += self._hours(group, rows, copies)

    def _hours(self, group: Group, rows: Slice, copies: Ints) -> Iterator[Samples]:
        """Yield the truth of the hours that a message tells again, each once."""
        channel, label = group.kind.channels[0], group.part.label
        hour_ns = 3600 * SECOND_NS
        for at in np.flatnonzero(copies > 0):
            last = int(rows.stated_ns[at] // hour_ns)
            member = self._first[label] + int(rows.which[at])
            first = max(last - group.kind.history_hours, self._told_hour.get(member, -1) + 1)
            self._told_hour[member] = last
            count = last - first + 1
            if count < 1:
                continue
            times = np.arange(first, last + 1, dtype=np.int64) * hour_ns
            values = channel.value(rows.history[at, -count:])
            fixed = np.full(count, 1, np.int64)
            yield Samples(
                fixed * member, fixed * self._channel_0[label], times, times, values, values,
                fixed * copies[at], fixed * rows.fault[channel.key][at],
            )  # fmt: skip

    def _energy(self, begin_ns: int) -> list[Energy]:
        found = []
        for sampler in self._samplers:
            group = sampler.group
            if group.meters is None:
                continue
            quarters = group.meters.quarters()
            starts = quarters.number * _DAY_NS + np.arange(96, dtype=np.int64) * 900 * SECOND_NS
            inside = (starts >= self.start_ns) & (starts + 900 * SECOND_NS <= self.end_ns)
            count = int(inside.sum())
            device = np.repeat(self._first[group.part.label] + np.arange(len(group)), count)
            sides = [(0, quarters.true_import, quarters.metered_import)]
            if any(channel.register == "export" for channel in group.kind.channels):
                sides.append((1, quarters.true_export, quarters.metered_export))
            for direction, true, metered in sides:
                found.append(
                    Energy(
                        device,
                        np.full(len(device), direction, np.int64),
                        np.tile(starts[inside], len(group)),
                        true[:, inside].reshape(-1) / 3_600_000,
                        metered[:, inside].reshape(-1) / 3_600_000,
                    )
                )
        return found


def _numbered(groups: dict[str, Group]) -> dict[str, int]:
    first, found = 0, {}
    for label, group in groups.items():
        found[label] = first
        first += len(group)
    return found


def _counted(groups: dict[str, Group]) -> dict[str, int]:
    first, found = 0, {}
    for label, group in groups.items():
        found[label] = first
        first += len(group.kind.channels)
    return found
