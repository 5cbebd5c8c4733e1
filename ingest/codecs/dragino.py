"""Dragino: sensors of air, soil, distance and contact.

Source: Dragino's own decoders (github.com/dragino/dragino-end-node-decoder, a folder for each
model, and TheThingsNetwork/lorawan-devices, `vendor/dragino`) and its user manuals
(wiki.dragino.com). The frame does not tell the model, so the name of profile or device must.
All numbers are big-endian. The battery stands in 14 bits, in mV; the two above it are flags.
A DS18B20 probe or SHT sensor that is not there sends 0x7fff.

Left out: kind of message and of interrupt, and what identifies a sensor, its firmware and band.
Settings that a device reports (mostly FPort 4) keep the maker's names.

Where the sources say more than a table can:
- LHT65 and LHT65N: bit 7 of the seventh byte says that the external sensor is gone, and then its
  value is left out; bit 6 that the message is a log. In a log the external counter is left out:
  the maker does not say which half of it that is. FPort 3 with several samples has no times.
- LSE01 of firmware 1.2.1 ("lse01-121") and SE01-LB set bit 7 of the last byte for raw values.
  The maker's decoders for older firmware know no such bit, and its sample of old firmware has it
  set; so under any other name the values are taken for calibrated ones.
- Temperatures of soil and leaf below zero count down from 0xffff in the makers' manual (0xff7e is
  -1.29 degrees) as in its decoders.
- SE0X-LB: the probes stand in fixed places, whichever are there.
- LDDS20 and LDDS75: 0 mm is no sensor, 20 mm an invalid reading, and so is less in old firmware.
  A payload of another length than 8 or 5 has no sensor, says the decoder; 4 bytes are known.
- LDDS04 answers a command with a first byte of 3 and a last one of 2, LLDS12 with one of them.
"""

from collections.abc import Callable

from ingest.codecs import dragino_inputs, dragino_nodes
from ingest.codecs.dragino_frames import (
    BATTERY,
    PROBE,
    STATUS,
    Model,
    Reader,
    chosen,
    from_ffff,
    log,
    modes,
    sized,
)
from ingest.reading import Measurement

# LHT65: the seventh byte says what the four bytes after it are.

_LHT_BATTERY = BATTERY + ".14-15 Bat_status\n"
_AIR = "s16 temperature /100 !0x7fff\nu16 _\n.0-11 humidity /10 !0xfff\n"
_OUTSIDE = "s16 temperature:external /100 !0x7fff\n"
_OUTSIDE_AIR = _OUTSIDE + "u16 _\n.0-11 humidity:external /10 !0xfff\n"
_LHT_DATED = _OUTSIDE + _AIR + ".14-15 Bat_status\nx1\nu32 TIME"
_IDENTIFIED = 0x100
_LHT_LIVE = {
    **{
        kind: _LHT_BATTERY + _AIR + "x1\n" + rest
        for kind, rest in {
            0: "x4",
            1: _OUTSIDE + "x2",
            2: _OUTSIDE + "x2",
            4: "u8 _\n.0 digital_input:external\nu8 _\n.0 Exti_status\nx2",
            5: "u16 illuminance:external\nx2",
            6: "u16 voltage:external /1000\nx2",
            7: "u16 pulse_register:external\nx2",
            8: "u32 pulse_register:external",
            11: _OUTSIDE_AIR,
        }.items()
    },
    9: _LHT_DATED,
    10: _LHT_DATED,
    15: _LHT_BATTERY + "x9",
    _IDENTIFIED | 0x10: _LHT_BATTERY + "x5\n" + _OUTSIDE_AIR,
    _IDENTIFIED | 0x20: _LHT_BATTERY + "x5\n" + _OUTSIDE + "x2",
}
_LHT_LOG = {
    kind: outside + _AIR + "x1\nu32 TIME"
    for kind, outside in {
        0: "x2\n",
        **dict.fromkeys((1, 2, 9, 10, 11, 12), _OUTSIDE),
        4: "u8 _\n.0 digital_input:external\nu8 _\n.0 Exti_status\n",
        5: "u16 illuminance:external\n",
        6: "u16 voltage:external /1000\n",
        7: "u16 pulse_register:external\n",
        8: "x2\n",
        14: "x2\n",
    }.items()
}
_NOT_ONE = -1
_POLLED, _GONE = 0x40, 0x80


def _lht_kind(payload: bytes) -> int:
    kind = payload[6] & 0x3F
    return _IDENTIFIED | kind if kind in (0x10, 0x20) else kind & 0x0F


_lht_live = chosen(_lht_kind, _LHT_LIVE)
_lht_log = log(
    _LHT_LOG, lambda entry: entry[6] & 0x0F if entry[6] & (_POLLED | _GONE) else _NOT_ONE
)


