"""The messages behind the readings: where one is from, and having them decoded again."""

import base64
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.house import House, Rooms, Whole, unheard
from api.paging import Cursor, place, word
from api.problems import ConflictError, NotFoundError
from api.readings import ALL_NS, wanted_of
from api.shapes import READING, Page, ReadingOut, example, readings_out
from api.times import asked_ns, asked_span, asked_zone, utc
from ingest.errors import PayloadError
from ingest.origin import Kept, Origin
from ingest.past import Past, Run
from ingest.reading import Message

router = APIRouter(prefix="/v1", tags=["messages"])


class MessageOut(BaseModel):
    """A message as it came. `reads` is what it says now; `sure`: it brings this very reading."""

    source: str
    topic: str
    received: str
    payload_base64: str
    text: str | None
    sure: bool
    error: str | None
    reads: list[dict[str, object]]


class OriginOut(BaseModel):
    """A reading and the message behind it, and the same for every value that it has replaced."""

    model_config = example(
        reading=READING,
        received="2026-03-01T12:00:01.5Z",
        message={
            "source": "embedded",
            "topic": "application/1/device/a81758fffe0546b2/event/up",
            "received": "2026-03-01T12:00:01.5Z",
            "payload_base64": "eyJkZXZpY2VJbmZvIjp7fX0=",
            "text": '{"deviceInfo":{}}',
            "sure": True,
            "error": None,
            "reads": [READING],
        },
        note=None,
        replaced=[],
    )
    reading: ReadingOut
    received: str
    message: MessageOut | None
    note: str | None
    replaced: list["OriginOut"]


class RunOut(BaseModel):
    """A reprocessing: what was asked for, how far it is, and what came of it."""

    model_config = example(
        device="a81758fffe0546b2",
        since="2026-03-01T00:00:00Z",
        until=None,
        trial=False,
        running=True,
        reached="2026-03-02T10:00:00Z",
        messages=1200,
        refused=0,
        added=0,
        changed=7200,
        rejected=0,
        error=None,
    )
    device: str | None
    since: str | None
    until: str | None
    trial: bool
    running: bool
    reached: str | None
    messages: int
    refused: int
    added: int
    changed: int
    rejected: int
    error: str | None


class KeptOut(BaseModel):
    """A message of a device as it came, what it says now, and by which steps it was read."""

    model_config = example(
        received="2026-03-01T12:00:01.5Z",
        source="embedded",
        topic="application/1/device/a81758fffe0546b2/event/up",
        size=18,
        payload_base64="eyJkZXZpY2VJbmZvIjp7fX0=",
        error=None,
        steps=[
            "format: chirpstack-v4, by its topic",
            "payload: decoded by the codec 'elsys' on FPort 5",
        ],
        reads=[READING],
    )
    received: str
    source: str
    topic: str
    size: int = Field(description="bytes of the payload")
    payload_base64: str
    error: str | None = Field(description="why it can't be read now; null: it can")
    steps: list[str] = Field(description="how it was read: by which format, and which codec")
    reads: list[dict[str, object]]


_Device = Annotated[str, Query(description="as it names itself", examples=["a81758fffe0546b2"])]


@router.get("/messages")
def messages(
    rooms: Rooms,
    device: _Device,
    limit: Annotated[int, Query(ge=1, le=100, description="messages a page", examples=[20])] = 20,
    cursor: Cursor = None,
) -> Page[KeptOut]:
    """The newest messages of a device that are kept and have brought readings, newest first."""
    before_ns = ALL_NS[1] if cursor is None else place(cursor, tuple[int])[0]
    past = _past(rooms)
    if rooms.store.device(device) is None:
        return Page(items=[], note=unheard(rooms, device))
    try:
        found = past.messages(device, before_ns, limit)
    except (PayloadError, OSError, ValueError) as fault:  # of a codec in the data folder
        raise ConflictError(f"a codec can't be used now: {fault}") from None
    told = [_kept(one) for one in found if _may_see(rooms, one)]
    note = None if told else _NONE_KEPT
    if len(told) < len(found):
        note = f"{len(found) - len(told)} more {_OF_OTHERS}"
    more = len(found) >= limit
    return Page(items=told, next=word(found[-1].envelope.received_ns) if more else None, note=note)


def _kept(one: Kept) -> KeptOut:
    envelope, found = one.envelope, one.found
    return KeptOut(
        received=utc(envelope.received_ns),
        source=envelope.source,
        topic=envelope.topic,
        size=len(envelope.payload),
        payload_base64=base64.b64encode(envelope.payload).decode(),
        error=str(found) if isinstance(found, PayloadError) else None,
        steps=one.steps,
        reads=[] if isinstance(found, PayloadError) else _reads(found, envelope.received_ns),
    )


def _may_see(rooms: House, one: Kept) -> bool:
    """Return whether whoever asks may see all that a message tells of."""
    if rooms.tenant is None:
        return True
    if isinstance(one.found, PayloadError):
        return False  # nobody knows what it tells of
    parts = (one.found, *one.found.others)
    return all(rooms.store.device(part.device) is not None for part in parts)


