"""What was told to whom, in a file of the data folder, so that nothing is told twice.

It is written as a whole and atomically, and bounded: what was told is forgotten after 40 days, and
the oldest of more than 50,000 before.
"""

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import islice
from pathlib import Path

from ingest.derived import HOUR_NS

FILE = "notified.json"
KEEP_NS = 40 * 24 * HOUR_NS
TOLD_MAX = 50_000


class Memory:
    """Per rule: since when it is there; per rule, way and anomaly: when it was told."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._since_ns: dict[str, int] = {}
        self._told: dict[str, int] = {}  # by "rule US way US anomaly", oldest first
        with suppress(FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            # A broken one: as if there were none.
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            since, told = kept["since"], kept["told"]
            self._since_ns = {str(name): int(at) for name, at in since.items()}
            self._told = {str(key): int(at) for key, at in told.items()}

    def begin(self, rules: Iterable[str], now_ns: int) -> None:
        """Note which rules there are; one that is gone begins anew when it comes back."""
        self._since_ns = {name: self._since_ns.get(name, now_ns) for name in rules}

    def since_ns(self, rule: str) -> int:
        """Return since when a rule is there."""
        return self._since_ns[rule]

    def has(self, rule: str, way: str, id: str) -> bool:
        """Return whether an anomaly was told."""
        return _key(rule, way, id) in self._told

    def add(self, rule: str, way: str, ids: Iterable[str], now_ns: int) -> None:
        """Note that these were told; `save` makes it last."""
        for id in ids:
            self._told[_key(rule, way, id)] = now_ns

    def save(self, now_ns: int) -> None:
        """Forget what is old, and write the rest; OSError where that can't be done."""
        over = max(0, len(self._told) - TOLD_MAX)
        old = [key for key, at in self._told.items() if at < now_ns - KEEP_NS]
        for key in {*old, *islice(self._told, over)}:
            del self._told[key]
        fresh = self._path.with_suffix(".new")
        kept = {"since": self._since_ns, "told": self._told}
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(kept, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)


def _key(rule: str, way: str, id: str) -> str:
    return "\x1f".join((rule, way, id))
