"""Rows for the kernels' tests: grouped, cut into batches, drawn."""

import itertools

import numpy as np
from hypothesis import strategies as st

NS = 10**9


def grouped(series):
    """Return slot, offsets, time_ns, value of {slot: [(time, value)]}."""
    rows = [row for part in series.values() for row in part]
    offsets = np.cumsum([0, *(len(part) for part in series.values())])
    return (
        np.array(list(series), np.int64),
        offsets,
        np.array([t for t, _ in rows], np.int64),
        np.array([v for _, v in rows], np.float64),
    )


def batches(series, cuts):
    """Yield {slot: rows} cut at shares (0 to 1) of every series, so that the batches differ."""
    bounds = [0.0, *sorted(cuts), 1.0]
    for a, b in itertools.pairwise(bounds):
        yield {
            slot: part[round(a * len(part)) : round(b * len(part))] for slot, part in series.items()
        }


def events(found, slot=None):
    """Return the events as tuples, of one slot without it or of all in order of slot and start."""
    names = [name for name in type(found).__slots__ if name != "slot"]
    columns = [getattr(found, name).tolist() for name in names]
    if slot is None:
        return sorted(zip(found.slot.tolist(), *columns, strict=True))
    rows = zip(*columns, strict=True)
    return [row for s, row in zip(found.slot.tolist(), rows, strict=True) if s == slot]


CUTS = st.lists(st.floats(0, 1), max_size=6)


@st.composite
def timed(draw, values, steps_max=3 * NS, unit_ns=1, **sizes):
    """Draw [(time, value)] of one series; times rise from before or after 1970.

    Steps are whole numbers of units, at most steps_max of them.
    """
    drawn = draw(st.lists(values, **sizes))
    steps = draw(st.lists(st.integers(1, steps_max), min_size=len(drawn), max_size=len(drawn)))
    start = draw(st.integers(-(10**18), 2 * 10**18))
    return list(zip((start + np.cumsum([0, *steps])[1:] * unit_ns).tolist(), drawn, strict=True))


@st.composite
def stretches(draw, levels, lengths, step_ns=NS):
    """Draw [(time, value)] made of stretches: a level held, or noise around it."""
    drawn = draw(st.lists(st.tuples(levels, st.booleans(), st.integers(1, lengths)), max_size=12))
    noise = np.random.default_rng(draw(st.integers(0, 2**32)))
    values = []
    for level, held, length in drawn:
        values += [level + (0 if held else round(noise.normal(), 1)) for _ in range(length)]
    return [(i * step_ns, v) for i, v in enumerate(values)]
