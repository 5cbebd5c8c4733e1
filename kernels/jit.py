"""How a kernel is compiled: once, with its types stated, kept on disk for the next process.

`@kernel(signature)` compiles while its module is imported, or loads what an earlier process left
in `__pycache__` (or `NUMBA_CACHE_DIR`). `@kernel()` marks an inner step, which is compiled as a
part of the kernel that calls it, so it lies in the same file: the cache notices a change in a
kernel's own file only.

fastmath stays off: it breaks NaN tests and compensated sums. The GIL is released.
With NUMBA_DISABLE_JIT=1 every kernel is the plain Python function that it was written as.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np
from numba import njit, types
from numba.core.typing.templates import Signature
from numpy.typing import ArrayLike, NDArray

P = ParamSpec("P")
R = TypeVar("R")

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Bytes = NDArray[np.uint8]

# What is only read is declared so: an array from Polars or Arrow may not be written to.
INTS = types.Array(types.int64, 1, "C", readonly=True)
FLOATS = types.Array(types.float64, 1, "C", readonly=True)
BOOLS = types.Array(types.boolean, 1, "C", readonly=True)
BYTES = types.Array(types.uint8, 1, "C", readonly=True)
INTS_OUT = types.Array(types.int64, 1, "C")
FLOATS_OUT = types.Array(types.float64, 1, "C")
BOOLS_OUT = types.Array(types.boolean, 1, "C")
BYTES_OUT = types.Array(types.uint8, 1, "C")
INTS2 = types.Array(types.int64, 2, "C", readonly=True)
FLOATS2 = types.Array(types.float64, 2, "C", readonly=True)
INTS2_OUT = types.Array(types.int64, 2, "C")
FLOATS2_OUT = types.Array(types.float64, 2, "C")
BOOL, INT, FLOAT, NOTHING = types.boolean, types.int64, types.float64, types.void


def kernel(signature: Signature | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the decorator of a kernel; a signature is `RESULT(ARGUMENT, …)` of numba types."""
    compiled: Callable[[Callable[P, R]], Callable[P, R]] = njit(
        signature, nogil=True, cache=True, fastmath=False
    )
    return compiled


def ints(array: ArrayLike) -> Ints:
    """Return the array as contiguous int64, itself if it is that already."""
    return np.ascontiguousarray(array, dtype=np.int64)


def floats(array: ArrayLike) -> Floats:
    """Return the array as contiguous float64, itself if it is that already."""
    return np.ascontiguousarray(array, dtype=np.float64)


def bools(array: ArrayLike) -> Bools:
    """Return the array as contiguous bool, itself if it is that already."""
    return np.ascontiguousarray(array, dtype=np.bool_)


def bytes_(array: ArrayLike) -> Bytes:
    """Return the array as contiguous uint8, itself if it is that already."""
    return np.ascontiguousarray(array, dtype=np.uint8)
