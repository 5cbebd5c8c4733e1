"""Devices: what they measure at a moment, and the message that they send about it.

`measure` gives the values as physics has them, `message` puts them on the wire. Between the two
a fault may change them, as a broken sensor would.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Protocol

from fleet import cayenne, chirpstack, elsys, tasmota
from fleet.ledger import Ledger
from fleet.message import SECOND_NS, Message
from fleet.nature import Weather, drift, jitter, key_of, uniform
from fleet.network import Heard, Identity, Uplink

Values = dict[str, float]


class Device(Protocol):
    """A thing that speaks."""

    @property
    def name(self) -> str:
        """The name that an operator reads."""

    def measure(self, time_ns: int) -> Values:
        """Return what it measures at that moment."""

    def message(self, time_ns: int, f_cnt: int, values: Values) -> Message:
        """Return the message about those values, sent at that moment."""


@dataclass(frozen=True, slots=True)
class LoraDevice:
    """A LoRaWAN sensor behind ChirpStack: its physics and how its firmware packs a payload."""

    identity: Identity
    physics: Callable[[int], Values]
    pack: Callable[[Values], bytes]
    gateway_id: str
    f_port: int

    @property
    def name(self) -> str:
        """The device name of the network server."""
        return self.identity.name

    def measure(self, time_ns: int) -> Values:
        """See Device.measure."""
        return self.physics(time_ns)

    def message(self, time_ns: int, f_cnt: int, values: Values) -> Message:
        """Return the ChirpStack uplink event; signal strength wavers around the device's own."""
        key = key_of("radio", self.identity.dev_eui)
        waver = jitter(key, time_ns)
        rssi = round(-78 - 34 * uniform(key, 0) + 2.5 * waver)
        heard = Heard(
            gateway_id=self.gateway_id,
            rssi=rssi,
            snr=round((rssi + 118) / 4 * 4) / 4,
            channel=int(6 * uniform(key, time_ns)),
        )
        up = Uplink(
            time_ns=time_ns,
            f_cnt=f_cnt & 0xFFFFFFFF,
            f_port=self.f_port,
            data=self.pack(values),
            dr=5 if rssi > -100 else 3,
            heard=(heard,),
        )
        return chirpstack.uplink(self.identity, up)


@dataclass(frozen=True, slots=True)
class SmlMeter:
    """A household meter with an optical head that runs Tasmota and a German SML script."""

    name: str
    ledger: Ledger
    zone: tzinfo
    two_way: bool = False  # a meter of consumption alone has no register 2.8.0

    def measure(self, time_ns: int) -> Values:
        """Registers in Wh and power in W, at the full second that the message will name."""
        at_ns = time_ns // SECOND_NS * SECOND_NS
        energy = self.ledger.energy(at_ns)
        values: Values = {"Total_in": energy.import_wh}
        if self.two_way:
            values["Total_out"] = energy.export_wh
        return {**values, "Power_curr": self.ledger.power_w(at_ns)}

    def message(self, time_ns: int, f_cnt: int, values: Values) -> Message:
        """Return the SENSOR message, with offset; Tasmota has no frame counter."""
        fields: tasmota.Fields = {
            key: tasmota.kwh(int(value)) if key.startswith("Total") else round(value)
            for key, value in values.items()
        }
        return tasmota.sensor(
            self.name,
            time_ns=time_ns,
            group="SML",
            fields=fields,
            zone=self.zone,
            with_offset=True,
        )


