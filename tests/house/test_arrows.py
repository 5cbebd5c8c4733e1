"""The floor plan holds: who may import whom, and who may touch the environment.

The rules are those of the floor plan: each room answers one question, arrows between rooms go one
way, and what lies deeper than `room.module` is private to its room.
"""

import ast
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# room → (its folder, the rooms that it may import)
ROOMS: dict[str, tuple[str, frozenset[str]]] = {
    "kernels": ("kernels", frozenset()),
    "ingest": ("ingest", frozenset()),
    "gateway": ("gateway", frozenset({"ingest"})),
    "analytics": ("analytics", frozenset({"ingest", "kernels"})),
    "api": ("api", frozenset({"analytics", "ingest"})),
    "fleet": ("firmware-sim/fleet", frozenset()),
}
OURS = frozenset(ROOMS) | {"emscher", "tests"}
COMPILERS = frozenset({"numba", "llvmlite"})
NEVER: dict[str, frozenset[str]] = {  # what a room must not import from outside either
    "gateway": COMPILERS,
    "ingest": COMPILERS,
    "kernels": frozenset(
        {"asyncio", "datetime", "io", "os", "pathlib", "random", "socket", "time"}
    ),
}
ATTICS = frozenset({"utils", "util", "common", "helpers", "helper", "core"})
ENVIRONMENT = frozenset({"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"})


def imported(tree: ast.AST, module: str, *, package: bool) -> Iterator[tuple[int, str, str]]:
    """Yield (line, module, name) of every import; name is "" for `import module`.

    module is the dotted name of the importing module, from which relative imports are resolved;
    package says that it is an `__init__.py`. `import_module("x")` counts when x is written out.
    """
    home = module.split(".") if package else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, ""
        elif isinstance(node, ast.ImportFrom):
            base = home[: len(home) - node.level + 1] if node.level else []
            source = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, source, alias.name
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rsplit(".", 1)[-1]
            first = node.args[0]
            if called in {"import_module", "__import__"} and isinstance(first, ast.Constant):
                yield node.lineno, str(first.value), ""


