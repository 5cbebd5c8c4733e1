"""What is looked for in single series: one class for each kind, which also says it in a sentence.

Each holds the state of its kernel by series number. The wording is of the values themselves; names
and times are put in front by `analytics.oddities`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from analytics.wording import lasting, told
from ingest.quantity import Kind, Quantity
from kernels import bounds, changes, flatline, spike, steady

Slots = NDArray[np.int64]
Feed = tuple[Slots, Slots, NDArray[np.int64], NDArray[np.float64]]
"""slot (g,), offsets (g+1,), time_ns (n,), value (n,): what every kernel takes."""
Limits = Callable[[str, str, str], tuple[float | None, float | None]]
"""Below and above what no value is true, as people know it of device, quantity, channel."""

# What no value is beyond, whatever the place: physics, and what the sensors can show.
PHYSICAL: dict[str, tuple[float, float]] = {
    "humidity": (0.0, 100.0),
    "temperature": (-60.0, 150.0),
    "co2": (0.0, 50_000.0),
    "pressure": (800.0, 1100.0),
    "pm2_5": (0.0, 5_000.0),
    "pm10": (0.0, 10_000.0),
    "no2": (0.0, 5_000.0),
    "o3": (0.0, 5_000.0),
    "noise_laeq": (0.0, 160.0),
    "illuminance": (0.0, 250_000.0),
    "frequency": (40.0, 70.0),
    "voltage": (0.0, 500_000.0),
    "wind_speed": (0.0, 120.0),
    "wind_direction": (0.0, 360.0),
    "soil_moisture": (0.0, 100.0),
    "ph": (0.0, 14.0),
}
ERRATIC = frozenset(
    (
        *("active_power", "reactive_power", "apparent_power", "heat_power", "current"),
        *("flow", "mass_flow", "illuminance", "solar_irradiance", "uv_index"),
    )
)
"""What these show is what somebody switched on, or the sky: a peak alone is no news."""
_SUDDEN = frozenset(("humidity",))
"""Rain and open windows let these jump: their level is theirs to change."""
_LEAKING = frozenset(("water_volume",))


class Event(NamedTuple):
    """An anomaly of a series before it has a name; end_ns is -1 while it lasts.

    text  goes on after "QUANTITY of DEVICE "; {} stands for the start
    kind  where it is another than the detector's
    """

    slot: int
    start_ns: int
    end_ns: int
    score: float
    value: float | None
    expected: float | None
    text: str
    kind: str = ""


class Detector(Protocol):
    """One kind of anomaly."""

    kind: str
    version: int

    def meet(
        self, slot: int, measured: Quantity, limits: tuple[float, float], device: str = ""
    ) -> bool:
        """Learn what a series measures; return whether it is looked at."""

    def grow(self, slots: int) -> None:
        """Make room for more series."""

    def reset(self, slots: Slots) -> None:
        """Forget what these series have shown."""

    def fold(self, feed: Feed) -> Any:
        """Follow readings; return the events that ended."""

    def still_open(self, slots: Slots) -> Any:
        """Return the events that last."""

    def told(self, found: Any, unit: Callable[[int], str]) -> Iterator[Event]:
        """Yield what the kernel found, as people say it."""


@dataclass(slots=True)
class Spikes:
    """A value that leaves all that is usual at once, and comes back."""

    state: spike.State
    kind: str = "spike"
    version: int = 2

    def meet(
        self, slot: int, measured: Quantity, limits: tuple[float, float], device: str = ""
    ) -> bool:
        """Look at gauges."""
        self.state.erratic[slot] = measured.name in ERRATIC
        return measured.kind is Kind.GAUGE

    def grow(self, slots: int) -> None:
        """Make room."""
        self.state = self.state.grown(slots)

    def reset(self, slots: Slots) -> None:
        """Forget."""
        self.state.reset(slots)

    def fold(self, feed: Feed) -> spike.Spikes:
        """Return the spikes that ended."""
        return spike.fold(self.state, *feed)

    def still_open(self, slots: Slots) -> spike.Spikes:
        """Return the spikes that last."""
        return spike.open_spikes(self.state, slots)

    def told(self, found: spike.Spikes, unit: Callable[[int], str]) -> Iterator[Event]:
        """Say where it jumped, and what is usual."""
        for slot, start, end, peak, expected, z in _rows(found):
            way = "jumped" if peak > expected else "dropped"
            u = unit(slot)
            text = f"{way} to {told(peak, u)} at {{}}; usual is about {told(expected, u)}."
            score = round(1 - spike.Z_MIN / 2 / z, 4)
            yield Event(slot, start, end, score, peak, expected, text)


@dataclass(slots=True)
class Flatlines:
    """A sensor that repeats one value."""

    state: flatline.State
    kind: str = "flatline"
    version: int = 1

    def meet(
        self, slot: int, measured: Quantity, limits: tuple[float, float], device: str = ""
    ) -> bool:
        """Look at gauges."""
        self.state.rests_at_zero[slot] = measured.rests_at_zero
        return measured.kind is Kind.GAUGE

    def grow(self, slots: int) -> None:
        """Make room."""
        self.state = self.state.grown(slots)

    def reset(self, slots: Slots) -> None:
        """Forget."""
        self.state.reset(slots)

    def fold(self, feed: Feed) -> flatline.Flatlines:
        """Return the flatlines that ended."""
        return flatline.fold(self.state, *feed)

    def still_open(self, slots: Slots) -> flatline.Flatlines:
        """Return the flatlines that last."""
        return flatline.open_flatlines(self.state, slots)

    def told(self, found: flatline.Flatlines, unit: Callable[[int], str]) -> Iterator[Event]:
        """Say what it repeats; while it lasts, nothing that each reading would change."""
        for slot, start, end, length, value, beyond in _rows(found):
            shown = told(value, unit(slot))
            if end < 0:
                yield Event(
                    slot, start, end, 0.5, value, None, f"repeats {shown} exactly since {{}}."
                )
                continue
            text = f"repeated {shown} exactly for {lasting(end - start)} from {{}}"
            text = f"{text} ({length} readings)."
            yield Event(slot, start, end, round(1 - 0.5 / beyond, 4), value, None, text)


@dataclass(slots=True)
class Bounds:
    """Values that can't be true: beyond physics, or beyond what the catalog says of the series."""

    state: bounds.State
    kind: str = "out_of_range"
    version: int = 1

    def meet(
        self, slot: int, measured: Quantity, limits: tuple[float, float], device: str = ""
    ) -> bool:
        """Look at whatever has a bound."""
        low, high = PHYSICAL.get(measured.name, (np.nan, np.nan))
        self.state.low[slot] = low if np.isnan(limits[0]) else limits[0]
        self.state.high[slot] = high if np.isnan(limits[1]) else limits[1]
        return not bool(np.isnan(self.state.low[slot]) and np.isnan(self.state.high[slot]))

    def grow(self, slots: int) -> None:
        """Make room."""
        self.state = self.state.grown(slots)

    def reset(self, slots: Slots) -> None:
        """Forget."""
        self.state.reset(slots)

    def fold(self, feed: Feed) -> bounds.Runs:
        """Return the runs that ended."""
        return bounds.fold(self.state, *feed)

    def still_open(self, slots: Slots) -> bounds.Runs:
        """Return the runs that last."""
        return bounds.open_runs(self.state, slots)

    def told(self, found: bounds.Runs, unit: Callable[[int], str]) -> Iterator[Event]:
        """Say how far out it was, and what bounds it."""
        for slot, start, end, _, peak, bound in _rows(found):
            way = "below" if peak < bound else "above"
            u = unit(slot)
            lasts = f"for {lasting(end - start)} from {{}}" if end >= 0 else "since {}"
            verb = "was" if end >= 0 else "is"
            text = f"{verb} {way} {told(bound, u)}, which can't be, {lasts}: up to {told(peak, u)}."
            yield Event(slot, start, end, 0.9, peak, bound, text)


