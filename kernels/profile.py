"""A register's typical profile by the local hour of the week, and what it makes of a gap.

The profile is the mean flow of each of the week's 168 local hours, over the steps whose course is
known. An hour of the week that was seen for less than two hours takes the mean of that hour of all
days, if that was seen for three. Where one can't be told at all there is no profile.

The local clock is UTC plus a shift that changes at given instants; so an hour of the week is the
same before and after the clocks change.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import HOUR_NS, check_same
from kernels.jit import (
    BOOLS,
    FLOATS,
    FLOATS_OUT,
    INTS,
    NOTHING,
    Bools,
    Floats,
    Ints,
    bools,
    floats,
    ints,
    kernel,
)

DAY_HOURS, WEEK_HOURS = 24, 168
SEEN_OF_WEEK_NS, SEEN_OF_DAY_NS = 2 * HOUR_NS, 3 * HOUR_NS


@dataclass(frozen=True, slots=True)
class Clock:
    """The local clock: from at_ns[k] on it is shift_ns[k] ahead of UTC, and shift_ns[0] before.

    at_ns (k,) rising, shift_ns (k,), k at least 1.
    """

    at_ns: Ints
    shift_ns: Ints


@dataclass(frozen=True, slots=True)
class Profile:
    """The mean flow per ns of each local hour of the week, (168,); hour 0 is Thursday 00:00."""

    rate: Floats
    clock: Clock


def learn(time_ns: Ints, amount: Floats, known: Bools, clock: Clock) -> Profile | None:
    """Return the profile of one register, None where too little was seen or nothing flows.

    time_ns (n,) strictly rising; amount (n,): what flowed since the reading before; known (n,):
    whether the course of that step is known. A step over several hours is spread evenly.
    Raises ValueError for unequal lengths.
    """
    time_ns, amount, known = ints(time_ns), floats(amount), bools(known)
    check_same(time_ns=len(time_ns), amount=len(amount), known=len(known))
    flowed, seen_ns = np.zeros(WEEK_HOURS), np.zeros(WEEK_HOURS)
    _learn(time_ns, amount, known, ints(clock.at_ns), ints(clock.shift_ns), flowed, seen_ns)
    by_day = flowed.reshape(-1, DAY_HOURS).sum(0), seen_ns.reshape(-1, DAY_HOURS).sum(0)
    thin = seen_ns < SEEN_OF_WEEK_NS
    days = WEEK_HOURS // DAY_HOURS
    if bool(np.any(thin & np.tile(by_day[1] < SEEN_OF_DAY_NS, days))) or not flowed.any():
        return None
    of_day = np.tile(by_day[0] / np.maximum(by_day[1], 1.0), days)
    return Profile(np.where(thin, of_day, flowed / np.maximum(seen_ns, 1.0)), clock)


def usual(profile: Profile, edges_ns: Ints) -> Floats:
    """Return what usually flows between neighbouring edges (k+1,), which rise: (k,)."""
    edges_ns = ints(edges_ns)
    out = np.zeros(max(len(edges_ns) - 1, 0))
    clock = profile.clock
    _usual(edges_ns, floats(profile.rate), ints(clock.at_ns), ints(clock.shift_ns), out)
    return out


@kernel()
def _shift(at_ns: Ints, t: int) -> int:
    """Return which shift holds at t."""
    k = len(at_ns) - 1
    while k > 0 and at_ns[k] > t:
        k -= 1
    return k


@kernel()
def _hour_end(at_ns: Ints, shift_ns: Ints, t: int, k: int) -> int:
    """Return where the local hour that holds t ends, or the shift does."""
    ahead = shift_ns[k]
    end = ((t + ahead) // HOUR_NS + 1) * HOUR_NS - ahead
    if k + 1 < len(at_ns) and at_ns[k + 1] > t:
        end = min(end, at_ns[k + 1])
    return int(end)


@kernel(NOTHING(INTS, FLOATS, BOOLS, INTS, INTS, FLOATS_OUT, FLOATS_OUT))
def _learn(
    time_ns: Ints,
    amount: Floats,
    known: Bools,
    at_ns: Ints,
    shift_ns: Ints,
    flowed: Floats,
    seen_ns: Floats,
) -> None:
    for i in range(1, len(time_ns)):
        if not known[i]:
            continue
        t = time_ns[i - 1]
        rate = amount[i] / (time_ns[i] - t)
        while t < time_ns[i]:
            k = _shift(at_ns, t)
            end = min(_hour_end(at_ns, shift_ns, t, k), time_ns[i])
            hour = (t + shift_ns[k]) // HOUR_NS % WEEK_HOURS
            flowed[hour] += rate * (end - t)
            seen_ns[hour] += end - t
            t = end


@kernel(NOTHING(INTS, FLOATS, INTS, INTS, FLOATS_OUT))
def _usual(edges_ns: Ints, rate: Floats, at_ns: Ints, shift_ns: Ints, out: Floats) -> None:
    for i in range(len(edges_ns) - 1):
        t = edges_ns[i]
        while t < edges_ns[i + 1]:
            k = _shift(at_ns, t)
            end = min(_hour_end(at_ns, shift_ns, t, k), edges_ns[i + 1])
            out[i] += rate[(t + shift_ns[k]) // HOUR_NS % WEEK_HOURS] * (end - t)
            t = end
