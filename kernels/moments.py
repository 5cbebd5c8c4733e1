"""Moments between edges: count, sum, mean, spread, and the mean over time. Parts can be merged.

The sum is compensated (Neumaier 1974, ZAMM 54(1):39-51, doi:10.1002/zamm.19740540106). Mean and M2,
the sum of squared distances from it, are kept as each reading comes (Welford 1962, Technometrics
4(3):419-420, doi:10.1080/00401706.1962.10490022); those of two parts are merged after Chan, Golub &
LeVeque 1983, The American Statistician 37(3):242-247, doi:10.1080/00031305.1983.10483115.

For the mean over time a reading holds until the next one, for gap_ns at most; what lies behind that
is not known and does not count. The last reading before a window holds on into it. So parts of one
window, cut anywhere in time, are merged too: the later part is given the last reading before it.
"""

from dataclasses import dataclass, fields

import numpy as np

from kernels.groups import check_edges, check_same
from kernels.jit import (
    FLOATS,
    FLOATS2_OUT,
    INT,
    INTS,
    INTS2_OUT,
    NOTHING,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

EVER_NS = (-(2**63), 2**63 - 1)
GAP_NS_MAX = 2**62
COUNT, COVERED = 0, 1
SUM, REST, MEAN, M2, HELD = 0, 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Moments:
    """Moments of k windows as columns.

    count (k,)       readings
    sum, rest (k,)   their sum, and what rounding left of it; 0 without a reading
    mean, m2 (k,)    their mean, and the sum of squared distances from it; NaN and 0 without one
    held (k,)        the mean over the time that is covered, NaN where none is
    covered_ns (k,)  for how long a value is known, ns
    """

    count: Ints
    sum: Floats
    rest: Floats
    mean: Floats
    m2: Floats
    held: Floats
    covered_ns: Ints

    def __len__(self) -> int:
        return len(self.count)

    @property
    def variance(self) -> Floats:
        """The sample variance (k,), m2 / (count - 1); NaN for fewer than two readings."""
        several = self.count > 1
        return np.where(several, self.m2 / np.where(several, self.count - 1, 1), np.nan)

    def take(self, which: Ints) -> "Moments":
        """Return the windows that an index array picks."""
        return Moments(*(getattr(self, one.name)[which] for one in fields(self)))

    @staticmethod
    def empty(windows: int) -> "Moments":
        """Return the moments of windows without a reading."""
        none, zero = np.full(windows, np.nan), np.zeros(windows)
        whole = np.zeros(windows, np.int64)
        return Moments(whole, zero, zero.copy(), none, zero.copy(), none.copy(), whole.copy())


def at(
    time_ns: Ints,
    value: Floats,
    edges_ns: Ints,
    gap_ns: int,
    from_ns: int = EVER_NS[0],
    until_ns: int = EVER_NS[1],
) -> Moments:
    """Return the moments of the k windows between k+1 edges, of one series.

    Shapes  time_ns, value (n,), strictly rising; edges_ns (k+1,), strictly rising, half-open.
    gap_ns  how long a reading holds at most (146 years are as good as for ever)
    from_ns, until_ns  only the readings and the time in [from_ns, until_ns) count; the last reading
            before from_ns still holds.
    NaN     and infinite readings are passed over as if they had not come.
    Limits  A sum beyond float64 is infinite, and then the variance is no number.
    Errors  ValueError for unequal lengths, edges that do not rise or a negative gap_ns.
    """
    time_ns, value, edges_ns = ints(time_ns), floats(value), ints(edges_ns)
    check_same(time_ns=len(time_ns), value=len(value))
    check_edges(edges_ns)
    if gap_ns < 0:
        raise ValueError(f"gap_ns: expected 0 or more, found {gap_ns}")
    k = max(len(edges_ns) - 1, 0)
    whole, real = np.zeros((k, 2), np.int64), np.zeros((k, 5))
    _at(
        time_ns,
        value,
        edges_ns,
        min(int(gap_ns), GAP_NS_MAX),
        int(from_ns),
        int(until_ns),
        whole,
        real,
    )
    total, rest, mean, m2, held = (column.copy() for column in real.T)
    return Moments(whole[:, COUNT].copy(), total, rest, mean, m2, held, whole[:, COVERED].copy())


def merged(a: Moments, b: Moments) -> Moments:
    """Return the moments of windows of which a and b, both (k,), have a part each.

    The sum is that of the whole but for its last bits; mean, variance and the mean over time differ
    from those of the whole by rounding only. Raises ValueError for another number of windows.
    """
    check_same(a=len(a), b=len(b))
    count = a.count + b.count
    with np.errstate(invalid="ignore", over="ignore"):
        total = a.sum + b.sum
        of_b = total - a.sum
        rest = (a.sum - (total - of_b)) + (b.sum - of_b) + a.rest + b.rest
        finite = np.isfinite(total)
        exact = np.where(finite, total + rest, total)
        rest = np.where(finite, rest - (exact - total), 0.0)
        share = b.count / np.maximum(count, 1)
        apart = b.mean - a.mean
        both = (a.count > 0) & (b.count > 0)
        mean = np.where(both, a.mean + apart * share, np.where(a.count > 0, a.mean, b.mean))
        m2 = a.m2 + b.m2 + np.where(both, apart * apart * a.count * share, 0.0)
        covered_ns = a.covered_ns + b.covered_ns
        share = b.covered_ns / np.maximum(covered_ns, 1)
        both = (a.covered_ns > 0) & (b.covered_ns > 0)
        one = np.where(a.covered_ns > 0, a.held, b.held)
        held = np.where(both, a.held + (b.held - a.held) * share, one)
    return Moments(count, exact, rest, mean, m2, held, covered_ns)


@kernel()
def _error(a: float, b: float, total: float) -> float:
    """Return what rounding lost of total = a + b (Knuth's TwoSum)."""
    of_b = total - a
    return (a - (total - of_b)) + (b - of_b)


@kernel()
def _hold(
    value: float,
    since_ns: int,
    start_ns: int,
    end_ns: int,
    gap_ns: int,
    whole: Ints,
    real: Floats,
) -> None:
    """Let a value of since_ns count over [start_ns, end_ns), as far as it holds.

    The weighted mean goes on by the share of the new time (West 1979, CACM 22(9):532-535).
    """
    if end_ns <= start_ns:
        return
    if end_ns - gap_ns > since_ns:  # in this order nothing exceeds int64
        end_ns = since_ns + gap_ns
        if end_ns <= start_ns:
            return
    whole[COVERED] += end_ns - start_ns
    real[HELD] += (value - real[HELD]) * ((end_ns - start_ns) / whole[COVERED])


@kernel(NOTHING(INTS, FLOATS, INTS, INT, INT, INT, INTS2_OUT, FLOATS2_OUT))
def _at(
    time_ns: Ints,
    value: Floats,
    edges_ns: Ints,
    gap_ns: int,
    from_ns: int,
    until_ns: int,
    whole: Ints,
    real: Floats,
) -> None:
    i = 0
    held = -1  # the row whose value holds now
    for k in range(len(edges_ns) - 1):
        start = max(edges_ns[k], from_ns)
        end = min(edges_ns[k + 1], until_ns)
        while i < len(time_ns) and time_ns[i] < start:
            if np.isfinite(value[i]):
                held = i
            i += 1
        at_ns = start
        count = 0
        total = carry = mean = m2 = 0.0
        while i < len(time_ns) and time_ns[i] < end:
            v = value[i]
            if np.isfinite(v):
                if held >= 0:
                    _hold(value[held], time_ns[held], at_ns, time_ns[i], gap_ns, whole[k], real[k])
                held = i
                at_ns = time_ns[i]
                count += 1
                before = total
                total = before + v
                carry += _error(before, v, total)
                apart = v - mean
                mean += apart / count
                m2 += apart * (v - mean)
            i += 1
        if held >= 0:
            _hold(value[held], time_ns[held], at_ns, end, gap_ns, whole[k], real[k])
        whole[k, COUNT] = count
        if np.isfinite(total):  # beyond 1.8e308 the compensation is NaN
            real[k, SUM] = total + carry
            real[k, REST] = _error(total, carry, total + carry)
        else:
            real[k, SUM] = total
        real[k, MEAN] = mean if count > 0 else np.nan
        real[k, M2] = m2
        if whole[k, COVERED] == 0:
            real[k, HELD] = np.nan
