"""Kernels compile once: the next process loads them."""

import subprocess
import sys
from pathlib import Path

from kernels import warm

ROOT = Path(__file__).parents[2]
SCRIPT = """
from kernels import energy
stats = energy._between.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
"""


def test_warm_tells_what_it_loads():
    """Every kernel is called, and named before."""
    names = []
    warm.warm(names.append)
    assert names == list(warm.KERNELS)
    warm.warm()


def test_warm_knows_every_kernel():
    """A file of kernels that is missing from the list would compile at its first reading."""
    files = {path.stem for path in (ROOT / "kernels").glob("*.py")}
    assert files - {"__init__", "jit", "groups", "spike_state", "warm"} == set(warm.KERNELS)


def test_second_process_loads(tmp_path):
    """A process compiles into the cache; the next one takes it from there."""
    environment = {
        "NUMBA_CACHE_DIR": str(tmp_path),
        "NUMBA_DISABLE_JIT": "0",
        "PYTHONPATH": str(ROOT),
    }
    said = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for _ in range(2)
    ]
    assert said == [["0", "1"], ["1", "0"]]