def reads_environment(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that reach for the process environment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT:
            if isinstance(node.value, ast.Name) and node.value.id == "os":
                yield node.lineno
        elif isinstance(node, ast.ImportFrom) and node.module == "os":
            yield from (node.lineno for alias in node.names if alias.name in ENVIRONMENT)


def faults(
    source: str,
    module: str,
    *,
    package: bool = False,
    is_module: Callable[[str], bool] = lambda name: False,
) -> list[str]:
    """Return a sentence for each rule of the floor plan that a module's source breaks.

    module     its dotted name, "gateway.mqtt"; package: it is an `__init__.py`
    is_module  whether a dotted name is a module of ours, so that `from room.package import part`
               is seen for the reach into the depth that it is
    """
    tree, room = ast.parse(source), module.partition(".")[0]
    found = []
    for line, target, name in imported(tree, module, package=package):
        whole = f"{target}.{name}" if name and is_module(f"{target}.{name}") else target
        parts = whole.split(".")
        if parts[0] in NEVER.get(room, frozenset()):
            found.append(f"{module}:{line} imports {whole}: {room} never does")
        if parts[0] not in OURS or parts[0] == room:
            continue
        if room in ROOMS and parts[0] not in ROOMS[room][1]:
            allowed = ", ".join(sorted(ROOMS[room][1])) or "nothing of ours"
            found.append(f"{module}:{line} imports {whole}: {room} may import {allowed}")
        elif len(parts) > 2:
            found.append(f"{module}:{line} imports {whole}: across rooms, only room.module")
    if room != "emscher":
        found += [
            f"{module}:{line} reads the environment: only emscher.py may"
            for line in reads_environment(tree)
        ]
    found += [
        f"{module}: no attic is called {part}" for part in module.split(".") if part in ATTICS
    ]
    return found


def modules() -> dict[str, Path]:
    """Return every module of every room, and the front door, by dotted name."""
    found = {}
    for room, (folder, _) in ROOMS.items():
        for path in (ROOT / folder).rglob("*.py"):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            found[".".join([room, *parts])] = path
    if (ROOT / "emscher.py").exists():
        found["emscher"] = ROOT / "emscher.py"
    return found


def test_every_arrow_is_in_the_floor_plan() -> None:
    """No module of any room imports what its room may not, or reads the environment."""
    known = modules()
    found = [
        fault
        for name, path in sorted(known.items())
        for fault in faults(
            path.read_text(encoding="utf-8"),
            name,
            package=path.name == "__init__.py",
            is_module=known.__contains__,
        )
    ]
    assert not found, "\n".join(["the floor plan is broken:", *found])


def test_every_room_is_there_and_is_a_package() -> None:
    """A walk that finds no modules would find no faults either."""
    known = modules()
    for room, (folder, _) in ROOMS.items():
        assert room in known, f"{folder}/__init__.py: expected the room's package, found none"
        assert any(name.startswith(f"{room}.") for name in known), f"{folder}/ has no modules"
    assert "emscher" in known, "emscher.py: expected the front door, found none"


def test_no_attic_among_folders_and_tests() -> None:
    """Folders and test files are not called utils, common, helpers or core either."""
    places = [ROOT / folder for folder, _ in ROOMS.values()] + [ROOT / "tests"]
    found = [
        str(path.relative_to(ROOT))
        for place in places
        for path in place.rglob("*")
        if path.stem in ATTICS and "__pycache__" not in path.parts
    ]
    assert not found


def test_intake_never_loads_a_compiler() -> None:
    """Importing all of ingest and gateway loads no Numba, not even through a library."""
    rooms = [n for n in sorted(modules()) if n.split(".")[0] in {"ingest", "gateway"}]
    rooms = [name for name in rooms if ".migrations." not in name]  # only alembic can load these
    lines = [f"import {name}" for name in rooms]
    lines.append(f"import sys; print(sorted({set(COMPILERS)!r} & set(sys.modules)))")
    ran = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "[]"


GOOD = [
    ("import numpy as np\nfrom ingest.reading import Rows", "gateway.mqtt"),
    ("from ingest import intake", "gateway.mqtt"),
    ("import kernels.windows", "analytics.live"),
    ("from ingest.formats import FORMATS\nfrom . import reading", "ingest.decode"),
    ("from ingest.formats.tasmota import read", "ingest.decode"),
    ("import numba", "kernels.energy"),
    ("import os\nos.environ['HOME']", "emscher"),
    ("import api.app, gateway.mqtt, ingest.intake, analytics.live, fleet.demo", "emscher"),
    ("import os.path\nos.path.join('a', 'b')", "ingest.store.embedded"),
    ("import core_metrics", "api.app"),
]

BAD = [
    ("import gateway.mqtt", "ingest.intake", "nothing of ours"),
    ("from ingest.reading import Rows", "kernels.windows", "nothing of ours"),
    ("from ingest import reading", "fleet.demo", "nothing of ours"),
    ("import kernels.energy", "api.energy", "api may import analytics, ingest"),
    ("import analytics.live", "gateway.mqtt", "gateway may import ingest"),
    ("import emscher", "api.app", "api may import"),
    ("import tests.naive", "kernels.energy", "nothing of ours"),
    ("def f():\n    from kernels import energy", "api.energy", "api may import"),
    ("import importlib\nimportlib.import_module('kernels.energy')", "api.energy", "api may import"),
    ("__import__('gateway')", "ingest.intake", "nothing of ours"),
    ("from ingest.formats.tasmota import read", "gateway.mqtt", "only room.module"),
    ("import ingest.formats.tasmota", "gateway.mqtt", "only room.module"),
    ("from ingest.formats import tasmota", "gateway.mqtt", "only room.module"),
    ("from ingest.formats import tasmota", "emscher", "only room.module"),
    ("import numba", "gateway.mqtt", "gateway never does"),
    ("from numba.core import types", "ingest.intake", "ingest never does"),
    ("import time", "kernels.windows", "kernels never does"),
    ("import os\nx = os.getenv('HOME')", "api.app", "only emscher.py may"),
    ("import os\nx = os.environ.get('HOME')", "gateway.broker", "only emscher.py may"),
    ("from os import environ", "ingest.store.embedded", "only emscher.py may"),
    ("x = 1", "ingest.utils", "no attic"),
    ("x = 1", "api.core.keys", "no attic"),
]
DEEP = frozenset({"ingest.formats.tasmota", "ingest.intake", "kernels.energy"})


@pytest.mark.parametrize(("source", "module"), GOOD)
def test_what_the_floor_plan_allows_passes(source: str, module: str) -> None:
    """The rules find no fault where there is none."""
    assert faults(source, module, is_module=DEEP.__contains__) == []


@pytest.mark.parametrize(("source", "module", "says"), BAD)
def test_what_the_floor_plan_forbids_is_found(source: str, module: str, says: str) -> None:
    """Each forbidden arrow is found once, and the sentence says what is allowed instead."""
    found = faults(source, module, is_module=DEEP.__contains__)
    assert len(found) == 1, found
    assert says in found[0]


def test_relative_imports_are_resolved_from_where_they_stand() -> None:
    """`from . import x` means the room itself, in a module and in an `__init__.py`."""
    tree = ast.parse("from . import a\nfrom .b import c\nfrom ..d import e")
    assert list(imported(tree, "ingest.store.embedded", package=False)) == [
        (1, "ingest.store", "a"),
        (2, "ingest.store.b", "c"),
        (3, "ingest.d", "e"),
    ]
    assert next(imported(tree, "ingest.store", package=True)) == (1, "ingest.store", "a")
