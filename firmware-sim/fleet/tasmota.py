"""Tasmota telemetry: `tele/{name}/SENSOR` of a metering plug or of a meter read through SML.

Source: Tasmota documentation, "MQTT", "Commands" (SetOption52: time with its offset) and "Smart
Meter Interface" (meter descriptors; German scripts name the group SML and its keys Total_in,
Total_out in kWh and Power_curr in W).
"""

import json
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from fleet.message import SECOND_NS, Message

Fields = dict[str, "int | float | str | Decimal"]


def topic(name: str) -> str:
    """Return the topic in Tasmota's default order of prefix and name."""
    return f"tele/{name}/SENSOR"


def sensor(
    name: str, *, time_ns: int, group: str, fields: Fields, zone: tzinfo, with_offset: bool
) -> Message:
    """Return a SENSOR message whose Time is cut to the second, local in zone.

    with_offset  True: with its offset from UTC (SetOption52 1); False: without, as by default
    fields       written as they are; a Decimal keeps its digits
    """
    seconds = time_ns // SECOND_NS
    local = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(zone)
    time = local.isoformat(timespec="seconds")
    inner = ",".join(f"{json.dumps(key)}:{_number(value)}" for key, value in fields.items())
    text = f'{{"Time":"{time if with_offset else time[:19]}",{json.dumps(group)}:{{{inner}}}}}'
    return Message(seconds * SECOND_NS, topic(name), text.encode())


def kwh(wh: int) -> Decimal:
    """Return whole Wh as kWh with the three decimals that meter and plug show."""
    return Decimal(wh).scaleb(-3)


def _number(value: int | float | str | Decimal) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)
