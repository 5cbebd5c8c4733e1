"""Energy from power sampled at irregular times: the trapezoidal rule between any edges.

Import is positive power and export negative: where power changes its sign between two samples, the
straight line is cut where it is zero. A span between samples longer than gap_ns_max, or with an end
that is no number, is skipped, never bridged.

Source: Neumaier 1974, ZAMM 54(1):39-51, doi:10.1002/zamm.19740540106, over the trapezoidal rule.
"""

from typing import NamedTuple

import numpy as np

from kernels.groups import HOUR_NS, check_edges, check_same
from kernels.jit import (
    FLOATS,
    FLOATS_OUT,
    INT,
    INTS,
    INTS_OUT,
    NOTHING,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)


class Energy(NamedTuple):
    """What flowed in each of k periods, and for how long of each it was seen to flow."""

    import_wh: Floats
    export_wh: Floats
    covered_ns: Ints


def energy_between(time_ns: Ints, power_w: Floats, gap_ns_max: int, edges_ns: Ints) -> Energy:
    """Return the energy of each period and the time that it covers.

    Shapes  time_ns (n,) int64, strictly rising; power_w (n,) float64; edges_ns (k+1,), strictly
            rising. n may be 0, and then nothing is covered.
    Units   ns, W -> (Wh, Wh, ns), k of each; both energies are positive.
    Result  Periods add up: what lies across an edge is cut there on the straight line.
    Errors  ValueError for unequal lengths or edges that do not rise; that times rise is checked by
            the caller.
    """
    time_ns, power_w, edges_ns = ints(time_ns), floats(power_w), ints(edges_ns)
    check_same(time_ns=len(time_ns), power_w=len(power_w))
    check_edges(edges_ns)
    k = max(len(edges_ns) - 1, 0)
    found = Energy(np.zeros(k), np.zeros(k), np.zeros(k, np.int64))
    _between(time_ns, power_w, int(gap_ns_max), edges_ns, *found)
    return found


@kernel()
def _positive(a: float, b: float, span: float) -> float:
    """Return the area above zero under the line from a to b."""
    if a >= 0.0 and b >= 0.0:
        return (0.5 * a + 0.5 * b) * span
    if a <= 0.0 and b <= 0.0:
        return 0.0
    high = max(a, b)
    return 0.5 * high * (high / (high - min(a, b))) * span


@kernel()
def _add(sums: Floats, at: int, area: float) -> None:
    """Add an area to a compensated sum (2,): the sum and what rounding lost of it."""
    s = sums[at]
    t = s + area
    if abs(s) >= abs(area):
        sums[at + 1] += (s - t) + area
    else:
        sums[at + 1] += (area - t) + s
    sums[at] = t


@kernel(NOTHING(INTS, FLOATS, INT, INTS, FLOATS_OUT, FLOATS_OUT, INTS_OUT))
def _between(
    time_ns: Ints,
    power_w: Floats,
    gap_ns_max: int,
    edges_ns: Ints,
    import_wh: Floats,
    export_wh: Floats,
    covered_ns: Ints,
) -> None:
    i = 1
    sums = np.zeros(4)
    for k in range(len(edges_ns) - 1):
        start = edges_ns[k]
        end = edges_ns[k + 1]
        sums[:] = 0.0
        while i < len(time_ns) and time_ns[i] <= start:
            i += 1
        j = i
        while j < len(time_ns) and time_ns[j - 1] < end:
            a = power_w[j - 1]
            b = power_w[j]
            t = time_ns[j - 1]
            span_ns = time_ns[j] - t
            if span_ns <= gap_ns_max and np.isfinite(a) and np.isfinite(b):
                lo = max(t, start)
                hi = min(time_ns[j], end)
                at_lo = a + (b - a) * ((lo - t) / span_ns)
                at_hi = b if hi == time_ns[j] else a + (b - a) * ((hi - t) / span_ns)
                _add(sums, 0, _positive(at_lo, at_hi, hi - lo))
                _add(sums, 2, _positive(-at_lo, -at_hi, hi - lo))
                covered_ns[k] += hi - lo
            j += 1
        i = max(j - 1, 1)
        import_wh[k] = (sums[0] + sums[1]) / HOUR_NS
        export_wh[k] = (sums[2] + sums[3]) / HOUR_NS
