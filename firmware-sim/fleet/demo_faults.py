"""Faults that a demonstration shows: what breaks, when, in which device, for how long.

The first minutes are arranged, so that an operator sees each kind soon; after them faults come at
random, moderate intervals.
"""

import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from fleet.devices import Device, Values
from fleet.message import Message


class Fault(NamedTuple):
    """One fault.

    at_s   seconds after the live part began
    kind   "spike" (one reading far off), "stuck" (the value repeats), "silent" (nothing comes),
           "garbage" (one payload that can't be decoded)
    for_s  how long; 0 where it is a single message
    """

    at_s: float
    kind: str
    device: str
    for_s: float

    @property
    def sentence(self) -> str:
        """What the demonstrator sees in the log."""
        what = {
            "spike": "sends one temperature far off",
            "stuck": f"repeats its values for {self.for_s:.0f} s",
            "silent": f"falls silent for {self.for_s:.0f} s",
            "garbage": "sends one payload that nobody can decode",
        }
        return f"{self.device} {what[self.kind]}"


def plan(rng: random.Random, names: Sequence[str], warm: Sequence[str]) -> Iterator[Fault]:
    """Yield faults for ever, in the order of their times.

    names  every device, four at least
    warm   those that measure a temperature, two at least: they can spike
    """
    stuck, spike = rng.sample(warm, 2)
    silent, garbage = rng.sample([name for name in names if name not in (stuck, spike)], 2)
    yield Fault(10.0, "stuck", stuck, 120.0)
    yield Fault(20.0, "garbage", garbage, 0.0)
    yield Fault(35.0, "spike", spike, 0.0)
    # Its rhythm must be known before: after 32 messages the history's quarter hours are forgotten.
    yield Fault(130.0, "silent", silent, 60.0)
    at_s = 145.0
    while True:
        at_s += rng.uniform(25.0, 80.0)
        kind = rng.choice(("spike", "spike", "stuck", "silent", "garbage"))
        single = kind in ("spike", "garbage")
        yield Fault(
            at_s,
            kind,
            rng.choice(warm if kind in ("spike", "stuck") else names),
            0.0 if single else rng.uniform(60.0, 150.0),
        )


class Breakage:
    """The faults that are on right now, applied to what devices would send."""

    def __init__(self, rng: random.Random, faults: Iterator[Fault]) -> None:
        """Take the plan; rng chooses sizes and shapes."""
        self._rng, self._faults = rng, faults
        self._next = next(faults)
        self._once: dict[str, str] = {}  # device -> spike or garbage, due with its next message
        self._silent_until_s: dict[str, float] = {}
        self._stuck: dict[str, tuple[float, Values | None]] = {}

    def begin(self, now_s: float) -> list[Fault]:
        """Switch on what is due by now (seconds of the live part), and return it."""
        begun = []
        while self._next.at_s <= now_s:
            fault = self._next
            if fault.kind == "silent":
                self._silent_until_s[fault.device] = now_s + fault.for_s
            elif fault.kind == "stuck":
                self._stuck[fault.device] = (now_s + fault.for_s, None)
            else:
                self._once[fault.device] = fault.kind
            begun.append(fault)
            self._next = next(self._faults)
        return begun

    def message(self, device: Device, time_ns: int, f_cnt: int, now_s: float) -> Message | None:
        """Return what the device sends now, faults included; None while it is silent."""
        if now_s < self._silent_until_s.get(device.name, 0.0):
            return None
        values = self._held(device.name, device.measure(time_ns), now_s)
        kind = self._once.pop(device.name, "")
        if kind == "spike":
            jump = self._rng.uniform(28.0, 45.0)
            values = {**values, "temperature": values["temperature"] + jump}
        message = device.message(time_ns, f_cnt, values)
        return self._spoilt(message) if kind == "garbage" else message

    def _held(self, name: str, values: Values, now_s: float) -> Values:
        until_s, held = self._stuck.get(name, (0.0, None))
        if now_s >= until_s:
            self._stuck.pop(name, None)
            return values
        held = held or values
        self._stuck[name] = (until_s, held)
        return held

    def _spoilt(self, message: Message) -> Message:
        """Return the message with a payload as broken firmware or a broken line makes it."""
        broken = (
            message.payload[: len(message.payload) // 2],
            self._rng.randbytes(40),
            b'{"Time":17,"data":{"base64":false},"ENERGY":"?"}',
            b"",
        )
        return message._replace(payload=self._rng.choice(broken))
