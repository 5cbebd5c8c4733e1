"""What a kind of device is: what it measures, how fine, and how it says so."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.exact import Floats
from fleet.message import Message

Told = Mapping[str, float]
"""The maker's field names -> values in the maker's units, as firmware holds them."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One value of a device, on the wire and in the truth.

    key       the maker's name of the field
    quantity, channel  the field's standard name, as truth and scores use it
    per_unit  steps on the wire of one of the maker's units (10: tenths)
    div, mul  a step is mul / div of the truth's unit (1 / 1000: the maker tells mV, the truth V)
    low, high the least and the most that the field carries, in steps
    register  None for a gauge; "import" or "export" for what a meter counts
    width     of a register: it goes from width - 1 steps to 0
    per_base  of a register: steps of one Wh or litre, as a fraction (10, 1: tenths of a Wh)
    """

    key: str
    quantity: str
    channel: str = ""
    per_unit: int = 1
    div: int = 1
    low: int = -(2**31)
    high: int = 2**53
    register: str | None = None
    width: int = 10**12
    per_base: tuple[int, int] = (1, 1)
    mul: int = 1

    def value(self, steps: Any) -> Any:
        """Return steps on the wire in the unit of the truth: a number, or an array of them."""
        return steps * self.mul / self.div


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who says it: what an encoder needs to know of a device.

    name    unique, and what MQTT devices are called on their topics
    number  a serial number, 8 digits, which no other device of the scenario has
    """

    name: str
    number: int


@dataclass(frozen=True)
class Kind:
    """A kind of device; see the tables in fleet.sensors and fleet.counters.

    text      one sentence for a person
    profile   of the network server, or the maker's model
    channels  in the order of the payload
    physics   (world, group, which, UTC seconds) -> values by key, in units of the truth, (n,);
              that of a meter is also given what flows, W or l/h
    hello     MQTT: what it says once, when it starts
    device    under which name it is known, where that is not its own or its DevEUI
    payload   LoRaWAN: the payload of one uplink, from the maker's values
    messages  MQTT: the messages of one moment: (speaker, stated time ns, maker's values)
    flow      meters: the name of what flows through it (fleet.flows)
    period_s  how often it speaks, unless the scenario says otherwise
    own_clock it states its own time, which can be wrong
    timeless  its messages state no time at all
    history_hours  it tells so many hours before each message again
    """

    name: str
    text: str
    profile: str
    channels: tuple[Channel, ...]
    physics: Callable[..., dict[str, Floats]]
    payload: Callable[[Speaker, int, Told], bytes] | None = None
    messages: Callable[[Speaker, int, Told], Sequence[Message]] | None = None
    f_port: int = 1
    brand: str = ""
    model: str = ""
    flow: str = ""
    period_s: int = 900
    own_clock: bool = False
    timeless: bool = False
    history_hours: int = 0
    hello: Callable[[Speaker, int], Sequence[Message]] | None = None
    device: Callable[[Speaker], str] | None = None