@dataclass(slots=True)
class Leaks:
    """Water that does not stop, longer than it ever did."""

    state: steady.State
    kind: str = "leak"
    version: int = 1

    def meet(
        self, slot: int, measured: Quantity, limits: tuple[float, float], device: str = ""
    ) -> bool:
        """Look at water registers."""
        return measured.name in _LEAKING

    def grow(self, slots: int) -> None:
        """Make room."""
        self.state = self.state.grown(slots)

    def reset(self, slots: Slots) -> None:
        """Forget."""
        self.state.reset(slots)

    def fold(self, feed: Feed) -> steady.Runs:
        """Return the runs that ended."""
        return steady.fold(self.state, *feed)

    def still_open(self, slots: Slots) -> steady.Runs:
        """Return the runs that last."""
        return steady.open_runs(self.state, slots)

    def told(self, found: steady.Runs, unit: Callable[[int], str]) -> Iterator[Event]:
        """Say since when it flows, how much never stops, and what was usual."""
        for slot, start, end, longest, rate in _rows(found):
            flows = f"flowed without a break for {lasting(end - start)} from {{}}"
            flows = flows if end >= 0 else "flows without a break since {}"
            usual = f"never longer than {lasting(longest)} before" if longest else "never before"
            text = f"{flows}, at least {told(rate * 1000, 'l')} an hour; {usual}."
            limit = max(steady.RUN_MIN_NS, steady.TIMES * longest)
            score = 0.5 if end < 0 else round(1 - 0.5 * min(limit / (end - start), 1.0), 4)
            yield Event(slot, start, end, score, rate, 0.0, text)


