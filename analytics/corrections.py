"""Corrections of a register, each with a sentence that a person understands."""

from dataclasses import dataclass

import numpy as np

from analytics.register import Unwrapped
from analytics.wording import lasting, told
from kernels import register

ASKED = frozenset(
    (
        register.UNEXPLAINED_DOWN,
        register.UNEXPLAINED_UP,
        register.EXCHANGE_UNREAD,
        register.STEEP,
    )
)
"""Of these steps a person is asked: the amount is an estimate until somebody decides."""
_NAMES = {
    register.RESET: "reset",
    register.ROLLOVER: "rollover",
    register.EXCHANGE: "exchange",
    register.EXCHANGE_UNREAD: "exchange",
    register.UNEXPLAINED_DOWN: "unexplained",
    register.UNEXPLAINED_UP: "unexplained",
    register.STEEP: "steep",
    register.GLITCH: "glitch",
    register.REJECTED: "glitch",
}


@dataclass(frozen=True, slots=True)
class Correction:
    """What was added to the register's change so that the amounts come out right.

    at_ns   the reading at which it shows, the end of the step; of rejected ones the first
    value   in the register's unit; 0 where only readings were rejected
    count   readings that were rejected; 0 otherwise
    asked   a person should decide whether this flowed
    """

    kind: str
    value: float
    at_ns: int
    note: str
    count: int = 0
    asked: bool = False


def corrections_of(whole: Unwrapped, unit: str) -> list[Correction]:
    """Return all corrections of a register by time; neighbouring rejected readings are one."""
    kind, time_ns = whole.judged.kind, whole.rows.time_ns
    good = np.flatnonzero(whole.judged.good)
    odd = np.flatnonzero(np.isin(kind, list(_NAMES)))
    found = []
    at = 0
    while at < len(odd):
        i = int(odd[at])
        run = 1
        if _NAMES[int(kind[i])] == "glitch":
            while at + run < len(odd) and odd[at + run] == i + run and kind[i + run] == kind[i]:
                run += 1
        before = good[np.searchsorted(good, i) - 1] if len(good) and good[0] < i else None
        found.append(
            Correction(
                _NAMES[int(kind[i])],
                float(whole.judged.correction[i]),
                int(time_ns[i]),
                _note(whole, i, None if before is None else int(before), unit, run),
                run if _NAMES[int(kind[i])] == "glitch" else 0,
                int(kind[i]) in ASKED and not bool(whole.settled[i]),
            )
        )
        at += run
    return found


def step_name(kind: int) -> str:
    """Return what a step of a register is called: "climb", "gap", or as its correction is."""
    return _NAMES.get(kind, "gap" if kind == register.GAP else "climb")


def _note(whole: Unwrapped, i: int, before: int | None, unit: str, run: int) -> str:
    judged, value = whole.judged, whole.rows.value
    kind = int(judged.kind[i])
    shown = told(float(value[i]), unit)
    which = f"The reading {shown} is" if run == 1 else f"{run} readings from {shown} on are"
    if before is None or kind == register.REJECTED:
        return f"{which} no value of a register; not counted."
    old = told(float(value[before]), unit)
    if kind == register.GLITCH:
        way = "below" if value[i] < value[before] else "more than can flow above"
        after = "after a restart, it seems" if value[i] == 0 else "and the register came back"
        return f"{which} {way} {old}, {after}: not counted."
    span = lasting(int(whole.rows.time_ns[i] - whole.rows.time_ns[before]))
    if kind == register.RESET:
        return (
            f"The register fell from {old} to {shown}: it began again from zero."
            f" What flowed in the {span} before that and was not read is not invented."
        )
    if kind == register.ROLLOVER:
        end = told(float(judged.correction[i]), unit)
        return f"The register passed its end at {end} between {old} and {shown}."
    amount = told(float(judged.amount[i]), unit)
    if kind == register.EXCHANGE:
        return f"The meter was exchanged between {old} and {shown}; {amount} flowed meanwhile."
    if kind == register.STEEP:
        return (
            f"The register rose from {old} to {shown} in {span}, steeper than ever seen of it: it"
            " counts as it stands, until somebody decides otherwise."
        )
    estimated = f"{amount} estimated from what usually flows."
    if kind == register.EXCHANGE_UNREAD:
        return (
            f"The meter was exchanged between {old} and {shown}; what both showed then is not"
            f" known, or does not fit: {estimated}"
        )
    way, than = ("fell", "which can't have") if value[i] < value[before] else ("rose", "more than")
    why = f"{than} flowed in {span}" if way == "fell" else f"{than} can flow in {span}"
    return f"The register {way} from {old} to {shown} and stayed, {why}: {estimated}"
