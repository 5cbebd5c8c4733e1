"""Registers that equal the integral of power exactly, asked for at any moment.

Power is a whole number of watts over each five seconds; energy is summed in watt-nanoseconds as
integers, so nothing is rounded before the register is cut to whole Wh. Day sums since a fixed day
are kept, so a restart finds the register where it must be.
"""

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fleet.loads import MINUTES, Load, Watts
from fleet.message import SECOND_NS
from fleet.nature import DAY_S, uniform

FIRST_DAY = 20_454  # 2026-01-01: here every register stands at its starting value
_PIECE_S = 5
_PIECES = 60 // _PIECE_S
_WH_WNS = 3_600 * SECOND_NS
_DAYS_KEPT = 6


class Energy(NamedTuple):
    """Two registers in whole Wh."""

    import_wh: int
    export_wh: int


class _Day(NamedTuple):
    watts: Watts
    import_ws: NDArray[np.int64]  # (1441,): up to the start of each minute, and the whole day
    export_ws: NDArray[np.int64]


class Ledger:
    """A two-way meter in front of a load: power now, and both registers at any time."""

    def __init__(self, key: int, load: Load, *, import_wh: int = 0, export_wh: int = 0) -> None:
        """import_wh and export_wh are what the registers show at the start of FIRST_DAY."""
        self._key, self._load = key, load
        self._start = Energy(import_wh, export_wh)
        self._days: OrderedDict[int, _Day] = OrderedDict()
        self._anchor = (FIRST_DAY, 0, 0)  # a day, and Ws of both directions up to its start

    def power_w(self, time_ns: int) -> int:
        """Return the power that flows at that moment, W, import positive."""
        day, second, _ = _split(time_ns)
        minute, in_minute_s = divmod(second, 60)
        return self._piece_w(day, minute, in_minute_s // _PIECE_S)

    def energy(self, time_ns: int) -> Energy:
        """Return both registers at that moment: integral of power, cut to whole Wh."""
        imported, exported = self.energy_wns(time_ns)
        return Energy(
            self._start.import_wh + imported // _WH_WNS,
            self._start.export_wh + exported // _WH_WNS,
        )

    def energy_wns(self, time_ns: int) -> tuple[int, int]:
        """Return what flowed in and out since the start of FIRST_DAY, in watt-nanoseconds."""
        number, second, rest_ns = _split(time_ns)
        minute, in_minute_s = divmod(second, 60)
        day = self._day(number)
        import_ws, export_ws = self._before(number)
        import_wns = (import_ws + int(day.import_ws[minute])) * SECOND_NS
        export_wns = (export_ws + int(day.export_ws[minute])) * SECOND_NS
        left_ns = in_minute_s * SECOND_NS + rest_ns
        for piece in range(_PIECES):
            if left_ns <= 0:
                break
            power = self._piece_w(number, minute, piece)
            span_ns = min(left_ns, _PIECE_S * SECOND_NS)
            import_wns += max(power, 0) * span_ns
            export_wns += max(-power, 0) * span_ns
            left_ns -= span_ns
        return import_wns, export_wns

    def _piece_w(self, number: int, minute: int, piece: int) -> int:
        """Power of five seconds: the minute's, and a flicker that pairs of pieces cancel.

        The flicker never turns the power's sign, so both registers keep the minute's sums.
        """
        power = int(self._day(number).watts[minute])
        reach = min(abs(power), 2 + abs(power) * 3 // 100)
        draw = uniform(self._key, (number * MINUTES + minute) * _PIECES + piece // 2)
        flicker = int((reach + 1) * draw)
        return power + flicker if piece % 2 == 0 else power - flicker

    def _before(self, number: int) -> tuple[int, int]:
        """Return the Ws of both directions from FIRST_DAY to the start of a day."""
        at, import_ws, export_ws = self._anchor
        while at < number:
            day = self._day(at)
            import_ws += int(day.import_ws[MINUTES])
            export_ws += int(day.export_ws[MINUTES])
            at += 1
        while at > number:
            at -= 1
            day = self._day(at)
            import_ws -= int(day.import_ws[MINUTES])
            export_ws -= int(day.export_ws[MINUTES])
        self._anchor = (at, import_ws, export_ws)
        return import_ws, export_ws

    def _day(self, number: int) -> _Day:
        found = self._days.get(number)
        if found is None:
            watts = self._load.day_w(number)
            found = _Day(watts, _sums_ws(np.maximum(watts, 0)), _sums_ws(np.maximum(-watts, 0)))
            self._days[number] = found
            if len(self._days) > _DAYS_KEPT:
                self._days.popitem(last=False)
        return found


def _sums_ws(watts: Watts) -> NDArray[np.int64]:
    sums = np.zeros(MINUTES + 1, dtype=np.int64)
    np.cumsum(watts * 60, out=sums[1:])
    return sums


def _split(time_ns: int) -> tuple[int, int, int]:
    """Return UTC day since 1970, second of the day, and the ns left over."""
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    day, second = divmod(seconds, DAY_S)
    return day, second, rest_ns
