"""The kernels' slow, obvious twins: plain Python over lists, one definition at a time."""

import math
from fractions import Fraction
from itertools import groupby, pairwise
from statistics import median

HOUR_NS = 3_600_000_000_000


def neumaier(values):
    """Return the improved Kahan-Babuska sum, as its paper writes it."""
    total, carry = 0.0, 0.0
    for value in values:
        larger = total + value
        if abs(total) >= abs(value):
            carry += (total - larger) + value
        else:
            carry += (value - larger) + total
        total = larger
    return total + carry


def window(values):
    """Return count, min, max, mean, last."""
    low, high = min(values), max(values)
    mean = min(max(neumaier(values) / len(values), low), high)
    return len(values), low, high, mean, values[-1]


def windows(rows, width_ns):
    """Return (start, count, min, max, mean, last) of one slot's rows [(time, value)]."""
    finite = [(t, v) for t, v in rows if math.isfinite(v)]
    starts = groupby(finite, key=lambda row: math.floor(Fraction(row[0], width_ns)) * width_ns)
    return [(start, *window([v for _, v in group])) for start, group in starts]


def windows_at(rows, edges):
    """Return (start, count, min, max, mean, last) between the edges."""
    found = []
    for start, end in pairwise(edges):
        inside = [v for t, v in rows if start <= t < end and math.isfinite(v)]
        found.append((start, *(window(inside) if inside else (0, *[math.nan] * 4))))
    return found


def spikes(rows, erratic=False):
    """Return the ended spikes (start, end, peak, expected, z) and the open one, or None."""
    usual, ended, run, peaks = _Usual(erratic), [], [], []
    for t, v in rows:
        if not math.isfinite(v):
            continue
        by = usual.outlier(t, v, bool(run))
        if by and len(run) < 4:
            run.append((t, v, _is_new(v, by[0], peaks, len(usual.entered))))
            continue
        if by:
            for _, held, _ in run:
                usual.enter(t, held)
        else:
            if run:
                event = _spike(run, t, usual)
                peaks.append((event[2], len(usual.entered)))
                ended += [event] if any(new for *_, new in run) else []
            usual.step(v)
        run = []
        usual.enter(t, v)
    is_told = any(new for *_, new in run)
    return ended, _spike(run, -1, usual) if is_told else None


class _Usual:
    """The values that were no spike, the envelope around them, and the last usual step."""

    def __init__(self, erratic):
        self.erratic, self.first = erratic, None
        self.entered, self.least, self.most, self.last, self.usual_step = [], 0.0, 0.0, 0, 0.0

    def measure(self):
        """Return the ring's median and scale."""
        ring = self.entered[-64:]
        expected = median(ring)
        steps = [abs(b - a) for a, b in pairwise(ring) if a != b]
        if steps:
            mad = median(abs(v - expected) for v in ring)
            return expected, max(1.4826 * mad, min(steps), 1e-9 * abs(expected))
        return expected, max(self.usual_step, 0.01 * abs(expected))

    def outlier(self, t, v, is_open):
        """Return the median and the scale if v is an outlier among these, else None."""
        young = self.erratic and (self.first is None or t - self.first < 48 * HOUR_NS)
        if not is_open and (len(self.entered) < 24 or young):
            return None
        ring = self.entered[-64:]
        share = 1.0 if self.erratic else 0.25
        margin = max(0.5 * (max(ring) - min(ring)), share * (self.most - self.least))
        if self.least - margin <= v <= self.most + margin:
            return None
        expected, scale = self.measure()
        return (expected, scale) if scale > 0 and abs(v - expected) / scale > 8 else None

    def step(self, v):
        """Learn the step to v."""
        if self.entered and v != self.entered[-1]:
            self.usual_step = abs(v - self.entered[-1])

    def enter(self, t, v):
        """Take v in."""
        self.entered.append(v)
        low, high = min(self.entered[-64:]), max(self.entered[-64:])
        if len(self.entered) == 1:
            self.least = self.most = v
            self.first = t
        else:
            share = min(1.0, (t - self.last) / (14 * 24 * HOUR_NS))
            self.least = min(self.least + share * (low - self.least), low)
            self.most = max(self.most + share * (high - self.most), high)
        self.last = t


