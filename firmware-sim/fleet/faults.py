"""Faults: what can break, and exactly what it changes.

A fault belongs to one device. What it does is one of:
- to a value: it is told wrong ("spike", "stuck", "drift", "level_shift", "noise_burst", "glitch",
  "zero_after_boot", "unit_mixup")
- to a register: it goes on from elsewhere ("register_reset", "meter_exchange", "rollover")
- to a clock: the message states another time ("clock_jump", "clock_1970", "dst_mistake")
- to the delivery: nothing comes, or twice, late, in another order, spoilt ("silence",
  "battery_death", "duplicate", "reordered", "late_bulk", "garbage")
- to the world: something flows that should not ("energy_theft", "water_leak"); the meters tell it
  as it is.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.chance import Keys, noise
from fleet.days import Ints
from fleet.exact import Floats
from fleet.kind import Channel, Kind

HOUR_NS = 3600 * 1_000_000_000


class FaultKind(NamedTuple):
    """A kind of fault.

    text   what happens, for a person
    on     "gauge" or "register": it needs such a value; "clock": a device that states its time;
           "meter": something flows through it; "battery": it has one; "": any device
    hours  how long it lasts unless the scenario says so; 0: one message, or for ever
    size   how large unless the scenario says so, see `does`
    does   what size means
    """

    text: str
    on: str
    hours: float
    size: float
    does: str


FAULTS: dict[str, FaultKind] = {
    "spike": FaultKind("one value far off", "gauge", 0, 25, "usual spreads of the quantity"),
    "stuck": FaultKind("a value repeats and repeats", "gauge", 6, 0, "unused"),
    "drift": FaultKind("a value creeps away", "gauge", 48, 12, "usual spreads at its end"),
    "level_shift": FaultKind("a value jumps and stays off", "gauge", 24, 10, "usual spreads"),
    "noise_burst": FaultKind("a value flutters", "gauge", 6, 6, "usual spreads, as a deviation"),
    "register_reset": FaultKind("a register starts again at 0", "register", 0, 0, "unused"),
    "rollover": FaultKind("a register passes its highest value", "register", 0, 0, "unused"),
    "meter_exchange": FaultKind(
        "a new meter, whose register shows something else",
        "register",
        0,
        12_000,
        "Wh or litres that it shows",
    ),
    "zero_after_boot": FaultKind(
        "registers show 0 once, after a restart", "register", 0, 0, "unused"
    ),
    "glitch": FaultKind(
        "a register is far off and comes back", "register", 0.3, 1000, "times too large"
    ),
    "unit_mixup": FaultKind(
        "a register is told a thousandth of itself, as if in kWh",
        "register",
        12,
        1000,
        "divided by",
    ),
    "silence": FaultKind("nothing is sent", "", 6, 0, "unused"),
    "battery_death": FaultKind(
        "the battery runs down over two days, then nothing more", "battery", 0, 48, "hours it takes"
    ),
    "clock_jump": FaultKind("the clock is wrong", "clock", 6, 5400, "seconds ahead"),
    "clock_1970": FaultKind("the clock counts from 1970", "clock", 2, 0, "unused"),
    "dst_mistake": FaultKind("the clock is an hour off, as summer time", "clock", 24, 3600, "s"),
    "duplicate": FaultKind("messages are delivered twice", "", 3, 20, "seconds later"),
    "reordered": FaultKind("messages come in another order", "", 3, 4, "messages that change"),
    "late_bulk": FaultKind("a day offline, then all at once", "", 24, 0, "unused"),
    "garbage": FaultKind("payloads that nobody can read", "", 1, 0, "unused"),
    "energy_theft": FaultKind("a part flows past the meter", "meter", 72, 0.6, "share, 0 to 1"),
    "water_leak": FaultKind("water runs day and night", "meter", 48, 40, "litres an hour"),
}

SIZES: dict[str, tuple[float, float]] = {
    "glitch": (0, 1e6), "unit_mixup": (1, 1e9), "battery_death": (0.1, 1e5),
    "duplicate": (1, 86_400), "reordered": (2, 1000), "energy_theft": (0, 1),
    "water_leak": (0, 1e6), "meter_exchange": (0, 1e8), "clock_jump": (-1e9, 1e9),
    "dst_mistake": (-1e9, 1e9),
}  # fmt: skip
"""The least and the most that a fault's size can be; of others from -SIZE_MAX to it."""
SIZE_MAX = 1e6

CLOCKS = frozenset(("clock_jump", "clock_1970", "dst_mistake"))
WORLDLY = frozenset(("energy_theft", "water_leak"))
JUMPS = frozenset(("register_reset", "meter_exchange", "rollover"))
AT_ONCE = frozenset(("spike", "zero_after_boot"))
"""One message: the first since the start."""
ENDLESS = JUMPS | {"battery_death"}
_SPREADS = {
    "temperature": 1.0, "humidity": 2.0, "co2": 30.0, "pressure": 0.8, "illuminance": 60.0,
    "noise_laeq": 1.5, "noise_peak": 2.5, "pm2_5": 1.5, "pm10": 2.0, "pm1": 1.0, "level": 0.03,
    "distance": 0.03, "soil_moisture": 0.8, "active_power": 400.0, "voltage": 1.2, "flow": 0.1,
    "heat_power": 500.0, "wind_speed": 0.6, "conductivity": 15.0,
}  # fmt: skip
"""About the noise of a quantity from one reading to the next: the unit of a fault's size."""


