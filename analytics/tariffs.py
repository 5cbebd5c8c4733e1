"""The tariffs and CO2 intensities that lie in folders, read again whenever a file changes."""

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog

from analytics.tariff import Plan
from analytics.tariff_file import read_plan
from analytics.tariff_toml import TariffError

FILES_MAX = 1_000
EXAMPLES = Path(__file__).parent / "examples"
"""A tariff and an intensity with invented numbers, for the demonstration."""
log = structlog.get_logger("emscher.tariffs")
_File = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Broken:
    """A file that can't be used, and why: a sentence for each fault."""

    file: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What lies in the folders: plans by name, and files that can't be used, by file."""

    plans: tuple[Plan, ...] = ()
    broken: tuple[Broken, ...] = ()


class Tariffs:
    """The plans of some folders. A folder that is not there has none; may be asked by threads."""

    def __init__(self, folders: Sequence[Path]) -> None:
        """Read them."""
        self._folders = list(folders)
        self._lock = threading.Lock()
        self._seen: tuple[tuple[_File, ...], tuple[Broken, ...]] | None = None
        self._known = Known()
        self.known()

    def known(self) -> Known:
        """Return what lies there now; what was read before holds while no file has changed."""
        with self._lock:
            files, told = self._files()
            # Looked at before it is read: what changes meanwhile is read again next time.
            seen = tuple(sorted(files)), tuple(told)
            if seen != self._seen:
                self._seen = seen
                self._known = _read([Path(one[0]) for one in seen[0]], told)
                for broken in self._known.broken:
                    log.warning("a tariff can't be used", file=broken.file, why=broken.faults[0])
            return self._known

    def _files(self) -> tuple[list[_File], list[Broken]]:
        """Return each file with its time and size, and what keeps a folder from being read."""
        found: list[_File] = []
        told: list[Broken] = []
        for folder in self._folders:
            try:
                paths = list(folder.iterdir())
            except FileNotFoundError:
                continue
            except OSError as fault:
                told.append(Broken(folder.name, (f"the folder can't be read: {fault.strerror}",)))
                continue
            for path in paths:
                if path.suffix in {".toml", ".csv"} and not path.name.startswith("."):
                    with contextlib.suppress(FileNotFoundError):  # it has just gone
                        facts = path.stat()
                        found.append((str(path), facts.st_mtime_ns, facts.st_size))
        if len(found) > FILES_MAX:
            many = f"expected at most {FILES_MAX} files, found {len(found)}: none is read"
            return [], [*told, Broken(self._folders[0].name, (many,))]
        return found, told


def _read(paths: list[Path], told: list[Broken]) -> Known:
    plans: dict[str, Plan] = {}
    broken = list(told)
    for path in paths:
        if path.suffix != ".toml":
            continue
        try:
            plan = read_plan(path)
            if plan.name in plans:
                other = plans[plan.name].file
                raise TariffError(
                    f'name: expected one that no other file has, found "{plan.name}" as in {other}'
                )
            plans[plan.name] = plan
        except TariffError as error:
            broken.append(Broken(path.name, error.faults))
    return Known(tuple(plans[name] for name in sorted(plans)), tuple(broken))
