"""Every kernel compiled, or loaded from disk, before the first reading comes."""

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

import numpy as np

SLOT, OFFSETS = np.zeros(1, np.int64), np.array([0, 2])
TIME_NS, VALUE, GOOD = np.array([0, 10]), np.array([1.0, 2.0]), np.ones(2, np.bool_)
WIDTH_NS = 60


def warm(progress: Callable[[str], None] | None = None) -> None:
    """Load each kernel and call it once on tiny data; a cold cache is filled by that.

    progress  is called with each kernel's name before it is loaded, in the order of KERNELS.
    Modules are imported one by one here, because that is when they compile.
    """
    for name, call in KERNELS.items():
        if progress is not None:
            progress(name)
        call(import_module(f"kernels.{name}"))


def _windows(m: ModuleType) -> None:
    state = m.State.empty(1)
    m.fold(state, SLOT, OFFSETS, TIME_NS, VALUE, WIDTH_NS)
    m.close(state, SLOT)
    m.windows(OFFSETS, TIME_NS, VALUE, WIDTH_NS)
    m.windows_at(TIME_NS, VALUE, TIME_NS)


def _rolling(m: ModuleType) -> None:
    m.fold(m.State.empty(1), SLOT, OFFSETS, VALUE)


def _moments(m: ModuleType) -> None:
    m.at(TIME_NS, VALUE, TIME_NS, WIDTH_NS)


def _sketch(m: ModuleType) -> None:
    sketch = m.Sketch.empty()
    m.add(sketch, VALUE)
    m.merge(sketch, sketch)
    m.quantile(sketch, VALUE / 2)
    m.quantiles(OFFSETS, VALUE, VALUE / 2)
    sketch.reset()


def _register(m: ModuleType) -> None:
    m.judge(TIME_NS, VALUE, m.Limits(gap_ns=60, rate_max=1.0, dip_readings=1, dip_ns=60))


def _limits(m: ModuleType) -> None:
    m.typical_gap(TIME_NS)
    m.resolution(VALUE)
    m.rate_max_learnt(TIME_NS, VALUE)


def _profile(m: ModuleType) -> None:
    clock = m.Clock(TIME_NS[:1], TIME_NS[:1])
    m.learn(TIME_NS, VALUE, GOOD, clock)
    m.usual(m.Profile(np.ones(m.WEEK_HOURS), clock), TIME_NS)


def _spread(m: ModuleType) -> None:
    m.at_edges(TIME_NS, m.cumulative(VALUE, GOOD), GOOD, TIME_NS)
    m.coverage(TIME_NS, GOOD, WIDTH_NS, TIME_NS)
    m.over_gap(TIME_NS, GOOD, WIDTH_NS, TIME_NS)
    m.doubt_at_edges(TIME_NS, VALUE, GOOD, 1.0, TIME_NS, VALUE)


def _energy(m: ModuleType) -> None:
    m.energy_between(TIME_NS, VALUE, WIDTH_NS, TIME_NS)


def _spike(m: ModuleType) -> None:
    state = m.State.empty(1)
    m.fold(state, SLOT, OFFSETS, TIME_NS, VALUE)
    m.open_spikes(state, SLOT)


def _flatline(m: ModuleType) -> None:
    state = m.State.empty(1)
    m.fold(state, SLOT, OFFSETS, TIME_NS, VALUE)
    m.open_flatlines(state, SLOT)


def _bounds(m: ModuleType) -> None:
    state = m.State.empty(1)
    m.fold(state, SLOT, OFFSETS, TIME_NS, VALUE)
    m.open_runs(state, SLOT)


def _changes(m: ModuleType) -> None:
    state = m.State.empty(1)
    m.fold(state, SLOT, OFFSETS, TIME_NS, VALUE)
    m.open_changes(state, SLOT)


def _rhythm(m: ModuleType) -> None:
    state = m.State.empty(1)
    m.fold(state, SLOT, OFFSETS, TIME_NS, WIDTH_NS)
    m.limits(state)


def _clocks(m: ModuleType) -> None:
    state = m.State.empty(1)
    m.fold(state, SLOT, OFFSETS, TIME_NS, TIME_NS, GOOD)
    m.open_faults(state, SLOT)


def _peers(m: ModuleType) -> None:
    m.leaving(np.zeros((1, m.PEERS_MIN)))


def _balance(m: ModuleType) -> None:
    m.missing(VALUE, VALUE)


def _days(m: ModuleType) -> None:
    m.unlike(np.zeros((1, m.HOURS)), SLOT)
    m.more_than_ever(VALUE)


def _air_quality(m: ModuleType) -> None:
    m.index(np.ones((1, len(m.POLLUTANTS))))
    m.running_mean(VALUE, 2, 1)


def _climate(m: ModuleType) -> None:
    m.dew_point(VALUE, VALUE)
    m.heat_index(VALUE, VALUE)
    m.heating_degree_days(VALUE)


def _noise(m: ModuleType) -> None:
    m.levels(TIME_NS, VALUE, WIDTH_NS, TIME_NS, m.Clock(TIME_NS[:1], TIME_NS[:1]))


def _novelty(m: ModuleType) -> None:
    m.fold(m.State.empty(1), SLOT, OFFSETS, TIME_NS, VALUE)


KERNELS: dict[str, Callable[[ModuleType], None]] = {
    "windows": _windows,
    "rolling": _rolling,
    "moments": _moments,
    "sketch": _sketch,
    "limits": _limits,
    "register": _register,
    "profile": _profile,
    "spread": _spread,
    "energy": _energy,
    "spike": _spike,
    "flatline": _flatline,
    "bounds": _bounds,
    "steady": _bounds,
    "changes": _changes,
    "rhythm": _rhythm,
    "clocks": _clocks,
    "peers": _peers,
    "days": _days,
    "balance": _balance,
    "novelty": _novelty,
    "air_quality": _air_quality,
    "climate": _climate,
    "noise": _noise,
}
"""What `warm` calls, by the name of the kernel's module, in its order."""
