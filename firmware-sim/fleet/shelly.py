"""Shelly of the second generation and later: notifications and component status over MQTT.

Source: Shelly API documentation, "Gen2+ Device API": "RPC Protocol" (notification frame),
"Notifications", "MQTT", and the status of Switch, EM and EMData (shellypro3em). Places of numbers
as devices print them: V and W 0.1, A 0.001, power factor 0.01, energy of a switch 0.001 Wh, of
EMData 0.01 Wh.

Functions named after a component return its status as JSON text; `notify` and `status` put such
texts on their topics.
"""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fleet.digits import decimal, steps_of
from fleet.errors import EncodingError
from fleet.message import SECOND_NS, Message

_CENTISECOND_NS = 10_000_000
_PHASES = ("a", "b", "c")
_UNITY = 100  # power factor 1.00

_EM = (
    '{"id":%d,'
    + "".join(
        f'"{phase}_current":%.3f,"{phase}_voltage":%.1f,"{phase}_act_power":%.1f,'
        f'"{phase}_aprt_power":%.1f,"{phase}_pf":%.2f,"{phase}_freq":%.1f,'
        for phase in _PHASES
    )
    + '"n_current":%s,"total_current":%.3f,"total_act_power":%.3f,"total_aprt_power":%.3f,'
    '"user_calibrated_phase":[]}'
)
"""All of it is far below 2**50 steps, where printing the nearest float gives back every digit."""


class Load(NamedTuple):
    """One phase, or the load behind a switch, at a moment.

    power        W/10, negative while feeding in
    voltage      V/10
    current      mA
    factor       power factor, 1/100
    apparent     VA/10; not sent by a switch
    frequency    Hz/10
    """

    power: int
    voltage: int
    current: int
    factor: int = _UNITY
    apparent: int = 0
    frequency: int = 500


def switch(
    number: int,
    *,
    is_on: bool,
    load: Load,
    energy_mwh: int,
    time_ns: int,
    minutes_mwh: Sequence[int] = (0, 0, 0),
    returned_mwh: int | None = None,
    temperature_tenths: int | None = None,
    source: str = "init",
) -> str:
    """Return the status of `switch:{number}` of a plug or relay with power metering.

    energy_mwh          aenergy.total in 0.001 Wh, which is its resolution
    time_ns             the moment; minute_ts is the minute that it lies in
    minutes_mwh         what the last minutes used, newest first
    returned_mwh        ret_aenergy.total, of devices that meter both ways
    temperature_tenths  0.1 Cel of the device itself
    """
    _checked(f"switch:{number}", energy_mwh, returned_mwh or 0)
    minute_s = time_ns // SECOND_NS // 60 * 60
    parts = [
        f'{{"id":{number},"source":{json.dumps(source)},"output":{"true" if is_on else "false"}',
        f'"apower":{decimal(load.power, 1)},"voltage":{decimal(load.voltage, 1)}',
        f'"freq":{decimal(load.frequency, 1)},"current":{decimal(load.current, 3)}',
        f'"pf":{decimal(load.factor, 2)}',
        f'"aenergy":{_counted(energy_mwh, minutes_mwh, minute_s)}',
    ]
    if returned_mwh is not None:
        parts.append(f'"ret_aenergy":{_counted(returned_mwh, (0, 0, 0), minute_s)}')
    if temperature_tenths is not None:
        fahrenheit = steps_of(9 * temperature_tenths, 5) + 320
        parts.append(
            f'"temperature":{{"tC":{decimal(temperature_tenths, 1)},"tF":{decimal(fahrenheit, 1)}}}'
        )
    return ",".join(parts) + "}"


def em(loads: Sequence[Load], *, number: int = 0, neutral_ma: int | None = None) -> str:
    """Return the status of `em:{number}` of a three-phase meter: each phase, and their sums.

    Errors  EncodingError for other than three phases
    """
    _three(f"em:{number}", loads)
    values: list[float] = []
    current = power = apparent = 0
    for load in loads:
        values += (load.current / 1000, load.voltage / 10, load.power / 10)
        values += (load.apparent / 10, load.factor / 100, load.frequency / 10)
        current, power, apparent = (
            current + load.current, power + load.power, apparent + load.apparent
        )  # fmt: skip
    neutral = "null" if neutral_ma is None else decimal(neutral_ma, 3)
    return _EM % (number, *values, neutral, current / 1000, power / 10, apparent / 10)


def emdata(
    wh_hundredths: Sequence[int], returned_wh_hundredths: Sequence[int], *, number: int = 0
) -> str:
    """Return the status of `emdata:{number}`: the registers of three phases, and their sums.

    wh_hundredths           total_act_energy of phases a, b, c in 0.01 Wh
    returned_wh_hundredths  total_act_ret_energy, likewise
    Errors                  EncodingError for other than three phases, or a negative register
    """
    name = f"emdata:{number}"
    _three(name, wh_hundredths)
    _three(name, returned_wh_hundredths)
    _checked(name, *wh_hundredths, *returned_wh_hundredths)
    rows = [
        f'"{phase}_total_act_energy":{decimal(used, 2)},'
        f'"{phase}_total_act_ret_energy":{decimal(returned, 2)}'
        for phase, used, returned in zip(
            _PHASES, wh_hundredths, returned_wh_hundredths, strict=True
        )
    ]
    return (
        f'{{"id":{number},{",".join(rows)},"total_act":{decimal(sum(wh_hundredths), 2)},'
        f'"total_act_ret":{decimal(sum(returned_wh_hundredths), 2)}}}'
    )


def notify(
    device: str, *, time_ns: int, components: Mapping[str, str], prefix: str = ""
) -> Message:
    """Return the NotifyStatus of components (name -> status), on `{prefix}/events/rpc`.

    device  its id, as "shellypro3em-0123456789ab"; the prefix is that unless another was set
    time    ts is cut to 0.01 s, as devices print it
    """
    prefix = prefix or device
    ticks = time_ns // _CENTISECOND_NS
    told = ",".join(f'"{name}":{text}' for name, text in components.items())
    payload = (
        f'{{"src":"{device}","dst":"{prefix}/events","method":"NotifyStatus",'
        f'"params":{{"ts":{decimal(ticks, 2)},{told}}}}}'
    )
    return Message(ticks * _CENTISECOND_NS, f"{prefix}/events/rpc", payload.encode())


def status(prefix: str, component: str, text: str, *, time_ns: int) -> Message:
    """Return the whole status of one component, on `{prefix}/status/{component}`: no time in it."""
    return Message(time_ns, f"{prefix}/status/{component}", text.encode())


def online(prefix: str, is_online: bool, *, time_ns: int) -> Message:
    """Return the retained `{prefix}/online`, true after a start and false as the last will."""
    return Message(time_ns, f"{prefix}/online", b"true" if is_online else b"false", retain=True)


def _counted(total_mwh: int, minutes_mwh: Sequence[int], minute_s: int) -> str:
    minutes = ",".join(decimal(1000 * one, 3) for one in minutes_mwh)
    return f'{{"total":{decimal(total_mwh, 3)},"by_minute":[{minutes}],"minute_ts":{minute_s}}}'


def _three(name: str, rows: Sequence[object]) -> None:
    if len(rows) != len(_PHASES):
        raise EncodingError(f"Shelly {name}: expected three phases, found {len(rows)}")


def _checked(name: str, *registers: int) -> None:
    if min(registers) < 0:
        raise EncodingError(f"Shelly {name}: expected registers of 0 or more, found {registers}")
