"""Every kind of device that a scenario can have, by name."""

from fleet.counters import COUNTERS
from fleet.kind import Kind
from fleet.sensors import SENSORS

KINDS: dict[str, Kind] = {kind.name: kind for kind in (*SENSORS, *COUNTERS)}
