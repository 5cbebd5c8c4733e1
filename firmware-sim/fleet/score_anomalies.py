"""Are the faults found, and is nothing found where there is no fault?

A detection and a fault meet when they are of the same device (and the same series, where both name
one) and overlap in time, give or take a grace. FOUND_BY says which kinds of detection name a kind
of fault rightly; a kind that later gets a detector of its own name needs no entry. A detection that
meets a fault which it doesn't name is neither right nor a false alarm: it lies beside. Emscher
doesn't tell when it first knew of something, so a delay is how much later than the fault the
detection begins; for a silence, which is told from the last message on, it is negative.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from fleet.message import SECOND_NS, time_ns_of
from fleet.score_source import Item
from fleet.truth import Truth

GRACE_NS = 3600 * SECOND_NS
GARBAGE = "garbage"
THEFT = "energy_theft"
QUARANTINE = "quarantine"
CORRECTION = "correction: "  # what /v1/energy tells of a register's steps
REGISTER = "register_"  # the same among the anomalies
_RESET, _GLITCH = f"{CORRECTION}reset", f"{CORRECTION}glitch"
_UNEXPLAINED = f"{CORRECTION}unexplained"
_ROLLOVER, _EXCHANGE = f"{CORRECTION}rollover", f"{CORRECTION}exchange"
_DELAYS_MAX = 2000
_FOREVER_NS = 2**62

FOUND_BY: dict[str, tuple[str, ...]] = {
    "spike": ("spike",),
    "drift": ("leaves_peers",),
    "level_shift": ("leaves_peers",),
    "clock_jump": ("clock_fault",),
    "clock_1970": ("clock_fault",),
    "dst_mistake": ("clock_fault",),
    "stuck": ("flatline",),
    "silence": ("silence",),
    "silent": ("silence",),
    "battery_death": ("silence",),
    "late_bulk": ("silence",),
    "register_reset": (_RESET,),
    "rollover": (_ROLLOVER, _RESET, _UNEXPLAINED),
    "meter_exchange": (_EXCHANGE, _RESET, _UNEXPLAINED),
    "zero_after_boot": (_GLITCH,),
    "glitch": (_GLITCH,),
    "unit_mixup": (_GLITCH, _UNEXPLAINED),
    THEFT: ("imbalance", "day_shape"),
    "water_leak": ("leak", "day_shape", "rate"),
    GARBAGE: (QUARANTINE,),
}


class KindScore(msgspec.Struct):
    """One kind of fault: how many there were, how many were found, how late.

    found_by  kinds of detection that name it
    delay_s   median and the last decile; None: none was found in time
    delays_s  of those found, 2000 at most
    """

    kind: str
    found_by: list[str]
    faults: int
    found: int
    recall: float
    delay_s: float | None
    delay_late_s: float | None
    delays_s: list[float]


class DetectionScore(msgspec.Struct):
    """One kind of detection: right, beside a fault that it doesn't name, or a false alarm."""

    kind: str
    detections: int
    right: int
    beside: int
    false_alarms: int
    precision: float | None
    false_per_device_day: float


class QuarantineScore(msgspec.Struct):
    """Messages that nobody could read, against those that were refused.

    known   of the refused, those whose topic names a device that sent garbage, as often as it did
    """

    garbage: int
    quarantined: int
    known: int


class AnomalyScore(msgspec.Struct):
    """How faults were found.

    strangers  detections of devices that the truth does not know
    after_run  what still lasts since a device's last message: it fell silent because the run ended
    """

    kinds: list[KindScore]
    detections: list[DetectionScore]
    quarantine: QuarantineScore
    device_days: float
    grace_s: float
    strangers: int
    after_run: int


class _Span(NamedTuple):
    kind: str
    device: str
    quantity: str
    channel: str
    start_ns: int
    end_ns: int


def score_anomalies(
    truth: Truth,
    anomalies: Iterable[Item],
    corrections: Iterable[Item],
    quarantine: Sequence[Item],
    grace_ns: int = GRACE_NS,
) -> AnomalyScore:
    """Compare faults with what Emscher found odd, corrected and refused."""
    known = set(truth.devices["device"].to_list())
    detections = [_anomaly(one) for one in anomalies] + [_correction(one) for one in corrections]
    ours = [one for one in detections if one.device in known]
    faults = [
        _Span(*row)
        for row in truth.faults.select(
            "kind", "device_id", "quantity", "channel", "start_ns", "end_ns"
        ).iter_rows()
    ]
    by_device: dict[str, list[int]] = defaultdict(list)
    stations = _stations(truth)
    for number, fault in enumerate(faults):
        by_device[fault.device].append(number)
        if fault.kind == THEFT and fault.device in stations:
            by_device[stations[fault.device]].append(number)  # which feeds more than is counted
    delay_ns: dict[int, int] = {}
    tally: dict[str, Counter[str]] = defaultdict(Counter)
    last_ns = _last_told_ns(truth)
    after_run = 0
    for one in ours:
        met = [n for n in by_device[one.device] if _meets(one, faults[n], grace_ns)]
        named = [n for n in met if one.kind in found_by(faults[n].kind)]
        open_at_end = one.end_ns == _FOREVER_NS and one.start_ns >= last_ns.get(one.device, 0)
        if open_at_end and not met:
            after_run += 1
            continue
        tally[one.kind]["right" if named else "beside" if met else "false"] += 1
        for n in named:
            late_ns = one.start_ns - faults[n].start_ns
            delay_ns[n] = min(late_ns, delay_ns.get(n, late_ns))
    refused = _refused(truth, quarantine)
    days = len(known) * (truth.end_ns - truth.start_ns) / (86_400 * SECOND_NS)
    return AnomalyScore(
        _kinds(faults, delay_ns, refused, truth),
        [_detection(kind, tally[kind], days) for kind in sorted(tally)],
        QuarantineScore(sum(garbage_of(truth).values()), len(quarantine), sum(refused.values())),
        days,
        grace_ns / SECOND_NS,
        len(detections) - len(ours),
        after_run,
    )


