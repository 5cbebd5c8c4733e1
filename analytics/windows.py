"""Windows of 1 minute, 15 minutes and 1 hour: kept as they close, and answered for at any time.

The hour is the unit of care. Every window lies inside one UTC hour, so an hour of one series can
be thrown away and made again from its readings, and that is what late readings, corrections and
restarts do. A window is stored when a later reading of its series closes it. The hour in which the
newest reading lies is still open: a question about it is answered from the readings.
"""

from datetime import tzinfo
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, edges
from analytics.grouping import Groups, grouped, valid
from ingest.derived import HOUR_NS, SECOND_NS, Windows
from ingest.reading import Rows
from ingest.store import Source
from kernels import windows as kernel

WIDTHS_NS = (60 * SECOND_NS, 900 * SECOND_NS, HOUR_NS)
_NEVER = np.iinfo(np.int64).min

Spans = tuple[NDArray[np.int32], NDArray[np.int64], NDArray[np.int64]]
"""(series, start_ns, end_ns), each (k,): whole hours of series."""


class WindowBook:
    """The open windows of every series, and what closes. One thread uses it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open = {width: kernel.State.empty(0) for width in WIDTHS_NS}
        self._newest_ns = np.empty(0, np.int64)  # _NEVER: its open windows are not known here

    def update(self, groups: Groups) -> tuple[Windows, Spans]:
        """Take in rows that are stored already; return windows to write, and what they replace."""
        if not len(groups):
            return Windows.none(), _spans([])
        self._grow(int(groups.slot.max()) + 1)
        newest_ns = self._newest_ns[groups.slot]
        goes_on = (newest_ns != _NEVER) & (groups.first_ns > newest_ns) & ~groups.rejected
        parts = [self._fold(groups.only(goes_on))] if goes_on.any() else []
        if goes_on.all():
            return Windows.joined(parts), _spans([])
        redone = self._to_redo(groups.only(~goes_on))
        parts.append(self._redo(redone))
        return Windows.joined(parts), redone

    def _fold(self, groups: Groups) -> Windows:
        rows = groups.rows
        self._newest_ns[groups.slot] = groups.last_ns
        return Windows.joined(
            [
                _columns(
                    kernel.fold(
                        *(state, groups.slot, groups.offsets, rows.time_ns, rows.value, width)
                    ),
                    width,
                )
                for width, state in self._open.items()
            ]
        )

    def _to_redo(self, groups: Groups) -> Spans:
        """Return the hours that these rows touch, and the hour that is or was open."""
        slot, newest_ns = groups.slot, self._newest_ns[groups.slot]
        lo_ns = _hour(groups.first_ns)
        hi_ns = _hour(groups.last_ns) + HOUR_NS
        met = (newest_ns != _NEVER) & ~groups.rejected
        # After a restart, or when the newest reading may count no longer, it is not known which
        # hour is open: everything from the reading before these on is made again, once.
        first = ~met
        if first.any():
            before_ns = self._source.newest_before(slot[first].astype(np.int32), lo_ns[first])
            lo_ns[first] = _hour(before_ns)
            hi_ns[first] = np.iinfo(np.int64).max
        open_ns = _hour(np.where(met, newest_ns, 0))
        inside = ~met | ((open_ns >= lo_ns) & (open_ns < hi_ns))
        # Of hours whose readings were dropped the windows stay as they are.
        lo_ns = np.maximum(lo_ns, self._source.forgotten_ns(slot.astype(np.int32)))
        spans = [(slot, lo_ns, np.maximum(lo_ns, hi_ns))]
        spans.append((slot[~inside], open_ns[~inside], open_ns[~inside] + HOUR_NS))
        return _spans(spans)

    def _redo(self, spans: Spans) -> Windows:
        """Make hours again from what is stored; a series' newest one becomes its open one."""
        parts = []
        groups = grouped(valid(self._source.within(*spans)))
        gone = np.setdiff1d(spans[0], groups.slot)
        for state in self._open.values():
            state.reset(gone)
        self._newest_ns[gone] = _NEVER
        if not len(groups):
            return Windows.none()
        rows = groups.rows
        newest_hour_ns = np.repeat(_hour(groups.last_ns), np.diff(groups.offsets))
        is_open = rows.time_ns >= newest_hour_ns
        closed = grouped(rows.take(~is_open))
        for width in WIDTHS_NS:
            made = kernel.windows(closed.offsets, closed.rows.time_ns, closed.rows.value, width)
            parts.append(_columns(made, width, closed.slot[made.slot]))
        opened = grouped(rows.take(is_open))
        for state in self._open.values():
            state.reset(opened.slot)
        parts.append(self._fold(opened))
        return Windows.joined(parts)

    def _grow(self, slots: int) -> None:
        have = len(self._newest_ns)
        if slots <= have:
            return
        slots = max(slots, 2 * have)
        self._open = {width: state.grown(slots) for width, state in self._open.items()}
        self._newest_ns = np.concatenate([self._newest_ns, np.full(slots - have, _NEVER)])