def _lht65(payload: bytes, name: str) -> list[Measurement]:
    """Return a report, or a log that comes on the same FPort."""
    if payload == bytes(11) or (len(payload) > 6 and payload[6] & _POLLED):
        return _lht_log(payload, name)
    found = _lht_live(payload, name)
    if payload[6] & _GONE:
        return [one for one in found if one.channel != "external"]
    return found


_LHT52 = "s16 temperature /100 !0x7fff\nu16 humidity /10 !0x7fff\n" + _OUTSIDE + "x1\nu32 TIME"
_LHT52_LOG = _OUTSIDE + "s16 temperature /100 !0x7fff\nu16 humidity /10 !0x7fff\nx1\nu32 TIME"

# Vibration, with one of three pairs of values.

_VIBRATION = "u32 vib_count\n"
_WORK = "u32 operating_time *60\n"
_LHT_VIB = {
    kind << 2: "u16 battery_voltage /1000\nu8 _\n.0 alarm\n" + rest
    for kind, rest in {1: _VIBRATION + _WORK, 2: _VIBRATION + _AIR, 3: _AIR + _WORK}.items()
}

# LTC2: the third byte says in what unit and how fine its two numbers are.

_PT100 = "s16 temperature:1 {0} !-32767,0x7fff\ns16 temperature:2 {0} !-32767,0x7fff\n"
_LTC = {
    kind: BATTERY + "x1\n" + both + "u32 TIME"
    for kind, both in {
        1: _PT100.format("/100"),
        2: _PT100.format("/10"),
        3: "u16 Res_Channel1 /100\nu16 Res_Channel2 /100\n",
    }.items()
}
_ltc_live = modes(2, 0x4F, _LTC)
_ltc_log = log(_LTC, lambda entry: entry[2] & 0x0F if entry[2] & _POLLED else _NOT_ONE)


def _ltc2(payload: bytes, name: str) -> list[Measurement]:
    is_log = payload == bytes(11) or (len(payload) > 2 and payload[2] & _POLLED)
    return (_ltc_log if is_log else _ltc_live)(payload, name)


# Soil, leaf and air.

_EARTH = BATTERY + PROBE
_CALIBRATED = _EARTH + "u16 soil_moisture /100\ns16 temperature:soil /100\nu16 conductivity\nx1"
_RAW = _EARTH + "u16 Soil_dielectric_constant /10\nu16 Raw_water_SOIL\nu16 Raw_conduct_SOIL\nx1"
_SOIL = from_ffff(sized(_CALIBRATED), 100, "soil")
_SOIL_OR_RAW = from_ffff(modes(10, 0x80, {0: _CALIBRATED, 0x80: _RAW}), 100, "soil")
_PH = from_ffff(sized(_EARTH + "u16 ph:soil /100\ns16 temperature:soil /10\nx3"), 10, "soil")
_LEAF = from_ffff(sized(_EARTH + "u16 Leaf_Moisture /10\ns16 temperature:leaf /10\nx3"), 10, "leaf")

# SE0X-LB: a byte says which of four probes are there, and whether their values are raw.

_PROBES_OF = {
    0: "u16 soil_moisture:{0} /100\ns16 temperature:{0} /100\nu16 conductivity:{0}\n",
    0x80: "u16 Soil_dielectric_constant:{0} /10\nu16 Raw_water_SOIL:{0}\n"
    "u16 Raw_conduct_SOIL:{0}\n",
}
_MOST = 4


def _probes(present: int, table: str) -> str:
    """Return the table of the probes that are there; bit 3 is the first."""
    return "".join(
        table.format(number) if present >> _MOST - number & 1 else "x6\n"
        for number in range(1, _MOST + 1)
    )


_FOUR_PROBES = from_ffff(
    modes(
        4,
        0x8F,
        {
            raw | present: _EARTH + "x1\n" + _probes(present, table)
            for raw, table in _PROBES_OF.items()
            for present in range(1 << _MOST)
        },
    ),
    100,
    *map(str, range(1, _MOST + 1)),
)
_LAQ4 = {
    1 << 2: "u16 battery_voltage /1000\nu8 _\n.0 alarm\nu16 tvoc\nu16 co2\n"
    "s16 temperature /10 !0x7fff\nu16 humidity /10 !0xffff",
    31 << 2: "x3\ns8 SHTEMPMIN\ns8 SHTEMPMAX\nu8 SHTHUMMIN\nu8 SHTHUMMAX\nu16 CO2MIN\nu16 CO2MAX",
}

# Distances.

