"""Which faults a scenario has: what it leaves open, chance decides, the same for the same seed."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from fleet.chance import key_of, keys_of, uniforms
from fleet.faults import AT_ONCE, FAULTS, Fault, fits, span_ns
from fleet.kind import Channel
from fleet.message import SECOND_NS
from fleet.scenario import FaultSpec, Scenario, after_s, span_s
from fleet.town import Group

_JUST_NS = 1_000_000  # less than there is between two messages


class _Where(NamedTuple):
    """Which of the scenario's faults it is: the nth of those of one [[fault]]."""

    scenario: Scenario
    start_ns: int
    place: int
    nth: int
    part: int


def settled(
    scenario: Scenario, groups: Mapping[str, Group], start_ns: int, part: int = 0
) -> dict[str, list[Fault]]:
    """Return the faults of each group; what the scenario leaves open, chance decides.

    part  of a longer life: chance decides otherwise in each
    """
    found: dict[str, list[Fault]] = {label: [] for label in groups}
    number = 0
    for place, spec in enumerate(scenario.fault, 1):
        group = groups[spec.on]
        channel, _ = fits(group.kind, spec.kind, spec.quantity)
        taken = {one.member for one in found[spec.on]}
        for nth in range(spec.count):
            fault = _one(
                _Where(scenario, start_ns, place, nth, part), spec, number, group, channel, taken
            )
            found[spec.on].append(fault)
            taken.add(fault.member)
            number += 1
    return found


def _one(
    where: _Where, spec: FaultSpec, number: int, group: Group, channel: Channel | None,
    taken: set[int],
) -> Fault:  # fmt: skip
    end_ns = where.start_ns + where.scenario.length_ns
    key = np.array(
        [key_of("fault", where.scenario.seed, where.place, where.nth, where.part)], np.uint64
    )
    draws = uniforms(keys_of(key, 0), np.arange(2))
    if spec.device is not None:
        member = spec.device - 1 + where.nth
    else:
        free = [one for one in range(len(group)) if one not in taken] or list(range(len(group)))
        member = free[int(draws[0] * len(free))]
    if spec.at:
        start_ns = where.start_ns + after_s(spec.at) * SECOND_NS
    else:  # in the middle part: something to learn from before, something to recover in after
        share = 0.3 + 0.5 * float(draws[1])
        start_ns = where.start_ns + int(where.scenario.length_ns * share) // SECOND_NS * SECOND_NS
    kind = FAULTS[spec.kind]
    size = kind.size if spec.size is None else spec.size
    if spec.kind in AT_ONCE:
        end_ns = min(group.next_ns(member, start_ns) + _JUST_NS, end_ns)
    else:
        given_s = span_s(spec.for_) if spec.for_ else None
        end_ns = span_ns(spec.kind, start_ns, end_ns, given_s)
    return Fault(number, spec.kind, member, channel, start_ns, end_ns, size)
