"""MClimate: a report, and before it the answers to commands.

Source: the codecs that the maker publishes (TheThingsNetwork/lorawan-devices, `vendor/mclimate`,
and MClimate/mclimate-payload-helper). A report begins with its own byte and ends the message; what
stands before it are answers, each after the byte of its command. A message may also hold answers
alone. Settings keep the maker's names and units; of those that are lists or schedules, and of
versions, only the size is known here. The maker does not tie reports to an FPort.

The maker tells humidity, temperatures and voltages rounded; so do we. A thermistor that is not
connected gives no temperature (the maker tells 0). `valveOpenness` is what the maker computes from
the motor's position and range. `CO2eq`, `VOC`, `AQI` and `sAQI` are the maker's own estimates.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import floor

from ingest.codecs.frames import Frame, cut_short
from ingest.codecs.mclimate_tables import (
    AIR,
    CELL_8,
    CELL_255,
    CO2,
    COMMON,
    FAN_COIL,
    FLOOD_REPORTS,
    FLOODED,
    LIGHT_PIR,
    NOTIFIED,
    OCCUPIED,
    PIR_MINI,
    PRESSED,
    RELAY,
    ROUNDED,
    SETPOINT,
    SHOWN,
    SWITCHED,
    THERMISTOR,
    THERMOSTAT,
    VALVE_REPORTS,
    VALVED,
    VICKI,
    WARM,
    WARM_10,
    ZONES,
    answers,
    vicki_report,
)
from ingest.codecs.single_frames import in_decimals
from ingest.errors import PayloadError
from ingest.reading import Measurement

Found = list[Measurement]
Finish = Callable[[Found], Found]


@dataclass(frozen=True, eq=False)
class Model:
    """A device's codec.

    words    alternatives, each the words that must all be there
    reports  by first byte; the frame includes it
    answers  by the command's byte; the frame is what follows it
    decimals to which the maker rounds
    finish   what becomes of the values that a table can't say
    """

    NAME: str
    words: tuple[str, ...]
    reports: Mapping[int, Frame] = field(repr=False)
    answers: Mapping[int, Frame] = field(repr=False)
    decimals: Mapping[str, int] = field(repr=False, default_factory=dict)
    finish: Finish | None = field(default=None, repr=False)
    unless: frozenset[str] = frozenset()

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model by its words; the DevEUI says nothing."""
        named = any(words.issuperset(one.split()) for one in self.words)
        return named and words.isdisjoint(self.unless)

    def decode(self, payload: bytes, f_port: int) -> Found:
        """Return what the payload says.

        Errors  PayloadError for an unknown answer, a value cut short, or bytes after the report.
        """
        if not payload:
            raise cut_short(self.NAME, 0, 1, 0)
        found: Found = []
        at = 0
        while at < len(payload):
            key = payload[at]
            report = self.reports.get(key)
            if report is not None:
                return found + self._told(report.whole(payload, self.NAME, at))
            answer = self.answers.get(key)
            if answer is None:
                raise PayloadError(
                    f"{self.NAME} at byte {at}",
                    "a report or an answer that the maker documents",
                    f"0x{key:02x}",
                )
            if at + 1 + answer.size > len(payload):
                raise cut_short(self.NAME, at + 1, answer.size, len(payload) - at - 1)
            found += answer.read(payload, at + 1)
            at += 1 + answer.size
        return found

    def _told(self, found: Found) -> Found:
        if self.finish:
            found = self.finish(found)
        return [
            one._replace(value=in_decimals(one.value, self.decimals[one.quantity]))
            if one.quantity in self.decimals
            else one
            for one in found
        ]


@dataclass(frozen=True, eq=False)
class Leak(Model):
    """T-Valve and flood sensor, whose reports have no byte of their own, only their sizes.

    sizes  the reports by their size
    first  the report stands before the answers
    """

    sizes: Mapping[int, Frame] = field(repr=False, default_factory=dict)
    first: bool = False

    def decode(self, payload: bytes, f_port: int) -> Found:
        """Return what the payload says, as every model does."""
        report = self.sizes.get(len(payload))
        longest = max(self.sizes)
        if report is not None:
            return self._told(report.read(payload))
        if len(payload) < longest:
            raise cut_short(self.NAME, 0, longest, len(payload))
        start = 0 if self.first else len(payload) - longest
        found = self._told(self.sizes[longest].read(payload, start))
        return found + super().decode(payload[longest:] if self.first else payload[:start], f_port)


