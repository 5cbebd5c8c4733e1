"""Arwin Technology (Senso8): one frame for each FPort and kind of sensor.

Source: the codecs that the maker publishes in the LoRaWAN device repository
(TheThingsNetwork/lorawan-devices, `vendor/arwin-technology`); for LRS20310, whose decoder is not
to be had, the examples of its codec file.

FPort 10 and, on the power meter, 50 to 61 carry measurements; FPort 8 states a version, FPort 9
a version with the battery. The others answer with settings, which keep the maker's names and
units; a last byte may acknowledge them. Every frame but those of LRS10701 and the versions begins
with a number for the kind of sensor. Each bit of an event is a state of its own, `event_…`.

The gases of LRS10701 depend on what is built in, so `gas1` and `gas2` (ppm) are no quantity of
ours. The first power meter (LRS2M001-4XXX) tells whole hertz, the later ones hundredths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame
from ingest.errors import PayloadError
from ingest.reading import Measurement

Frames = Sequence[Frame]


@dataclass(frozen=True, eq=False)
class Arwin:
    """A model: its frames by FPort, and the number that they begin with, if any.

    word    of its name
    kind    first byte of its frames; None: they have none
    ports   the frames of an FPort, one for each size, without the byte of the kind
    needs   another word that must be there
    other   a word that belongs to a sister model
    """

    NAME: str
    word: str
    kind: int | None
    ports: Mapping[int, Frames] = field(repr=False)
    needs: str = ""
    other: str = ""

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model by its number."""
        return (
            self.word in words
            and (not self.needs or self.needs in words)
            and (not self.other or self.other not in words)
        )

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says; a version says nothing.

        Errors  PayloadError for another FPort, kind or size than the maker documents.
        """
        version = _VERSIONS.get(f_port)
        frames = (version,) if version else self.ports.get(f_port)
        if frames is None:
            wanted = ", ".join(map(str, (*_VERSIONS, *self.ports)))
            raise PayloadError(f"{self.NAME} FPort", f"one of {wanted}", f_port)
        at = 0
        if self.kind is not None and not version:
            if not payload or payload[0] != self.kind:
                raise PayloadError(
                    f"{self.NAME} kind of sensor", self.kind, payload[:1].hex() or "no bytes"
                )
            at = 1
        frame = next((one for one in frames if one.size == len(payload) - at), None)
        if frame is None:
            sizes = " or ".join(str(one.size + at) for one in frames)
            raise PayloadError(
                f"{self.NAME} length on FPort {f_port}",
                f"{sizes} bytes",
                f"{len(payload)} bytes: {payload.hex()}",
            )
        channel = _PHASES.get(f_port, "") if self.word == _METER else ""
        return frame.read(payload, at, channel)


@dataclass(frozen=True, eq=False)
class AirQuality(Arwin):
    """LRS10701, whose thresholds come in three messages; the first byte says which."""

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says, as every model does."""
        if f_port != _THRESHOLDS_PORT:
            return super().decode(payload, f_port)
        frame = _THRESHOLDS.get(payload[0]) if payload else None
        if frame is None:
            raise PayloadError(
                f"{self.NAME} thresholds", "message 0, 1 or 2", payload[:1].hex() or "no bytes"
            )
        return frame.whole(payload, self.NAME, 1)


_METER = "lrs2m001"
_PHASES = {
    50 + 3 * number + place: f"{number + 1}.L{place + 1}"
    for number in range(4)
    for place in range(3)
}
_VERSIONS = {
    8: Frame("x4"),
    9: Frame("x4\n u16 battery_voltage /1000\n u8 battery_level\n u32 uplinkCount"),
}
_HEARTBEAT = "u8 _\n .0 event_heartbeat\n"
_INTERVAL = "u16 dataUploadInterval\n"
_THRESHOLDS_PORT = 13

_THRESHOLDS = {
    0: Frame("""
        s16 highTemperatureThreshold
        s16 lowTemperatureThreshold
        u8 highHumidityThreshold
        u8 lowHumidityThreshold
    """),
    1: Frame("""
        u16 co2Threshold
        u16 tvocThreshold
        u16 gas1Threshold /1000
        u16 gas2Threshold /1000
    """),
    2: Frame("u24 pm1.0_Threshold\n u24 pm2.5_Threshold\n u24 pm10_Threshold"),
}

_SETTINGS = (
    _INTERVAL
    + """
    u8 statusLED
    u8 sensorType
    u8 sensorStatus
    u8 gas1Type
    u8 gas2Type
"""
)
_AIR_QUALITY: dict[int, Frames] = {
    10: (
        Frame("""
            u8 _
            .0 event_heartbeat
            .2 event_temperature_humidity
            .3 event_co2
            .4 event_gas1
            .5 event_gas2
            .6 event_tvoc
            .7 event_pm
            u32 _
            .23-31 aqi
            .10-22 co2
            .0-9 temperature -300 /10
            u8 humidity /2
            u16 gas1 /1000
            u16 gas2 /1000
            u8 battery_level
        """),
    ),
    11: (Frame("u16 tvoc\n u24 pm1 /1000\n u24 pm2_5 /1000\n u24 pm10 /1000"),),
    12: (Frame(_SETTINGS), Frame(_SETTINGS + "x1")),
}

_CLIMATE_READ = (
    _HEARTBEAT
    + """
    .2 event_temperature_high
    .3 event_temperature_low
    .4 event_humidity_high
    .5 event_humidity_low
    u8 battery_level
    s16 temperature /10
    s16 humidity /10
"""
)
_CLIMATE: dict[int, Frames] = {
    10: (Frame(_CLIMATE_READ), Frame(_CLIMATE_READ + "x2")),
    12: (Frame(_INTERVAL), Frame(_INTERVAL + "x2")),
    13: (_THRESHOLDS[0],),
}