_TOO_NEAR = ",".join(map(str, range(21)))
_ULTRASONIC = BATTERY + "u16 distance /1000 !0,20\nx1\n" + PROBE + "x1"
_ULTRASONIC_OLD = BATTERY + f"u16 distance /1000 !{_TOO_NEAR}\nx1"
_ULTRASONIC_LOG = BATTERY + "u16 distance /1000 !0,20\n" + PROBE + "x1\nu32 TIME"
_NO_SENSOR = BATTERY + "x2"
_FOUR = "".join(f"u16 distance:{number} /1000\n" for number in range(1, 5)) + "x1"
_LIDAR = _EARTH + "u16 distance /1000\nu16 lidar_signal\nx1\ns8 temperature:lidar\nx1"
_LIDAR_LOG = "u8 _\n.0 EXTI_Trigger\n.1 digital_input\nx1\nu16 distance /1000\n"
_LIDAR_LOG += "u16 lidar_signal\ns8 temperature:lidar\nu32 TIME"
_THREE = "".join(f"u16 distance:{number} /1000\n" for number in range(1, 4))


def _unless_answer(read: Reader, is_answer: Callable[[list[bool]], bool]) -> Reader:
    """Return a reader that takes the answer to a command for a payload without values."""

    def known(payload: bytes, name: str) -> list[Measurement]:
        if len(payload) == 11 and is_answer([payload[0] == 3, payload[10] == 2]):
            return []
        return read(payload, name)

    return known


_distance = sized(_ULTRASONIC, _ULTRASONIC_OLD, _NO_SENSOR)

CODECS: tuple[Model, ...] = (
    Model(
        "dragino-lht65n-vib",
        ("lht65n vib",),
        {2: modes(2, 0x1C, _LHT_VIB), 5: STATUS},
    ),
    Model(
        "dragino-lht65",
        ("lht65", "lht65n"),
        {2: _lht65, 3: _lht_log, 5: STATUS},
        frozenset(("vib",)),
    ),
    Model(
        "dragino-lht52",
        ("lht52",),
        {2: sized(_LHT52), 3: log(_LHT52_LOG), 4: sized("x8"), 5: STATUS},
    ),
    Model("dragino-ltc2", ("ltc2",), {2: _ltc2}, frozenset(("lb", "ls"))),
    Model("dragino-lse01-121", ("lse01 121",), {2: _SOIL_OR_RAW}),
    Model("dragino-lse01", ("lse01",), {2: _SOIL}, frozenset(("121",))),
    Model("dragino-se01", ("se01 lb", "se01 ls", "dragino se01"), {2: _SOIL_OR_RAW, 5: STATUS}),
    Model("dragino-se0x", ("se0x lb", "se0x ls", "dragino se0x"), {2: _FOUR_PROBES, 5: STATUS}),
    Model("dragino-lsph01", ("lsph01",), {2: _PH}),
    Model("dragino-sph01", ("sph01",), {2: _PH, 5: STATUS}, frozenset(("nb", "cb"))),
    Model(
        "dragino-lsnpk01",
        ("lsnpk01",),
        {2: sized(_EARTH + "u16 nitrogen\nu16 phosphorus\nu16 potassium\nx1")},
    ),
    Model("dragino-llms01", ("llms01",), {2: _LEAF}),
    Model("dragino-lms01", ("lms01 lb", "lms01 ls", "dragino lms01"), {2: _LEAF, 5: STATUS}),
    Model("dragino-laq4", ("laq4",), {2: modes(2, 0x7C, _LAQ4)}),
    Model("dragino-llds12", ("llds12",), {2: _unless_answer(sized(_LIDAR), any)}),
    Model(
        "dragino-lds12",
        ("lds12", "lds40 lb", "lds40 ls", "dragino lds40"),
        {2: sized(_LIDAR), 3: log(_LIDAR_LOG), 5: STATUS},
        frozenset(("nb", "cb")),
    ),
    Model("dragino-ldds", ("ldds20", "ldds45", "ldds75"), {2: _distance}),
    Model(
        "dragino-dds75-3",
        ("dds75 3",),
        {2: sized(_EARTH + _THREE + "x1"), 5: STATUS},
        frozenset(("nb", "cb")),
    ),
    Model(
        "dragino-dds",
        ("dds45", "dds75"),
        {2: sized(_ULTRASONIC), 3: log(_ULTRASONIC_LOG), 5: STATUS},
        frozenset(("nb", "cb")),
    ),
    Model(
        "dragino-dds20",
        ("dds20",),
        {2: sized(_ULTRASONIC), 5: STATUS},
        frozenset(("nb", "cb")),
    ),
    Model(
        "dragino-ldds04",
        ("ldds04",),
        {2: _unless_answer(sized(BATTERY + ".15 EXTI_Trigger\n" + _FOUR), all)},
    ),
    Model(
        "dragino-dds04",
        ("dds04",),
        {2: sized(BATTERY + ".14 exti_trigger\n.15 digital_input\n" + _FOUR), 5: STATUS},
        frozenset(("nb", "cb")),
    ),
    *dragino_inputs.CODECS,
    *dragino_nodes.CODECS,
)
"""In the order in which they are asked."""
