"""Sensors that leave their peers: those of one model that measure the same, by the hour.

The stored windows of an hour of the last weeks are looked at as often as there are new ones, and
nothing else is kept: so it comes to the same after a restart, and with whatever came late.
"""

from dataclasses import dataclass, field
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.detectors import ERRATIC
from analytics.oddities import Found, identity, spoken
from analytics.wording import clock, lasting, told
from ingest.derived import HOUR_NS, Anomaly, Windows
from ingest.quantity import Kind, quantity
from ingest.reading import Series
from ingest.store import Source
from kernels import peers

LOOK_BACK_NS = 21 * 24 * HOUR_NS
TELL_NS = 14 * 24 * HOUR_NS
"""Of what began longer ago nothing new is said."""
GROUP_MAX = 60
"""Sensors that are compared with each other; of more those that were met one after another."""
KIND = "leaves_peers"
SAME_CAUSE = frozenset(("level_shift", "flatline", "out_of_range"))
SAME_CAUSE_NS = 6 * HOUR_NS


@dataclass(slots=True)
class _Group:
    """Series that measure the same with the same model, by number."""

    members: list[int] = field(default_factory=list)
    newest_ns: int = 0
    looked_ns: int = 0


class PeerWatch:
    """Sensors of one model, against each other. One thread uses it."""

    def __init__(self, source: Source, where: tzinfo) -> None:
        self._source, self._where = source, where
        self._met: dict[int, _Group | None] = {}
        self._groups: dict[tuple[str, str, str], list[_Group]] = {}
        self._due: dict[int, _Group] = {}

    @property
    def due(self) -> int:
        """How much there is to look at."""
        return len(self._due)

    def update(self, windows: Windows) -> None:
        """Take note of new windows, which are stored already."""
        hours = np.flatnonzero(windows.width_ns == HOUR_NS)
        if not len(hours):
            return
        hours = hours[np.argsort(windows.series[hours], kind="stable")]
        slot = windows.series[hours]
        first = np.flatnonzero(np.concatenate([[True], slot[1:] != slot[:-1]]))
        newest_ns = np.maximum.reduceat(windows.start_ns[hours], first)
        for number, start_ns in zip(slot[first].tolist(), newest_ns.tolist(), strict=True):
            group = self._met[number] if number in self._met else self._meet(number)
            if group is None:
                continue
            group.newest_ns = max(group.newest_ns, start_ns)
            if len(group.members) >= peers.PEERS_MIN and group.newest_ns > group.looked_ns:
                self._due[id(group)] = group

    def _meet(self, slot: int) -> _Group | None:
        """Put a series to its peers: by its number, so that a restart makes the same groups."""
        key = self._key(self._source.name_of(slot))
        if key is None:
            self._met[slot] = None
            return None
        if key not in self._groups:
            self._groups[key] = []
            for span in self._source.series():
                if self._key(span.series) == key:
                    self._join(key, span.number)
        if slot not in self._met:  # its number is the newest
            self._join(key, slot)
        return self._met[slot]

    def _key(self, series: Series) -> tuple[str, str, str] | None:
        """Return what peers have in common; None: a series has none."""
        if series.quantity in ERRATIC or quantity(series.quantity).kind is not Kind.GAUGE:
            return None
        device = self._source.device(series.device)
        if device is None or not device.model:
            return None
        return device.model, series.quantity, series.channel

    def _join(self, key: tuple[str, str, str], slot: int) -> None:
        parts = self._groups[key]
        if not parts or len(parts[-1].members) >= GROUP_MAX:
            parts.append(_Group())
        parts[-1].members.append(slot)
        self._met[slot] = parts[-1]

    def look(self) -> Found:
        """Look at one group that has new hours."""
        if not self._due:
            return Found()
        group = self._due.pop(next(iter(self._due)))
        end_ns = group.newest_ns + HOUR_NS
        start_ns = end_ns - LOOK_BACK_NS
        group.looked_ns = group.newest_ns
        own = self._source.windows(group.members, HOUR_NS, start_ns, end_ns)
        members = np.array(group.members)
        by_number = np.argsort(members)
        column = by_number[np.searchsorted(members[by_number], own.series)]
        hours = np.full((LOOK_BACK_NS // HOUR_NS, len(members)), np.nan)
        hours[(own.start_ns - start_ns) // HOUR_NS, column] = own.mean
        return self._compared(group, start_ns, peers.leaving(hours))

    def _compared(self, group: _Group, start_ns: int, events: peers.Events) -> Found:
        """Return what has changed of what is stored about these series."""
        names = [self._source.name_of(slot) for slot in group.members]
        since_ns = group.newest_ns - TELL_NS
        stored = self._source.anomalies(
            start_ns=since_ns, devices=sorted({name.device for name in names})
        )
        known = set(names)
        before = {
            a.id: a
            for a in stored
            if a.kind == KIND and a.start_ns >= since_ns and Series(a.device, a.quantity, a.channel)
            in known
        }  # fmt: skip
        causes: dict[Series, list[int]] = {}
        for a in stored:
            if a.kind in SAME_CAUSE:
                causes.setdefault(Series(a.device, a.quantity, a.channel), []).append(a.start_ns)
        now = {}
        for one in _rows(events):
            name = names[one.member]
            begins_ns = start_ns + one.start * HOUR_NS
            told_already = any(
                abs(at_ns - begins_ns) <= SAME_CAUSE_NS for at_ns in causes.get(name, ())
            )
            if begins_ns >= since_ns and not told_already:
                ends_ns = None if one.end < 0 else start_ns + one.end * HOUR_NS
                anomaly = self._named(name, begins_ns, ends_ns, one, len(names))
                now[anomaly.id] = anomaly
        return Found(
            [a for id, a in now.items() if before.get(id) != a],
            [id for id in before if id not in now],
        )

    def _named(
        self, name: Series, start_ns: int, end_ns: int | None, one: "_Event", of: int
    ) -> Anomaly:
        unit = quantity(name.quantity).unit
        way = "above" if one.peak > 0 else "below"
        since = clock(start_ns, self._where)
        who = f"{name.quantity} of {spoken(self._source, name.device)}"
        if end_ns is None:
            # While it lasts nothing is told that each further hour would change.
            text = f"{who} leaves its {of - 1} peers since {since}: it reads {way} what they show."
            value = expected = None
        else:
            lasts = f"for {lasting(end_ns - start_ns)} from {since}"
            by = told(float(f"{abs(one.peak):.3g}"), unit)
            text = f"{who} was up to {by} {way} what its {of - 1} peers showed, {lasts}."
            value, expected = one.value, one.expected
        beyond = abs(one.peak) / (peers.OUT * one.scale)
        return Anomaly(
            id=identity(KIND, *name, start_ns),
            device=name.device,
            quantity=name.quantity,
            channel=name.channel,
            kind=KIND,
            start_ns=start_ns,
            end_ns=end_ns,
            score=0.5 if end_ns is None else round(1 - 0.5 / max(beyond, 1.0), 4),
            value=value,
            expected=expected,
            detector=f"{KIND}@1",
            text=text,
        )


@dataclass(frozen=True, slots=True)
class _Event:
    member: int
    start: int
    end: int
    peak: float
    value: float
    expected: float
    scale: float


def _rows(events: peers.Events) -> list[_Event]:
    columns: list[NDArray[np.generic]] = [getattr(events, name) for name in _Event.__slots__]
    return [_Event(*row) for row in zip(*(c.tolist() for c in columns), strict=True)]
