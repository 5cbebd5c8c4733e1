"""Dragino: doors, leaks, pulses, I/O controllers, pressure, weather stations and trackers.

Source: as dragino.py says. What its decoders and manuals say more than a table can:
- Doors, leaks and pulses: the state that a bit states is of the moment of TIME, and so are the
  counts. A log has the same fields. CPL03 counts on three inputs, without a time; its log does
  not say which counts it holds, and is refused.
- SW3L: pulses, and litres by the sensor's size. All sources have 450 pulses a litre for flag 0;
  for the flags 1 and 2 they differ (360 or 390, 60 or 64), so that only the pulses are told. The
  litres have one decimal, as the maker tells them. MOD 1 counts since the message before.
- LT-22222-L: an output's bit is 1 when it is low. In a count's message First_status says that it
  is the first after a restart.
- PS-LB: depth, pressure or differential pressure from the loop's current and the probe's range;
  4 mA or less is 0. Ranges around zero have no value there. FPorts 7 and 8 are samples without
  times, and refused.
- WSC1-L: a weather sensor's temperature below zero counts down from 0xffff; the types up to 0x0d
  have one size each, and any other size is refused.
- LGT92 and TrackerD: a position of 0, 0 is none, and so is 0x0fffffff.
"""

from collections.abc import Mapping

from ingest.codecs.dragino_frames import (
    BATTERY,
    INTERVAL,
    STATUS,
    Model,
    Reader,
    from_ffff,
    log,
    modes,
    sized,
)
from ingest.codecs.frames import Frame, Tlv
from ingest.errors import PayloadError
from ingest.reading import Measurement

# LDS01, LDS02, LWL01, LWL02: one firmware; the third byte says what is watched.

_WATCH = BATTERY + ".15 door_open\n"
_LEAK = BATTERY + ".14 water_leak\n"
_EVENTS = "u24 {0}_times\nu24 last_{0}_duration_min\n"
_WATCHED = {
    1: _WATCH + "x1\n" + _EVENTS.format("door_open") + "u8 _\n.0 alarm",
    2: _LEAK + "x1\n" + _EVENTS.format("water_leak") + "x1",
    3: _WATCH + ".14 water_leak\nx7\nu8 _\n.0 alarm",
}

_watched = modes(2, 0xFF, _WATCHED)

# LDS03A, LWL03A, CPL01 and their successors: two counts and a time.

_SINCE = "u24 {0}_times\nu24 last_{0}_duration\n"
_DOOR = "u8 _\n.0 door_open\n.1 alarm\n" + _SINCE.format("door_open") + "u32 TIME"
_TWO_DOORS = (
    "u8 _\n.0 door_open:1\n.1 alarm:1\nu24 door_open_times:1\nu24 last_door_open_duration:1\n"
    "u32 TIME\n"
    "u8 _\n.0 door_open:2\n.1 alarm:2\nu24 door_open_times:2\nu24 last_door_open_duration:2"
)
_WATER = "u8 _\n.0 water_leak\n.1 alarm\n" + _SINCE.format("water_leak") + "u32 TIME"
_ALARMS = "u24 TDC\nu8 _\n.0 DISALARM\nu8 _\n.0 KEEP_STATUS\nu16 KEEP_TIME\n"
_CONTACT = ".0 contact -1 *-1\n.1 alarm\n"
_CPL01 = "u8 _\n" + _CONTACT + ".2-7 CALCULATE_FLAG\nu24 pulse_register\n"
_CPL01 += "u24 last_disconnect_duration\nu32 TIME"
_PINS = ("pa8", "pa4", "pb15")
_CPL03_ONE = "u8 _\n" + _CONTACT + ".2 ttrig_mod\nu24 {}\nu24 last_duration\nu32 TIME"
_CPL03_THREE = (
    "u8 _\n.0-2 calculate_flag\n"
    + "".join("u24 {}:" + pin + "\n" for pin in _PINS)
    + "u8 _\n"
    + "".join(f".{bit} roc_flag:{pin}\n" for bit, pin in enumerate(_PINS))
)
_PART, _ON_THREE = 0x20, 0x08
_CPL03 = {
    0: _CPL03_ONE.format("pulse_register"),
    _PART: _CPL03_ONE.format("pulse_count"),
    _ON_THREE: _CPL03_THREE.format(*["pulse_register"] * 3),
    _ON_THREE | _PART: _CPL03_THREE.format(*["pulse_count"] * 3),
}
_CPL03_SETTINGS = _ALARMS + "u8 ttrig_mod1\nu8 ttrig_mod2\nu8 ttrig_mod3\nu8 alarm_tdc"
_CPL03_EDGES = "u8 _\n" + "".join(
    f".{2 * number} contact:{pin}\n.{2 * number + 1} EXTI_Trigger:{pin}\n"
    for number, pin in enumerate(_PINS)
)

