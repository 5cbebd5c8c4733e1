"""Quantiles by a sketch that can be merged: counts in buckets that are equal on a log scale.

Bucket i holds the magnitudes in (GAMMA^(i-1), GAMMA^i]; all of them are told as the one value that
is equally far from both ends, in relative terms. Positive and negative values have BUCKETS buckets
each; zero, and what is smaller than a normal float64, has its own. Where values of one sign lie in
more than BUCKETS buckets, those nearest to zero are put into the lowest that is kept.

Promise   A quantile differs from the reading of its rank by at most ALPHA = 1 % of that reading, or
          by 3e-18 of the greatest magnitude with its sign (what falls into the lowest bucket is 17
          digits smaller), or, where it is told as zero, by less than any normal float64. It is
          never outside [min, max], and quantiles 0 and 1 are these.
Merging   gives, to the last count, the sketch of all values at once, in whatever order and parts
          they came, because a bucket's number decides alone and the greatest one only rises.
Memory    33 kB, however many values.

Source: Masson, Rim & Lee 2019, DDSketch, PVLDB 12(12):2195-2205, doi:10.14778/3352063.3352135.
"""

from dataclasses import dataclass

import numpy as np

from kernels.groups import check_offsets
from kernels.jit import (
    FLOATS,
    FLOATS2_OUT,
    FLOATS_OUT,
    INTS,
    INTS2,
    INTS2_OUT,
    INTS_OUT,
    NOTHING,
    Floats,
    Ints,
    floats,
    ints,
    kernel,
)

ALPHA = 0.01
GAMMA = 1.02
"""Of neighbouring buckets' ends. (GAMMA - 1) / (GAMMA + 1) is 0.0099: rounding has the rest."""
BUCKETS = 2048
LN_GAMMA = float(np.log(GAMMA))
LN_MIDDLE = float(np.log(2 / (1 + GAMMA)))
"""From a bucket's upper end to the value that it is told as."""
TINY = float(np.finfo(np.float64).tiny)
BELOW_ALL = -40_000  # the number of a bucket below that of any normal float64
POSITIVE, NEGATIVE, ZEROS = 0, 1, 2
MIN, MAX = 0, 1


@dataclass(frozen=True, slots=True)
class Sketch:
    """The sketch of any number of values.

    bucket (2, BUCKETS) int64  counts by sign; bucket i lies at i mod BUCKETS
    whole  (3,) int64          the greatest bucket of each sign (BELOW_ALL: none), count of zeros
    real   (2,) float64        min and max of the values; inf and -inf without one
    """

    bucket: Ints
    whole: Ints
    real: Floats

    @property
    def count(self) -> int:
        """How many values it holds."""
        return int(self.bucket.sum() + self.whole[ZEROS])

    @staticmethod
    def empty() -> "Sketch":
        """Return the sketch of no value."""
        return Sketch(
            np.zeros((2, BUCKETS), np.int64),
            np.array([BELOW_ALL, BELOW_ALL, 0]),
            np.array([np.inf, -np.inf]),
        )

    def reset(self) -> None:
        """Forget all values."""
        _reset(self.bucket, self.whole, self.real)


def add(sketch: Sketch, value: Floats) -> None:
    """Take values (n,) in; NaN and infinities are passed over. The sketch changes in place."""
    _add(sketch.bucket, sketch.whole, sketch.real, floats(value))


def merge(into: Sketch, other: Sketch) -> None:
    """Take all values of another sketch in; `other` stays as it is."""
    _merge(into.bucket, into.whole, into.real, other.bucket, other.whole, other.real)


def quantile(sketch: Sketch, q: Floats) -> Floats:
    """Return quantiles (m,) by nearest rank: of n values by size the one with number ceil(q n).

    q (m,), 0 to 1. Without a value they are NaN. Raises ValueError for a q outside of 0 to 1.
    """
    q = _shares(q)
    found = np.empty(len(q))
    _quantile(sketch.bucket, sketch.whole, sketch.real, q, found)
    return found


def quantiles(offsets: Ints, value: Floats, q: Floats) -> Floats:
    """Return the quantiles (g, m) of g groups of rows, each as by `add` and `quantile`.

    Shapes  offsets (g+1,), value (n,), q (m,); group k is rows offsets[k]:offsets[k+1].
    Errors  ValueError for offsets that do not rise within the rows, or a q outside of 0 to 1.
    """
    offsets, value, q = ints(offsets), floats(value), _shares(q)
    check_offsets(offsets, len(value))
    found = np.empty((len(offsets) - 1, len(q)))
    room = Sketch.empty()
    _quantiles(offsets, value, q, room.bucket, room.whole, room.real, found)
    return found


def _shares(q: Floats) -> Floats:
    q = floats(q)
    if q.ndim != 1 or not bool(np.all((q >= 0) & (q <= 1))):
        raise ValueError(f"q: expected shares from 0 to 1, found {q.tolist()}")
    return q


@kernel()
def _clear(bucket: Ints, whole: Ints, real: Floats) -> None:
    bucket[:] = 0
    whole[POSITIVE] = whole[NEGATIVE] = BELOW_ALL
    whole[ZEROS] = 0
    real[MIN], real[MAX] = np.inf, -np.inf


