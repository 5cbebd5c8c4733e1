"""Slow, obvious twins of the register's kernels, and of those that spread what they find."""

import math
from fractions import Fraction
from itertools import pairwise
from statistics import median

HOUR_NS = 3_600_000_000_000


def most(rate, span, step):
    """Return the most that can flow."""
    return rate * span + step


def came_back(left, t0, v0, rate, step, dip_readings, dip_ns):
    """Return (the row that is back from left[0], whether more readings may still tell)."""
    _, start, first = left[0]
    for seen, ((_, t_before, v_before), row) in enumerate(pairwise(left), 1):
        _, t, v = row
        if seen > dip_readings and t - start > dip_ns:
            return None, False
        if not 0 <= v - v0 <= most(rate, t - t0, step):
            continue
        if first > v0 and v < first:
            return row, False
        leaps = v - v_before > most(rate, t - t_before, step)
        if first < v0 and (seen <= dip_readings or leaps):
            return row, False
    return None, True


def judge(rows, limits, swap, said):
    """Return (amount, correction, doubt, kind, good, over_gap, provisional) for each (time, v)."""
    rate, jump = limits.rate_max / HOUR_NS, limits.jump_max / HOUR_NS
    dips = (rate, limits.step, limits.dip_readings, limits.dip_ns)
    judged = [(0.0, 0.0, 0.0, 5, False, False, False)] * len(rows)
    left = [(i, t, v) for i, (t, v) in enumerate(rows) if math.isfinite(v)]
    if not left:
        return judged
    at, t0, v0 = left.pop(0)
    judged[at] = (0.0, 0.0, 0.0, 0, True, False, False)
    plain, unsure, back = [], False, None
    while left:
        i, t, v = left[0]
        gains = [g for g in swap[at + 1 : i + 1] if g != 0]
        if back is not None and any(g != 0 for g in swap[back[1] + 1 : i + 1]):
            back = None
        if back is not None and i < back[0]:
            judged[i] = (0.0, 0.0, 0.0, 3, False, False, unsure)
            left.pop(0)
            continue
        back = None
        span, change = t - t0, v - v0
        can = most(rate, span, limits.step)
        if gains:
            kind = 7 if change + sum(gains) >= 0 else 8
        elif said[i] == 1:
            kind = 0 if change >= 0 else 2 if v >= 0 else 4
        elif said[i] == 2:
            kind = 9 if change >= 0 else 4
        elif 0 <= change <= can:
            kind = 0
        else:
            row, is_open = came_back(left, t0, v0, *dips)
            if row is None and is_open:
                end = rows[-1][0] - t > limits.dip_ns and len(left) - 1 >= limits.dip_readings
                unsure = unsure or not end
            if row is not None:
                back = (row[0], i)
                continue
            if change >= 0:
                kind = 9 if change > most(jump, span, limits.step) else 10
            elif width(v0, v, can, limits.widths):
                kind = 6
            else:
                kind = 2 if 0 <= v <= can else 4
        usual = plain[-96:]
        typical = sum(a for a, _ in usual) / sum(s for _, s in usual) if usual else 0.0
        estimate = min(typical, rate) * span
        passed = width(v0, v, can, limits.widths)
        amount, correction, doubt = {
            0: (change, 0.0, 0.0),
            2: (v, v0, max(v, can - v)),
            6: (v + (passed - v0), passed, 0.0),
            7: (change + sum(gains), sum(gains), 0.0),
            10: (change, 0.0, change),
        }.get(kind, (estimate, estimate - change, max(estimate, can - estimate)))
        over = span > limits.gap_ns
        if kind == 0 and not over:
            plain.append((amount, span))
        kind = 1 if kind == 0 and over else kind
        judged[i] = (amount, correction, doubt, kind, True, over, unsure)
        left.pop(0)
        at, t0, v0 = i, t, v
    return judged


def width(old, new, can, widths):
    """Return the first width that the register passed, 0 if none."""
    for m in widths:
        if 0 <= m - old <= 0.01 * m and 0 <= new <= 0.01 * m and new + (m - old) <= can:
            return m
    return 0.0


def typical_gap(times):
    """Return the median distance, rounded down."""
    gaps = [Fraction(b - a) for a, b in pairwise(times)]
    return math.floor(median(gaps)) if gaps else 0


def resolution(values):
    """Return the smallest change, 0 if there is none."""
    steps = [abs(b - a) for a, b in pairwise(values)]
    return min((s for s in steps if math.isfinite(s) and s > 0), default=0.0)


