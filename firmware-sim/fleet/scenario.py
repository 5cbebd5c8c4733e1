"""Scenarios: which devices, for how long, in which weather, with which faults.

A scenario is TOML:

    title = "A school day"
    seed = 7
    start = "2026-03-27T00:00:00Z"     # or given at the start; times are UTC
    length = "3d"
    step = "15m"                       # flows are constant within it

    [weather]
    warmer = 2.0
    cloud = 0.3

    [radio]
    loss = 0.02                        # of uplinks
    confirmed = 0.1                    # of devices
    gateways = 12

    [[fleet]]
    kind = "classroom"
    count = 40
    period = "15m"
    network = "things_stack"           # else chirpstack; or chirpstack_protobuf

    [[fault]]
    kind = "level_shift"
    on = "classroom"
    device = 3                         # the third; left out: chance decides
    quantity = "temperature"
    at = "1d 10:00"                    # after the start
    for = "2h"
    size = 8.0                         # `emscher sim list --faults` says of what
"""

import re
import tomllib
from collections.abc import Callable, Iterable
from fractions import Fraction
from importlib import resources
from pathlib import Path

import msgspec

from fleet.errors import ScenarioError
from fleet.faults import AT_ONCE, ENDLESS, FAULTS, SIZE_MAX, SIZES, fits
from fleet.flows import ELECTRIC
from fleet.kinds import KINDS
from fleet.message import SECOND_NS, rfc3339, time_ns_of
from fleet.weather import Climate

_SPAN = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(s|m|h|d|w)", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_CLOCK = re.compile(r"(?:(\d{1,9})d\s+)?(\d{1,2}):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_PATH = re.compile(r"(.*?)(?: - at `\$(?:\.(\w+))?(?:\[(\d+)\])?(?:\.(\w+))?[^`]*`)?", re.DOTALL)
_NAME = re.compile(r"[\w-]{0,64}")  # it goes into topics
_HEAD = re.compile(r"`(\w+)`(?: (\d+), `(\w+)`)?: ")
_TYPE = re.compile(r"Expected `(.*)`, got `(.*)`")
_MISSING = re.compile(r"Object missing required field `(.*)`")
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
NETWORKS = ("chirpstack", "chirpstack_protobuf", "things_stack")
DEVICES_MAX = 1_000_000
_FIRST_NS, _LAST_NS = (time_ns_of(f"{year}-01-01T00:00:00Z") for year in (2000, 2100))
"""Clocks of meters have years of two digits."""
SPAN_S_MAX = 100 * 366 * 86_400


class Radio(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How well devices are heard."""

    loss: float = 0.01
    confirmed: float = 0.0
    gateways: int = 12

    def __post_init__(self) -> None:
        """Refuse shares that are none."""
        for name, value in (("loss", self.loss), ("confirmed", self.confirmed)):
            if not 0.0 <= value < 1.0:
                raise ValueError(f"`{name}`: expected a share from 0 to below 1, found {value}")
        if not 1 <= self.gateways <= 10_000:
            raise ValueError(f"`gateways`: expected 1 to 10000, found {self.gateways}")


class Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Some devices of one kind; name: what faults call it, the kind's name if left out."""

    kind: str
    count: int
    name: str = ""
    period: str = ""
    network: str = "chirpstack"
    city: str = ""
    feeder: str = ""
    loss: float | None = None

    def __post_init__(self) -> None:
        """Refuse counts and networks that are none."""
        if self.kind not in KINDS:
            raise ValueError(
                f"`kind`: expected one of {_list(KINDS)}, found {self.kind};"
                " `emscher sim list --kinds` describes them"
            )
        if not 1 <= self.count <= DEVICES_MAX:
            raise ValueError(f"`count`: expected 1 to {DEVICES_MAX}, found {self.count}")
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"`name`: expected at most 64 letters, digits, - and _, found {self.name[:80]!r}"
            )
        if self.network not in NETWORKS:
            raise ValueError(f"`network`: expected one of {_list(NETWORKS)}, found {self.network}")
        if self.city not in ("", "Dortmund", "Schwerte"):
            raise ValueError(f"`city`: expected Dortmund or Schwerte, found {self.city}")
        _read("period", self.period, span_s)
        if self.loss is not None and not 0.0 <= self.loss < 1.0:
            raise ValueError(f"`loss`: expected a share from 0 to below 1, found {self.loss}")

    @property
    def label(self) -> str:
        """What faults and devices call it."""
        return self.name or self.kind


class FaultSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"for_": "for"}):
    """A fault as the scenario asks for it; what is left out is chosen by chance or by its kind.

    count  so many of them, on different devices where there are enough
    """

    kind: str
    on: str
    device: int | None = None
    quantity: str = ""
    at: str = ""
    for_: str = ""
    size: float | None = None
    count: int = 1

    def __post_init__(self) -> None:
        """Refuse kinds that are none and times that can't be read."""
        if self.kind not in FAULTS:
            raise ValueError(f"`kind`: expected one of {_list(FAULTS)}, found {self.kind}")
        _read("at", self.at, after_s)
        _read("for", self.for_, span_s)
        if self.for_ and self.kind in AT_ONCE | ENDLESS:
            lasts = "is one message" if self.kind in AT_ONCE else "stays"
            raise ValueError(f"`for`: expected none, as {self.kind} {lasts}, found {self.for_}")
        if not 1 <= self.count <= DEVICES_MAX:
            raise ValueError(f"`count`: expected 1 to {DEVICES_MAX}, found {self.count}")
        if self.size is not None and FAULTS[self.kind].does == "unused":
            raise ValueError(f"`size`: expected none for {self.kind}, found {self.size:g}")
        low, high = SIZES.get(self.kind, (-SIZE_MAX, SIZE_MAX))
        if self.size is not None and not low <= self.size <= high:
            means = FAULTS[self.kind].does
            raise ValueError(f"`size`: expected {low:g} to {high:g} ({means}), found {self.size:g}")


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A scenario as its file says it."""

    title: str
    length: str
    fleet: tuple[Part, ...]
    seed: int = 1
    start: str = ""
    step: str = "15m"
    weather: Climate = Climate()
    radio: Radio = Radio()
    fault: tuple[FaultSpec, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what can't be simulated."""
        if not self.fleet:
            raise ValueError("`fleet`: expected at least one [[fleet]], found none")
        _read("length", self.length, span_s, may_miss=False)
        if 900 % _read("step", self.step, span_s, may_miss=False):
            raise ValueError(f"`step`: expected a part of 15m (1m, 5m, 15m …), found {self.step}")
        _read("start", self.start, time_ns_of)
        labels = [part.label for part in self.fleet]
        double = sorted({label for label in labels if labels.count(label) > 1})
        if double:
            second = len(labels) - labels[::-1].index(double[0])
            raise ValueError(
                f"`fleet` {second}, `name`: expected a name for each alone, found {double[0]} twice"
            )
        parts = dict(zip(labels, self.fleet, strict=True))
        for number, part in enumerate(self.fleet, 1):
            if part.feeder:
                self._check_feeder(f"`fleet` {number}, `feeder`", part, parts)
        for number, fault in enumerate(self.fault, 1):
            if fault.on not in parts:
                raise ValueError(
                    f"`fault` {number}, `on`: expected one of {_list(labels)}, found {fault.on}"
                )
            self._check_fault(f"`fault` {number}", fault, parts[fault.on])

    @staticmethod
    def _check_feeder(where: str, part: Part, parts: dict[str, Part]) -> None:
        stations = [label for label, one in parts.items() if KINDS[one.kind].flow == "feeder"]
        if part.feeder not in stations:
            raise ValueError(
                f"{where}: expected a transformer ({_list(stations) or 'there is none'}),"
                f" found {part.feeder}"
            )
        kind = KINDS[part.kind]
        if kind.flow not in ELECTRIC:
            raise ValueError(
                f"{where}: expected an electricity meter behind {part.feeder}, found {kind.text}"
            )

    def _check_fault(self, where: str, fault: FaultSpec, part: Part) -> None:
        kind = KINDS[part.kind]
        if not fits(kind, fault.kind, fault.quantity)[1]:
            need = FAULTS[fault.kind].on
            named = f" called {fault.quantity}" if fault.quantity else ""
            past = " that tells no past hours" if kind.history_hours else ""
            found = _list(one.quantity for one in kind.channels)
            raise ValueError(
                f"{where}, `{'quantity' if named else 'on'}`: expected a {need}{named} in"
                f" {fault.on}{past} for {fault.kind}, found {found}"
            )
        if fault.device is not None and not 1 <= fault.device <= part.count - fault.count + 1:
            raise ValueError(
                f"{where}, `device`: expected 1 to {part.count} of {fault.on},"
                f" found {fault.device}{f' and {fault.count - 1} more' if fault.count > 1 else ''}"
            )
        if fault.at and after_s(fault.at) >= span_s(self.length):
            raise ValueError(
                f"{where}, `at`: expected a moment within {self.length}, found {fault.at}"
            )

    def start_ns(self, given_ns: int | None) -> int:
        """Return the start in whole seconds, UTC ns: the given one, else the scenario's.

        Errors  ScenarioError for none, and for a run that the clocks of meters can't tell
        """
        if given_ns is None and not self.start:
            raise ScenarioError("start: expected --from TIME, since the scenario has no `start`")
        start_ns = time_ns_of(self.start) if given_ns is None else given_ns
        if start_ns < _FIRST_NS or start_ns + self.length_ns > _LAST_NS:
            raise ScenarioError(
                f"start: expected a run within the years 2000 to 2099, found one of {self.length}"
                f" from {rfc3339(start_ns)}"
            )
        return start_ns // SECOND_NS * SECOND_NS

    @property
    def length_ns(self) -> int:
        """Return how long it lasts."""
        return span_s(self.length) * SECOND_NS


