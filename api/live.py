"""GET /v1/live, and what commits and anomalies become there."""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from api.devices import OneDevice, OneQuantity
from api.feed import Event, Feed, Listener, event
from api.house import Rooms
from api.shapes import ReadingOut, anomaly_out, counters_out, device_out, readings_out
from ingest.intake import Committed
from ingest.store import Counts, Source

if TYPE_CHECKING:  # it brings the kernels along, and the intake must not wait for them
    from analytics.oddities import Found

router = APIRouter(prefix="/v1", tags=["live"])

_READINGS_AT_ONCE = 2_000
_COUNTERS_S = 1.0
_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Server-sent events: reading, anomaly, retracted, device, counters, gap",
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


@router.get("/live", responses=_STREAM, response_class=StreamingResponse)
async def live(
    rooms: Rooms,
    device: OneDevice = None,
    quantity: OneQuantity = None,
    anomalies: Annotated[bool, Query(description="anomalies only", examples=[True])] = False,
    counters: Annotated[bool, Query(description="counters only", examples=[True])] = False,
) -> StreamingResponse:
    """Every reading, anomaly and new device as it is stored, and the counters once a second.

    An anomaly comes again when people say something of it; its `handling` is null where only the
    readings have changed it. `event: retracted` gives the id of an anomaly that later readings have
    disproved: forget it. `event: gap` says that this client read too slowly, and how many events it
    has missed.
    """
    listener = Listener(device, quantity, anomalies, counters)
    first = [] if anomalies else [event("counters", _counters(rooms.store.counts()))]
    return StreamingResponse(
        rooms.feed.listen(listener, first),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class Teller:
    """Tells the feed what was committed and what was found. Called from the threads that know."""

    def __init__(
        self, feed: Feed, source: Source, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._feed, self._source, self._clock_s = feed, source, clock_s
        self._counted_s = -_COUNTERS_S

    def committed(self, committed: Committed) -> None:
        """Tell readings and new devices; the counters too when a second has gone by."""
        if not self._feed.listeners:
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
        for reading in readings_out(rows, names):
            device, quantity = str(reading["device"]), str(reading["quantity"])
            events.append(event("reading", reading, device, quantity))
        if self._clock_s() - self._counted_s >= _COUNTERS_S:
            self._counted_s = self._clock_s()
            events.append(event("counters", _counters(committed.counts)))
        self._feed.tell(events)

    def found(self, found: "Found") -> None:
        """Tell anomalies that are new or have changed, and which are no more."""
        if not self._feed.listeners:
            return
        events = [event("retracted", {"id": id}) for id in found.retracted]
        events += [
            event("anomaly", anomaly_out(anomaly).model_dump(), anomaly.device, anomaly.quantity)
            for anomaly in found.changed
        ]
        self._feed.tell(events)


def _counters(counts: Counts) -> dict[str, int]:
    return counters_out(counts).model_dump()
