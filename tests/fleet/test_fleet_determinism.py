"""The same seed gives the same bytes: on every run, in every cut, in every process.

Where a change of the simulator is meant to change what it sends, the sums here are to be renewed:
`python tests/fleet/test_fleet_determinism.py` prints them.
"""

import os
import subprocess
import sys
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from fleet.faults import FAULTS, fits
from fleet.kinds import KINDS
from fleet.scenario import NETWORKS, parsed
from fleet.simulation import Simulation

MESSAGES = "001dcd41a810e27d927e2cef95c327edb81e913e98ab9a0e52186acf88f8d93b"
TRUTH = "6a73ab734e34446f267f139dd49cc8541a5efeb9323d4dee703db0e0ee850203"
HEAD = 'title = "x"\nstart = "2026-03-28T13:00:00Z"\nlength = "30h"\nseed = {}\n'
AIR = "[weather]\ncloud = 0.4\n[radio]\nloss = 0.05\nconfirmed = 0.2\n"
TABLES = ("device", "channel", "time_ns", "stated_ns", "true", "sent", "copies", "fault")
ENERGY = ("device", "direction", "start_ns", "true", "metered")


def scenario(seed=77):
    """Return a text of all kinds, all network servers and all faults."""
    text = HEAD.format(seed) + AIR
    lorawan = 0
    for name, kind in KINDS.items():
        text += f'[[fleet]]\nkind = "{name}"\ncount = 2\n'
        if kind.payload is not None:
            text += f'network = "{NETWORKS[lorawan % 3]}"\n'
            lorawan += 1
        if name in {"household", "prosumer", "ev_charger"}:
            text += 'feeder = "transformer"\n'
    for number, fault in enumerate(FAULTS):
        able = [name for name, kind in KINDS.items() if fits(kind, fault, "")[1]]
        text += f'[[fault]]\nkind = "{fault}"\non = "{able[number % len(able)]}"\n'
    return text


class _Cut(Simulation):
    """A simulation that thinks that it speaks more or less often, so that its slices differ."""

    rate = 1.0

    @property
    def per_second(self):
        return self.rate


def sums(seed=77, rate=None):
    """Return the SHA-256 of all messages, and of all truth in an order of its own."""
    simulation = (Simulation if rate is None else _Cut)(parsed(scenario(seed), "test"))
    if rate is not None:
        simulation.rate = rate
    messages, truth = sha256(), sha256()
    samples, energy = [], []
    for batch in simulation.batches():
        for one in batch.messages:
            messages.update(repr((one.time_ns, one.topic, one.qos, one.retain)).encode())
            messages.update(one.payload)
        samples += [[getattr(rows, name) for name in TABLES] for rows in batch.samples]
        energy += [[getattr(rows, name) for name in ENERGY] for rows in batch.energy]
    for found, keys in ((samples, 4), (energy, 3)):
        columns = [np.concatenate(column) for column in zip(*found, strict=True)]
        order = np.lexsort(columns[keys - 1 :: -1])
        for column in columns:
            kind = "<f8" if column.dtype.kind == "f" else "<i8"
            truth.update(np.ascontiguousarray(column[order], dtype=kind).tobytes())
    for rows in (simulation.devices(), simulation.channels(), simulation.fault_rows()):
        truth.update(repr(rows).encode())
    return messages.hexdigest(), truth.hexdigest()


@lru_cache(maxsize=1)
def _usual():
    return sums()


def test_messages_are_pinned():
    assert _usual()[0] == MESSAGES


def test_the_truth_is_pinned():
    assert _usual()[1] == TRUTH


def test_a_second_run_gives_the_same():
    assert sums() == _usual()


@pytest.mark.parametrize("rate", [1.3, 6.0])
def test_slices_of_any_width_give_the_same(rate):
    """4,000 / 1.3 seconds, which divides no hour, and eleven minutes."""
    assert sums(rate=rate) == _usual()


@pytest.mark.parametrize("seed", ["0", "4711"])
def test_a_fresh_process_gives_the_same_whatever_its_hash_seed(seed):
    root = Path(__file__).parents[2]
    told = subprocess.run(
        [sys.executable, __file__],
        env={
            **os.environ,
            "PYTHONHASHSEED": seed,
            "PYTHONPATH": os.pathsep.join([str(root / "firmware-sim"), str(root)]),
            "TZ": "Asia/Tokyo",
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    assert tuple(told.stdout.split()) == _usual()


def test_no_zone_data_is_needed():
    root = Path(__file__).parents[2]
    code = (
        "import sys, zoneinfo; zoneinfo.reset_tzpath(to=[]); sys.modules['tzdata'] = None\n"
        "import fleet.simulation"
    )
    path = {"PYTHONPATH": str(root / "firmware-sim")}
    subprocess.run([sys.executable, "-c", code], env={**os.environ, **path}, check=True, timeout=60)


def test_another_seed_gives_something_else():
    other = sums(seed=78)
    assert other[0] != MESSAGES
    assert other[1] != TRUTH


if __name__ == "__main__":
    print(*sums(), sep="\n")
