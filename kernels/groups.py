"""Rows of many series at once, and the checks that every kernel over them needs.

Rows are sorted by (series, time), unique in both; group k is the rows offsets[k]:offsets[k+1] of
one series, and slot[k] is the place of its state. That rows are sorted, and later than all rows
that the slot had before, is checked by the caller, who sorted them; a kernel never looks.
"""

from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from kernels.jit import Ints, ints

S = TypeVar("S", bound=np.generic)
HOUR_NS = 3_600_000_000_000


class Groups(NamedTuple):
    """Checked groups: slot (g,) int64, offsets (g+1,) int64."""

    slot: Ints
    offsets: Ints


def checked(slot: Ints, offsets: Ints, slots: int, *columns: int) -> Groups:
    """Return slot and offsets as contiguous int64, or raise ValueError with what is wrong.

    slots    how many slots the state has
    columns  the length of each column of rows; all must be equal and hold every group
    """
    where, bounds = ints(slot), ints(offsets)
    check_offsets(bounds, *columns)
    if where.ndim != 1 or len(where) != len(bounds) - 1:
        raise ValueError(
            f"slot: expected one for each of the {len(bounds) - 1} groups, found {where.shape}"
        )
    check_slots(where, slots)
    return Groups(where, bounds)


def check_offsets(offsets: Ints, *columns: int) -> None:
    """Raise ValueError unless the offsets rise from 0 or later within columns of equal length."""
    if offsets.ndim != 1 or len(offsets) < 1:
        raise ValueError(f"offsets: expected g+1 row numbers, found shape {offsets.shape}")
    if len(set(columns)) > 1:
        raise ValueError(f"columns: expected equal lengths, found {columns}")
    if offsets[0] < 0 or offsets[-1] > columns[0] or bool(np.any(offsets[1:] < offsets[:-1])):
        raise ValueError(
            f"offsets: expected rising numbers from 0 to {columns[0]}, found "
            f"{offsets[0]} to {offsets[-1]}; group the rows before folding them"
        )


def check_slots(slot: Ints, slots: int) -> None:
    """Raise ValueError unless every slot lies in a state of that many slots."""
    if slot.ndim != 1:
        raise ValueError(f"slot: expected one dimension, found shape {slot.shape}")
    if len(slot) and (slot.min() < 0 or slot.max() >= slots):
        raise ValueError(
            f"slot: expected 0 to {slots - 1}, found {slot.min()} to {slot.max()}; "
            "grow the state first"
        )


def check_same(**lengths: int) -> None:
    """Raise ValueError unless the named columns have one length."""
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"columns: expected equal lengths, found {found}")


def check_edges(edges_ns: Ints) -> None:
    """Raise ValueError unless the edges strictly rise."""
    if edges_ns.ndim != 1 or bool(np.any(edges_ns[1:] <= edges_ns[:-1])):
        raise ValueError("edges_ns: expected strictly rising times, found a step back or a repeat")


def grown(array: NDArray[S], slots: int, fill: float = 0) -> NDArray[S]:
    """Return a copy with room for that many slots along the first axis, the new ones filled.

    Raises ValueError where that would lose a slot.
    """
    if slots < len(array):
        raise ValueError(f"slots: expected at least {len(array)}, found {slots}")
    larger = np.full((slots, *array.shape[1:]), fill, dtype=array.dtype)
    larger[: len(array)] = array
    return larger
