"""GET /v1/meters: which meters a device has read, when, and what people decided about its steps."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from api.house import Rooms, unheard
from api.readings import Device
from api.shapes import Page, example
from api.times import utc
from ingest.quantity import Kind
from ingest.quantity import quantity as known_quantity

router = APIRouter(prefix="/v1", tags=["devices"])

_NONE = "no meter of it is in the catalog (`emscher catalog set meters`, `catalog exchange`)"
_ANSWER: dict[str, object] = {
    "quantity": "active_energy_import",
    "channel": None,
    "at": "2026-03-01T09:30:00Z",
    "counts": False,
    "author": "Müller",
    "said": "2026-03-02T07:00:00Z",
    "note": "a misreading",
}


class MeterOut(BaseModel):
    """A meter of a register, for as long as it is there; registers are in the quantity's unit."""

    model_config = example(
        quantity="active_energy_import",
        channel=None,
        unit="Wh",
        installed="2024-05-01T22:00:00Z",
        removed="2026-03-01T09:30:00Z",
        serial="1ESY1160",
        multiplier=40.0,
        first_register=None,
        last_register=90344.5,
        power_max=None,
        width=None,
    )
    quantity: str
    channel: str | None
    unit: str
    installed: str
    removed: str | None = Field(description="when it was taken out; null: it is there")
    serial: str
    multiplier: float = Field(description="ratio of the transformers before it")
    first_register: float | None = Field(description="what it showed when it came; null: not read")
    last_register: float | None = Field(description="what it showed when it went; null: not read")
    power_max: float | None = Field(description="the most that can flow through it: W, or m3/h")
    width: float | None = Field(description="where its register begins again from zero")


class AnswerOut(BaseModel):
    """What a person decided about the step of a register that ends at a time."""

    model_config = example(**_ANSWER)
    quantity: str
    channel: str | None
    at: str
    counts: bool = Field(description="whether what the step shows has flowed")
    author: str
    said: str
    note: str


class MetersPage(Page[MeterOut]):
    """The meters of a device, and beside them what people decided about its registers."""

    answers: list[AnswerOut] = Field(default=[], examples=[[_ANSWER]])


@router.get("/meters")
def meters(rooms: Rooms, device: Device) -> MetersPage:
    """The meters that a device has read, by register and time: an exchange is where one follows."""
    page = MetersPage(items=[])
    for span in rooms.store.series(device):
        _, quantity, channel = span.series
        about = known_quantity(quantity)
        if about.kind is not Kind.REGISTER:
            continue
        facts = rooms.facts(*span.series)
        page.items += [
            MeterOut(
                quantity=quantity,
                channel=channel or None,
                unit=about.unit,
                installed=utc(one.installed_ns),
                removed=None if one.removed_ns is None else utc(one.removed_ns),
                serial=one.serial,
                multiplier=one.multiplier,
                first_register=one.first_register,
                last_register=one.last_register,
                power_max=one.power_max,
                width=one.width,
            )
            for one in facts.meters
        ]
        page.answers += [
            AnswerOut(
                quantity=quantity,
                channel=channel or None,
                at=utc(one.at_ns),
                counts=one.counts,
                author=one.author,
                said=utc(one.said_ns),
                note=one.note,
            )
            for one in facts.answers
        ]
    if not page.items:
        page.note = unheard(rooms, device) or _NONE
    return page