class Fault(NamedTuple):
    """A fault of one device, settled in all its parts.

    number   within the scenario, from 0
    member   the device's place in its group
    channel  whose value it is; None where it is of the whole device
    start_ns, end_ns  [start, end); end is that of the simulation for what lasts for ever, and just
             behind the message for what touches only one
    """

    number: int
    kind: str
    member: int
    channel: Channel | None
    start_ns: int
    end_ns: int
    size: float

    def covers(self, member: Ints, times_ns: Ints) -> NDArray[np.bool_]:
        """Return which rows are of its device and its time; (n,), (n,) -> (n,)."""
        inside = (times_ns >= self.start_ns) & (times_ns < self.end_ns)
        return np.asarray((member == self.member) & inside)

    def silences(self, member: Ints, times_ns: Ints) -> NDArray[np.bool_]:
        """Return which rows it keeps from being sent; (n,), (n,) -> (n,)."""
        rows = self.covers(member, times_ns)
        if self.kind == "battery_death":
            return rows & (times_ns >= self.start_ns + int(self.size * HOUR_NS))
        return rows & (self.kind == "silence")

    def touches(self, channel: Channel, member: Ints, times_ns: Ints) -> NDArray[np.bool_]:
        """Return which rows have another value, time or delivery for it; (n,), (n,) -> (n,)."""
        if self.channel in (None, channel):
            return self.covers(member, times_ns)
        return self.silences(member, times_ns)


def fits(kind: Kind, fault: str, quantity: str) -> tuple[Channel | None, bool]:
    """Return the channel that a fault is of, None for the whole device, and whether it can be.

    A device that tells its past again keeps its register and its clock, as one message of it would
    tell two of them.
    """
    need = FAULTS[fault].on
    if kind.history_hours and need in {"clock", "register"}:
        return None, False
    named = [one for one in kind.channels if not quantity or one.quantity == quantity]
    if need == "clock":
        return None, kind.own_clock
    if need == "meter":
        leak = fault == "water_leak"
        return None, kind.flow == "water" if leak else kind.flow not in {"", "water", "feeder"}
    if need == "gauge":
        found = [one for one in named if one.register is None and one.quantity in _SPREADS]
    elif need == "register":
        found = [one for one in named if one.register is not None]
    elif need == "battery":
        found = [one for one in kind.channels if one.quantity == "battery_voltage"]
    else:
        return None, True
    return (found[0], True) if found else (None, False)


def spread(channel: Channel) -> float:
    """Return the unit of a fault's size for a quantity."""
    return _SPREADS[channel.quantity]


class Broken:
    """The values of one group while faults are on: what is held of the past, and the changes."""

    def __init__(self, keys: Keys) -> None:
        """Take the keys of the group's devices, which decide what chance decides."""
        self._keys = keys
        self._held: dict[int, float] = {}

    def told(self, fault: Fault, member: Ints, times_ns: Ints, values: Floats) -> Floats:
        """Return the values of a gauge as the fault makes them; each array is of shape (n,)."""
        rows = np.flatnonzero(fault.covers(member, times_ns))
        if not rows.size or fault.channel is None:
            return values
        made = values.copy()
        if fault.kind == "stuck":
            held = self._held.setdefault(fault.number, float(values[rows[0]]))
            made[rows] = held
            return made
        size = fault.size * spread(fault.channel)
        if fault.kind in {"spike", "level_shift"}:
            made[rows] += size
        elif fault.kind == "drift":
            share = (times_ns[rows] - fault.start_ns) / (fault.end_ns - fault.start_ns)
            made[rows] += size * share
        elif fault.kind == "noise_burst":
            keys = self._keys[fault.member : fault.member + 1]
            made[rows] += size * noise(keys, times_ns[rows] // 1_000_000_000)
        return made

    def shown(self, fault: Fault, member: Ints, times_ns: Ints, steps: Ints) -> Ints:
        """Return the steps of a register as a passing fault shows them; (n,) each."""
        rows = np.flatnonzero(fault.covers(member, times_ns))
        if not rows.size or fault.channel is None:
            return steps
        made = steps.copy()
        if fault.kind == "zero_after_boot":
            made[rows] = 0
        elif fault.kind == "glitch":
            most = min(fault.channel.high, fault.channel.width - 1)
            made[rows] = np.minimum(steps[rows] * int(fault.size), most)
        elif fault.kind == "unit_mixup":
            made[rows] = steps[rows] // int(fault.size)
        return made


def span_ns(kind: str, start_ns: int, end_ns: int, given_s: int | None) -> int:
    """Return when a fault that lasts ends: by the scenario, by its kind, or with the simulation."""
    if given_s is not None:
        return min(start_ns + given_s * 1_000_000_000, end_ns)
    if kind in ENDLESS:
        return end_ns
    return min(start_ns + int(FAULTS[kind].hours * HOUR_NS), end_ns)


def stated_ns(fault: Fault, times_ns: Ints) -> Ints:
    """Return the times that a device states while its clock is wrong; (n,) -> (n,)."""
    if fault.kind == "clock_1970":
        return times_ns - fault.start_ns + 40 * 1_000_000_000
    return times_ns + int(fault.size) * 1_000_000_000
