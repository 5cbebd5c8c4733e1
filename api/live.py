"""GET /v1/live, and what commits and anomalies become there."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, Callable
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Header, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from starlette.requests import HTTPConnection

from api.devices import OneDevice, OneQuantity
from api.feed import Event, Feed, Form, Wanted, event, listening
from api.gate import holds
from api.house import House, Rooms
from api.shapes import ReadingOut, anomaly_out, counters_out, device_out, readings_out
from api.sites import District, Tenant
from ingest.derived import Anomaly
from ingest.intake import Committed
from ingest.store import Counts, Source

if TYPE_CHECKING:  # it brings the kernels along, and the intake must not wait for them
    from analytics.oddities import Found

router = APIRouter(prefix="/v1", tags=["live"])

_READINGS_AT_ONCE = 2_000
_COUNTERS_S = 1.0
_LOOK_S = 5.0  # whether the key still holds
_EVENTS_A_CHUNK = 500
_TOLD_MAX = 10_000
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: snapshot, reading, anomaly, retracted, device,"
        " counters, gap",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string"},
                "example": "event: reading\ndata: "
                + json.dumps(ReadingOut.model_json_schema()["examples"][0])
                + "\n\n",
            }
        },
    }
}


_Anomalies = Annotated[bool, Query(description="anomalies only", examples=[True])]
_Snapshot = Annotated[
    bool, Query(description="begin with how things are; false: changes only", examples=[False])
]


def _wanted(
    rooms: Rooms,
    device: OneDevice = None,
    quantity: OneQuantity = None,
    tenant: Tenant = None,
    district: District = None,
    anomalies: _Anomalies = False,
    counters: Annotated[bool, Query(description="counters only", examples=[True])] = False,
) -> Wanted:
    return Wanted(device, quantity, anomalies, counters, tenant, district, rooms.tenant)


_Asked = Annotated[Wanted, Depends(_wanted)]


@router.get("/live", responses=_STREAM, response_class=StreamingResponse)
async def live(
    request: HTTPConnection,
    rooms: Rooms,
    wanted: _Asked,
    snapshot: _Snapshot = True,
    last_event_id: Annotated[
        str | None,
        Header(description="the id of the last event: goes on behind it", examples=["1a2b3c4d-17"]),
    ] = None,
) -> StreamingResponse:
    """How things are, and then every reading, anomaly and new device as it is stored.

    The snapshot is the newest reading of every series, the anomalies that last and the counters;
    `event: snapshot` ends it. What follows is every change, none of it twice. Whoever comes back
    with `Last-Event-ID` (a browser does so by itself) gets what it missed instead of a snapshot.
    `event: retracted` gives the id of an anomaly that later readings have disproved: forget it.
    `event: gap` says that this client read too slowly: of what it missed, the newest value of each
    series follows, and how many changes were passed over; null: it came back too late, or after a
    new start of Emscher, and nobody knows how many.
    """
    return StreamingResponse(
        _stream(request, rooms, wanted, snapshot, last_event_id, Form.SSE),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.websocket("/live")
async def live_by_websocket(
    socket: WebSocket,
    rooms: Rooms,
    wanted: _Asked,
    snapshot: _Snapshot = True,
    last_event_id: Annotated[
        str | None, Query(description="as the header of GET", examples=["1a2b3c4d-17"])
    ] = None,
) -> None:
    """The same over WebSocket: frames of `{"id": …, "events": [{"event": …, "data": …}, …]}`."""
    await socket.accept()
    hears = asyncio.create_task(_until_gone(socket))
    stream = _stream(socket, rooms, wanted, snapshot, last_event_id, Form.WEBSOCKET)
    try:
        async with contextlib.aclosing(stream):
            async for chunk in stream:
                if hears.done():
                    return
                if chunk:
                    await socket.send_text(chunk.decode())
        await socket.close(1001, "Emscher stops")
    except (WebSocketDisconnect, RuntimeError):
        return  # it has left, which is no fault
    finally:
        hears.cancel()


async def _until_gone(socket: WebSocket) -> None:
    """Read whatever a client says, until it leaves."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive()