def span_s(text: str) -> int:
    """Return a span such as "90s", "15m", "1d 6h" in whole seconds. Errors: ValueError."""
    parts = _SPAN.findall(text)
    seconds = sum(Fraction(number) * _SECONDS[unit] for number, unit in parts)
    if _SPAN.sub("", text).strip() or not 1 <= seconds <= SPAN_S_MAX or seconds % 1:
        raise ValueError(f'expected a span such as "90s", "15m" or "1d 6h", found "{text}"')
    return int(seconds)


def after_s(text: str) -> int:
    """Return a moment after the start, "36h" or "1d 12:30", in seconds. Errors: ValueError."""
    match = _CLOCK.fullmatch(text.strip())
    if match is None:
        return 0 if text.strip() == "0" else span_s(text)
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return days * 86_400 + hours * 3600 + minutes * 60 + seconds


def shipped() -> dict[str, str]:
    """Return the scenarios that come with Emscher: name -> text of the file."""
    folder = resources.files("fleet") / "scenarios"
    return {
        file.name.removesuffix(".toml"): file.read_text(encoding="utf-8")
        for file in sorted(folder.iterdir(), key=lambda one: one.name)
        if file.name.endswith(".toml")
    }


def load(name: str) -> Scenario:
    """Return a scenario by the name of a shipped one, or by the path of a file.

    Errors  ScenarioError, which names the file and the key or the line.
    """
    known = shipped()
    if name in known:
        return parsed(known[name], name)
    path = Path(name)
    if not path.is_file():
        raise ScenarioError(
            f"scenario: expected a file or one of {_list(known)}, found {name!r}; "
            "`emscher sim list` describes them"
        )
    try:
        return parsed(path.read_text(encoding="utf-8"), name)
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{name}: expected a text file in UTF-8, found {error}") from error


def parsed(text: str, name: str) -> Scenario:
    """Return the scenario of a TOML text. Errors: ScenarioError."""
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError(f"{name}: expected TOML, found {error}") from error
    try:
        return msgspec.convert(tree, Scenario)
    except (msgspec.ValidationError, ValueError) as error:
        raise ScenarioError(f"{name}{_where(text, str(error))}") from error


def _read(key: str, text: str, read: Callable[[str], int], *, may_miss: bool = True) -> int:
    """Return what a key's text means, 0 for none. Errors: ValueError, which names the key."""
    if not text and may_miss:
        return 0
    try:
        return read(text)
    except ValueError as error:
        raise ValueError(f"`{key}`: {error}") from error


def _where(text: str, error: str) -> str:
    """Return an error of msgspec with the line of the table and the key that it is about."""
    match = _PATH.fullmatch(error)
    assert match is not None  # every part may be missing
    what, table, index, key = match.groups()
    place = None if index is None else int(index)
    head = _HEAD.match(what)
    if head is not None:  # one of ours
        what = what[head.end() :]
        if table is not None:
            key = head[1]
        else:
            table, key = head[1], head[3]
            place = int(head[2]) - 1 if head[2] else None
    elif (wrong := _TYPE.fullmatch(what)) is not None:
        what = f"expected {wrong[1]}, found {wrong[2]}"
    elif (lost := _MISSING.fullmatch(what)) is not None:
        what = f"expected `{lost[1]}`, found none"
    elif (more := _UNKNOWN.fullmatch(what)) is not None:
        fields = _TABLES[table or ""].__struct_encode_fields__
        what = f"expected one of {_list(fields)}, found {more[1]}"
        table, key = (table, more[1]) if table else (more[1], None)
    line = _line(text, table, place, key)
    of = "" if table is None else f"{table}{'' if place is None else f' {place + 1}'}"
    of += f", {key}" if key else ""
    return f"{f', line {line}' if line else ''}{f', {of}' if of else ''}: {what}"


def _line(text: str, table: str | None, place: int | None, key: str | None) -> int | None:
    """Return the number of the line where a table's key stands, else the table, else None."""
    found, seen = None, -1
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.strip()
        if bare.startswith("["):
            if found is not None:
                return found
            inside = bare.partition("#")[0].strip("[] ") == table
            seen += inside
            if inside and place in (None, seen):
                found = number
        else:
            name = key if found is not None else table if place is None else None
            if name and re.match(rf"{name}\s*=", bare):
                return number
    return found


_TABLES: dict[str, type[msgspec.Struct]] = {
    "": Scenario, "fleet": Part, "fault": FaultSpec, "weather": Climate, "radio": Radio,
}  # fmt: skip


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
