"""The shapes of the answers: what others rely on, with an example each."""

from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field

from api.times import utc
from ingest.derived import Anomaly
from ingest.device import Device
from ingest.frames import Frames
from ingest.place import NOWHERE, Placed
from ingest.quantity import quantity
from ingest.reading import Quality, Rows, Series
from ingest.store import Counts

if TYPE_CHECKING:  # it brings SQLAlchemy along
    from ingest.catalog import Handled

Item = TypeVar("Item")
Schema = dict[str, Any]


def example(**facts: object) -> ConfigDict:
    """Return the settings of a model that is shown with these facts."""
    examples: list[Any] = [facts]
    return ConfigDict(json_schema_extra={"examples": examples})


def _page_example(schema: Schema, page: type[BaseModel]) -> None:
    """Give the schema of a page an example: one item in the middle of a collection."""
    item = get_args(page.model_fields["items"].annotation)[0]
    if isinstance(item, TypeVar):  # the unbound page itself
        return
    own = {"items": [item.model_json_schema()["examples"][0]], "next": "WzQxXQ"}
    beside = {name: one.examples[0] for name, one in page.model_fields.items() if one.examples}
    schema["examples"] = [own | beside]


class Page(BaseModel, Generic[Item]):
    """A collection: its items, and a cursor for those that follow (null: that was all)."""

    model_config = ConfigDict(json_schema_extra=_page_example)
    items: list[Item]
    next: str | None = Field(default=None, description="pass as `cursor` to get what follows")
    note: str | None = Field(default=None, description="why there are no items, or which they are")


class CountersOut(BaseModel):
    """How every message ended. received = stored + duplicate + quarantined, at every instant."""

    model_config = example(
        received=1200, stored=1180, duplicate=15, quarantined=5, readings=7080, corrections=0
    )
    received: int
    stored: int
    duplicate: int
    quarantined: int
    readings: int = Field(description="values stored")
    corrections: int = Field(description="values that replaced another of the same instant")


class FramesOut(BaseModel):
    """Uplinks of a LoRaWAN device by its frame counter: those that came, and gaps."""

    heard: int
    missed: int


class DeviceOut(BaseModel):
    """A device, as its messages made it known."""

    model_config = example(
        id="a81758fffe0546b2",
        name="hoerde-school-co2",
        model="ELSYS ERS CO2",
        format="chirpstack-v4",
        source="embedded",
        first_seen="2026-03-01T06:00:00Z",
        last_seen="2026-03-01T12:00:00Z",
        silent=False,
        tenant="dortmund",
        site="hoerde-school",
        frames={"heard": 720, "missed": 3},
        state={"battery": 88},
    )
    id: str
    name: str
    model: str
    format: str
    source: str
    first_seen: str
    last_seen: str
    silent: bool
    tenant: str | None = Field(description="whose it is, by the catalog; null: nobody told it")
    site: str | None = Field(description="where it is, by the catalog: the id of a site")
    frames: FramesOut | None
    state: dict[str, object]


class SeriesOut(BaseModel):
    """One quantity of one device and channel, and what is stored of it."""

    model_config = example(
        device="a81758fffe0546b2",
        quantity="temperature",
        channel=None,
        unit="Cel",
        kind="gauge",
        obis=None,
        first="2026-03-01T06:00:00Z",
        last="2026-03-01T12:00:00Z",
        count=37,
    )
    device: str
    quantity: str
    channel: str | None
    unit: str
    kind: str
    obis: str | None
    first: str
    last: str
    count: int


READING: dict[str, object] = {
    "device": "a81758fffe0546b2",
    "quantity": "temperature",
    "channel": None,
    "time": "2026-03-01T12:00:00Z",
    "value": 21.5,
    "unit": "Cel",
    "quality": "measured",
}


class ReadingOut(BaseModel):
    """A reading: time is when it was sampled, in UTC; unit is a UCUM code."""

    model_config = example(**READING)
    device: str
    quantity: str
    channel: str | None
    time: str
    value: float
    unit: str
    quality: str


class LatestOut(ReadingOut):
    """The newest reading of a series, and when Emscher received it."""

    model_config = example(**READING, received="2026-03-01T12:00:01.5Z")
    received: str