def _is_new(v, expected, peaks, entered):
    """Return whether fewer than three of the last 8 peaks were as high as v, or nearly."""
    near = [peak for peak, when in peaks[-8:] if entered - when <= 384]
    same_side = [peak for peak in near if (peak > expected) == (v > expected)]
    return sum(abs(v - expected) <= 1.25 * abs(peak - expected) for peak in same_side) < 3


def _spike(run, end, usual):
    expected, scale = usual.measure()
    peak = max((v for _, v, _ in run), key=lambda v: abs(v - expected))
    return run[0][0], end, peak, expected, abs(peak - expected) / scale


def flatlines(rows, rests_at_zero):
    """Return the ended flatlines (start, end, length, value, score) and the open one, or None."""
    finite = [(t, v) for t, v in rows if math.isfinite(v)]
    runs = [list(group) for _, group in groupby(finite, key=lambda row: row[1])]
    longest, flat = 0, []
    for changes, run in enumerate(runs):
        start, value = run[0]
        if rests_at_zero and value == 0:
            continue
        limit = max(16, 3 * longest + 1)
        end = runs[changes + 1][0][0] if changes + 1 < len(runs) else -1
        if changes >= 12 and len(run) >= limit:
            flat.append((start, end, len(run), value, len(run) / limit))
        else:
            longest = max(longest, len(run))
    is_open = bool(flat) and flat[-1][1] == -1
    return flat[: len(flat) - is_open], flat[-1] if is_open else None


def silences(times, floor_ns):
    """Return the silences (start, end, expected, score) and the limit after the last arrival."""
    gaps, found, in_a_row = [], [], 0
    for last, t in pairwise(times):
        limit = _limit(gaps, floor_ns)
        if limit is None or t - last <= limit:
            gaps.append(t - last)
            in_a_row = 0
            continue
        expected = math.floor(median(map(Fraction, gaps[-32:])))
        found.append((last, t, expected, (t - last) / limit))
        in_a_row += 1
        if in_a_row == 8:
            gaps, in_a_row = [], 0
    return found, _limit(gaps, floor_ns)


def _limit(gaps, floor_ns):
    ring = sorted(gaps[-32:])
    if len(ring) < 8:
        return None
    quantile = next(g for g in ring if sum(x <= g for x in ring) >= 0.9 * len(ring))
    return max(5 * math.floor(median(map(Fraction, ring))), 3 * quantile, floor_ns, 1)


def moments_at(rows, edges, gap, from_ns=-math.inf, until_ns=math.inf):
    """Return (count, sum, mean, m2, held mean, covered) between the edges, as exact fractions."""
    finite = [(t, v) for t, v in rows if math.isfinite(v) and t < until_ns]
    spans = [
        (t, min(t + gap, end, until_ns), Fraction(v))
        for (t, v), (end, _) in pairwise([*finite, (math.inf, None)])
    ]
    found = []
    for edge, end in pairwise(edges):
        start = max(edge, from_ns)
        inside = [Fraction(v) for t, v in finite if start <= t < end]
        total = sum(inside, Fraction())
        mean = total / len(inside) if inside else None
        m2 = sum(((v - mean) ** 2 for v in inside), Fraction())
        held = [(v, max(min(b, end) - max(a, start), 0)) for a, b, v in spans]
        covered = sum(length for _, length in held)
        over_time = sum(v * length for v, length in held) / covered if covered else None
        found.append((len(inside), total, mean, m2, over_time, covered))
    return found


def quantile(values, q):
    """Return the finite value whose number by size is ceil(q n); q is exact."""
    ordered = sorted(v for v in values if math.isfinite(v))
    return ordered[max(math.ceil(q * len(ordered)), 1) - 1] if ordered else math.nan
