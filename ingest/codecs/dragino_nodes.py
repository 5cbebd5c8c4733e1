"""Dragino: sensor nodes whose work mode says what is wired to them, and probes made of them.

Source: as dragino.py says: LSN50, LSN50v2 and LSN50v2-S31, -D20, -D22, -D23 of one format,
SN50v3-LB with three modes more, D20-LB, D22-LB, D23-LB, S31-LB and S31B-LB of their own.
The work mode stands in bits 2 to 6 of the seventh byte. The weight's halves stand the lower first.
An SHT sensor's humidity of 0 says that its bytes are the brightness instead. Mode 31 reports the
limits of the alarm.

SN50v3-LB in mode 11 has the SHT sensor where other modes have a probe and an input; the maker's
decoder tells these too, and is wrong there. The log of S31-LB is as its decoder V1.3 reads it.
"""

from ingest.codecs.dragino_frames import (
    INTERVAL,
    STATUS,
    Key,
    Model,
    Reader,
    chosen,
    log,
    modes,
)
from ingest.reading import Measurement

_BAT = "u16 battery_voltage /1000\n"
_T = "s16 temperature:{} /10 !0x7fff\n"
_STATE = "u8 _\n.1 digital_input\n"
_DOOR = ".0 EXTI_Trigger\n.7 contact\n"
_SHT = "s16 temperature /10 !0x7fff,-1\nu16 humidity /10 !0xffff\n"
_LUX = "u16 illuminance\nx2\n"
_DARK = 0x100  # added to a mode whose SHT sensor is one of brightness
_SETTINGS = 31


def _mode(payload: bytes) -> int:
    return payload[6] >> 2 & 0x1F


def _mode_or_lux(payload: bytes) -> int:
    mode = _mode(payload)
    is_lux = mode in (0, 2) and payload[9] | payload[10] == 0
    return mode | _DARK if is_lux else mode


def _node(one: str, two: str, three: str, with_input: str) -> dict[int, str]:
    """Return the tables of the modes, which the nodes share but for the names of their inputs.

    with_input  the state's byte, in modes where the nodes differ in it
    """
    first = _BAT + _T.format(1)
    head = first + f"u16 voltage:{one} /1000\n"
    usual = head + _STATE + _DOOR
    three_inputs = "".join(f"u16 voltage:{name} /1000\n" for name in (one, two, three))
    three_inputs += with_input + _DOOR
    edges = "".join(f"u8 _\n.4 EXTI_Trigger:{n}\n.0 contact:{n}\n" for n in (2, 3))
    return {
        0: usual + _SHT,
        _DARK: usual + _LUX,
        1: usual + "u16 distance /1000 !0\nu16 Distance_signal_strength !0xffff",
        2: three_inputs + _SHT + "u8 battery_voltage /10",
        _DARK | 2: three_inputs + _LUX + "u8 battery_voltage /10",
        3: usual + _T.format(2) + _T.format(3),
        4: usual + "u16 lower\ns16 upper",
        5: head + _STATE + "u32 pulse_register",
        6: head + with_input + ".0 EXTI_Trigger:1\n.7 contact:1\n" + edges + "x2",
        7: head + with_input + _DOOR + f"u16 voltage:{two} /1000\nu16 voltage:{three} /1000",
        8: first
        + _T.format(2)
        + with_input
        + _DOOR
        + _T.format(3)
        + "u32 pulse_register:1\nu32 pulse_register:2",
        _SETTINGS: first
        + "s8 TempC1MIN\ns8 TempC1MAX\nx1\n"
        + "s8 SHTEMPMIN\ns8 SHTEMPMAX\nu8 SHTHUMMIN\nu8 SHTHUMMAX",
    }


_LSN50 = _node("ch0", "ch1", "ch4", _STATE)
_SN50 = _node("1", "2", "3", "u8 _\n")
del _SN50[_SETTINGS]
_SN50 |= {
    9: _BAT
    + _T.format(1)
    + "u16 voltage:1 /1000\nu8 _\n.1 in_ms\n.0 EXTI_Trigger\n.7 contact\nu16 period\nu16 high",
    10: _BAT
    + _T.format(1)
    + f"u16 voltage:1 /1000\n{_STATE}{_DOOR}s16 temperature:tmp117 /100 !0x7fff\nx2",
    11: _BAT + _SHT + _STATE + _DOOR + "u32 pulse_register",
}


