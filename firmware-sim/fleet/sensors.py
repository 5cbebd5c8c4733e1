"""Kinds of sensors: the physics of a place, and the product that measures it.

Physics are vectors over devices: they take the world, the group, who speaks (n,) and when (UTC
seconds, n), and return values by key in units of the truth. Products, units and field names are
those of the makers' decoders, see the encoders.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fleet import cayenne, decentlab, dragino, elsys, milesight
from fleet.calendar import DAY_S, SATURDAY, day_type, is_school_holiday, offset_s
from fleet.chance import Keys, keys_of, noise, uniforms, wander
from fleet.exact import Floats, exponential
from fleet.kind import Channel, Kind, Speaker, Told

if TYPE_CHECKING:
    from fleet.town import Group, World

Payload = Callable[[Speaker, int, Told], bytes]
Which = NDArray[np.intp]
Values = dict[str, Floats]
_LITHIUM_V = 3.62


def _at(world: "World", group: "Group", which: Which, times_s: Floats) -> tuple[Keys, Floats]:
    """Return the devices' keys and the outdoor temperature; each (n,)."""
    return group.keys[which], world.weather.temperature(times_s)


def _jitter(keys: Keys, stream: int, times_s: Floats) -> Floats:
    return noise(keys_of(keys, stream), times_s.astype(np.int64))


def _size(keys: Keys, stream: int, low: float, high: float) -> Floats:
    return low + (high - low) * uniforms(keys_of(keys, stream), np.zeros(len(keys), np.int64))