# SW3L: a water meter.

_FLOW = "u8 _\n.1 alarm\n.2-7 calculate_flag\n{}u32 pulses\n{}u32 TIME"
_FLOW_LIVE = sized(_FLOW.format("", "u8 MOD\nx1\n"))
_FLOW_LOG = log(_FLOW.format("u8 MOD\nx1\n", ""))
_LAST, _SIZES = 1, {0: 450}


def _litres(read: Reader) -> Reader:
    """Return a reader that names the pulses by MOD, and tells the litres where they are sure."""

    def told(payload: bytes, name: str) -> list[Measurement]:
        found: list[Measurement] = []
        values = read(payload, name)
        for flag, mod, pulses in zip(
            (one.value for one in values if one.quantity == "calculate_flag"),
            (one.value for one in values if one.quantity == "MOD"),
            (one for one in values if one.quantity == "pulses"),
            strict=True,
        ):
            is_last = mod == _LAST
            found.append(pulses._replace(quantity="pulse_count" if is_last else "pulse_register"))
            if per_litre := _SIZES.get(int(flag)):
                litres = round(pulses.value / per_litre, 1)
                found.append(
                    pulses._replace(quantity="Water_flow_value", value=litres)
                    if is_last
                    else pulses._replace(quantity="water_volume", value=litres / 1000)
                )
        return [one for one in values if one.quantity not in ("MOD", "pulses")] + found

    return told


# LT-22222-L and LT-33222-L: bits 6 and 7 of the last byte are the hardware, the others the mode.

_OUTPUTS = """u8 _
.7 digital_output:RO1
.6 digital_output:RO2
.0 digital_output:DO1 -1 *-1
.1 digital_output:DO2 -1 *-1
"""
_INPUTS = ".3 digital_input:1\n.4 digital_input:2\n"
_OUTPUT_3 = ".2 digital_output:DO3 -1 *-1\n"
_VOLTS = "s16 voltage:1 /1000\ns16 voltage:2 /1000\n"
_AMPERES = "s16 current:1 /1000000\ns16 current:2 /1000000\n"
_COUNT = "u32 pulse_register:1\n"
_LIMITS = "".join(
    "u8 _\n"
    + "".join(
        f".{7 - number} {limit}_{what}\n"
        for number, limit in enumerate(
            ("AV1L", "AV1H", "AV2L", "AV2H", "AC1L", "AC1H", "AC2L", "AC2H")
        )
    )
    for what in ("flag", "status")
)


def _controller(third: str, third_input: str) -> dict[int, str]:
    """Return the tables of the modes of a hardware, which may have a third input and output."""
    first = _OUTPUTS + third + ".5 First_status\nx2"
    return {
        1: _VOLTS + _AMPERES + _OUTPUTS + _INPUTS + third + third_input + "x2",
        2: _COUNT + "u32 pulse_register:2\n" + first,
        3: _COUNT + _AMPERES + first,
        4: _COUNT + "u32 pulse_register:AVI\n" + first,
        5: _VOLTS + "s16 current:1 /1000000\nu16 pulse_register:1\n" + first,
        6: _LIMITS
        + "u8 _\n.3 DI2_status\n.2 DI2_flag\n.1 DI1_status\n.0 DI1_flag\nx5\n"
        + (f"u8 _\n{third}u8 Mode_status\nx1" if third else "x1\nu8 Mode_status\nx1"),
    }


_LT_22222 = 0x40
_CONTROLLERS = {
    **_controller(_OUTPUT_3, ".5 digital_input:3\n"),
    **{_LT_22222 | mode: table for mode, table in _controller("", "").items()},
}

# PS-LB: a loop of 4 to 20 mA, and 0 to 30 V.

