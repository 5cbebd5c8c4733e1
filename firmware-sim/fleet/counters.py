"""Kinds of meters: what flows through them (fleet.flows), and how they say it.

A meter's registers are whole steps of its own, cut from exact sums; see fleet.meters. Fields and
units are those of the encoders.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fleet import axioma, cayenne, dsmr, mbus, mbus_meters, shelly, sml, tasmota, vzlogger
from fleet.calendar import LocalTime
from fleet.chance import keys_of, wander
from fleet.days import Ints
from fleet.exact import Floats
from fleet.kind import Channel, Kind, Speaker, Told
from fleet.message import SECOND_NS, Message
from fleet.network import uuid_of

if TYPE_CHECKING:
    from fleet.town import Group, World

_ZONE = LocalTime()
HOURS = 15
"""As many hours does a water meter tell again with each message."""


def _electric(
    world: "World", group: "Group", which: NDArray[np.intp], times_s: Floats, flow: Ints
) -> dict[str, Floats]:
    """Return what stands beside an electricity meter's registers: W, V, A; (n,) each."""
    del world
    keys = group.keys[which]
    volt = 230.0 + 3.0 * wander(keys_of(keys, 50), times_s, 600.0)
    watts = flow.astype(np.float64)
    return {"power": watts, "voltage": volt, "current": np.abs(watts) / volt}


def _thermal(
    world: "World", group: "Group", which: NDArray[np.intp], times_s: Floats, flow: Ints
) -> dict[str, Floats]:
    """Return what stands beside a heat meter's register: power, supply, return, flow; (n,) each."""
    keys = group.keys[which]
    cold = world.weather.temperature(times_s)
    supply = 48.0 + np.clip(15.0 - cold, 0.0, 25.0) + wander(keys_of(keys, 51), times_s, 3600.0)
    spread = 14.0 + 2.0 * wander(keys_of(keys, 52), times_s, 5400.0)
    watts = flow.astype(np.float64)
    return {
        "power": watts,
        "supply": supply,
        "return": supply - spread,
        "flow": watts / (1.163 * spread) / 1000.0,
    }


def _wet(
    world: "World", group: "Group", which: NDArray[np.intp], times_s: Floats, flow: Ints
) -> dict[str, Floats]:
    del world, group, which, times_s, flow
    return {}


def _litres(told: Told) -> int:
    return int(told["litres"])


def _tasmota_household(speaker: Speaker, time_ns: int, told: Told) -> Sequence[Message]:
    fields = tasmota.sml(import_wh_tenths=int(told["Total_in"]), power_w=int(told["power"]))
    return (_tasmota(speaker, time_ns, fields),)


def _tasmota_prosumer(speaker: Speaker, time_ns: int, told: Told) -> Sequence[Message]:
    fields = tasmota.sml(
        import_wh_tenths=int(told["Total_in"]),
        export_wh_tenths=int(told["Total_out"]),
        power_w=int(told["power"]),
    )
    return (_tasmota(speaker, time_ns, fields),)


def _tasmota(speaker: Speaker, time_ns: int, fields: tasmota.Fields) -> Message:
    return tasmota.sensor(
        speaker.name, time_ns=time_ns, group="SML", fields=fields, zone=_ZONE, with_offset=True
    )


def _shelly(speaker: Speaker, time_ns: int, told: Told) -> Sequence[Message]:
    load = shelly.Load(int(told["power"]), int(told["voltage"]), int(told["current"]))
    status = shelly.switch(0, is_on=True, load=load, energy_mwh=int(told["total"]), time_ns=time_ns)
    return (shelly.notify(speaker.name, time_ns=time_ns, components={"switch:0": status}),)


def _vzlogger(speaker: Speaker, time_ns: int, told: Told) -> Sequence[Message]:
    register, power = _vzlogger_channels(speaker.name)
    return (
        vzlogger.value(register, time_ns=time_ns, steps=int(told["total"]), places=1),
        vzlogger.value(power, time_ns=time_ns, steps=int(told["power"])),
    )


@lru_cache(maxsize=1 << 17)
def _vzlogger_channels(name: str) -> tuple[vzlogger.Channel, vzlogger.Channel]:
    topic = f"vzlogger/{name}"
    return (
        vzlogger.Channel(topic, 0, "1-0:1.8.0*255", uuid_of("vz", name, "0"), True, qos=1),
        vzlogger.Channel(topic, 1, "1-0:16.7.0*255", uuid_of("vz", name, "1"), True, qos=1),
    )


def _vzlogger_hello(speaker: Speaker, time_ns: int) -> Sequence[Message]:
    """Return what vzlogger tells when it starts: which channel is what."""
    return [
        message
        for channel in _vzlogger_channels(speaker.name)
        for message in vzlogger.announcement(channel, time_ns=time_ns)
    ]


