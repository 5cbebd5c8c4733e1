"""Tasmota telemetry: `tele/{name}/SENSOR` of a metering plug or of a meter read through SML.

Source: Tasmota documentation, "MQTT", "Commands" (SetOption52: time with its offset; EnergyRes,
SetOption129 for registers by phase, Tariff) and "Smart Meter Interface" (meter descriptors; German
scripts name the group SML and its keys Total_in, Total_out in kWh and Power_curr in W);
tasmota/tasmota_xdrv_driver/xdrv_03_energy.ino, `EnergyShow`, for the order of ENERGY's keys.

`energy` and `sml` make the fields of a group from whole steps, `sensor` or `sensors` the message.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from fleet.digits import decimal
from fleet.errors import EncodingError
from fleet.message import SECOND_NS, Message

_Number = int | float | str | Decimal
Fields = dict[str, "_Number | Sequence[_Number]"]
_PHASES_MAX = 3
_WH = 3  # places of a register in kWh
_QUARTER_S = 900  # clocks are put forward and back at whole quarters of an hour


class Digits(str):
    """A number that is written digit by digit as it stands: Digits("230.10")."""

    __slots__ = ()


class Load(NamedTuple):
    """One phase or relay of an energy monitor at a moment.

    power, apparent, reactive  W, VA, var; voltage V; current mA; factor 1/100; frequency Hz/100
    """

    power: int
    apparent: int
    reactive: int
    factor: int
    voltage: int
    current: int
    frequency: int | None = None


def topic(name: str) -> str:
    """Return the topic in Tasmota's default order of prefix and name."""
    return f"tele/{name}/SENSOR"


def sensor(
    name: str, *, time_ns: int, group: str, fields: Fields, zone: tzinfo, with_offset: bool
) -> Message:
    """Return a SENSOR message of one group; see `sensors`."""
    return sensors(
        name, time_ns=time_ns, groups={group: fields}, zone=zone, with_offset=with_offset
    )


def sensors(
    name: str, *, time_ns: int, groups: Mapping[str, Fields], zone: tzinfo, with_offset: bool
) -> Message:
    """Return a SENSOR message whose Time is cut to the second, local in zone.

    groups       a group for each sensor or meter, in their order; fields are written as they are,
                 Digits and a Decimal keep their digits, and a sequence becomes a list
    with_offset  True: with its offset from UTC (SetOption52 1); False: without, as by default
    """
    second = time_ns // SECOND_NS
    ahead_s, offset = _clock(second // _QUARTER_S, zone)
    time = (_UNIX + timedelta(seconds=second + ahead_s)).isoformat()
    told = ",".join(
        f"{_key(group)}:{{{','.join(map(_field, fields.items()))}}}"
        for group, fields in groups.items()
    )
    text = f'{{"Time":"{time}{offset if with_offset else ""}"{"," if told else ""}{told}}}'
    return Message(second * SECOND_NS, topic(name), text.encode())


def energy(
    loads: Sequence[Load],
    *,
    total_wh: int | Sequence[int],
    today_wh: int,
    yesterday_wh: int,
    start: str,
    export_wh: int | None = None,
    tariff_wh: tuple[int, int] | None = None,
) -> Fields:
    """Return the fields of ENERGY for one phase (numbers) or up to three (lists of a number each).

    total_wh   the register, or one of each phase (SetOption129)
    start      TotalStartTime, as "2026-01-01T00:00:00"
    export_wh  ExportActive, of meters that count it
    tariff_wh  TotalTariff: the registers of tariffs 1 and 2
    Errors     EncodingError for no phase, more than three, or registers of other phases
    """
    if not 1 <= len(loads) <= _PHASES_MAX:
        raise EncodingError(f"Tasmota ENERGY: expected 1 to 3 phases, found {len(loads)}")
    totals = [total_wh] if isinstance(total_wh, int) else list(total_wh)
    if len(totals) not in {1, len(loads)}:
        raise EncodingError(
            f"Tasmota ENERGY: expected a register or {len(loads)} of them, found {len(totals)}"
        )
    fields: Fields = {"TotalStartTime": start, "Total": _listed(totals, _WH)}
    if tariff_wh is not None:
        fields["TotalTariff"] = [_exact(wh, _WH) for wh in tariff_wh]
    fields["Yesterday"], fields["Today"] = _exact(yesterday_wh, _WH), _exact(today_wh, _WH)
    if export_wh is not None:
        fields["ExportActive"] = _exact(export_wh, _WH)
    fields["Power"] = _listed([load.power for load in loads], 0)
    fields["ApparentPower"] = _listed([load.apparent for load in loads], 0)
    fields["ReactivePower"] = _listed([load.reactive for load in loads], 0)
    fields["Factor"] = _listed([load.factor for load in loads], 2)
    frequencies = [load.frequency for load in loads if load.frequency is not None]
    if frequencies:
        fields["Frequency"] = _exact(frequencies[0], 2)  # one grid, one frequency
    fields["Voltage"] = _listed([load.voltage for load in loads], 0)
    fields["Current"] = _listed([load.current for load in loads], 3)
    return fields


def sml(
    *,
    import_wh_tenths: int,
    power_w: int,
    export_wh_tenths: int | None = None,
    phase_powers_w: Sequence[int] = (),
) -> Fields:
    """Return the fields of a German script's group: registers in kWh with four places, and W.

    export_wh_tenths  Total_out, of two-way meters; phase_powers_w  Power_L1, Power_L2, …
    """
    fields: Fields = {"Total_in": _exact(import_wh_tenths, 4)}
    if export_wh_tenths is not None:
        fields["Total_out"] = _exact(export_wh_tenths, 4)
    fields["Power_curr"] = power_w
    for nth, watts in enumerate(phase_powers_w, 1):
        fields[f"Power_L{nth}"] = watts
    return fields


def kwh(wh: int) -> Decimal:
    """Return whole Wh as kWh with the three decimals that meter and plug show."""
    return Decimal(wh).scaleb(-3)


_UNIX = datetime(1970, 1, 1)


@lru_cache(maxsize=4096)
def _clock(quarter: int, zone: tzinfo) -> tuple[int, str]:
    """Return what the clock is ahead of UTC in a quarter of an hour, in s, and as "+02:00"."""
    local = datetime.fromtimestamp(0, UTC) + timedelta(seconds=quarter * _QUARTER_S)
    local = local.astimezone(zone)
    ahead = local.utcoffset() or timedelta()
    return ahead // timedelta(seconds=1), local.isoformat()[19:]


def _exact(steps: int, places: int) -> Digits:
    return Digits(decimal(steps, places))


def _listed(steps: Sequence[int], places: int) -> _Number | Sequence[_Number]:
    """Return the number of one phase, or the numbers of several."""
    numbers = [_exact(one, places) for one in steps]
    return numbers[0] if len(numbers) == 1 else numbers


def _field(field: tuple[str, "_Number | Sequence[_Number]"]) -> str:
    key, value = field
    if isinstance(value, int | float | str | Decimal):
        return f"{_key(key)}:{_number(value)}"
    return f"{_key(key)}:[{','.join(map(_number, value))}]"


@lru_cache(maxsize=4096)
def _key(key: str) -> str:
    return json.dumps(key)


def _number(value: _Number) -> str:
    if type(value) is Digits:
        return value
    if type(value) is int:
        return str(value)
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)