def rate_max_learnt(rows, step=0.0, rhythm=0):
    """Return (1.5 + 100 / n) times the third steepest (or last) of the climbs that hold, of n."""
    rows = [(t, v) for t, v in rows if math.isfinite(v)]
    slopes, climbs = [], 0
    for i in range(1, len(rows)):
        (t0, foot), (t1, head) = rows[i - 1], rows[i]
        before = [v for _, v in rows[max(i - 17, 0) : i - 1]]
        after = [v for _, v in rows[i + 1 : i + 17]]
        height = head - foot
        contradicted = any(foot < v <= head + height for v in before)
        ends = [k for k, v in enumerate(after) if v < foot - height]
        contradicted |= any(v < head for v in after[: ends[0] if ends else None])
        climbs += head > foot
        if head > foot and not contradicted:
            slopes.append(max((height - step) / (t1 - t0), height / max(t1 - t0, rhythm)))
    if not slopes:
        return math.inf
    return (1.5 + 100 / climbs) * sorted(slopes)[-min(len(slopes), 3)] * HOUR_NS


def cumulative(amounts, good):
    """Return the exact running sums, as fractions."""
    total, sums = Fraction(0), []
    for amount, is_good in zip(amounts, good, strict=True):
        total += Fraction(amount) if is_good else 0
        sums.append(total)
    return sums


def at_edges(times, u, good, edges):
    """Return (u, exact) at each edge, u as a fraction or None."""
    points = [(t, Fraction(x)) for t, x, g in zip(times, u, good, strict=True) if g]
    found = []
    for edge in edges:
        before = [p for p in points if p[0] <= edge]
        after = [p for p in points if p[0] >= edge]
        if not before or not after:
            found.append((None, False))
            continue
        (t0, u0), (t1, u1) = before[-1], after[0]
        share = Fraction(edge - t0, t1 - t0) if t1 > t0 else 0
        found.append((u0 + (u1 - u0) * share, t0 == edge))
    return found


def doubts(times, u, good, rate_max, edges, at):
    """Return (below, above) of each edge: what the readings around it and the rate leave open."""
    points = [(t, x) for t, x, g in zip(times, u, good, strict=True) if g]
    found = []
    for edge, told in zip(edges, at, strict=True):
        before = [p for p in points if p[0] < edge]
        after = [p for p in points if p[0] > edge]
        if not before or not after or any(t == edge for t, _ in points):
            found.append((0.0, 0.0))
            continue
        (t0, u0), (t1, u1) = before[-1], after[0]
        rate = max(rate_max / HOUR_NS, (u1 - u0) / (t1 - t0))
        low, high = max(u0, u1 - rate * (t1 - edge)), min(u1, u0 + rate * (edge - t0))
        found.append((max(told - low, 0.0), max(high - told, 0.0)))
    return found


def overlaps(times, good, edges, counts):
    """Return each period's time in steps between good readings whose length counts."""
    points = [t for t, g in zip(times, good, strict=True) if g]
    steps = [(a, b) for a, b in pairwise(points) if counts(b - a)]
    periods = pairwise(edges)
    return [sum(max(min(b, end) - max(a, start), 0) for a, b in steps) for start, end in periods]


def energies(rows, gap_ns_max, edges):
    """Return (import, export, covered) of each period, exact fractions of Wh, and ns."""
    found = []
    for start, end in pairwise(edges):
        imported, exported, covered = Fraction(0), Fraction(0), 0
        for (t0, p0), (t1, p1) in pairwise(rows):
            lo, hi = max(t0, start), min(t1, end)
            if hi <= lo or t1 - t0 > gap_ns_max or not (math.isfinite(p0) and math.isfinite(p1)):
                continue
            a, b = Fraction(p0), Fraction(p1)
            low, high = (a + (b - a) * Fraction(t - t0, t1 - t0) for t in (lo, hi))
            imported += above(low, high) * (hi - lo)
            exported += above(-low, -high) * (hi - lo)
            covered += hi - lo
        found.append((imported / HOUR_NS, exported / HOUR_NS, covered))
    return found


def above(a, b):
    """Return the mean of what lies above zero of the line from a to b."""
    if a >= 0 and b >= 0:
        return (a + b) / 2
    if a <= 0 and b <= 0:
        return Fraction(0)
    high, low = max(a, b), min(a, b)
    return high / 2 * (high / (high - low))


def week(rows, shift_ns):
    """Return [(flowed, seen)] of 168 local hours from [(time, amount, known)], by the second."""
    found = [[Fraction(0), 0] for _ in range(168)]
    for (t0, _, _), (t1, amount, known) in pairwise(rows):
        if not known:
            continue
        t = t0
        while t < t1:
            local = t + shift_ns(t)
            end = min(t1, t + HOUR_NS - local % HOUR_NS)
            hour = found[local // HOUR_NS % 168]
            hour[0] += Fraction(amount) * (end - t) / (t1 - t0)
            hour[1] += end - t
            t = end
    return found