def _dsmr(speaker: Speaker, time_ns: int, told: Told) -> Sequence[Message]:
    phase = dsmr.Phase(int(told["voltage"]), int(told["current"]), int(told["power"]))
    text = dsmr.encode(
        _dsmr_meter(speaker.number), _ZONE, time_ns=time_ns, tariff=2,
        import_wh=(0, int(told["total"])), export_wh=(0, 0), phases=(phase,),
    )  # fmt: skip
    return (Message(time_ns, f"p1/{speaker.name}/telegram", text),)


@lru_cache(maxsize=1 << 17)
def _dsmr_meter(number: int) -> dsmr.Meter:
    return dsmr.Meter("ISK5\\2M550T-1012", f"E00{number:08d}", phases=1)


def _sml(speaker: Speaker, time_ns: int, told: Told) -> Sequence[Message]:
    telegram = sml.encode(
        f"1EMH00{speaker.number:08d}",
        import_wh_tenths=int(told["total"]),
        power_w=int(told["power"]),
        seconds_index=time_ns // SECOND_NS % 2**32,
    )
    return (Message(time_ns, f"sml/{speaker.name}", telegram),)


def _cayenne(speaker: Speaker, time_ns: int, told: Told) -> bytes:
    del speaker, time_ns
    return cayenne.encode([(1, "energy", told["energy"] / 1000), (1, "voltage", told["voltage"])])


def _cayenne_small(speaker: Speaker, time_ns: int, told: Told) -> bytes:
    del speaker, time_ns
    return cayenne.encode(
        [
            (1, "energy", told["energy"] / 1000),
            (1, "power", told["power"]),
            (1, "voltage", told["voltage"]),
        ]
    )


def _heat(speaker: Speaker, time_ns: int, told: Told) -> bytes:
    """Pack a heat meter behind a CMi4110; its volume follows from energy and spread."""
    del time_ns
    energy_wh = int(told["energy"]) * 1000
    now = mbus_meters.Heat(
        energy_wh=energy_wh,
        volume_l=energy_wh * 60 // 1000 // 10 * 10 % 10**9,  # eight digits of 10 l
        power_w=int(told["power"]) * 100,
        flow_lph=int(told["flow"]),
        supply_hundredths=int(told["supply"]) * 10,
        return_hundredths=int(told["return"]) * 10,
    )
    return mbus_meters.elvaco(speaker.number, now)


def _axioma(speaker: Speaker, time_ns: int, told: Told) -> bytes:
    """Pack a water meter's register, with the hours before it."""
    del speaker
    time_s = time_ns // SECOND_NS
    deltas = [int(told[f"hour{n}"]) for n in range(1, HOURS + 1)]
    return axioma.extended(
        time_s=time_s, status=0, litres=_litres(told), log_time_s=axioma.log_start(time_s, HOURS),
        log_litres=int(told["log"]), deltas=deltas,
    )  # fmt: skip


