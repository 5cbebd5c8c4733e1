"""What is computed from readings and kept beside them: windows and anomalies.

All of it is a pure function of the stored readings, so it may be thrown away and made again.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SECOND_NS = 1_000_000_000
HOUR_NS = 3600 * SECOND_NS


_NOT_GIVEN = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Windows:
    """Tumbling windows as columns, one row each: [start_ns, start_ns + width_ns), UTC ns.

    revision  how often a stored window has changed since it was first told, because readings came
              late or were corrected; the store counts it, and it is 0 in what is given to the store
    """

    series: NDArray[np.int32]
    width_ns: NDArray[np.int64]
    start_ns: NDArray[np.int64]
    count: NDArray[np.int64]
    min: NDArray[np.float64]
    max: NDArray[np.float64]
    mean: NDArray[np.float64]
    last: NDArray[np.float64]
    revision: NDArray[np.int32] = field(default_factory=lambda: _NOT_GIVEN)

    def __post_init__(self) -> None:
        if self.revision is _NOT_GIVEN:
            object.__setattr__(self, "revision", np.zeros(len(self.series), np.int32))

    def __len__(self) -> int:
        return len(self.series)

    @staticmethod
    def none() -> "Windows":
        """Return no windows at all."""
        i4, i8, f8 = np.empty(0, np.int32), np.empty(0, np.int64), np.empty(0)
        return Windows(i4, i8, i8, i8, f8, f8, f8, f8)

    @staticmethod
    def joined(parts: "list[Windows]") -> "Windows":
        """Return all rows of all parts, in their order."""
        if not parts:
            return Windows.none()
        return Windows(
            *(np.concatenate([getattr(part, name) for part in parts]) for name in _COLUMNS)
        )

    def take(self, which: NDArray[np.intp] | NDArray[np.bool_]) -> "Windows":
        """Return the rows that an index array or a mask picks."""
        return Windows(*(getattr(self, name)[which] for name in _COLUMNS))


_COLUMNS = ("series", "width_ns", "start_ns", "count", "min", "max", "mean", "last", "revision")


@dataclass(frozen=True, slots=True)
class Anomaly:
    """Something odd about a series, or about a whole device (quantity "" then).

    id        made of what and where it is, so that a second look finds the same one
    end_ns    None while it lasts
    score     0…1, how far beyond usual; value and expected in the series' unit
    detector  name@version of what found it
    text      one sentence for a person
    """

    id: str
    device: str
    quantity: str
    channel: str
    kind: str
    start_ns: int
    end_ns: int | None
    score: float
    value: float | None
    expected: float | None
    detector: str
    text: str


@dataclass(frozen=True, slots=True)
class Derived:
    """What one look at the readings changes, put in one commit.

    windows    rows to write
    redone     (series, start_ns, end_ns), each (k,): stored windows that start there go first
    anomalies  written over those of the same id
    retracted  ids that later readings have disproved
    through    all of this is true for the readings up to this commit
    """

    windows: Windows
    redone: tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]
    anomalies: list[Anomaly] = field(default_factory=list)
    retracted: list[str] = field(default_factory=list)
    through: int = 0