@router.get("/readings/origin")
def origin(
    rooms: Rooms,
    device: _Device,
    quantity: Annotated[str, Query(description="one of its quantities", examples=["co2"])],
    time: Annotated[str, Query(description="when it was sampled", examples=["2026-03-01T12:00Z"])],
    channel: Annotated[
        str | None, Query(description="where it has several", examples=["L1"])
    ] = None,
    tz: Annotated[
        str | None, Query(description="zone of a time without an offset", examples=["UTC"])
    ] = None,
) -> OriginOut:
    """The message behind a reading, as it came, and those behind the values that it replaced."""
    at_ns = asked_ns("time", time, rooms.where if tz is None else asked_zone(tz))
    numbers, note = wanted_of(rooms, device, quantity, channel or "")
    past = _past(rooms)
    for number in numbers:
        try:
            found = past.origins(number, at_ns)
        except (PayloadError, OSError, ValueError) as fault:  # of a codec in the data folder
            raise ConflictError(f"a codec can't be used now: {fault}") from None
        if found:
            series = {number: rooms.store.name_of(number)}
            told = [
                OriginOut(
                    reading=ReadingOut.model_validate(readings_out(row, series)[0]),
                    received=utc(int(row.received_ns[0])),
                    message=message,
                    note=_GONE if one is None else _OTHERS if message is None else None,
                    replaced=[],
                )
                for row, one in found
                for message in [None if one is None else _shown(rooms, one)]
            ]
            return told[0].model_copy(update={"replaced": told[1:]})
    raise NotFoundError(
        f"no reading of {device[:80]} is of {utc(at_ns)}: {note}" if numbers else str(note)
    )


@router.post("/reprocess")
def reprocess(
    rooms: Whole,
    device: Annotated[
        str | None, Query(description="one device; all without it", examples=["plug"])
    ] = None,
    since: Annotated[
        str | None, Query(description="received from this time on", examples=["2026-03-01"])
    ] = None,
    until: Annotated[
        str | None, Query(description="received before this time", examples=["2026-03-08"])
    ] = None,
    tz: Annotated[
        str | None, Query(description="zone of times without an offset", examples=["UTC"])
    ] = None,
    trial: Annotated[
        bool, Query(description="only say what would change", examples=[True])
    ] = False,
) -> RunOut:
    """Begin to decode kept messages again, with the codecs of now; GET tells how far it is.

    Values that come out otherwise are corrected, with their history; readings that no longer come
    out are rejected. No message is counted again, and asking twice changes nothing.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    start_ns, end_ns = asked_span(since, until, where, ALL_NS)
    run = _past(rooms).reprocess(device, start_ns, end_ns, trial)
    if run is None:
        raise ConflictError("a reprocessing runs already; GET /v1/reprocess tells how far it is")
    return run_out(run)


@router.get("/reprocess")
def reprocessing(rooms: Whole) -> RunOut:
    """How far the reprocessing is that runs, or what came of the last one."""
    run = _past(rooms).last_run()
    if run is None:
        raise NotFoundError("nothing was reprocessed since the start; POST begins it")
    return run_out(run)


_GONE = "its message is not kept: it is older than the archive, or came while nothing was kept"

_NONE_KEPT = "no message of it is kept: they are older than the archive, or brought no readings"

_OF_OTHERS = "tell of devices of others too, so they are not shown to a key of a tenant"

_OTHERS = "its message tells of devices of others too, so it is not shown to a key of a tenant"


def _shown(rooms: House, one: Origin) -> MessageOut | None:
    """Return a message; None where whoever asks may not see all that it tells of."""
    message = _message(one)
    told = {str(read["device"]) for read in message.reads}
    if rooms.tenant is not None and any(rooms.store.device(device) is None for device in told):
        return None
    return message


def _past(rooms: Rooms) -> Past:
    if rooms.past is None:
        raise NotFoundError("no messages are kept here: the setting keep_messages is 0")
    return rooms.past


def _message(one: Origin) -> MessageOut:
    envelope, found = one.envelope, one.found
    try:
        text = envelope.payload.decode()
    except UnicodeDecodeError:
        text = None
    return MessageOut(
        source=envelope.source,
        topic=envelope.topic,
        received=utc(envelope.received_ns),
        payload_base64=base64.b64encode(envelope.payload).decode(),
        text=text if text is None or text.isprintable() or text.strip() else None,
        sure=one.sure,
        error=str(found) if isinstance(found, PayloadError) else None,
        reads=[] if isinstance(found, PayloadError) else list(_reads(found, envelope.received_ns)),
    )


def _reads(message: Message, received_ns: int) -> "list[dict[str, object]]":
    return [
        {
            "device": part.device,
            "quantity": one.quantity,
            "channel": one.channel or None,
            "time": utc(next(t for t in (one.time_ns, part.time_ns, received_ns) if t is not None)),
            "value": one.value,
            "quality": one.quality.word,
        }
        for part in (message, *message.others)
        for one in part.measurements
    ]


def run_out(run: Run) -> RunOut:
    """Return a reprocessing as it is told."""
    first, last = ALL_NS
    return RunOut(
        device=run.device,
        since=None if run.start_ns == first else utc(run.start_ns),
        until=None if run.end_ns == last else utc(run.end_ns),
        trial=run.trial,
        running=run.running,
        reached=None if run.at_ns is None else utc(run.at_ns),
        error=run.error,
        **run.found._asdict(),
    )