def _gas(speaker: Speaker, time_ns: int, told: Told) -> Sequence[Message]:
    local = datetime.fromtimestamp(time_ns // SECOND_NS, UTC).astimezone(_ZONE)
    head = mbus.header(
        speaker.number, "ELS", version=0x81, medium=mbus.GAS, access=time_ns // SECOND_NS % 256
    )
    records = mbus_meters.volume_records(speaker.number, _litres(told), clock=local)
    frame = mbus.frame(1, head, records)
    return (Message(time_ns, f"mbus/{speaker.name}", frame),)


_POWER = Channel("power", "active_power", low=-(2**31), high=2**31)
_TOTAL_IN = Channel(
    "Total_in", "active_energy_import", per_unit=1, div=10, register="import",
    per_base=(10, 1), width=10**10,
)  # fmt: skip
_TOTAL_OUT = Channel(
    "Total_out", "active_energy_export", per_unit=1, div=10, register="export",
    per_base=(10, 1), width=10**10,
)  # fmt: skip
_ENERGY = Channel(
    "energy", "active_energy_import", "1", register="import", width=2**32, high=2**32 - 1
)
_VOLT = Channel("voltage", "voltage", "1", per_unit=100, div=100, low=0, high=65_535)


def _tasmota_kind(name: str, text: str, flow: str, *, two_way: bool) -> Kind:
    return Kind(
        name, f"{text} (Tasmota with an optical head)", "Tasmota SML",
        (_TOTAL_IN, _TOTAL_OUT, _POWER) if two_way else (_TOTAL_IN, _POWER),
        _electric, messages=_tasmota_prosumer if two_way else _tasmota_household,
        flow=flow, own_clock=True,
    )  # fmt: skip


def _building(name: str, text: str, flow: str, *, small: bool = False) -> Kind:
    power = Channel("power", "active_power", "1", low=0, high=65_535)
    return Kind(
        name, f"{text} (a LoRaWAN meter with Cayenne LPP)", "Cayenne LPP Meter",
        (_ENERGY, power, _VOLT) if small else (_ENERGY, _VOLT),
        _electric, _cayenne_small if small else _cayenne, f_port=2, flow=flow,
        brand="cayenne", model="lpp-meter",
    )  # fmt: skip


COUNTERS = (
    _tasmota_kind("household", "a household's electricity", "household", two_way=False),
    _tasmota_kind("prosumer", "a household with solar panels", "prosumer", two_way=True),
    _tasmota_kind("solar_park", "a solar plant's feed-in", "solar_park", two_way=True),
    Kind(
        "household_vzlogger", "a household's electricity (vzlogger)", "vzlogger",
        (
            Channel("total", "active_energy_import", div=10, register="import",
                    per_base=(10, 1), width=10**10),
            _POWER,
        ),
        _electric, messages=_vzlogger, hello=_vzlogger_hello, flow="household", own_clock=True,
        device=lambda speaker: f"vzlogger/{speaker.name}",
    ),
    Kind(
        "household_dsmr", "a household's electricity (DSMR 5 smart meter, P1 telegram)", "DSMR 5",
        (
            Channel("total", "active_energy_import", "T2", register="import", width=10**9),
            Channel("voltage", "voltage", "L1", div=10, low=0, high=9_999),
            Channel("current", "current", "L1", low=0, high=999),
            Channel("power", "active_power", "import", low=0, high=99_999),
        ),
        _electric, messages=_dsmr, flow="household", own_clock=True,
        device=lambda speaker: f"E00{speaker.number:08d}",
    ),
    Kind(
        "household_sml", "a household's electricity (raw SML telegrams, without a time)", "SML",
        (
            Channel("total", "active_energy_import", div=10, register="import",
                    per_base=(10, 1), width=10**10),
            _POWER,
        ),
        _electric, messages=_sml, flow="household", timeless=True,
        device=lambda speaker: f"1EMH00{speaker.number:08d}",
    ),
    Kind(
        "heat_pump", "a heat pump behind a relay (Shelly Plus 1PM)", "Shelly Plus 1PM",
        (
            Channel("total", "active_energy_import", "0", div=1000, register="import",
                    per_base=(1000, 1), width=10**12),
            Channel("power", "active_power", "0", div=10, low=0, high=10**6),
            Channel("voltage", "voltage", "0", div=10, low=0, high=9_999),
            Channel("current", "current", "0", div=1000, low=0, high=10**6),
        ),
        _electric, messages=_shelly, flow="heat_pump", own_clock=True,
        device=lambda speaker: speaker.name,
    ),
    _building("school", "a school's electricity", "school"),
    _building("office", "an office's electricity", "office"),
    _building("pool", "a swimming pool's electricity", "pool"),
    _building("industry", "a plant's electricity", "industry"),
    _building("ev_charger", "a wall box", "ev_charger", small=True),
    _building("street_light", "a cabinet of street lights", "street_light", small=True),
    _building("transformer", "a transformer station that sums its feeders", "feeder"),
    Kind(
        "heat", "a building's heat (heat meter with Elvaco CMi4110)", "Elvaco CMi4110",
        (
            Channel("energy", "heat_energy", per_unit=1, per_base=(1, 1000), mul=1000,
                    register="import", width=10**8),
            Channel("power", "heat_power", per_base=(1, 100), mul=100, low=0, high=10**6 - 1),
            Channel("flow", "flow", div=1000, low=0, high=10**6 - 1),
            Channel("supply", "temperature", "supply", div=10, low=0, high=1_500),
            Channel("return", "temperature", "return", div=10, low=0, high=1_500),
        ),
        _thermal, _heat, f_port=2, brand="elvaco", model="cmi4110", flow="heat", period_s=3600,
    ),
    Kind(
        "water", "a home's water (Axioma W1, with the hours before)", "Axioma Qalcosonic W1",
        (
            Channel("litres", "water_volume", div=1000, register="import", width=2**32,
                    high=2**32 - 1),
        ),
        _wet, _axioma, f_port=100, brand="axioma", model="w1", flow="water",
        period_s=12 * 3600, own_clock=True, history_hours=HOURS,
    ),
    Kind(
        "gas", "a boiler's gas (raw M-Bus frames, without a time)", "M-Bus",
        (
            Channel("litres", "gas_volume", div=1000, register="import", width=10**9),
        ),
        _wet, messages=_gas, flow="gas", timeless=True,
        device=lambda speaker: f"ELS{speaker.number:08d}",
    ),
)  # fmt: skip
"""Every kind of meter."""