def read_windows(source: Source, series: int, width_ns: int, start_ns: int, end_ns: int) -> Windows:
    """Return the windows of a series that touch [start_ns, end_ns), by start, exact as of now.

    Stored ones where they are true; made from the readings from the hour of the last stored one
    on, for hours that changed since it was stored, and for any width that is not kept.
    """
    start_ns = start_ns // width_ns * width_ns
    if width_ns not in WIDTHS_NS:
        return _made(valid(source.scan([series], start_ns, _up(end_ns, width_ns))), width_ns)
    through = source.derived_through()
    changed = np.unique(_hour(source.since(through, series=series).time_ns))
    stored = source.windows([series], width_ns, start_ns, end_ns)
    # Behind the last stored window lies the one that was open then, and what has come since.
    tail_ns = int(_hour(stored.start_ns)[-1]) if len(stored) else start_ns
    # Where readings were dropped, only the stored ones are true.
    kept_ns = int(source.forgotten_ns(np.array([series], np.int32))[0])
    tail_ns = max(tail_ns, kept_ns)
    again = changed[(changed >= max(start_ns // HOUR_NS * HOUR_NS, kept_ns)) & (changed < tail_ns)]
    stored = stored.take(~np.isin(_hour(stored.start_ns), again) & (stored.start_ns < tail_ns))
    # What touches the span may hold readings after it, up to the end of its last hour.
    from_ns = np.append(again, tail_ns)
    upto_ns = np.append(np.minimum(again + HOUR_NS, tail_ns), max(_up(end_ns, HOUR_NS), tail_ns))
    numbers = np.full(len(from_ns), series, np.int32)
    made = _made(valid(source.within(numbers, from_ns, upto_ns)), width_ns)
    both = Windows.joined([stored, made])
    both = both.take(np.argsort(both.start_ns, kind="stable"))
    return both.take((both.start_ns >= start_ns) & (both.start_ns < end_ns))


def read_days(
    source: Source, series: int, start_ns: int, end_ns: int, where: tzinfo
) -> tuple[Windows, NDArray[np.int64]]:
    """Return the windows of the local days that touch [start_ns, end_ns), and their ends (k,)."""
    lead_ns = 2 * 24 * HOUR_NS
    edges_ns = edges(start_ns - lead_ns, end_ns + lead_ns, By.DAY, where)[1:-1]
    first = int(np.searchsorted(edges_ns, start_ns, side="right")) - 1
    last = int(np.searchsorted(edges_ns, end_ns, side="left"))
    edges_ns = edges_ns[first : last + 1]
    rows = valid(source.scan([series], int(edges_ns[0]), int(edges_ns[-1])))
    made = kernel.windows_at(rows.time_ns, rows.value, edges_ns)
    found = _columns(made, 24 * HOUR_NS, np.full(len(made), series))
    kept_ns = int(source.forgotten_ns(np.array([series], np.int32))[0])
    if kept_ns > edges_ns[0]:
        found = _with_old_days(source, series, edges_ns, kept_ns, found)
    full = found.count > 0
    return found.take(full), edges_ns[1:][full]


def _with_old_days(
    source: Source, series: int, edges_ns: NDArray[np.int64], kept_ns: int, days: Windows
) -> Windows:
    """Return days out of quarter-hours where readings were dropped, and the others as they are."""
    ends = int(np.searchsorted(edges_ns[:-1], kept_ns))
    parts = [days.take(np.arange(len(days)) >= ends)]
    quarters = read_windows(source, series, WIDTHS_NS[1], int(edges_ns[0]), int(edges_ns[ends]))
    of = np.searchsorted(edges_ns, quarters.start_ns, side="right") - 1
    for day in range(ends):
        own = quarters.take(of == day)
        if len(own):
            count = int(own.count.sum())
            columns = (
                own.min.min(), own.max.max(), float(own.mean @ own.count) / count, own.last[-1],
            )  # fmt: skip
            told = (np.array([one]) for one in columns)
            parts.append(
                Windows(
                    np.array([series], np.int32), np.array([24 * HOUR_NS]),
                    edges_ns[day : day + 1], np.array([count]), *told,
                )
            )  # fmt: skip
        else:
            parts.append(Windows(*(c[:1] for c in _no_day(series, int(edges_ns[day])))))
    found = Windows.joined(parts)
    return found.take(np.argsort(found.start_ns, kind="stable"))


def _no_day(series: int, start_ns: int) -> tuple[NDArray[Any], ...]:
    zero = np.zeros(1)
    whole = (np.array([series], np.int32), np.array([24 * HOUR_NS]), np.array([start_ns]))
    return (*whole, np.zeros(1, np.int64), zero, zero, zero, zero)


def _made(rows: Rows, width_ns: int) -> Windows:
    groups = grouped(rows)
    made = kernel.windows(groups.offsets, rows.time_ns, rows.value, width_ns)
    return _columns(made, width_ns, groups.slot[made.slot])


def _columns(
    made: kernel.Windows, width_ns: int, series: NDArray[np.int64] | None = None
) -> Windows:
    return Windows(
        (made.slot if series is None else series).astype(np.int32),
        np.full(len(made), width_ns, np.int64),
        made.start_ns,
        made.count,
        made.min,
        made.max,
        made.mean,
        made.last,
    )


def _spans(
    parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]],
) -> Spans:
    none = np.empty(0, np.int64)
    series, start_ns, end_ns = (
        np.concatenate([none, *(part[column] for part in parts)]) for column in range(3)
    )
    return series.astype(np.int32), start_ns, end_ns


def _hour(time_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    return time_ns // HOUR_NS * HOUR_NS


def _up(time_ns: int, width_ns: int) -> int:
    return -(-time_ns // width_ns) * width_ns