@dataclass(frozen=True, slots=True)
class Plug:
    """A Tasmota plug with energy measurement; its Time is local, without an offset."""

    name: str
    ledger: Ledger
    zone: tzinfo

    def measure(self, time_ns: int) -> Values:
        """Registers in Wh, W, V and power factor, at the full second of the message."""
        at_ns = time_ns // SECOND_NS * SECOND_NS
        today_ns, yesterday_ns = _midnights(at_ns, self.zone)
        total, before = self.ledger.energy(at_ns), self.ledger.energy(today_ns)
        key = key_of("plug", self.name)
        return {
            "Total": total.import_wh,
            "Today": total.import_wh - before.import_wh,
            "Yesterday": before.import_wh - self.ledger.energy(yesterday_ns).import_wh,
            "Power": self.ledger.power_w(at_ns),
            "Voltage": 230 + 3 * drift(key, at_ns / SECOND_NS, 600) + 0.5 * jitter(key, at_ns),
            "Factor": 0.93 + 0.04 * drift(key + 1, at_ns / SECOND_NS, 300),
        }

    def message(self, time_ns: int, f_cnt: int, values: Values) -> Message:
        """Return the SENSOR message with its ENERGY group."""
        apparent = values["Power"] / values["Factor"]
        fields: tasmota.Fields = {
            "TotalStartTime": "2026-01-01T00:00:00",
            "Total": tasmota.kwh(int(values["Total"])),
            "Yesterday": tasmota.kwh(int(values["Yesterday"])),
            "Today": tasmota.kwh(int(values["Today"])),
            "Power": round(values["Power"]),
            "ApparentPower": round(apparent),
            "ReactivePower": round(math.sqrt(apparent**2 - values["Power"] ** 2)),
            "Factor": round(values["Factor"], 2),
            "Voltage": round(values["Voltage"]),
            "Current": round(apparent / values["Voltage"], 3),
        }
        return tasmota.sensor(
            self.name,
            time_ns=time_ns,
            group="ENERGY",
            fields=fields,
            zone=self.zone,
            with_offset=False,
        )


