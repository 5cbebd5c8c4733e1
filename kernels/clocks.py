"""Clocks that are wrong: by how much the time that a device states differs from when it arrives.

A receipt's lag is when it arrived less the newest time that it states. What is usual is the median
of the last 16 lags, and their MAD. A lag is far off if it differs from that by more than

    max(10 min, 8 MAD)

and a clock is wrong once three receipts in a row, over 2 minutes at least, are far off by the same,
to max(1 min, 4 MAD). So a device that was cut off and brings all at once has no wrong clock: its
lags shrink from one to the next. Within the first 8 receipts nothing is usual yet, and a clock is
wrong only if it is more than a minute ahead of the receipt.

A wrong clock ends with the first receipt that is not far off by the same. After 7 days it is what
is usual, and the slot learns anew.

A receipt whose time can't be (before 2000, or a day ahead) is given as `impossible`: a fault of
another kind, which lasts until a time can be.

Faults begin with the last time that was stated while the clock was right; before there is one,
with the receipt. Source: none; the median is robust against one late receipt.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import HOUR_NS, check_same, check_slots, checked, grown
from kernels.jit import (
    BOOLS,
    INT,
    INTS,
    INTS2,
    INTS2_OUT,
    INTS_OUT,
    Bools,
    Ints,
    bools,
    ints,
    kernel,
)

RING, WARM_UP = 16, 8
MINUTE_NS = 60 * 10**9
FAR_NS, FAR_MADS = 10 * MINUTE_NS, 8
SAME_NS, SAME_MADS = MINUTE_NS, 4
AHEAD_NS = MINUTE_NS
CONFIRMED, CONFIRMED_NS = 3, 2 * MINUTE_NS
LEARNT_NS = 168 * HOUR_NS

WRONG, IMPOSSIBLE = 0, 1  # the kinds

# of a slot: lags that entered the ring; the last right time stated (NONE: none); the open run's
# receipts, lag, first receipt and start; since when a clock is wrong, and by how much it is ahead;
# since when times can't be
SEEN, GOOD, RUN, LAG, AT, FROM, SINCE, AHEAD, BAD = 0, 1, 2, 3, 4, 5, 6, 7, 8
FACTS = 9
NONE = -(2**63)


@dataclass(frozen=True, slots=True)
class Faults:
    """Faults as columns of one length.

    kind      WRONG or IMPOSSIBLE
    end_ns    the first time that was right again; NONE while it lasts
    ahead_ns  by how much the clock is ahead, negative: behind; 0 of those that can't be
    """

    slot: Ints
    kind: Ints
    start_ns: Ints
    end_ns: Ints
    ahead_ns: Ints

    def __len__(self) -> int:
        return len(self.slot)


@dataclass(frozen=True, slots=True)
class State:
    """What is remembered of each slot: lags (slots, 16) and facts (slots, 9), int64."""

    lags: Ints
    facts: Ints

    def __len__(self) -> int:
        return len(self.lags)

    @staticmethod
    def empty(slots: int) -> "State":
        """Return a state that has seen nothing."""
        return State(np.zeros((slots, RING), np.int64), _nothing(slots))

    def grown(self, slots: int) -> "State":
        """Return a copy with room for more slots; the new ones have seen nothing."""
        facts = np.concatenate([self.facts, _nothing(slots - len(self))])
        return State(grown(self.lags, slots), facts)

    def reset(self, slots: Ints) -> None:
        """Forget these slots."""
        self.facts[slots] = _nothing(1)


def _nothing(slots: int) -> Ints:
    facts = np.zeros((slots, FACTS), np.int64)
    facts[:, (GOOD, SINCE, BAD)] = NONE
    return facts


def fold(
    state: State, slot: Ints, offsets: Ints, received_ns: Ints, time_ns: Ints, impossible: Bools
) -> Faults:
    """Follow receipts; return the faults that ended, by group and receipt.

    Shapes  slot (g,), offsets (g+1,); received_ns, time_ns, impossible (n,): of each receipt when
            it came, the newest time that it states, and whether that can't be. A slot's receipts
            come in their order. state changes in place.
    Result  the same however the receipts are cut into batches.
    Errors  ValueError for shapes, offsets or slots that cannot be.
    """
    received_ns, time_ns, impossible = ints(received_ns), ints(time_ns), bools(impossible)
    check_same(received_ns=len(received_ns), impossible=len(impossible))
    groups = checked(slot, offsets, len(state), len(received_ns), len(time_ns))
    out = np.empty((2 * len(time_ns), 5), np.int64)
    room = np.empty(RING, np.int64)
    ended = _fold(state.lags, state.facts, *groups, received_ns, time_ns, impossible, room, out)
    return Faults(*(column.copy() for column in out[:ended].T))


def open_faults(state: State, slots: Ints) -> Faults:
    """Return the faults of these slots that last."""
    slots = ints(slots)
    check_slots(slots, len(state))
    out = np.empty((2 * len(slots), 5), np.int64)
    found = _open(state.facts, slots, out)
    return Faults(*(column.copy() for column in out[:found].T))


@kernel()
def _middle(room: Ints, n: int) -> int:
    """Sort the first n in place and return their median, rounded down."""
    for i in range(1, n):
        v = room[i]
        j = i
        while j > 0 and room[j - 1] > v:
            room[j] = room[j - 1]
            j -= 1
        room[j] = v
    half = n // 2
    if n % 2 == 1:
        return int(room[half])
    return int(room[half - 1] + (room[half] - room[half - 1]) // 2)


@kernel()
def _give(slot: int, kind: int, end_ns: int, now: Ints, out: Ints) -> None:
    """Write an event."""
    out[0] = slot
    out[1] = kind
    out[2] = now[SINCE] if kind == WRONG else now[BAD]
    out[3] = end_ns
    out[4] = now[AHEAD] if kind == WRONG else 0


@kernel()
def _enter(lags: Ints, now: Ints, lag: int) -> None:
    """Put a lag into the ring."""
    lags[now[SEEN] % RING] = lag
    now[SEEN] += 1


@kernel(INT(INTS2_OUT, INTS2_OUT, INTS, INTS, INTS, INTS, BOOLS, INTS_OUT, INTS2_OUT))
def _fold(
    ring: Ints,
    facts: Ints,
    slot: Ints,
    offsets: Ints,
    received_ns: Ints,
    time_ns: Ints,
    impossible: Bools,
    room: Ints,
    out: Ints,
) -> int:
    ended = 0
    for group in range(len(slot)):
        s = slot[group]
        now, lags = facts[s], ring[s]
        for i in range(offsets[group], offsets[group + 1]):
            came, t = received_ns[i], time_ns[i]
            if impossible[i]:
                if now[BAD] == NONE:
                    now[BAD] = now[GOOD] if now[GOOD] != NONE else came
                continue
            if now[BAD] != NONE:
                _give(s, IMPOSSIBLE, t, now, out[ended])
                ended += 1
                now[BAD] = NONE
            lag = came - t
            usual = mad = 0
            if now[SEEN] >= WARM_UP:
                n = min(now[SEEN], RING)
                room[:n] = lags[:n]
                usual = _middle(room, n)
                for k in range(n):
                    room[k] = abs(room[k] - usual)
                mad = _middle(room, n)
                far = abs(lag - usual) > max(FAR_NS, FAR_MADS * mad)
            else:
                far = -lag > AHEAD_NS
            same = now[RUN] > 0 and abs(lag - now[LAG]) <= max(SAME_NS, SAME_MADS * mad)
            if now[SINCE] != NONE and not (far and same):
                _give(s, WRONG, t, now, out[ended])
                ended += 1
                now[SINCE] = NONE
                now[RUN] = 0
            elif now[RUN] > 0 and not (far and same):
                _enter(lags, now, now[LAG])
                now[RUN] = 0
            if not far:
                _enter(lags, now, lag)
                now[GOOD] = t
                continue
            if now[RUN] == 0:
                now[LAG] = lag
                now[AT] = came
                now[FROM] = now[GOOD] if now[GOOD] != NONE else came
            now[RUN] += 1
            lasts_ns = came - now[AT]
            if now[SINCE] == NONE and now[RUN] >= CONFIRMED and lasts_ns >= CONFIRMED_NS:
                now[SINCE] = now[FROM]
                now[AHEAD] = usual - now[LAG]
            if now[SINCE] != NONE and lasts_ns > LEARNT_NS:
                _give(s, WRONG, t, now, out[ended])
                ended += 1
                now[SINCE] = NONE
                now[RUN] = 0
                now[SEEN] = 0
    return ended


@kernel(INT(INTS2, INTS, INTS2_OUT))
def _open(facts: Ints, slots: Ints, out: Ints) -> int:
    found = 0
    for s in slots:
        if facts[s, SINCE] != NONE:
            _give(s, WRONG, NONE, facts[s], out[found])
            found += 1
        if facts[s, BAD] != NONE:
            _give(s, IMPOSSIBLE, NONE, facts[s], out[found])
            found += 1
    return found