@dataclass(slots=True)
class Shifts:
    """A level that jumps and stays, and values that begin to flutter."""

    state: changes.State
    sudden: set[int] = field(default_factory=set)
    kind: str = "level_shift"
    version: int = 1

    def meet(
        self, slot: int, measured: Quantity, limits: tuple[float, float], device: str = ""
    ) -> bool:
        """Look at gauges that do not jump by their nature."""
        if measured.name in _SUDDEN:
            self.sudden.add(slot)
        return measured.kind is Kind.GAUGE and measured.name not in ERRATIC

    def grow(self, slots: int) -> None:
        """Make room."""
        self.state = self.state.grown(slots)

    def reset(self, slots: Slots) -> None:
        """Forget."""
        self.state.reset(slots)

    def fold(self, feed: Feed) -> changes.Changes:
        """Return what ended."""
        return changes.fold(self.state, *feed)

    def still_open(self, slots: Slots) -> changes.Changes:
        """Return what lasts."""
        return changes.open_changes(self.state, slots)

    def told(self, found: changes.Changes, unit: Callable[[int], str]) -> Iterator[Event]:
        """Say from where to where it jumped, or by how much it flutters."""
        for slot, kind, start, end, value, expected, ratio in _rows(found):
            if kind == changes.SHIFT and slot in self.sudden:
                continue
            u, score = unit(slot), 0.5
            was, is_ = told(expected, u), told(value, u)
            if kind == changes.SHIFT:
                score = round(1 - 0.5 * changes.LARGE / ratio, 4)
                over = f", for {lasting(end - start)}" if end >= 0 else " and stays there"
                yield Event(
                    slot, start, end, score, value, expected,
                    f"jumped from {was} to {is_} at {{}}{over}.",
                )  # fmt: skip
                continue
            if end >= 0:
                score = round(1 - 0.5 * changes.NOISY / ratio, 4)
            lasts = f"for {lasting(end - start)} from {{}}" if end >= 0 else "since {}"
            # While it lasts nothing is told that each further reading would change.
            by = f" by {is_} from reading to reading" if end >= 0 else ""
            yield Event(
                slot, start, end, score, value if end >= 0 else None, expected,
                f"{'fluttered' if end >= 0 else 'flutters'}{by} {lasts}; at most {was} is usual.",
                "noise_burst",
            )  # fmt: skip


def detectors() -> list[Detector]:
    """Return one of each kind, which have seen nothing."""
    return [
        Spikes(spike.State.empty(0)),
        Flatlines(flatline.State.empty(0)),
        Bounds(bounds.State.empty(0)),
        Leaks(steady.State.empty(0)),
        Shifts(changes.State.empty(0)),
    ]


def _rows(found: Any) -> Iterator[tuple[Any, ...]]:
    """Yield a kernel's events row by row, in the order of their columns."""
    columns = [getattr(found, name).tolist() for name in type(found).__slots__]
    return zip(*columns, strict=True)