def _midnights(time_ns: int, zone: tzinfo) -> tuple[int, int]:
    """Return the UTC ns of the last local midnight and of the one before."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_ns // SECOND_NS)
    today = moment.astimezone(zone).date()
    return _midnight_ns(today, zone), _midnight_ns(today - timedelta(days=1), zone)


def _midnight_ns(day: date, zone: tzinfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * SECOND_NS


def room(
    key: int, weather: Weather, zone: tzinfo, *, seats: int, volume_m3: float
) -> Callable[[int], Values]:
    """Return the physics of a room: temperature, humidity, light, motion, CO2 from people.

    CO2 is a well-mixed room's mass balance: people breathe out 18 l/h each, air changes 2.5 times
    an hour; the past three hours are weighed by the exponential that solves it.
    """

    def measure(time_ns: int) -> Values:
        time_s = time_ns / SECOND_NS
        step_s, changes_per_h = 300, 2.5
        fade = math.exp(-changes_per_h * step_s / 3600)
        people = [_people(key, zone, time_s - back * step_s, seats) for back in range(36)]
        weighed = sum(count * fade**back for back, count in enumerate(people)) * (1 - fade)
        co2 = 425 + 1e6 * weighed * 0.018 / (volume_m3 * changes_per_h)
        warmth = 1.8 * weighed / max(seats, 1) + 0.05 * (weather.temperature(time_ns) - 10)
        present = people[0] > 0
        daylight = 0.006 * weather.illuminance(time_ns)
        return {
            "temperature": 20.3 + warmth + 0.6 * drift(key, time_s, 9000)
            + 0.12 * jitter(key + 1, time_ns),
            "humidity": 41 + 5 * drift(key + 2, time_s, 15_000) + 6 * weighed / max(seats, 1)
            + jitter(key + 3, time_ns),
            "light": max(0.0, daylight + (320 if present else 2) + 4 * jitter(key + 4, time_ns)),
            "motion": round(people[0] * uniform(key + 5, time_ns) / 3),
            "co2": co2 + 9 * jitter(key + 6, time_ns),
            "vdd": 3620 + 15 * drift(key + 7, time_s, 400_000),
        }  # fmt: skip

    return measure


def _people(key: int, zone: tzinfo, time_s: float, seats: int) -> int:
    """Return how many are in the room: workdays from eight to four, fewer around noon."""
    moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_s)).astimezone(zone)
    hour = moment.hour + moment.minute / 60
    if moment.weekday() >= 5 or not 7.8 <= hour < 16.2:
        return 0
    lesson = int(time_s // 2700)
    share = 0.4 if 12 <= hour < 13.3 else 0.95
    return round(seats * share * (0.55 + 0.45 * uniform(key + 8, lesson)))


def outdoors(key: int, weather: Weather) -> Callable[[int], Values]:
    """Return the physics of a weather station: temperature, humidity, pressure, illuminance."""

    def measure(time_ns: int) -> Values:
        light = weather.illuminance(time_ns) * (1 + 0.02 * jitter(key + 3, time_ns))
        return {
            "temperature": weather.temperature(time_ns) + 0.12 * jitter(key, time_ns),
            "humidity": min(100.0, weather.humidity(time_ns) + 0.8 * jitter(key + 1, time_ns)),
            "pressure": weather.pressure(time_ns) + 0.15 * jitter(key + 2, time_ns),
            "illuminance": min(65_535.0, max(0.0, light)),
            "battery": 3.6 + 0.05 * drift(key + 4, time_ns / SECOND_NS, 400_000),
        }

    return measure


def street(key: int, weather: Weather, zone: tzinfo, *, busy_db: float) -> Callable[[int], Values]:
    """Return the physics of a street: sound level by traffic, temperature, humidity."""

    def measure(time_ns: int) -> Values:
        time_s = time_ns / SECOND_NS
        moment = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=time_s)).astimezone(zone)
        hour = moment.hour + moment.minute / 60
        traffic = math.exp(-(((hour - 8) / 2.2) ** 2)) + math.exp(-(((hour - 17) / 2.8) ** 2))
        level = busy_db - 15 + 13 * min(1.0, traffic + 0.3) + 2 * drift(key, time_s, 300)
        average = level + 1.5 * jitter(key + 1, time_ns)
        return {
            "temperature": weather.temperature(time_ns) + 0.4 + 0.12 * jitter(key + 2, time_ns),
            "humidity": min(100.0, weather.humidity(time_ns) + 0.8 * jitter(key + 3, time_ns)),
            "soundPeak": average + 8 + 10 * uniform(key + 4, time_ns),
            "soundAvg": average,
            "vdd": 3600 + 20 * drift(key + 5, time_s, 400_000),
        }

    return measure


_PHASES = (0.36, 0.33, 0.31)  # of the power, as single-phase loads are spread in practice


def building_meter(key: int, ledger: Ledger) -> Callable[[int], Values]:
    """Return what a three-phase LoRaWAN meter shows: Wh, W, and V and A of each phase."""

    def measure(time_ns: int) -> Values:
        power = ledger.power_w(time_ns)
        values: Values = {"energy": ledger.energy(time_ns).import_wh, "power": power}
        for phase, share in enumerate(_PHASES, 1):
            own = key + phase
            volt = 230 + 3 * drift(own, time_ns / SECOND_NS, 600) + 0.3 * jitter(own, time_ns)
            values[f"voltage{phase}"] = volt
            values[f"current{phase}"] = abs(power) * share / volt / 0.97
        return values

    return measure


def pack_elsys(values: Values) -> bytes:
    """Pack values under their ELSYS names."""
    return elsys.encode(values)


def pack_station(values: Values) -> bytes:
    """Pack a weather station's values as Cayenne LPP, one channel each."""
    return cayenne.encode(
        [
            (1, "temperature", values["temperature"]),
            (2, "humidity", values["humidity"]),
            (3, "barometer", values["pressure"]),
            (4, "illuminance", values["illuminance"]),
            (5, "analog_input", values["battery"]),
        ]
    )


def pack_meter(values: Values) -> bytes:
    """Pack an electricity meter's values as Cayenne LPP: phases are channels, energy is in Wh."""
    rows: list[tuple[int, str, float | tuple[float, ...]]] = [
        (1, "energy", values["energy"] / 1000),
        (1, "power", values["power"]),
    ]
    for phase in range(1, len(_PHASES) + 1):
        rows.append((phase, "voltage", values[f"voltage{phase}"]))
        rows.append((phase, "current", values[f"current{phase}"]))
    return cayenne.encode(rows)