def found_by(kind: str) -> tuple[str, ...]:
    """Return the kinds of detection that name a kind of fault."""
    own = () if kind == GARBAGE else (kind,)  # what can't be read has no series to be odd in
    named = FOUND_BY.get(kind, ())
    # What /v1/energy tells when it is asked is also told as it comes.
    live = tuple(one.replace(CORRECTION, REGISTER) for one in named if one.startswith(CORRECTION))
    return tuple(dict.fromkeys((*named, *live, *own)))


def garbage_of(truth: Truth) -> Counter[str]:
    """Return how many unreadable messages each device sent, by its id."""
    spoilt = truth.faults.filter(pl.col("kind") == GARBAGE).select(fault="number")
    names = truth.devices["device"].to_list()
    sent = (
        truth.samples.filter(pl.col("fault") >= 0)
        .join(spoilt.lazy(), on="fault", how="semi")
        .select("device", "time_ns")
        .unique()
        .group_by("device")
        .len()
        .collect()
    )
    return Counter({names[device]: count for device, count in sent.iter_rows()})


def _stations(truth: Truth) -> dict[str, str]:
    """Return the station that feeds each device behind one, by their ids."""
    names = truth.devices["device"].to_list()
    fed = zip(names, truth.devices["feeder"].to_list(), strict=True)
    return {device: names[station] for device, station in fed if station >= 0}


def _last_told_ns(truth: Truth) -> dict[str, int]:
    """Return the time of the last message that each device brought through, by its id."""
    names = truth.devices["device"].to_list()
    last = (
        truth.samples.filter(pl.col("copies") >= 1)
        .group_by("device")
        .agg(pl.min_horizontal("time_ns", "stated_ns").max().alias("last_ns"))
        .collect()
    )
    return {names[device]: at_ns for device, at_ns in last.iter_rows()}


def _refused(truth: Truth, quarantine: Sequence[Item]) -> Counter[str]:
    """Return how many of the refused messages are garbage that a device sent, by its id.

    A topic names its device by id or by name, as a part of its own.
    """
    garbage = garbage_of(truth)
    names = dict(truth.devices.select("name", "device").iter_rows())
    names |= {device: device for device in truth.devices["device"].to_list()}
    refused: Counter[str] = Counter()
    for item in quarantine:
        parts = [part.removeprefix("eui-") for part in item["topic"].split("/")]
        named = [names[part] for part in (*parts, *map(str.lower, parts)) if part in names]
        refused.update(named[:1])
    return garbage & refused


def _kinds(
    faults: list[_Span], delay_ns: dict[int, int], refused: Counter[str], truth: Truth
) -> list[KindScore]:
    by_kind: dict[str, list[int]] = defaultdict(list)
    for number, fault in enumerate(faults):
        by_kind[fault.kind].append(number)
    garbage = garbage_of(truth)
    scores = []
    for kind in sorted(by_kind):
        own = by_kind[kind]
        late_s = [delay_ns[n] / SECOND_NS for n in own if n in delay_ns]
        found = len(late_s)
        if kind == GARBAGE:  # a device's are found when all that it sent was refused
            found = sum(refused[faults[n].device] == garbage[faults[n].device] > 0 for n in own)
        scores.append(
            KindScore(
                kind,
                list(found_by(kind)),
                len(own),
                found,
                found / len(own),
                float(np.median(late_s)) if late_s else None,
                float(np.percentile(late_s, 90)) if late_s else None,
                late_s[:_DELAYS_MAX],
            )
        )
    return scores


def _detection(kind: str, tally: Counter[str], device_days: float) -> DetectionScore:
    count = tally.total()
    return DetectionScore(
        kind,
        count,
        tally["right"],
        tally["beside"],
        tally["false"],
        tally["right"] / count if count else None,
        tally["false"] / device_days if device_days else 0.0,
    )


def _meets(one: _Span, fault: _Span, grace_ns: int) -> bool:
    return (
        one.start_ns <= fault.end_ns + grace_ns
        and one.end_ns >= fault.start_ns - grace_ns
        and (not one.quantity or fault.quantity in {"", one.quantity})
        and (not one.quantity or fault.channel in {"", one.channel})
    )


def _anomaly(item: Item) -> _Span:
    end = item["end"]
    return _Span(
        item["kind"],
        item["device"],
        item["quantity"] or "",
        item["channel"] or "",
        time_ns_of(item["start"]),
        _FOREVER_NS if end is None else time_ns_of(end),
    )


def _correction(item: Item) -> _Span:
    at_ns = time_ns_of(item["at"])
    kind = f"{CORRECTION}{item['kind']}"
    return _Span(kind, item["device"], item["quantity"], item["channel"], at_ns, at_ns)