_LOOP = "u16 current /1000000\nu16 voltage /1000\n"
_PINS_LEVEL = """u8 _
.3 digital_input:IN1
.2 digital_input:IN2
.1 digital_input:Exti
.0 Exti_status
.7 IDC_Roc_flagL
.6 IDC_Roc_flagH
.5 VDC_Roc_flagL
.4 VDC_Roc_flagH
"""
_PROBE_KIND = "u8 probe\nu8 range\n"
_PRESSURE = "u16 battery_voltage /1000\n" + _PROBE_KIND + _LOOP + _PINS_LEVEL
_PRESSURE_LOG = _PROBE_KIND + _LOOP + _PINS_LEVEL + "u32 TIME"
_Slopes = Mapping[int, float]
_HPA_PER_MA = {
    **{1: 375.0, 2: 625.0, 3: 1000.0, 4: 1562.5, 5: 6250.0, 6: 25000.0, 7: 37500.0, 8: -62.5},
    **{10: 3.125, 11: 31.25, 12: 62.5},
}
_PA_PER_MA = {1: 6.25, 2: 12.5, 3: 18.75, 4: 62.5, 5: 125.0, 6: 187.5, 7: 250.0, 8: 312.5, 9: 625.0}
_HPA_PER_MA_AROUND = {9: 125.0}
_PA_PER_MA_AROUND = {10: 12.5, 11: 25.0, 12: 125.0}
_LIVE_ZERO, _MIDDLE = 4.0, 12.0
_DEPTH = 0
_PROBES: dict[int, tuple[str, _Slopes, _Slopes]] = {
    1: ("pressure", _HPA_PER_MA, _HPA_PER_MA_AROUND),
    2: ("differential_pressure", _PA_PER_MA, _PA_PER_MA_AROUND),
}


def _converted(probe: int, span: int, milliamperes: float) -> tuple[str, float] | None:
    """Return what the loop's current means; None where the maker gives no rule."""
    over = max(milliamperes - _LIVE_ZERO, 0.0)
    if probe == _DEPTH:
        return "level", over * span / 16
    quantity, slopes, around = _PROBES.get(probe, ("", {}, {}))
    if span in slopes:
        return quantity, over * slopes[span] + 0.0  # no zero below zero
    if span in around and over:
        return quantity, (milliamperes - _MIDDLE) * around[span]
    return None


def _loop(read: Reader) -> Reader:
    """Return a reader that adds what the current means for the probe."""

    def told(payload: bytes, name: str) -> list[Measurement]:
        found: list[Measurement] = []
        probe = span = 0
        for one in read(payload, name):
            if one.quantity == "probe":
                probe = int(one.value)
            elif one.quantity == "range":
                span = int(one.value)
            else:
                found.append(one)
            if one.quantity == "current":
                meant = _converted(probe, span, one.value * 1000)
                if meant:
                    found.append(one._replace(quantity=meant[0], value=meant[1]))
        return found

    return told


# WSC1-L: a weather station of the sensors that are plugged in.

_WEATHER = {
    b"\x00\x02": "u16 battery_voltage /30",
    b"\x01\x03": "u16 wind_speed /10\nu8 wind_speed_level",
    b"\x02\x03": "u16 wind_direction /10\nx1",
    b"\x03\x02": "u16 illuminance *10",
    b"\x04\x01": "u8 rain_snow",
    b"\x05\x02": "u16 co2",
    b"\x06\x02": "s16 temperature /10",
    b"\x07\x02": "u16 humidity /10",
    b"\x08\x02": "u16 pressure /10",
    b"\x09\x02": "u16 rain_gauge /10",
    b"\x0a\x02": "u16 pm2_5",
    b"\x0b\x02": "u16 pm10",
    b"\x0c\x02": "u16 PAR",
    b"\x0d\x02": "u16 solar_irradiance /10",
    **{bytes((0xA0 + number, 2)): f"u16 A{number}" for number in range(1, 5)},
}
_WEATHER_SENSORS = Tlv("WSC1-L", {key: Frame(table) for key, table in _WEATHER.items()})


def _weather(payload: bytes, name: str) -> list[Measurement]:
    if not payload:
        raise PayloadError(f"{name} length", "a sensor's value", "0 bytes")
    return _WEATHER_SENSORS.decode(payload)


# LGT92 and TrackerD.

_PLACE = "s32 latitude /1000000 !0x0fffffff\ns32 longitude /1000000 !0x0fffffff\n"
_POWER = "u16 _\n.14 alarm\n.0-13 battery_voltage /1000\n"
_MOVED = _PLACE + _POWER + "u8 _\n.6-7 MD\n.5 LON\n"
_TILT = "s16 Roll /100\ns16 Pitch /100\n"
_TRACKED = _MOVED + ".4 Transport\n"