_TEMPERATURE_READ = (
    _HEARTBEAT
    + """
    .2 event_temperature_high
    .3 event_temperature_low
    u8 battery_level
    s16 temperature /10
"""
)
_TEMPERATURE: dict[int, Frames] = {
    10: (
        Frame(_TEMPERATURE_READ),
        Frame(_TEMPERATURE_READ + "x2"),
        Frame(_TEMPERATURE_READ + "x2\n u16 uplinkCount"),  # where it reports adaptively
    ),
    12: (Frame(_INTERVAL), Frame(_INTERVAL + "x2")),
    13: (Frame("s16 highTemperatureThreshold\n s16 lowTemperatureThreshold"),),
    16: (
        Frame("""
            u16 maximumSilentTime
            u16 deltaTemperature /10
            u16 samplingTime
            u8 repeat
        """),
    ),
}

_LEAK: dict[int, Frames] = {
    10: (Frame(_HEARTBEAT + ".2 water_leak\n u8 battery_level\n u8 waterLeakLevel\n x2"),),
    12: (Frame(_INTERVAL + "u16 numAdditionalUploads\n u8 additionalUploadsInterval\n x1"),),
    13: (Frame("u8 waterLeakAlertThreshold"),),
}

# The maker says "close" for any number but 0.
_CONTACT: dict[int, Frames] = {
    10: (
        Frame(
            _HEARTBEAT
            + """
            u8 battery_level
            u8 contact
            u16 eventCount
        """
        ),
    ),
    12: (Frame(_INTERVAL + "u8 triggerMode\n u16 triggerDeafTime\n x1"),),
    13: (Frame("u8 inputEnabled"),),
}

_DISTANCE = "u8 battery_level\n u16 distance /1000\n u8 state"
_LASER: dict[int, Frames] = {
    10: (Frame(_HEARTBEAT + ".2 event_state_alert\n" + _DISTANCE),),
    12: (Frame(_INTERVAL), Frame(_INTERVAL + "x1")),
    13: (Frame("u16 distanceThreshold /10\n u16 negativeDelta /10\n u16 positiveDelta /10"),),
}
_ULTRASONIC: dict[int, Frames] = {
    10: (Frame(_HEARTBEAT + ".2 event_distance_hi\n .3 event_distance_lo\n" + _DISTANCE),),
    12: (Frame(_INTERVAL), Frame(_INTERVAL + "x1")),
    13: (Frame("u16 distanceHighThreshold /10\n u16 distanceLowThreshold /10"),),
}


def _meter(frequency_divisor: int) -> dict[int, Frames]:
    mains = Frame(f"""
        u16 voltage:L1 /10
        u16 voltage:L2 /10
        u16 voltage:L3 /10
        u24 _
        .10-23 frequency /{frequency_divisor}
        .0 event_heartbeat
        .1 event_backup_power
        .2 event_under_voltage:L3
        .3 event_over_voltage:L3
        .4 event_under_voltage:L2
        .5 event_over_voltage:L2
        .6 event_under_voltage:L1
        .7 event_over_voltage:L1
        .8 event_power_meter_not_found
        .9 event_backup_batt_low
        u8 battery_level
    """)
    phase = Frame("""
        u16 _
        .0-13 current /10
        .14 event_over_current
        .15 event_heartbeat
        u32 _
        .10-31s active_power /10
        .0-9 power_factor /1000
        u32 active_energy_import *100
    """)
    limits = "u16 dataUploadInterval\n u16 underVoltageLimit\n u16 overVoltageLimit\n"
    latencies = "u16 overCurrentLatency\n u16 normalCurrentLatency\n u8 uplinkAlertClear"
    return {
        10: (mains,),
        **dict.fromkeys(_PHASES, (phase,)),
        16: (Frame(limits + "u16 _\n .0-14 overCurrentLimit\n .15 overCurrentLimit_in_tenths"),),
        17: (Frame(latencies),),
    }


@dataclass(frozen=True, eq=False)
class Meter(Arwin):
    """LRS2M001, whose limit of the current is told in amperes or in tenths of them."""

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says, the limit in amperes."""
        found = super().decode(payload, f_port)
        if found and found[-1].quantity == "overCurrentLimit_in_tenths":
            limit, tenths = found[-2:]
            found[-2:] = [limit._replace(value=limit.value / (10 if tenths.value else 1))]
        return found


@dataclass(frozen=True, eq=False)
class Contact(Arwin):
    """LRS20600: any number but 0 is a closed contact."""

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says, states as 0 and 1."""
        return [
            one._replace(value=float(bool(one.value)))
            if one.quantity in ("contact", "inputEnabled")
            else one
            for one in super().decode(payload, f_port)
        ]


CODECS: tuple[Arwin, ...] = (
    AirQuality("arwin-lrs10701", "lrs10701", None, _AIR_QUALITY),
    Arwin("arwin-lrs20100", "lrs20100", 1, _CLIMATE),
    Arwin("arwin-lrs20200", "lrs20200", 2, _TEMPERATURE),
    Contact("arwin-lrs20600", "lrs20600", 4, _CONTACT),
    Arwin("arwin-lrs20310", "lrs20310", 5, _LEAK),
    Meter("arwin-lrs2m001-4xxx", _METER, 10, _meter(1), needs="4xxx"),
    Meter("arwin-lrs2m001", _METER, 10, _meter(100), other="4xxx"),
    Arwin("arwin-lrs20ld0", "lrs20ld0", 11, _LASER),
    Arwin("arwin-lrs20u00", "lrs20u00", 12, _ULTRASONIC),
    Arwin("arwin-lrs20ud0", "lrs20ud0", 12, _ULTRASONIC),
)
"""In the order in which they are asked; a word is of one of them."""
