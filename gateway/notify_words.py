"""What a message says: for a tired operator, in plain English, and for programs as JSON."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import quote

from ingest.derived import SECOND_NS, Anomaly
from ingest.place import Placed

LISTED_MAX = 50
_SUBJECT_CHARS = 150


@dataclass(frozen=True, slots=True)
class Told:
    """An anomaly, what people call its device, and where that is."""

    anomaly: Anomaly
    name: str
    placed: Placed


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `id` is the same whenever it is sent again; `ids` are its anomalies.

    body  the same as JSON, for webhooks and MQTT
    """

    id: str
    rule: str
    subject: str
    text: str
    body: bytes
    ids: tuple[str, ...] = ()


def message(rule: str, told: Sequence[Told], link: str, where: tzinfo, now_ns: int) -> Message:
    """Return what is said of one anomaly, or of several as a digest, by their start."""
    ids = tuple(one.anomaly.id for one in told)
    listed = told[:LISTED_MAX]
    if len(told) == 1:
        subject = _headline(told[0])
        text = _paragraph(told[0], link, where)
    else:
        subject = f"{len(told)} anomalies: {_counted(told)}"
        parts = [f"{len(told)} anomalies, oldest first."]
        parts += [_entry(one, link, where) for one in listed]
        if len(told) > len(listed):
            parts.append(f"And {len(told) - len(listed)} more: see the console.")
        text = "\n\n".join(parts)
    text += f'\n\nTold by the rule "{rule}" of Emscher.'
    kind = "anomaly" if len(told) == 1 else "digest"
    items = [_item(one, link) for one in listed]
    return _message(kind, rule, subject, text, ids, items, now_ns)


def trial_message(way: str, link: str, now_ns: int) -> Message:
    """Return what `emscher notify try` sends."""
    text = f'This is a test. Whatever is told to "{way}" arrives here.'
    if link:
        text += f"\n\nConsole: {link}/"
    return _message("test", "", "Test of the notifications", text, (), [], now_ns)


def _message(
    kind: str, rule: str, subject: str, text: str, ids: tuple[str, ...],
    items: list[dict[str, Any]], now_ns: int,
) -> Message:  # fmt: skip
    made = "\x1f".join((kind, rule, *(ids or [str(now_ns)])))
    id = hashlib.blake2b(made.encode(), digest_size=12).hexdigest()
    subject = " ".join(f"[Emscher] {subject}".split())
    if len(subject) > _SUBJECT_CHARS:
        subject = f"{subject[: _SUBJECT_CHARS - 1]}…"
    body = {
        "id": id, "kind": kind, "rule": rule, "time": _utc(now_ns), "subject": subject,
        "text": text, "count": len(ids), "anomalies": items,
    }  # fmt: skip
    return Message(id, rule, subject, text, json.dumps(body, ensure_ascii=False).encode(), ids)


def _headline(told: Told) -> str:
    over = "" if told.anomaly.end_ns is None else " (over)"
    return f"{_name(told)}: {told.anomaly.kind.replace('_', ' ')}{over}"


def _counted(told: Sequence[Told]) -> str:
    counts: dict[str, int] = {}
    for one in told:
        counts[one.anomaly.kind] = counts.get(one.anomaly.kind, 0) + 1
    common = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{count} {kind.replace('_', ' ')}" for kind, count in common)


def _paragraph(told: Told, link: str, where: tzinfo) -> str:
    anomaly = told.anomaly
    lines = [anomaly.text, "", f"Device: {_name(told)}"]
    if place := _place(told):
        lines.append(f"Where:  {place}")
    about = " ".join(part for part in (anomaly.quantity, anomaly.channel) if part)
    lines.append(f"What:   {anomaly.kind.replace('_', ' ')}{f' of {about}' if about else ''}")
    lines.append(f"Since:  {_when(anomaly, where)}")
    if link:
        lines.append(f"See:    {_address(anomaly, link)}")
    return "\n".join(lines)


def _entry(told: Told, link: str, where: tzinfo) -> str:
    place = _place(told)
    kind = told.anomaly.kind.replace("_", " ")
    lines = [f"{_name(told)}{f', {place}' if place else ''}: {kind}", f"  {told.anomaly.text}"]
    lines.append(f"  since {_when(told.anomaly, where)}")
    if link:
        lines.append(f"  {_address(told.anomaly, link)}")
    return "\n".join(lines)


def _name(told: Told) -> str:
    device = told.anomaly.device
    return device if told.name in ("", device) else f"{told.name} ({device})"


def _place(told: Told) -> str:
    site = told.placed.site
    if site is None:
        return told.placed.tenant or ""
    return ", ".join(part for part in (site.name or site.id, site.address, site.district) if part)


def _when(anomaly: Anomaly, where: tzinfo) -> str:
    since = _local(anomaly.start_ns, where)
    if anomaly.end_ns is None:
        return f"{since}, and it lasts"
    return f"{since}, over since {_local(anomaly.end_ns, where)}"


def _item(told: Told, link: str) -> dict[str, Any]:
    anomaly, site = told.anomaly, told.placed.site
    return {
        "id": anomaly.id, "device": anomaly.device, "name": told.name or None,
        "tenant": told.placed.tenant, "site": site.id if site else None,
        "site_name": site.name if site else None, "district": site.district if site else None,
        "quantity": anomaly.quantity, "channel": anomaly.channel, "kind": anomaly.kind,
        "start": _utc(anomaly.start_ns),
        "end": None if anomaly.end_ns is None else _utc(anomaly.end_ns),
        "score": anomaly.score, "value": anomaly.value, "expected": anomaly.expected,
        "text": anomaly.text, "link": _address(anomaly, link) if link else None,
    }  # fmt: skip


def _address(anomaly: Anomaly, link: str) -> str:
    return f"{link}/anomalies#id={quote(anomaly.id, safe='')}"


def _moment(time_ns: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_ns // SECOND_NS)


def _utc(time_ns: int) -> str:
    return _moment(time_ns).strftime("%Y-%m-%dT%H:%M:%SZ")


def _local(time_ns: int, where: tzinfo) -> str:
    return _moment(time_ns).astimezone(where).strftime("%a %d %b %Y %H:%M %Z")
