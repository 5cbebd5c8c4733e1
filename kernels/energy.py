"""Energy from power sampled at irregular times.

Source: Neumaier 1974, ZAMM 54(1):39-51, doi:10.1002/zamm.19740540106, over the trapezoidal rule.
Deviation: an interval longer than gap_ns_max is skipped, never bridged.
"""

from typing import NamedTuple

import numpy as np

from kernels.groups import check_same
from kernels.jit import FLOATS, FLOATS_OUT, INT, INTS, Floats, Ints, floats, ints, kernel

HOUR_NS = 3_600_000_000_000


class Energy(NamedTuple):
    """An amount of energy, and the length of the time in which it was seen to flow."""

    energy_wh: float
    covered_ns: int


def energy_wh(time_ns: Ints, power_w: Floats, gap_ns_max: int) -> Energy:
    """Return the energy and the time that it covers.

    Shapes  time_ns (n,) int64, strictly rising; power_w (n,) float64; n may be 0.
    Units   ns, W -> (Wh, ns covered); import is positive.
    NaN     either end NaN or infinite: the interval is not covered.
    Errors  ValueError for unequal lengths; that times rise is checked by the caller.
    """
    time_ns, power_w = ints(time_ns), floats(power_w)
    check_same(time_ns=len(time_ns), power_w=len(power_w))
    total = np.zeros(1)
    covered_ns = _energy(time_ns, power_w, int(gap_ns_max), total)
    return Energy(float(total[0]), int(covered_ns))


@kernel(INT(INTS, FLOATS, INT, FLOATS_OUT))
def _energy(time_ns: Ints, power_w: Floats, gap_ns_max: int, total_wh: Floats) -> int:
    covered_ns = 0
    s = 0.0
    carry = 0.0
    for i in range(1, len(time_ns)):
        a = power_w[i - 1]
        b = power_w[i]
        span_ns = time_ns[i] - time_ns[i - 1]
        if span_ns > gap_ns_max or not (np.isfinite(a) and np.isfinite(b)):
            continue
        covered_ns += span_ns
        area = (0.5 * a + 0.5 * b) * span_ns
        t = s + area
        if abs(s) >= abs(area):
            carry += (s - t) + area
        else:
            carry += (area - t) + s
        s = t
    total_wh[0] = (s + carry) / HOUR_NS
    return covered_ns
