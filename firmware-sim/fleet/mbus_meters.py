"""What heat, water and gas meters put into M-Bus records, and Elvaco's LoRaWAN module in them.

Source: EN 13757-3 for the records; the sets are those that meters in the field send: heat meters
as Kamstrup MULTICAL and Landis+Gyr ULTRAHEAT, water meters as Itron CYBLE (frames published with
rscada/libmbus). Elvaco, "CMi4110 user's manual", "Message formats", for the LoRaWAN message.

Arguments are whole Wh, litres, W, l/h and 0.01 Cel; the wire has coarser steps in some places, and
each value is rounded to the nearest one.
"""

from datetime import date, datetime
from typing import NamedTuple

from fleet import mbus
from fleet.digits import steps_of

ELVACO_PORT = 2
_ELVACO_STANDARD = b"\x00"


class Due(NamedTuple):
    """The register on a due date, which the meter stored: Wh of a heat meter, litres of others."""

    on: date
    register: int


class Heat(NamedTuple):
    """A heat meter at a moment."""

    energy_wh: int
    volume_l: int
    power_w: int
    flow_lph: int
    supply_hundredths: int
    return_hundredths: int


_KWH, _W = mbus.energy_wh(3), mbus.power_w(0)
_CENTI_M3, _LITRE, _LITRE_PER_HOUR = mbus.volume_m3(-2), mbus.volume_m3(-3), mbus.flow_m3h(-3)
_SUPPLY, _RETURN = mbus.flow_temperature(-2), mbus.return_temperature(-2)
_SUPPLY_TENTHS, _RETURN_TENTHS = mbus.flow_temperature(-1), mbus.return_temperature(-1)
_SPREAD, _HECTOWATT = mbus.temperature_difference(-2), mbus.power_w(2)


def heat_records(
    serial: int, now: Heat, *, operating_h: int, clock: datetime, due: Due | None = None
) -> bytes:
    """Return the records of a heat meter on the wired bus, in integers.

    Steps: kWh, 0.01 m3, W, l/h, 0.01 Cel. clock is local, with its zone.
    """
    records = [
        mbus.bcd(mbus.FABRICATION_NUMBER, serial),
        mbus.integer(_KWH, steps_of(now.energy_wh, 1000)),
        mbus.integer(_CENTI_M3, steps_of(now.volume_l, 10)),
        mbus.integer(mbus.OPERATING_TIME_H, operating_h),
        mbus.integer(_SUPPLY, now.supply_hundredths, 2),
        mbus.integer(_RETURN, now.return_hundredths, 2),
        mbus.integer(_SPREAD, now.supply_hundredths - now.return_hundredths, 2),
        mbus.integer(_W, now.power_w),
        mbus.integer(_LITRE_PER_HOUR, now.flow_lph),
        mbus.moment(clock),
    ]
    if due is not None:
        records.append(mbus.integer(_KWH, steps_of(due.register, 1000), storage=1))
        records.append(mbus.day(due.on, storage=1))
    return b"".join(records)


def volume_records(
    serial: int,
    litres: int,
    *,
    clock: datetime,
    flow_lph: int | None = None,
    due: Due | None = None,
) -> bytes:
    """Return the records of a water or gas meter on the wired bus; the header says which it is.

    Steps: litres and l/h; gas meters have no flow. clock is local, with its zone.
    """
    records = [
        mbus.bcd(mbus.FABRICATION_NUMBER, serial),
        mbus.integer(_LITRE, litres),
        mbus.moment(clock),
    ]
    if flow_lph is not None:
        records.append(mbus.integer(_LITRE_PER_HOUR, flow_lph))
    if due is not None:
        records.append(mbus.integer(_LITRE, due.register, storage=1))
        records.append(mbus.day(due.on, storage=1))
    return b"".join(records)


def elvaco(serial: int, now: Heat, *, error_flags: int = 0) -> bytes:
    """Return the standard message of a CMi4110 (FPort 2) in a Landis+Gyr ULTRAHEAT heat meter.

    Steps: kWh, 0.01 m3, 100 W, l/h and 0.1 Cel, in BCD, which has no negative numbers.
    """
    return b"".join(
        (
            _ELVACO_STANDARD,
            mbus.bcd(_KWH, steps_of(now.energy_wh, 1000)),
            mbus.bcd(_CENTI_M3, steps_of(now.volume_l, 10)),
            mbus.bcd(_HECTOWATT, steps_of(now.power_w, 100), 6),
            mbus.bcd(_LITRE_PER_HOUR, now.flow_lph, 6),
            mbus.bcd(_SUPPLY_TENTHS, steps_of(now.supply_hundredths, 10), 4),
            mbus.bcd(_RETURN_TENTHS, steps_of(now.return_hundredths, 10), 4),
            mbus.bcd(mbus.FABRICATION_NUMBER, serial),
            mbus.integer(mbus.ERROR_FLAGS, error_flags, 2),
        )
    )