def _connected(found: Found) -> Found:
    """Leave out the temperature of a thermistor that is not connected."""
    off = any(one.quantity == "thermistorDisconnected" and one.value for one in found)
    told: Found = []
    for one in found:
        if one.quantity == "thermistorDisconnected":
            told.append(Measurement("thermistorProperlyConnected", 1.0 - one.value))
        elif not (off and one.quantity == "temperature" and one.channel == "thermistor"):
            told.append(one)
    return told


def _split_co2(found: Found) -> Found:
    """Put the two parts of the CO2 together."""
    parts = {one.quantity: one.value for one in found}
    co2 = Measurement("co2", 256 * parts["co2_high"] + parts["co2_low"])
    return [co2, *(one for one in found if one.quantity not in ("co2_high", "co2_low"))]


def _on(found: Found) -> Found:
    """Tell the relay as on only for the one code that the maker means by it."""
    return [
        one._replace(value=float(one.value == 1)) if one.quantity == "relayState" else one
        for one in found
    ]


def _vicki(found: Found) -> Found:
    """Join the halves of the motor's numbers, and compute how far the valve is open."""
    parts = {one.quantity: one.value for one in found}
    motor_range = 256 * parts["range_high"] + parts["range_low"]
    position = 256 * parts["position_high"] + parts["position_low"]
    openness = floor((1 - position / motor_range) * 100 + 0.5) if motor_range else 0
    told: Found = []
    for one in found:
        if one.quantity == "temperature_wide":  # -40 to 125 degrees, in 256 parts
            told.append(Measurement("temperature", (165 * one.value - 10240) / 256))
        elif not one.quantity.startswith(("range_", "position_")):
            told.append(one)
    return [
        *told,
        Measurement("motorRange", motor_range),
        Measurement("motorPosition", position),
        Measurement("valveOpenness", float(openness)),
    ]


_PRECISE = {"temperature": 2, "humidity": 2, "battery_voltage": 3}

