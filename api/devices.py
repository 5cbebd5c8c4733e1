"""What there is: counters, devices, series, and the newest reading of each series."""

from collections.abc import Mapping
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query

from api.house import House, Rooms, Whole, unheard
from api.paging import Cursor, Limit, place, word
from api.shapes import (
    CountersOut,
    DeviceOut,
    LatestOut,
    Page,
    SeriesOut,
    counters_out,
    device_out,
    readings_out,
)
from api.tables import AS_TABLE, Tables
from api.times import utc
from ingest.errors import StoreUnavailable
from ingest.place import NOWHERE, Placed
from ingest.quantity import quantity as known_quantity
from ingest.reading import Series

router = APIRouter(prefix="/v1", route_class=Tables)

OneDevice = Annotated[
    str | None, Query(description="only of this device", examples=["a81758fffe0546b2"])
]
OneQuantity = Annotated[
    str | None, Query(description="only this quantity", examples=["temperature"])
]


@router.get("/counters", tags=["operation"])
def counters(rooms: Whole) -> CountersOut:
    """How every message ended since the store was made."""
    return counters_out(rooms.store.counts())


@router.get("/devices", tags=["devices"], dependencies=AS_TABLE)
def devices(
    rooms: Rooms, device: OneDevice = None, limit: Limit = 1000, cursor: Cursor = None
) -> Page[DeviceOut]:
    """Every device that was ever heard, by id."""
    silent = rooms.live.silent()
    after = "" if cursor is None else place(cursor, tuple[str])[0]
    found = [
        known for known in rooms.store.devices() if known.id > after and device in (None, known.id)
    ]
    placed = _placed(rooms)
    items = [
        device_out(
            *(known, known.id in silent, rooms.frames(known.id)),
            placed.get(known.id, NOWHERE),
        )
        for known in found[:limit]
    ]
    return Page(
        items=items,
        next=word(items[-1].id) if len(found) > limit else None,
        note=unheard(rooms, device),
    )


def _placed(rooms: House) -> Mapping[str, Placed]:
    """Return where devices are; nothing while the catalog is away: what is silent must be seen."""
    try:
        return rooms.placed()
    except StoreUnavailable:
        return {}


@router.get("/series", tags=["devices"], dependencies=AS_TABLE)
def series(
    rooms: Rooms,
    device: OneDevice = None,
    quantity: OneQuantity = None,
    limit: Limit = 10_000,
    cursor: Cursor = None,
) -> Page[SeriesOut]:
    """Every series: one quantity of one device and channel."""
    after = -1 if cursor is None else place(cursor, tuple[int])[0]
    found = [
        span
        for span in rooms.store.series(device)
        if span.number > after and (quantity is None or span.series.quantity == quantity)
    ]
    items = []
    for span in found[:limit]:
        about = known_quantity(span.series.quantity)
        items.append(
            SeriesOut(
                device=span.series.device,
                quantity=span.series.quantity,
                channel=span.series.channel or None,
                unit=about.unit,
                kind=about.kind.value,
                obis=about.obis,
                first=utc(span.first_ns),
                last=utc(span.last_ns),
                count=span.count,
            )
        )
    more = len(found) > limit
    return Page(
        items=items,
        next=word(found[limit - 1].number) if more else None,
        note=unheard(rooms, device) if not items else None,
    )


@router.get("/latest", tags=["readings"], dependencies=AS_TABLE)
def latest(
    rooms: Rooms,
    device: OneDevice = None,
    quantity: OneQuantity = None,
    limit: Limit = 10_000,
    cursor: Cursor = None,
) -> Page[LatestOut]:
    """The newest reading of every series, by the time at which it was sampled."""
    after = -1 if cursor is None else place(cursor, tuple[int])[0]
    rows = rooms.store.latest(device)
    rows = rows.take(rows.series > after)
    names: dict[int, Series] = {}
    wanted: list[int] = []
    for at, number in enumerate(rows.series.tolist()):
        name = rooms.store.name_of(number)
        if quantity is None or name.quantity == quantity:
            names[number] = name
            wanted.append(at)
            if len(wanted) > limit:
                break
    more = len(wanted) > limit
    rows = rows.take(np.array(wanted[:limit], dtype=np.intp))
    items = readings_out(rows, names)
    for item, received_ns in zip(items, rows.received_ns.tolist(), strict=True):
        item["received"] = utc(received_ns)
    page = {
        "items": items,
        "next": word(int(rows.series[-1])) if more else None,
        "note": None if items else unheard(rooms, device),
    }
    return Page[LatestOut].model_validate(page)