def _weighed(key: Key, tables: dict[int, str]) -> Reader:
    """Return the reader of a node; it joins a weight, and turns a pulse's times into a rate."""
    read = chosen(key, tables)

    def told(payload: bytes, name: str) -> list[Measurement]:
        found = read(payload, name)
        by_name = {one.quantity: one.value for one in found}
        if "upper" in by_name:
            weight = by_name["upper"] * 0x10000 + by_name["lower"]
            found = [one for one in found if one.quantity not in ("upper", "lower")]
            return [*found, Measurement("Weight", weight)]
        if "period" in by_name:
            found = [one for one in found if one.quantity not in ("in_ms", "period", "high")]
            return found + _rate(by_name["period"], by_name["high"], bool(by_name["in_ms"]))
        return found

    return told


def _rate(period: float, high: float, in_ms: bool) -> list[Measurement]:
    """Return frequency and duty cycle as the maker tells them: whole hertz, and one decimal."""
    if not period:
        return [Measurement("frequency", 0.0), Measurement("Dutycycle", 0.0)]
    hertz = (1_000 if in_ms else 1_000_000) // period
    return [
        Measurement("frequency", float(hertz)),
        Measurement("Dutycycle", round(high / period * 100, 1)),
    ]


_PT = "s16 temperature:{} /10 !0x7fff,-1\n"
_LIMITS = "x4\n" + "s8 Temp1_MIN\ns8 Temp1_MAX\n" + "x1\n"
_LIMITS += "".join(f"s8 Temp{number}_MIN\ns8 Temp{number}_MAX\n" for number in (2, 3))
_PROBES_OLD = _BAT + _PT.format(1) + "x2\nu8 _\n.0 alarm\n" + _PT.format(2) + _PT.format(3)
_PROBES = _BAT + _PT.format(1) + "x2\nu8 _\n" + _DOOR + _PT.format(2) + _PT.format(3)
_PROBES_LOG = "".join(map(_PT.format, (1, 2, 3)))
_PROBES_LOG += "u8 _\n.1 digital_input\n.0 EXTI_Trigger\nu32 TIME"
_S31_AIR = "s16 temperature /10 !0x7fff\nu16 humidity /10 !0xffff\n"
_S31 = {
    0: _BAT + "u32 TIME\nu8 _\n" + _DOOR + _S31_AIR,
    _SETTINGS << 2: "x7\ns8 SHTEMP_MIN\ns8 SHTEMP_MAX\nu8 SHHUM_MIN\nu8 SHHUM_MAX",
}
_S31_LOG = "x2\n" + _S31_AIR + "u8 _\n.1 digital_input\n.0 EXTI_Trigger\nu32 TIME"
_NARROWBAND = frozenset(("nb", "cb"))
_OLD_PROBES = tuple(
    f"{node} {probe}" for node in ("lsn50", "lsn50v2") for probe in ("d20", "d22", "d23")
)
_NEW_PROBES = tuple(
    f"{maker} {probe}"
    for maker in ("dragino", "lb", "ls")
    for probe in ("d20", "d20s", "d22", "d23")
)

CODECS: tuple[Model, ...] = (
    Model(
        "dragino-lsn50v2-d2x",
        _OLD_PROBES,
        {2: _weighed(_mode_or_lux, {**_LSN50, 3: _PROBES_OLD, _SETTINGS: _LIMITS}), 5: INTERVAL},
    ),
    Model(
        "dragino-lsn50",
        ("lsn50", "lsn50v2"),
        {2: _weighed(_mode_or_lux, _LSN50), 5: INTERVAL},
    ),
    Model(
        "dragino-sn50v3",
        ("sn50v3", "sn50 v3"),
        {2: _weighed(_mode_or_lux, _SN50), 5: STATUS},
        _NARROWBAND,
    ),
    Model(
        "dragino-d2x",
        _NEW_PROBES,
        {
            2: modes(6, 0x7C, {3 << 2: _PROBES, _SETTINGS << 2: _LIMITS}),
            3: log(_PROBES_LOG),
            5: STATUS,
        },
        _NARROWBAND,
    ),
    Model(
        "dragino-s31",
        ("s31 lb", "s31 ls", "s31b lb", "s31b ls", "dragino s31", "dragino s31b"),
        {2: modes(6, 0x7C, _S31), 3: log(_S31_LOG), 5: STATUS},
        _NARROWBAND | {"lsn50", "lsn50v2"},
    ),
)