class WindowOut(BaseModel):
    """What was read in [start, end): a minimum, a maximum, a mean, and the last value."""

    model_config = example(
        device="a81758fffe0546b2",
        quantity="temperature",
        channel=None,
        unit="Cel",
        start="2026-03-01T12:00:00Z",
        end="2026-03-01T12:15:00Z",
        count=3,
        min=21.4,
        max=21.6,
        mean=21.5,
        last=21.6,
        revision=0,
    )
    device: str
    quantity: str
    channel: str | None
    unit: str
    start: str
    end: str
    count: int
    min: float
    max: float
    mean: float
    last: float
    revision: int | None = Field(
        description="how often late or corrected readings have changed it since it was first told;"
        " null for widths that are not kept"
    )


class AnomalyOut(BaseModel):
    """Something odd; quantity is null when it is about the whole device, end while it lasts."""

    model_config = example(
        id="5f0e6a0c1b2d3e4f5a6b",
        device="a81758fffe0546b2",
        quantity="temperature",
        channel=None,
        kind="spike",
        start="2026-03-01T12:00:00Z",
        end="2026-03-01T12:05:00Z",
        score=0.93,
        value=85.0,
        expected=21.5,
        detector="spike@1",
        text="temperature of a81758fffe0546b2 jumped to 85 °C at …; usual is about 21.5 °C.",
        handling="acknowledged",
        remarks=2,
    )
    id: str
    device: str
    quantity: str | None
    channel: str | None
    kind: str
    start: str
    end: str | None
    score: float
    value: float | None
    expected: float | None
    detector: str
    text: str
    handling: Literal["new", "acknowledged", "closed"] | None = Field(
        description="how far people are with it; null: not asked, or the catalog is away"
    )
    remarks: int | None = Field(description="how many remarks people made on it; null as above")


class QuarantineOut(BaseModel):
    """A message that could not be understood: why, and its bytes (the first ones in a list)."""

    model_config = example(
        id=41,
        topic="tele/hoerde/SENSOR",
        source="embedded",
        received="2026-03-01T12:00:00Z",
        reason="JSON: expected an object, found a list",
        rule="JSON",
        expected="an object",
        found="a list",
        size=2,
        payload_base64="W10=",
        truncated=False,
    )
    id: int
    topic: str
    source: str
    received: str
    reason: str
    rule: str
    expected: str
    found: str
    size: int
    payload_base64: str
    truncated: bool


class RetriedOut(BaseModel):
    """What came of decoding refused messages again: how many were tried, and understood now."""

    model_config = example(tried=41, released=38)
    tried: int
    released: int


def counters_out(counts: Counts) -> CountersOut:
    """Return the counters as they are told."""
    return CountersOut(
        received=counts.received,
        stored=counts.stored,
        duplicate=counts.duplicate,
        quarantined=counts.quarantined,
        readings=counts.readings,
        corrections=counts.corrections,
    )


def device_out(
    device: Device, silent: bool, frames: Frames | None = None, at: Placed = NOWHERE
) -> DeviceOut:
    """Return a device as it is told."""
    return DeviceOut(
        id=device.id,
        name=device.name,
        model=device.model,
        format=device.format,
        source=device.source,
        first_seen=utc(device.first_ns),
        last_seen=utc(device.last_ns),
        silent=silent,
        tenant=at.tenant,
        site=None if at.site is None else at.site.id,
        frames=None if frames is None else FramesOut(**frames._asdict()),
        state=dict(device.state),
    )


def anomaly_out(anomaly: Anomaly, handled: "Handled | None" = None) -> AnomalyOut:
    """Return an anomaly as it is told, and how people handle it where that is known."""
    return AnomalyOut(
        id=anomaly.id,
        device=anomaly.device,
        quantity=anomaly.quantity or None,
        channel=anomaly.channel or None,
        kind=anomaly.kind,
        start=utc(anomaly.start_ns),
        end=None if anomaly.end_ns is None else utc(anomaly.end_ns),
        score=anomaly.score,
        value=anomaly.value,
        expected=anomaly.expected,
        detector=anomaly.detector,
        text=anomaly.text,
        handling=None if handled is None else handled.handling.value,
        remarks=None if handled is None else handled.remarks,
    )


def readings_out(rows: Rows, names: dict[int, Series]) -> list[dict[str, object]]:
    """Return rows as reading objects, in the rows' order."""
    words = [quality.word for quality in Quality]
    units = {number: quantity(series.quantity).unit for number, series in names.items()}
    return [
        {
            "device": names[number].device,
            "quantity": names[number].quantity,
            "channel": names[number].channel or None,
            "time": utc(time_ns),
            "value": value,
            "unit": units[number],
            "quality": words[quality],
        }
        for number, time_ns, value, quality in zip(
            rows.series.tolist(),
            rows.time_ns.tolist(),
            rows.value.tolist(),
            rows.quality.tolist(),
            strict=True,
        )
    ]