CODECS: tuple[Model, ...] = (
    Model(
        "mclimate-vicki",
        ("vicki",),
        {
            0x01: vicki_report("temperature_wide"),
            0x81: vicki_report("temperature -28.33333 /5.66666"),
        },
        {**COMMON, **VICKI},
        ROUNDED,
        _vicki,
    ),
    Model(
        "mclimate-co2-sensor",
        ("mclimate co2 sensor",),
        {0x01: Frame(f"x1\n u16 co2\n {WARM} {CELL_8}")},
        {
            **COMMON,
            **ZONES,
            **NOTIFIED,
        },
        ROUNDED,
        unless=frozenset(("display", "pir")),
    ),
    Model(
        "mclimate-co2-display",
        ("mclimate co2 display",),
        {0x01: Frame(f"x1\n {WARM} u16 battery_voltage /1000\n {CO2} u8 _\n .0-7 motion")},
        {**COMMON, **ZONES, **SHOWN},
        _PRECISE,
        _split_co2,
        unless=frozenset(("lite",)),
    ),
    Model(
        "mclimate-co2-display-lite",
        ("mclimate co2 display lite",),
        {0x01: Frame(f"x1\n {WARM} u16 battery_voltage /1000\n {CO2}")},
        {**COMMON, **ZONES, **SHOWN, **answers("2f u8 uplinkSendingOnButtonPress")},
        ROUNDED,
        _split_co2,
    ),
    Model(
        "mclimate-co2-pir-lite",
        ("mclimate co2 pir lite",),
        {
            0x81: Frame(
                f"x1\n {WARM_10.replace('.2 _', '.10 occupancy')} {CELL_255}"
                "u8 co2_low\n u8 _\n .3-7 co2_high\n u8 pirTriggerCount"
            )
        },
        {**COMMON, **ZONES, **OCCUPIED},
        ROUNDED,
        _split_co2,
    ),
    Model(
        "mclimate-ht-pir-lite",
        ("mclimate ht pir lite",),
        {
            0x81: Frame(
                f"x1\n {WARM_10.replace('.2 _', '.10 occupancy')} {CELL_255} u8 pirTriggerCount"
            )
        },
        {**COMMON, **OCCUPIED},
        ROUNDED,
    ),
    Model(
        "mclimate-pir-mini",
        ("mclimate pir mini",),
        {
            0x01: Frame(
                f"x1\n {WARM_10} u16 illuminance !0xfffb,0xfffc,0xfffd,0xfffe,0xffff\n"
                f"{CELL_255} u8 _\n .0 occupancy\n u16 pirTriggerCount"
            )
        },
        {**COMMON, **PIR_MINI},
        ROUNDED,
    ),
    Model(
        "mclimate-ht-sensor",
        ("mclimate ht sensor",),
        {0x01: Frame(f"x1\n {WARM} u8 _\n .4-7 battery_voltage +20 /10\n {THERMISTOR.format(11)}")},
        {**COMMON, **answers("32 x2\n 34 x2")},
        ROUNDED,
        _connected,
        unless=frozenset(("display", "pir")),
    ),
    Model(
        "mclimate-ht-display-lite",
        ("mclimate ht display lite",),
        {
            0x01: Frame(
                f"x1\n {WARM} u16 illuminance\n u16 battery_voltage /1000\n u8 powerSourceStatus"
            )
        },
        {**COMMON, **SHOWN},
        ROUNDED,
    ),
    Model(
        "mclimate-wireless-thermostat",
        ("mclimate wireless thermostat",),
        {
            0x01: Frame(THERMOSTAT.format("u8 targetTemperature\n") + LIGHT_PIR),
            0x81: Frame(THERMOSTAT.format("u16 targetTemperature /10\n") + LIGHT_PIR),
        },
        {**COMMON, **SHOWN, **SETPOINT},
        _PRECISE,
    ),
    Model(
        "mclimate-fan-coil-thermostat",
        ("mclimate fan coil", "mclimate fct"),
        {
            0x01: Frame(f"""
                x1
                {WARM}
                u16 targetTemperature /10
                u8 operationalMode
                u8 displayedFanSpeed
                u8 actualFanSpeed
                u8 valveStatus
                u8 deviceStatus
            """)
        },
        {**COMMON, **FAN_COIL},
        ROUNDED,
    ),
    Model("mclimate-16aspm", ("16aspm",), {0x01: RELAY}, {**COMMON, **SWITCHED}, finish=_on),
    Model(
        "mclimate-16ads",
        ("16ads",),
        {0x01: Frame("x1\n m8 temperature:internal\n u8 relayState")},
        {**COMMON, **SWITCHED},
        finish=_on,
    ),
    Model(
        "mclimate-melissa",
        ("mclimate melissa",),
        {
            0x01: Frame(
                "x1\n m8 temperature:internal\n u32 active_energy_import\n u16 active_power\n"
                "u8 voltage"
            )
        },
        COMMON,
    ),
    Model("mclimate-aqi-sensor", ("mclimate aqi",), {0x01: AIR}, {**COMMON}),
    Model(
        "mclimate-button",
        ("mclimate button", "mclimate mc button"),
        {0x01: Frame(f"x1\n {CELL_8} {THERMISTOR.format(9)} u8 pressEvent")},
        {**COMMON, **PRESSED},
        {"battery_voltage": 1},
        _connected,
    ),
    Model(
        "mclimate-open-close",
        ("mclimate open close",),
        dict.fromkeys(
            (0x01, 0x20, 0x21),
            Frame(f"u8 event\n {CELL_8} {THERMISTOR.format(9)} u24 counter\n u8 status"),
        ),
        {**COMMON, **answers("1f u8 notificationBlindTime")},
        {"battery_voltage": 2},
        _connected,
    ),
    Leak("mclimate-flood-sensor", ("mclimate flood",), {}, FLOODED, sizes=FLOOD_REPORTS),
    Leak(
        "mclimate-t-valve",
        ("mclimate t valve", "mclimate tvalve"),
        {},
        VALVED,
        sizes=VALVE_REPORTS,
        first=True,
    ),
)
"""In the order in which they are asked; no payload belongs to two of them."""
