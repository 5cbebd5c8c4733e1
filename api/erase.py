"""DELETE /v1/devices/{device}: erasing what is kept of a device, its people's right."""

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from api.house import Rooms
from api.problems import NotFoundError
from api.shapes import example
from api.times import asked_ns, utc
from ingest.catalog import forget_device, forget_remarks

if TYPE_CHECKING:
    from ingest.catalog import Catalog

router = APIRouter(prefix="/v1", tags=["operation"])

LEFT = (
    "backups and recordings that were made of the data folder, the broker or the API",
    "totals that were told to the public, which hold at least five homes (docs/citizens.md)",
    "the audit log, which names the device as erased",
    "the site in the catalog, if it is this device's alone: `emscher catalog remove sites ID`",
)
"""What no command here reaches; docs/privacy.md says more."""


class ErasedOut(BaseModel):
    """What was erased, or in a trial: what would be."""

    model_config = example(
        device="m-17",
        before=None,
        trial=False,
        readings=35_040,
        overwritten=12,
        windows=9_100,
        anomalies=3,
        remarks=2,
        messages=35_000,
        shared=0,
        refused=1,
        announcements=1,
        catalog=4,
        left=list(LEFT),
    )
    device: str
    before: str | None = Field(description="only what was measured or received before; null: all")
    trial: bool
    readings: int
    overwritten: int = Field(description="values that later ones had replaced")
    windows: int = Field(description="stored windows that were made of the readings")
    anomalies: int
    remarks: int = Field(description="what people said of those")
    messages: int = Field(description="messages that were kept as they came")
    shared: int = Field(description="those of them that told of other devices too: they are gone")
    refused: int = Field(description="messages in quarantine that name the device")
    announcements: int = Field(description="what messages had announced of it")
    catalog: int = Field(description="rows of the catalog: device, meters, answers, series")
    left: list[str] = Field(description="what is not reached from here")


@router.delete("/devices/{device:path}")
def erase_device(
    rooms: Rooms,
    device: Annotated[str, Path(description="its id", examples=["m-17"])],
    before: Annotated[
        str | None,
        Query(description="only what is older (RFC 3339)", examples=["2026-01-01"]),
    ] = None,
    trial: Annotated[bool, Query(description="only count", examples=[True])] = False,
) -> ErasedOut:
    """Erase a device: readings, messages, what was made of them, and what the catalog knows.

    Nothing brings it back: neither a restart nor decoding again. A device that goes on sending
    appears anew. New messages wait while this runs. It may be asked for again after an error.
    """
    before_ns = None if before is None else asked_ns("before", before, rooms.where)
    if rooms.store.device(device) is None and device not in rooms.placed():
        raise NotFoundError(f'no device "{device[:80]}" is there; /v1/devices lists them')
    found = rooms.erase(device, before_ns, trial)
    anomalies = found.of_store.anomalies

    def ask(catalog: "Catalog") -> tuple[int, int]:
        with catalog.changing() as connection:
            remarks = forget_remarks(connection, anomalies)
            rows = forget_device(connection, device) if before_ns is None else 0
            if trial:
                connection.rollback()
        return remarks, rows

    remarks, rows = rooms.catalog.asked(ask)
    if not trial:
        rooms.feed.forget(device)
    return ErasedOut(
        device=device,
        before=None if before_ns is None else utc(before_ns),
        trial=trial,
        readings=found.of_store.readings,
        overwritten=found.of_store.overwritten,
        windows=found.of_store.windows,
        anomalies=len(anomalies),
        remarks=remarks,
        messages=found.messages,
        shared=found.shared,
        refused=found.of_store.refused,
        announcements=len(found.of_store.announcements),
        catalog=rows,
        left=list(LEFT),
    )
