"""What is odd about single series: spikes and flatlines, judged reading by reading.

An anomaly is a function of all readings of its series in order of time. Readings that come in
order go on from the state; anything else makes the series' anomalies again from the store. What
was open may also turn out to have been none (a spike that stays is a change of level): it is
retracted then.
"""

import hashlib
from dataclasses import dataclass, field, replace
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from analytics.grouping import Groups, grouped, in_parts, valid
from analytics.wording import clock, lasting, told
from ingest.derived import HOUR_NS, Anomaly
from ingest.quantity import Kind, quantity
from ingest.store import Source
from kernels import flatline, spike

NEVER_NS = int(np.iinfo(np.int64).min)
LEARNING_NS = 2 * 24 * HOUR_NS
"""How long after a beginning nothing new is said of a series whose older readings were dropped."""

ALWAYS_NS = int(np.iinfo(np.int64).max)


@dataclass(slots=True)
class Found:
    """Anomalies that are new or have changed, and ids of those that are disproved."""

    changed: list[Anomaly] = field(default_factory=list)
    retracted: list[str] = field(default_factory=list)

    def add(self, other: "Found") -> None:
        """Take in what another look found."""
        self.changed += other.changed
        self.retracted += other.retracted


def identity(*parts: object) -> str:
    """Return the id of an anomaly from what and where it is."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()


def spoken(source: Source, device: str) -> str:
    """Return a device as people call it: its name, or its id where it has none."""
    known = source.device(device)
    return (known.name if known else "") or device


class SeriesWatch:
    """Spikes and flatlines of every gauge. One thread uses it."""

    KINDS = ("spike", "flatline")

    def __init__(self, source: Source, where: tzinfo) -> None:
        self._source = source
        self._where = where
        self._spikes = spike.State.empty(0)
        self._flats = flatline.State.empty(0)
        self._newest_ns = np.empty(0, np.int64)
        self._gauges = np.empty(0, np.bool_)
        self._met = np.empty(0, np.bool_)  # whether it is known what the series measures
        self._open: dict[int, dict[str, Anomaly]] = {}

    def update(self, groups: Groups) -> Found:
        """Take in rows that are stored already."""
        self._meet(groups.slot)
        groups = groups.only(self._gauges[groups.slot])
        if not len(groups):
            return Found()
        newest_ns = self._newest_ns[groups.slot]
        goes_on = (newest_ns != NEVER_NS) & (groups.first_ns > newest_ns) & ~groups.rejected
        found = self._follow(groups.only(goes_on)) if goes_on.any() else Found()
        if not goes_on.all():
            found.add(self.rebuild(groups.slot[~goes_on]))
        return found

    def unknown(self, slots: list[int]) -> list[int]:
        """Return those of these series that are watched and not known here yet."""
        numbers = np.array(slots, dtype=np.int64)
        self._meet(numbers)
        found: list[int] = numbers[
            self._gauges[numbers] & (self._newest_ns[numbers] == NEVER_NS)
        ].tolist()
        return found

    def rebuild(self, slots: NDArray[np.int64]) -> Found:
        """Make the anomalies of these series again, from all of their readings."""
        found = Found()
        counts = {span.number: span.count for span in self._source.series()} if len(slots) else {}
        numbers = slots.tolist()
        for part in in_parts(numbers, [counts.get(number, 0) for number in numbers]):
            found.add(self._rebuild(np.array(part, dtype=np.int64)))
        return found

    def _rebuild(self, slots: NDArray[np.int64]) -> Found:
        self._meet(slots)
        # Where readings were dropped since then, and where what is left must be learnt from first,
        # what was found stays as it is.
        kept_ns = self._source.forgotten_ns(slots.astype(np.int32)).tolist()
        names = {
            tuple(self._source.name_of(slot)): since + LEARNING_NS if since > NEVER_NS else since
            for slot, since in zip(slots.tolist(), kept_ns, strict=True)
        }
        before = {
            a.id: a
            for a in self._source.anomalies(devices=sorted({name[0] for name in names}))
            if a.kind in self.KINDS
            and a.start_ns >= names.get((a.device, a.quantity, a.channel), ALWAYS_NS)
        }
        self._spikes.reset(slots)
        self._flats.reset(slots)
        for slot in slots.tolist():
            self._open.pop(slot, None)
        always = np.full(len(slots), ALWAYS_NS)
        groups = grouped(valid(self._source.within(slots.astype(np.int32), -always, always)))
        self._newest_ns[slots] = NEVER_NS
        now = {
            a.id: a
            for a in self._follow(groups).changed
            if a.start_ns >= names[a.device, a.quantity, a.channel]
        }
        return Found(
            [a for id, a in now.items() if before.get(id) != a],
            [id for id in before if id not in now],
        )

    def _meet(self, slots: NDArray[np.int64]) -> None:
        """Make room for these series, and learn what they measure at first sight.

        Only gauges are judged; registers, counts and states are not.
        """
        if not len(slots):
            return
        self._grow(int(slots.max()) + 1)
        for slot in slots[~self._met[slots]].tolist():
            measured = quantity(self._source.name_of(slot).quantity)
            self._gauges[slot] = measured.kind is Kind.GAUGE
            self._flats.rests_at_zero[slot] = measured.rests_at_zero
            self._met[slot] = True

    def _follow(self, groups: Groups) -> Found:
        rows, slot = groups.rows, groups.slot
        self._newest_ns[slot] = groups.last_ns
        feed = (slot, groups.offsets, rows.time_ns, rows.value)
        ended = self._told_spikes(spike.fold(self._spikes, *feed))
        ended += self._told_flats(flatline.fold(self._flats, *feed))
        lasting_on = self._told_spikes(spike.open_spikes(self._spikes, slot))
        lasting_on += self._told_flats(flatline.open_flatlines(self._flats, slot))
        before: dict[str, Anomaly] = {}
        if self._open:
            for number in slot.tolist():
                before.update(self._open.pop(number, {}))
        for number, anomaly in lasting_on:
            self._open.setdefault(number, {})[anomaly.id] = anomaly
        changed = [a for _, a in ended] + [a for _, a in lasting_on if before.get(a.id) != a]
        stands = {a.id for _, a in ended + lasting_on}
        return Found(changed, [id for id in before if id not in stands])

    def _told_spikes(self, found: spike.Spikes) -> list[tuple[int, Anomaly]]:
        told_now = []
        for slot, start, end, peak, expected, z in zip(
            *(column.tolist() for column in (found.slot, found.start_ns, found.end_ns)),
            *(column.tolist() for column in (found.peak, found.expected, found.z)),
            strict=True,
        ):
            blank, unit = self._blank(slot, "spike", start, end)
            way = "jumped" if peak > expected else "dropped"
            what = f"{self._subject(blank)} {way} to {told(peak, unit)}"
            text = f"{what} at {clock(start, self._where)}; usual is about {told(expected, unit)}."
            score = round(1 - spike.Z_MIN / 2 / z, 4)
            anomaly = replace(blank, score=score, value=peak, expected=expected, text=text)
            told_now.append((slot, anomaly))
        return told_now

    def _told_flats(self, found: flatline.Flatlines) -> list[tuple[int, Anomaly]]:
        told_now = []
        for slot, start, end, length, value, beyond in zip(
            *(column.tolist() for column in (found.slot, found.start_ns, found.end_ns)),
            *(column.tolist() for column in (found.length, found.value, found.score)),
            strict=True,
        ):
            blank, unit = self._blank(slot, "flatline", start, end)
            what = self._subject(blank)
            since = clock(start, self._where)
            if blank.end_ns is None:
                # While it lasts nothing is told that each further reading would change.
                text, score = f"{what} repeats {told(value, unit)} exactly since {since}.", 0.5
            else:
                span = lasting(blank.end_ns - start)
                text = f"{what} repeated {told(value, unit)} exactly for {span} from {since}"
                text, score = f"{text} ({length} readings).", round(1 - 0.5 / beyond, 4)
            told_now.append((slot, replace(blank, score=score, value=value, text=text)))
        return told_now

    def _subject(self, blank: Anomaly) -> str:
        return f"{blank.quantity} of {spoken(self._source, blank.device)}"

    def _blank(self, slot: int, kind: str, start_ns: int, end_ns: int) -> tuple[Anomaly, str]:
        name = self._source.name_of(slot)
        anomaly = Anomaly(
            id=identity(kind, *name, start_ns),
            device=name.device,
            quantity=name.quantity,
            channel=name.channel,
            kind=kind,
            start_ns=start_ns,
            end_ns=None if end_ns < 0 else end_ns,
            score=0.0,
            value=None,
            expected=None,
            detector=f"{kind}@1",
            text="",
        )
        return anomaly, quantity(name.quantity).unit

    def _grow(self, slots: int) -> None:
        have = len(self._newest_ns)
        if slots <= have:
            return
        slots = max(slots, 2 * have)
        self._spikes, self._flats = self._spikes.grown(slots), self._flats.grown(slots)
        self._newest_ns = np.concatenate([self._newest_ns, np.full(slots - have, NEVER_NS)])
        unmet = np.zeros(slots - have, np.bool_)
        self._gauges = np.concatenate([self._gauges, unmet])
        self._met = np.concatenate([self._met, unmet])