@kernel()
def _raise(bucket: Ints, whole: Ints, sign: int, top: int) -> None:
    """Make room for a greater bucket: those that are too low by then go into the lowest."""
    old = whole[sign]
    lowest = top - BUCKETS + 1
    spilt = 0
    for i in range(old - BUCKETS + 1, min(lowest, old + 1)):
        spilt += bucket[sign, i % BUCKETS]
        bucket[sign, i % BUCKETS] = 0
    bucket[sign, lowest % BUCKETS] += spilt
    whole[sign] = top


@kernel()
def _take(bucket: Ints, whole: Ints, real: Floats, value: Floats, first: int, end: int) -> None:
    for row in range(first, end):
        v = value[row]
        if not np.isfinite(v):
            continue
        real[MIN] = min(real[MIN], v)
        real[MAX] = max(real[MAX], v)
        if abs(v) < TINY:
            whole[ZEROS] += 1
            continue
        i = int(np.ceil(np.log(abs(v)) / LN_GAMMA))
        sign = POSITIVE if v > 0.0 else NEGATIVE
        if i > whole[sign]:
            _raise(bucket, whole, sign, i)
        bucket[sign, max(i, whole[sign] - BUCKETS + 1) % BUCKETS] += 1


@kernel()
def _told(
    first: int,
    last: int,
    told: float,
    real: Floats,
    total: int,
    q: Floats,
    out: Floats,
) -> None:
    """Write the quantiles whose ranks are first … last of total, which are told as one value."""
    for j in range(len(q)):
        # A share such as 0.07 is a little more than it is written: 0.07 of 100 is no 8th.
        rank = min(max(np.ceil(q[j] * total - 1e-12 * total), 1.0), float(total))
        if first <= rank <= last:
            out[j] = min(max(told, real[MIN]), real[MAX])


@kernel()
def _read(bucket: Ints, whole: Ints, real: Floats, q: Floats, out: Floats) -> None:
    """Walk through the buckets from the least value to the greatest."""
    total = whole[ZEROS]
    for sign in range(2):
        for i in range(BUCKETS):
            total += bucket[sign, i]
    if total == 0:
        out[:] = np.nan
        return
    before = 0
    for step in range(BUCKETS):
        i = whole[NEGATIVE] - step
        held = bucket[NEGATIVE, i % BUCKETS]
        if held > 0:
            _told(before + 1, before + held, -np.exp(i * LN_GAMMA + LN_MIDDLE), real, total, q, out)
            before += held
    if whole[ZEROS] > 0:
        _told(before + 1, before + whole[ZEROS], 0.0, real, total, q, out)
        before += whole[ZEROS]
    for step in range(BUCKETS):
        i = whole[POSITIVE] - BUCKETS + 1 + step
        held = bucket[POSITIVE, i % BUCKETS]
        if held > 0:
            _told(before + 1, before + held, np.exp(i * LN_GAMMA + LN_MIDDLE), real, total, q, out)
            before += held
    for j in range(len(q)):
        if q[j] == 0.0:
            out[j] = real[MIN]
        elif q[j] == 1.0:
            out[j] = real[MAX]


@kernel(NOTHING(INTS2_OUT, INTS_OUT, FLOATS_OUT))
def _reset(bucket: Ints, whole: Ints, real: Floats) -> None:
    _clear(bucket, whole, real)


@kernel(NOTHING(INTS2_OUT, INTS_OUT, FLOATS_OUT, FLOATS))
def _add(bucket: Ints, whole: Ints, real: Floats, value: Floats) -> None:
    _take(bucket, whole, real, value, 0, len(value))


@kernel(NOTHING(INTS2_OUT, INTS_OUT, FLOATS_OUT, INTS2, INTS, FLOATS))
def _merge(
    bucket: Ints, whole: Ints, real: Floats, bucket_b: Ints, whole_b: Ints, real_b: Floats
) -> None:
    for sign in range(2):
        top = whole_b[sign]
        if top == BELOW_ALL:
            continue
        if top > whole[sign]:
            _raise(bucket, whole, sign, top)
        lowest = whole[sign] - BUCKETS + 1
        for i in range(top - BUCKETS + 1, top + 1):
            bucket[sign, max(i, lowest) % BUCKETS] += bucket_b[sign, i % BUCKETS]
    whole[ZEROS] += whole_b[ZEROS]
    real[MIN] = min(real[MIN], real_b[MIN])
    real[MAX] = max(real[MAX], real_b[MAX])


@kernel(NOTHING(INTS2, INTS, FLOATS, FLOATS, FLOATS_OUT))
def _quantile(bucket: Ints, whole: Ints, real: Floats, q: Floats, out: Floats) -> None:
    _read(bucket, whole, real, q, out)


@kernel(NOTHING(INTS, FLOATS, FLOATS, INTS2_OUT, INTS_OUT, FLOATS_OUT, FLOATS2_OUT))
def _quantiles(
    offsets: Ints,
    value: Floats,
    q: Floats,
    bucket: Ints,
    whole: Ints,
    real: Floats,
    out: Floats,
) -> None:
    for group in range(len(offsets) - 1):
        _clear(bucket, whole, real)
        _take(bucket, whole, real, value, offsets[group], offsets[group + 1])
        _read(bucket, whole, real, q, out[group])