def _clock(times_s: Floats) -> tuple[Floats, NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the local hour, whether it is a workday, and whether schools are open; (n,) each."""
    seconds = times_s.astype(np.int64)
    local = seconds + offset_s(seconds)
    days = local // DAY_S
    kinds = {int(day): day_type(int(day)) for day in np.unique(days)}
    work = np.array([kinds[int(day)] < SATURDAY for day in days], bool)
    school = np.array([not is_school_holiday(int(day)) for day in days], bool) & work
    return (local % DAY_S) / 3600.0, work, school


def _battery(keys: Keys, times_s: Floats) -> Floats:
    """Return a lithium cell's voltage: its own, a little lower in the cold, V."""
    return _LITHIUM_V + 0.03 * wander(keys_of(keys, 40), times_s, 400_000.0)


def _room(world: "World", group: "Group", which: Which, times_s: Floats) -> Values:
    """Return a room: CO2 by the people in the last hours, warmth, light, motion.

    People breathe out 18 l of CO2 an hour; the air changes some 2.5 times an hour. Four earlier
    moments, weighed by the exponential that solves the balance, stand for the past.
    """
    keys, outdoors = _at(world, group, which, times_s)
    seats, volume = _size(keys, 1, 12.0, 30.0), _size(keys, 2, 140.0, 230.0)
    shares = [_present(keys, times_s - back) for back in (0.0, 900.0, 1800.0, 3000.0)]
    weights = (0.42, 0.28, 0.18, 0.12)
    people = sum(weight * share for weight, share in zip(weights, shares, strict=True)) * seats
    here = shares[0] * seats
    light = 0.02 * 120.0 * world.weather.light(times_s) * 0.2 + 320.0 * (here > 0.5)
    return {
        "temperature": 20.3 + 0.06 * people + 0.05 * (outdoors - 10.0)
        + 0.5 * wander(keys, times_s, 9000.0) + 0.1 * _jitter(keys, 3, times_s),
        "humidity": 41.0 + 5.0 * wander(keys_of(keys, 4), times_s, 15_000.0) + 0.25 * people
        + 0.6 * _jitter(keys, 5, times_s),
        "light": np.maximum(light + 4.0 * _jitter(keys, 6, times_s), 0.0),
        "motion": np.floor(here * uniforms(keys_of(keys, 7), times_s.astype(np.int64)) / 3.0),
        "co2": 424.0 + 1e6 * people * 0.018 / (volume * 2.5) + 8.0 * _jitter(keys, 8, times_s),
        "pressure": world.weather.pressure(times_s) + 0.1 * _jitter(keys, 9, times_s),
        "vdd": _battery(keys, times_s),
        "battery": np.floor(_size(keys, 10, 60.0, 100.0)),
    }  # fmt: skip


def _present(keys: Keys, times_s: Floats) -> Floats:
    """Return which share of a room's seats is taken: lessons and breaks, on school days."""
    hour, _, school = _clock(times_s)
    busy = np.where((hour >= 12.0) & (hour < 13.3), 0.35, 0.9) * (hour >= 7.9) * (hour < 15.6)
    lesson = (times_s // 2700.0).astype(np.int64)
    return np.asarray(busy * school * (0.6 + 0.4 * uniforms(keys_of(keys, 11), lesson)))


def _traffic(keys: Keys, times_s: Floats) -> Floats:
    """Return the traffic of a street, 0 … 1: two rush hours on workdays, quiet nights."""
    hour, work, _ = _clock(times_s)
    morning = exponential(-(((hour - 7.9) / 1.9) * ((hour - 7.9) / 1.9)))
    evening = exponential(-(((hour - 16.9) / 2.6) * ((hour - 16.9) / 2.6)))
    middle = 0.5 * np.clip((hour - 6.0) / 3.0, 0.0, 1.0) * np.clip((23.0 - hour) / 3.0, 0.0, 1.0)
    rush = np.where(work, 1.0, 0.25) * (morning + evening)
    busy = 0.06 + 0.9 * np.clip(middle + 0.6 * rush, 0.0, 1.0)
    return busy * (0.92 + 0.08 * wander(keys_of(keys, 12), times_s, 1800.0))


def _street(world: "World", group: "Group", which: Which, times_s: Floats) -> Values:
    """Return a street: sound by traffic, wind and rain; the air's temperature and humidity."""
    keys, outdoors = _at(world, group, which, times_s)
    traffic = _traffic(keys, times_s)
    loud = _size(keys, 1, 60.0, 74.0)
    average = loud - 16.0 + 16.0 * traffic + 0.4 * world.weather.wind(times_s)
    average = average + 2.0 * (world.weather.rain(times_s) > 0.2) + _jitter(keys, 2, times_s)
    return {
        "temperature": outdoors + 0.4 + 0.1 * _jitter(keys, 3, times_s),
        "humidity": np.clip(
            world.weather.humidity(times_s) + 0.7 * _jitter(keys, 4, times_s), 0.0, 100.0
        ),
        "soundPeak": average + 12.0 + 2.0 * np.abs(_jitter(keys, 5, times_s)),
        "soundAvg": average,
        "vdd": _battery(keys, times_s),
    }


def _air(world: "World", group: "Group", which: Which, times_s: Floats) -> Values:
    """Return a street's air: fine dust from traffic and stoves, washed by rain, blown by wind."""
    keys, outdoors = _at(world, group, which, times_s)
    stoves = np.clip(12.0 - outdoors, 0.0, 20.0) * 0.35
    blown = 1.0 / (0.6 + 0.2 * world.weather.wind(times_s))
    washed = np.where(world.weather.rain(times_s) > 0.1, 0.55, 1.0)
    base = _size(keys, 1, 4.0, 7.0) + 7.0 * _traffic(keys, times_s) + stoves
    fine = base * blown * washed * (1.0 + 0.1 * wander(keys, times_s, 3600.0))
    fine = np.maximum(fine + 0.3 * _jitter(keys, 2, times_s), 0.3)
    coarse = fine * (1.5 + 0.2 * wander(keys_of(keys, 3), times_s, 7200.0))
    return {
        "pm1": fine * 0.7,
        "pm2_5": fine,
        "pm4": fine + 0.5 * (coarse - fine),
        "pm10": coarse,
        "size": 480.0 + 60.0 * wander(keys_of(keys, 4), times_s, 5000.0),
        "pressure": world.weather.pressure(times_s) + 0.1 * _jitter(keys, 5, times_s),
        "battery_voltage": _battery(keys, times_s) - 0.5,
    }


def _outdoors(world: "World", group: "Group", which: Which, times_s: Floats) -> Values:
    """Return what stands in the open: air, light, soil, a river's and a container's level."""
    keys, outdoors = _at(world, group, which, times_s)
    weather = world.weather
    wet = np.clip(24.0 + 9.0 * wander(keys_of(keys, 2), times_s, 5.0 * DAY_S), 6.0, 45.0)
    river = 1.6 + 0.5 * wander(np.array([7], np.uint64), times_s, 3.0 * DAY_S)
    river = river + 0.05 * _jitter(keys, 8, times_s) * 0.2
    depth = _size(keys, 9, 3.0, 5.0)
    filled = (times_s / (_size(keys, 10, 4.0, 9.0) * DAY_S) + _size(keys, 11, 0.0, 1.0)) % 1.0
    return {
        "temperature": outdoors + 0.1 * _jitter(keys, 3, times_s),
        "humidity": np.clip(weather.humidity(times_s) + 0.5 * _jitter(keys, 4, times_s), 0, 100),
        "pressure": weather.pressure(times_s) + 0.1 * _jitter(keys, 5, times_s),
        "illuminance": np.maximum(weather.light(times_s) * 60.0, 0.0),
        "water_SOIL": wet + 0.15 * _jitter(keys, 6, times_s),
        "temp_SOIL": 9.0 + 0.5 * (outdoors - 9.0) + 0.05 * _jitter(keys, 7, times_s),
        "conduct_SOIL": wet * 14.0 + 3.0 * _jitter(keys, 12, times_s),
        "distance": np.asarray(depth - river),
        "Distance": 1.9 - 1.6 * filled + 0.003 * _jitter(keys, 13, times_s),
        "Bat": _battery(keys, times_s),
        "battery": np.floor(_size(keys, 14, 60.0, 100.0)),
    }


def _parking(world: "World", group: "Group", which: Which, times_s: Floats) -> Values:
    """Return a parking space: taken for an hour or two, more often by day."""
    del world
    keys = group.keys[which]
    hour, work, _ = _clock(times_s)
    wanted = np.where((hour > 7.5) & (hour < 19.5), np.where(work, 0.75, 0.5), 0.25)
    stay = (times_s // _size(keys, 1, 2400.0, 9000.0)).astype(np.int64)
    taken = uniforms(keys_of(keys, 2), stay) < wanted
    return {"occupancy": np.where(taken, 1.0, 0.0), "vdd": _battery(keys, times_s)}


def _elsys(*names: str) -> Payload:
    def payload(speaker: Speaker, time_ns: int, told: Told) -> bytes:
        del speaker, time_ns
        return elsys.encode([(name, told[name]) for name in names])

    return payload


def _milesight(product: str) -> Payload:
    def payload(speaker: Speaker, time_ns: int, told: Told) -> bytes:
        del speaker, time_ns
        return milesight.encode(product, told)

    return payload


def _dragino(model: str) -> Payload:
    def payload(speaker: Speaker, time_ns: int, told: Told) -> bytes:
        del speaker, time_ns
        return dragino.encode(model, told)

    return payload


def _cayenne(speaker: Speaker, time_ns: int, told: Told) -> bytes:
    del speaker, time_ns
    return cayenne.encode(
        [
            (1, "temperature", told["temperature"]),
            (2, "humidity", told["humidity"]),
            (3, "barometer", told["pressure"]),
            (4, "illuminance", told["illuminance"]),
        ]
    )


def _dust(speaker: Speaker, time_ns: int, told: Told) -> bytes:
    """Pack a DL-PM; its counts of particles follow from the mass, as in the sensor."""
    del time_ns
    values = {
        "battery_voltage": told["battery_voltage"],
        "pm1_0_mass_concentration": told["pm1"],
        "pm2_5_mass_concentration": told["pm2_5"],
        "pm4_mass_concentration": told["pm4"],
        "pm10_mass_concentration": told["pm10"],
        "typical_particle_size": told["size"],
        "barometric_pressure": told["pressure"] * 2,
    }
    for size, of in (
        ("0_5", "pm1"),
        ("1_0", "pm1"),
        ("2_5", "pm2_5"),
        ("4", "pm4"),
        ("10", "pm10"),
    ):
        values[f"pm{size}_number_concentration"] = round(told[of] * 7.5, 1)
    return decentlab.encode("DL-PM", speaker.number % 65_536, values)


def _soil(speaker: Speaker, time_ns: int, told: Told) -> bytes:
    del speaker, time_ns
    return dragino.encode("LSE01", {**told, "TempC_DS18B20": None})


def _tenths(
    key: str, quantity: str, channel: str = "", low: int = 0, high: int = 65_535
) -> Channel:
    return Channel(key, quantity, channel, per_unit=10, div=10, low=low, high=high)


_VDD = Channel("vdd", "battery_voltage", div=1000, low=0, high=65_535)
_LEVEL = Channel("battery", "battery_level", low=0, high=100)
_CELSIUS = _tenths("temperature", "temperature", low=-400, high=850)
_PERCENT = Channel("humidity", "humidity", low=0, high=100)

SENSORS = (
    Kind(
        "classroom", "a room with CO2, warmth, light and motion (ELSYS ERS CO2)", "ELSYS ERS CO2",
        (
            _CELSIUS, _PERCENT,
            Channel("light", "illuminance", low=0, high=65_535),
            Channel("motion", "motion", low=0, high=255),
            Channel("co2", "co2", low=0, high=10_000),
            _VDD,
        ),
        _room, _elsys("temperature", "humidity", "light", "motion", "co2", "vdd"),
        f_port=5, brand="elsys", model="ers-co2",
    ),
    Kind(
        "meeting_room", "a room with CO2 and warmth (Milesight AM103)", "Milesight AM103",
        (
            _LEVEL, _CELSIUS,
            Channel("humidity", "humidity", per_unit=2, div=2, low=0, high=200),
            Channel("co2", "co2", low=0, high=10_000),
        ),
        _room, _milesight("AM103"), f_port=milesight.F_PORT, brand="milesight-iot", model="am103",
    ),
    Kind(
        "street_noise", "a street's sound level (ELSYS ERS Sound)", "ELSYS ERS Sound",
        (
            _CELSIUS, _PERCENT,
            Channel("soundPeak", "noise_peak", low=0, high=255),
            Channel("soundAvg", "noise_laeq", low=0, high=255),
            _VDD,
        ),
        _street, _elsys("temperature", "humidity", "soundPeak", "soundAvg", "vdd"),
        f_port=5, brand="elsys", model="ers-sound",
    ),
    Kind(
        "street_air", "a street's fine dust (Decentlab DL-PM)", "Decentlab DL-PM",
        (
            Channel("battery_voltage", "battery_voltage", per_unit=1000, div=1000, low=0),
            _tenths("pm1", "pm1", low=0, high=65_535),
            _tenths("pm2_5", "pm2_5", low=0, high=65_535),
            _tenths("pm4", "pm4_mass_concentration", low=0, high=65_535),
            _tenths("pm10", "pm10", low=0, high=65_535),
            Channel("size", "typical_particle_size", low=0, high=65_535),
            Channel("pressure", "pressure", div=50, low=0, high=65_535),  # in steps of 2 Pa
        ),
        _air, _dust, f_port=decentlab.F_PORT, brand="decentlab", model="dl-pm",
    ),
    Kind(
        "weather_station", "the weather (a station with Cayenne LPP)", "Cayenne LPP Weather",
        (
            _tenths("temperature", "temperature", "1", low=-400, high=850),
            Channel("humidity", "humidity", "2", per_unit=2, div=2, low=0, high=200),
            _tenths("pressure", "pressure", "3", low=0, high=65_535),
            Channel("illuminance", "illuminance", "4", low=0, high=65_535),
        ),
        _outdoors, _cayenne, f_port=2, brand="cayenne", model="lpp-weather",
    ),
    Kind(
        "soil", "the soil of a park or tree (Dragino LSE01)", "Dragino LSE01",
        (
            Channel("Bat", "battery_voltage", per_unit=1000, div=1000, low=0, high=16_383),
            Channel("water_SOIL", "soil_moisture", per_unit=100, div=100, low=0, high=10_000),
            Channel("temp_SOIL", "temperature", "soil", per_unit=100, div=100, low=0, high=8_000),
            Channel("conduct_SOIL", "conductivity", low=0, high=65_535),
        ),
        _outdoors, _soil, f_port=dragino.F_PORT, brand="dragino", model="lse01", period_s=1200,
    ),
    Kind(
        "river", "the level of a river, from above (Milesight EM500-UDL)", "Milesight EM500-UDL",
        (_LEVEL, Channel("distance", "distance", div=1000, low=0, high=65_000)),
        _outdoors, _milesight("EM500-UDL"), f_port=milesight.F_PORT, brand="milesight-iot",
        model="em500-udl", period_s=600,
    ),
    Kind(
        "container", "how full a glass container is (Dragino LDDS75)", "Dragino LDDS75",
        (
            Channel("Bat", "battery_voltage", per_unit=1000, div=1000, low=0, high=16_383),
            Channel("Distance", "distance", div=1000, low=280, high=7_500),
        ),
        _outdoors, _dragino("LDDS75"), f_port=dragino.F_PORT, brand="dragino", model="ldds75",
        period_s=1200,
    ),
    Kind(
        "parking", "a parking space (ELSYS EMS)", "ELSYS EMS",
        (Channel("occupancy", "occupancy", low=0, high=2), _VDD),
        _parking, _elsys("occupancy", "vdd"), f_port=5, brand="elsys", model="ems", period_s=600,
    ),
)  # fmt: skip
"""Every kind of sensor."""