def _placed(read: Reader) -> Reader:
    """Return a reader that leaves out the position when it is 0, 0."""
    place = ("latitude", "longitude")

    def told(payload: bytes, name: str) -> list[Measurement]:
        found = read(payload, name)
        where = [one.value for one in found if one.quantity in place]
        if len(where) == len(place) and any(where):
            return found
        return [one for one in found if one.quantity not in place]

    return told


_THREE_INPUTS: Mapping[int, Reader] = {
    2: modes(0, _PART | _ON_THREE, _CPL03),
    3: log(
        {0: _CPL03_ONE.format("pulse_register"), _PART: _CPL03_ONE.format("pulse_count")},
        lambda entry: entry[0] & (_PART | _ON_THREE),
    ),
    4: sized(_CPL03_SETTINGS),
    5: STATUS,
    7: sized(_CPL03_EDGES),
}
_NARROWBAND = frozenset(("nb", "cb"))

CODECS: tuple[Model, ...] = (
    Model("dragino-lds02", ("lds01", "lds02"), {10: _watched}),
    Model("dragino-lwl02", ("lwl01", "lwl02"), {10: _watched}),
    Model(
        "dragino-lds03a",
        ("lds03a",),
        {2: sized(_DOOR), 3: log(_DOOR), 4: sized(_ALARMS), 5: STATUS},
    ),
    Model(
        "dragino-ds03a",
        ("ds03a",),
        {
            2: sized(_DOOR, _TWO_DOORS),
            3: log(_DOOR),
            4: sized(
                "u24 TDC\nu8 _\n.0 DISALARM\nu8 _\n.0 KEEP_STATUS1\nu16 KEEP_TIME1\n"
                "u8 _\n.0 KEEP_STATUS2\nu16 KEEP_TIME2\nu8 alarm_tdc"
            ),
            5: STATUS,
        },
        _NARROWBAND,
    ),
    Model(
        "dragino-lwl03a",
        ("lwl03a", "wl03a"),
        {
            2: sized(_WATER),
            3: log(_WATER),
            4: sized(_ALARMS + "u8 LEAK_ALARM_TIME"),
            5: STATUS,
        },
        _NARROWBAND,
    ),
    Model(
        "dragino-cpl01",
        ("cpl01",),
        {
            2: sized(_CPL01),
            3: log(_CPL01),
            4: sized(_ALARMS + "u8 _\n.0 TRIGGER_MODE"),
            5: STATUS,
        },
        _NARROWBAND | {"lb", "ls"},
    ),
    Model("dragino-cpl03", ("cpl03", "cpl01 lb", "cpl01 ls"), _THREE_INPUTS, _NARROWBAND),
    Model(
        "dragino-sw3l",
        ("sw3l",),
        {
            2: _litres(_FLOW_LIVE),
            3: _litres(_FLOW_LOG),
            4: sized("u24 TDC\nx1\nu8 Stop_Timer\nu16 Alarm_Timer"),
            5: STATUS,
        },
        _NARROWBAND,
    ),
    Model(
        "dragino-lt-22222-l",
        ("lt22222", "lt 22222", "lt33222", "lt 33222"),
        {2: modes(10, 0xFF, _CONTROLLERS), 5: INTERVAL},
    ),
    Model(
        "dragino-ps",
        ("dragino ps", "ps lb", "ps ls"),
        {
            2: _loop(sized(_PRESSURE, _PRESSURE + "u32 pulse_register")),
            3: _loop(log(_PRESSURE_LOG)),
            5: STATUS,
        },
        _NARROWBAND,
    ),
    Model(
        "dragino-wsc1-l",
        ("wsc1",),
        {2: from_ffff(_weather, 10, ""), 5: sized("x5\nu16 battery_voltage /1000\nx3")},
    ),
    Model(
        "dragino-lgt92",
        ("lgt92", "lgt 92"),
        {
            2: _placed(
                sized(
                    _MOVED + _TILT,
                    _MOVED + _TILT + "u8 hdop /100\ns16 altitude /100",
                )
            )
        },
    ),
    Model(
        "dragino-trackerd",
        ("trackerd",),
        {
            2: _placed(sized(_TRACKED + "u16 humidity /10\ns16 temperature /10")),
            3: _placed(sized(_TRACKED)),
            5: sized("x5\nu16 battery_voltage /1000\nx2"),
            7: sized(_POWER + "u8 _\n.6-7 MD\n.5 LON"),
        },
    ),
)
