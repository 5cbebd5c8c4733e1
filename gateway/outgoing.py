"""What is published of what Emscher knows: topics and payloads (docs/mqtt.md)."""

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

import msgspec

from ingest.clock import iso
from ingest.derived import Anomaly
from ingest.place import NOWHERE, Placed
from ingest.quantity import quantity
from ingest.reading import Quality, Series

PREFIX = "emscher/v1"
NO_TENANT = "-"
_UNSAFE = {ord(one): f"%{ord(one):02X}" for one in "/+#%\0"}


class Flowed(NamedTuple):
    """What flowed through a register in an hour that is over; times are UTC ns."""

    series: Series
    start_ns: int
    end_ns: int
    value: float
    quality: str
    coverage: float


class Message(NamedTuple):
    """What is to be published; an empty payload that is retained takes one back."""

    topic: str
    payload: bytes
    retain: bool


_UNITS = {"Cel": "°C", "m3": "m³", "ug/m3": "µg/m³", "[ppm]": "ppm", "[ppb]": "ppb", "1": ""}
_UNITS |= {"dB[mW]": "dBm", "m3/h": "m³/h", "W/m2": "W/m²", "deg": "°", "uS/cm": "µS/cm"}
# Home Assistant's device class, the unit that it must have, and whether it is a register.
_HOME = {
    "active_energy_import": ("energy", "Wh", True),
    "active_energy_export": ("energy", "Wh", True),
    "heat_energy": ("energy", "Wh", True),
    "gas_volume": ("gas", "m3", True),
    "water_volume": ("water", "m3", True),
    "active_power": ("power", "W", False),
    "voltage": ("voltage", "V", False),
    "current": ("current", "A", False),
    "frequency": ("frequency", "Hz", False),
    "temperature": ("temperature", "Cel", False),
    "humidity": ("humidity", "%", False),
    "co2": ("carbon_dioxide", "[ppm]", False),
    "pm2_5": ("pm25", "ug/m3", False),
    "pm10": ("pm10", "ug/m3", False),
    "pm1": ("pm1", "ug/m3", False),
    "pressure": ("atmospheric_pressure", "hPa", False),
    "illuminance": ("illuminance", "lx", False),
    "battery_level": ("battery", "%", False),
}


class Outgoing:
    """Makes messages of what happens. One thread uses it.

    prefix     what all topics begin with
    discovery  where Home Assistant looks for descriptions; "": none are made
    where      where devices are, which decides the tenant in the topic
    """

    def __init__(self, prefix: str = PREFIX, discovery: str = "") -> None:
        self._prefix, self._discovery = prefix, discovery
        self.where: Mapping[str, Placed] = {}
        self._topics: dict[object, str] = {}
        self._described: set[Series] = set()

    @property
    def status_topic(self) -> str:
        """Where "online" and "offline" are told."""
        return f"{self._prefix}/status"

    def describe_again(self) -> None:
        """Describe every sensor anew to Home Assistant when it is told of next."""
        self._described.clear()

    def value(self, series: Series, value: float, at_ns: int, worth: int) -> list[Message]:
        """Return what tells the newest value of a series."""
        unit = quantity(series.quantity).unit
        topic = self._topic("latest", series)
        told = {"value": value, "unit": unit, "time": iso(at_ns), "quality": Quality(worth).word}
        found = self._moved(("latest", series), topic)
        found.append(Message(topic, msgspec.json.encode(told), True))
        if self._discovery and series not in self._described:
            self._described.add(series)
            found.insert(0, self._description(series, unit, topic))
        return found

    def event(self, event: Anomaly | str | Flowed) -> list[Message]:
        """Return what tells of an hour's energy or of an anomaly; an id: it was disproved."""
        if isinstance(event, Flowed):
            topic = self._topic("energy", event.series)
            told = {
                "start": iso(event.start_ns),
                "end": iso(event.end_ns),
                "value": event.value,
                "unit": quantity(event.series.quantity).unit,
                "quality": event.quality,
                "coverage": event.coverage,
            }
            moved = self._moved(("energy", event.series), topic)
            return [*moved, Message(topic, msgspec.json.encode(told), True)]
        if isinstance(event, str):  # it was disproved
            topic = self._topics.pop(("anomaly", event), "")
            return [Message(topic, b"", True)] if topic else []
        topic = f"{self._prefix}/{self._tenant(event.device)}/anomaly/{safe(event.id)}"
        told = {
            "id": event.id,
            "device": event.device,
            "quantity": event.quantity or None,
            "channel": event.channel or None,
            "kind": event.kind,
            "start": iso(event.start_ns),
            "end": None if event.end_ns is None else iso(event.end_ns),
            "score": event.score,
            "value": event.value,
            "expected": event.expected,
            "text": event.text,
        }
        payload = msgspec.json.encode(told)
        if event.end_ns is None:
            return [*self._moved(("anomaly", event.id), topic), Message(topic, payload, True)]
        # Its end is told once, and then nobody who comes later hears of it.
        self._topics.pop(("anomaly", event.id), None)
        return [Message(topic, payload, False), Message(topic, b"", True)]

    def _tenant(self, device: str) -> str:
        return safe(self.where.get(device, NOWHERE).tenant or NO_TENANT)

    def _topic(self, what: str, series: Series) -> str:
        """Return the topic of a series."""
        parts = (self._prefix, self._tenant(series.device), what, *map(safe, series))
        return "/".join(part for part in parts if part)

    def _moved(self, of: object, topic: str) -> list[Message]:
        """Return what takes back a retained message whose device has got another tenant."""
        before = self._topics.get(of)
        self._topics[of] = topic
        return [Message(before, b"", True)] if before not in (None, topic) else []

    def _description(self, series: Series, unit: str, topic: str) -> Message:
        """Return what Home Assistant wants to know of a sensor (MQTT discovery)."""
        id = "_".join(part for part in map(_word, ("emscher", *series)) if part)
        about = _HOME.get(series.quantity)
        told: dict[str, object] = {
            "name": " ".join(part for part in (series.quantity, series.channel) if part),
            "unique_id": id,
            "state_topic": topic,
            "value_template": "{{ value_json.value }}",
            "json_attributes_topic": topic,
            "availability_topic": self.status_topic,
            "payload_available": "online",
            "payload_not_available": "offline",
            "device": {"identifiers": [f"emscher_{_word(series.device)}"], "name": series.device},
            "state_class": "total_increasing" if about and about[2] else "measurement",
        }
        if shown := _UNITS.get(unit, unit):
            told["unit_of_measurement"] = shown
        if about is not None:
            told["device_class"] = about[0]
        return Message(f"{self._discovery}/sensor/{id}/config", msgspec.json.encode(told), True)


def own(prefix: str, discovery: str, topics: Collection[str] = ()) -> Callable[[str], bool]:
    """Return whether a topic is one that is published here: it must not be taken in again.

    prefix, discovery  as those of Outgoing; "": nothing is published there · topics  further ones
    """
    ours = (
        *([f"{prefix}/"] if prefix else []),
        *([f"{discovery}/sensor/emscher_"] if discovery else []),
    )
    return lambda topic: topic.startswith(ours) or topic in topics


def safe(part: str) -> str:
    """Return a part of a topic: what means something to MQTT becomes %XX."""
    return part.translate(_UNSAFE)


def _word(part: str) -> str:
    """Return a part of an id of Home Assistant: letters, digits, _ and -."""
    return "".join(
        one if one.isascii() and (one.isalnum() or one in "_-") else f"_{ord(one):x}_"
        for one in part
    )
