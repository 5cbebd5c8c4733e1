"""The devices of a scenario: who they are, when each speaks, what is behind each meter."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from fleet import chirpstack, chirpstack_protobuf, things_stack
from fleet.chance import Keys, key_of, keys_of, uniforms
from fleet.days import Days, Ints
from fleet.flows import FLOWS
from fleet.kind import Kind, Speaker
from fleet.kinds import KINDS
from fleet.message import SECOND_NS
from fleet.meters import Change, Feeder, Meters
from fleet.network import Identity
from fleet.places import Place, place_of
from fleet.radio import Radio, local_eui
from fleet.scenario import NETWORKS, Part, Scenario, span_s
from fleet.weather import Weather

_SERVERS: Mapping[str, ModuleType] = dict(
    zip(NETWORKS, (chirpstack, chirpstack_protobuf, things_stack), strict=True)
)
_MS = 1_000_000
_DRIFT_PPM = 40  # of a device's quartz, either way
_RATED_VA = 400_000
_SERIALS = 89_999_999
_LONGEST = 51
"""Bytes of payload that every data rate carries (RP002-1.0.4, 2.4.6)."""
_BRIEFLY = {"ä": "ae", "ö": "oe", "ü": "ue"}


@dataclass(frozen=True)
class World:
    """What all devices share; serials: the numbers that are given, each once."""

    seed: int
    weather: Weather
    days: Days
    serials: set[int] = field(default_factory=set)


class Group:
    """The devices of one [[fleet]].

    keys (n,) decide all chance; names, places and speakers are lists of n
    period_ns (n,): how often each speaks, by its own quartz; phase_ns (n,): when it began
    """

    def __init__(self, world: World, scenario: Scenario, part: Part, start_ns: int) -> None:
        """Build them."""
        self.world, self.part, self.start_ns = world, part, start_ns
        self.kind: Kind = KINDS[part.kind]
        self._grain_ns = SECOND_NS if self.kind.own_clock else _MS
        count = part.count
        self.key_list = [key_of("device", world.seed, part.label, n) for n in range(count)]
        self.keys: Keys = np.array(self.key_list, np.uint64)
        self.places = [place_of(float(draw), part.city) for draw in self._draws(0)]
        self.names = [_name(place, part.label, n) for n, place in enumerate(self.places, 1)]
        self.speakers = [
            Speaker(name, _serial(key, world.serials))
            for name, key in zip(self.names, self.key_list, strict=True)
        ]
        period_s = span_s(part.period) if part.period else self.kind.period_s
        ppm = (2.0 * self._draws(1) - 1.0) * _DRIFT_PPM
        period_ns = period_s * SECOND_NS
        self.period_ns: Ints = period_ns + (ppm * (period_ns // 1_000_000)).astype(np.int64)
        self.phase_ns: Ints = (self._draws(2) * period_ns).astype(np.int64)
        self.frame_0: Ints = (self._draws(3) * 40_000).astype(np.int64)
        self.meters: Meters | None = None
        self.server: ModuleType | None = None
        self.radio: Radio | None = None
        self.identities: list[Identity] = []
        if self.kind.payload is not None:
            self._join_network(scenario, period_ns)

    def __len__(self) -> int:
        """Return how many devices there are."""
        return len(self.key_list)

    def device(self, member: int) -> str:
        """Return the name under which a device is known: its DevEUI, else as it calls itself."""
        if self.kind.device is not None:
            return self.kind.device(self.speakers[member])
        return self.identities[member].dev_eui if self.identities else self.names[member]

    def due(self, begin_ns: int, end_ns: int) -> tuple[NDArray[np.intp], Ints, Ints]:
        """Return who speaks in [begin, end): places, how often before, and when; (k,) each.

        Times are UTC ns in whole ms; of devices that state their own time in whole seconds.
        """
        since = self.start_ns + self.phase_ns
        first = np.maximum(-((since - begin_ns) // self.period_ns), 0)
        after = np.maximum(-((since - end_ns) // self.period_ns), 0)
        often = after - first
        which = np.repeat(np.arange(len(self)), often)
        inside = np.arange(len(which)) - np.repeat(np.cumsum(often) - often, often)
        turn = first[which] + inside
        times_ns = since[which] + turn * self.period_ns[which]
        return which, turn, times_ns // self._grain_ns * self._grain_ns

    def next_ns(self, member: int, from_ns: int) -> int:
        """Return when a device speaks first at or after a whole second, UTC ns; see `due`."""
        since, period_ns = self.start_ns + int(self.phase_ns[member]), int(self.period_ns[member])
        turn = max(-((since - from_ns) // period_ns), 0)
        return (since + turn * period_ns) // self._grain_ns * self._grain_ns

    def connect(
        self, change: Change | None, groups: Mapping[str, "Group"], like: "Group | None" = None
    ) -> None:
        """Put meters where something flows; a station sums those that name it as their feeder.

        like  the same group of a run that has ended: its meters go on
        """
        if like is not None:
            self.meters = like.meters
            return
        days = self.world.days
        if self.kind.flow == "feeder":
            behind: list[list[tuple[Meters, int]]] = [[] for _ in range(len(self))]
            for other in groups.values():
                if other.part.feeder == self.part.label:
                    assert other.meters is not None  # the scenario sees to that
                    for member in range(len(other)):
                        behind[member % len(self)].append((other.meters, member))
            self.meters = Feeder(days, behind, [_RATED_VA] * len(self))
        elif self.kind.flow:
            flow = FLOWS[self.kind.flow]
            self.meters = Meters(days, self.key_list, [flow] * len(self), change)

    def _join_network(self, scenario: Scenario, period_ns: int) -> None:
        part = self.part
        self.server = _SERVERS[part.network]
        self.identities = [
            Identity(
                dev_eui=local_eui("device", scenario.seed, part.label, n),
                name=self.names[n],
                profile=self.kind.profile,
                tenant=place.city,
                application=f"{place.city.lower()}-sensors",
                tags={"tenant": place.city.lower(), "district": place.district},
                brand=self.kind.brand,
                model=self.kind.model,
            )
            for n, place in enumerate(self.places)
        ]
        air = scenario.radio
        loss = air.loss if part.loss is None else part.loss
        self.radio = Radio(
            self.keys,
            seed=scenario.seed,
            gateways=air.gateways,
            loss=loss,
            confirmed=air.confirmed,
        )
        # A slow device keeps the duty cycle by speaking less often.
        shortest_ns = self.radio.shortest_ns(_LONGEST) + SECOND_NS  # times are cut to a second
        self.period_ns = np.maximum(self.period_ns, shortest_ns)

    def _draws(self, stream: int) -> NDArray[np.float64]:
        return uniforms(keys_of(self.keys, 30 + stream), np.zeros(len(self.keys), np.int64))


def town(scenario: Scenario, start_ns: int) -> tuple[World, dict[str, Group]]:
    """Return the world and its groups by label; meters are not connected yet."""
    world = World(
        scenario.seed,
        weather := Weather(scenario.seed, scenario.weather),
        Days(weather, span_s(scenario.step)),
    )
    groups = {part.label: Group(world, scenario, part, start_ns) for part in scenario.fleet}
    return world, groups


def _serial(key: int, given: set[int]) -> int:
    """Return a device's number, 8 digits; the next that is free where another has it."""
    number = key % _SERIALS
    while number in given:
        number = (number + 1) % _SERIALS
    given.add(number)
    return 10_000_000 + number


def _name(place: Place, label: str, number: int) -> str:
    """Return a name that an operator can read: "dortmund-hoerde-classroom-003"."""
    plain = "".join(_BRIEFLY.get(letter, letter) for letter in label.lower()).replace("_", "-")
    return f"{place.city.lower()}-{place.short}-{plain}-{number:03d}"
