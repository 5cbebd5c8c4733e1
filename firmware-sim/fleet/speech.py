"""From rows of steps to messages: the firmware packs a payload, the network server tells it."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from fleet.message import SECOND_NS, Message
from fleet.network import Uplink
from fleet.sampling import Slice
from fleet.town import Group

_STATUS_EVERY = 96
_MARGIN_DB = 12


def spoken(
    group: Group, rows: Slice, lost: NDArray[np.bool_]
) -> Iterator[tuple[int, Sequence[Message]]]:
    """Yield the messages of each row that is sent, with the row's place."""
    kind = group.kind
    sent = np.flatnonzero(~lost)
    names, lists = [], []
    for channel in kind.channels:
        steps = rows.told[channel.key][sent]
        names.append(channel.key)
        lists.append((steps if channel.per_unit == 1 else steps / channel.per_unit).tolist())
    if rows.history.shape[1]:
        past = rows.history[sent]
        names.append("log")
        lists.append(past[:, 0].tolist())
        for hour in range(1, past.shape[1]):
            names.append(f"hour{hour}")
            lists.append(np.maximum(past[:, hour] - past[:, hour - 1], 0).tolist())
    stated = rows.stated_ns[sent].tolist()
    members = rows.which[sent].tolist()
    values = zip(*lists, strict=True)
    if kind.messages is not None:
        for at, member, when, row in zip(sent.tolist(), members, stated, values, strict=True):
            told = dict(zip(names, row, strict=True))
            yield at, kind.messages(group.speakers[member], when, told)
        return
    assert kind.payload is not None
    assert group.server is not None
    assert group.radio is not None
    heard = group.radio.heard(rows.which[sent], rows.turn[sent])
    counters = (group.frame_0[rows.which[sent]] + rows.turn[sent]).tolist()
    times = rows.times_ns[sent].tolist()
    rates = group.radio.reach.dr[rows.which[sent]].tolist()
    confirmed = group.radio.confirmed[rows.which[sent]].tolist()
    uplink = group.server.uplink
    for nth, (at, member, when, row) in enumerate(
        zip(sent.tolist(), members, stated, values, strict=True)
    ):
        told = dict(zip(names, row, strict=True))
        data = kind.payload(group.speakers[member], when, told)
        frame = Uplink(
            times[nth], counters[nth], kind.f_port, data, rates[nth], heard[nth], confirmed[nth]
        )
        yield at, (uplink(group.identities[member], frame), *_status(group, member, frame))


def _status(group: Group, member: int, frame: Uplink) -> Iterator[Message]:
    """Yield what the network server asks a device for, about once a day: margin and battery."""
    assert group.server is not None
    if frame.f_cnt % _STATUS_EVERY == member % _STATUS_EVERY:
        own = any(channel.quantity == "battery_level" for channel in group.kind.channels)
        told = group.server.status(
            group.identities[member],
            frame.time_ns + SECOND_NS,
            margin=_MARGIN_DB,
            battery_level=None if own else 60.0 + 40.0 * (member * 37 % 100) / 100,
        )
        if told is not None:
            yield told