async def _stream(
    asked: HTTPConnection,
    rooms: House,
    wanted: Wanted,
    snapshot: bool,
    last_id: str | None,
    form: Form,
) -> AsyncGenerator[bytes, None]:
    """Yield the snapshot or what was missed, and then every change, while the key holds."""
    feed = rooms.feed
    async with listening(feed, wanted, last_id) as (listener, resumed):
        if form is Form.SSE:
            yield b"retry: 2000\n\n"
        if last_id and not resumed:  # Emscher was started again, or it is too long ago
            lost = event("gap", {"dropped": None}).wire(form)
            yield lost if form is Form.SSE else b'{"id":"","events":[%s]}' % lost
        if snapshot and not resumed:
            id = feed.id_of(listener)
            taken = await asyncio.to_thread(Snapshot.of, rooms, wanted)
            feed.settle(listener, taken.told)
            for at in range(0, len(taken.events), _EVENTS_A_CHUNK):
                some = taken.events[at : at + _EVENTS_A_CHUNK]
                if form is Form.SSE:
                    # Only the last one has an id: who loses the line before begins anew.
                    yield b"".join(one.wire(form, id if one is taken.last else "") for one in some)
                else:
                    told = b",".join(one.wire(form) for one in some)
                    yield b'{"id":"%s","events":[%s]}' % (id.encode(), told)
        looked_s = time.monotonic()
        async for chunk in feed.listen(listener, form):
            if time.monotonic() - looked_s > _LOOK_S:
                looked_s = time.monotonic()
                if not await holds(asked):
                    return
            yield chunk or (b": still here\n\n" if form is Form.SSE else b"")


class Snapshot:
    """How things are at a moment, as events, and which changes are in it already.

    events  the newest readings, the anomalies that last, the counters, and one that ends them
    """

    def __init__(self, events: list[Event], first: int, last: int) -> None:
        self.events, self.last = events, events[-1]
        self._first, self._last = first, last
        self._told = {(one.about, one.body) for one in events}

    @classmethod
    def of(cls, rooms: House, wanted: Wanted) -> "Snapshot":
        """Return what somebody who listens now needs to be told first; StoreUnavailable."""
        where = rooms.placed() if wanted.placed else {}
        store = rooms.store
        first = store.last_commit()
        rows = store.latest(wanted.device)
        found = store.anomalies(
            open_only=True, devices=None if wanted.device is None else [wanted.device]
        )
        last = store.last_commit()
        readings: list[Event] = []
        if not (wanted.anomalies_only or wanted.counters_only):
            names = {n: store.name_of(n) for n in set(rows.series.tolist())}
            readings = [_reading(one) for one in readings_out(rows, names)]
        odd = [_anomaly(anomaly) for anomaly in found]
        events = [one for one in readings + odd if wanted.takes(one, where)]
        count = sum(one.kind == "reading" for one in events)
        if not wanted.anomalies_only and rooms.tenant is None:
            events.append(event("counters", _counters(store.counts())))
        told = {"readings": count, "anomalies": sum(one.kind == "anomaly" for one in events)}
        return cls([*events, event("snapshot", told)], first, last)

    def told(self, one: Event) -> bool:
        """Return whether a change was in the snapshot."""
        if one.kind == "reading":
            if one.commit <= self._first:
                return True
            if one.commit > self._last:
                return False
        return (one.about, one.body) in self._told


def _reading(told: dict[str, object], commit: int = 0) -> Event:
    return event("reading", told, str(told["device"]), str(told["quantity"]), commit)


def _anomaly(anomaly: Anomaly) -> Event:
    return event("anomaly", anomaly_out(anomaly).model_dump(), anomaly.device, anomaly.quantity)


class Teller:
    """Tells the feed what was committed and what was found. Called from the threads that know."""

    def __init__(
        self, feed: Feed, source: Source, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._feed, self._source, self._clock_s = feed, source, clock_s
        self._counted_s = -_COUNTERS_S
        self._told: dict[str, str] = {}  # whose anomaly it was, should it be retracted

    def committed(self, committed: Committed) -> None:
        """Tell readings and new devices; the counters too when a second has gone by."""
        if not self._feed.wanted:
            return
        events: list[Event] = [
            event("device", device_out(device, False).model_dump(), device.id)
            for device in committed.devices
        ]
        rows = committed.rows
        if len(rows) > _READINGS_AT_ONCE:  # nobody can watch more: the last of each series
            newest = np.unique(rows.series[::-1], return_index=True)[1]
            rows = rows.take(np.sort(len(rows) - 1 - newest))
        names = {n: self._source.name_of(n) for n in set(rows.series.tolist())}
        commit = committed.commit
        events += [_reading(told, commit) for told in readings_out(rows, names)]
        if self._clock_s() - self._counted_s >= _COUNTERS_S:
            self._counted_s = self._clock_s()
            events.append(event("counters", _counters(committed.counts)))
        self._feed.tell(events)

    def found(self, found: "Found") -> None:
        """Tell anomalies that are new or have changed, and which are no more."""
        if not self._feed.wanted:
            return
        events = [event("retracted", {"id": id}, self._told.pop(id, "")) for id in found.retracted]
        for anomaly in found.changed:
            self._told[anomaly.id] = anomaly.device
            events.append(_anomaly(anomaly))
        for id in list(islice(self._told, max(0, len(self._told) - _TOLD_MAX))):
            del self._told[id]
        self._feed.tell(events)


def _counters(counts: Counts) -> dict[str, int]:
    return counters_out(counts).model_dump()
