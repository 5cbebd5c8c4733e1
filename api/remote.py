"""`emscher.Client`: a running Emscher from Python, its answers as Polars frames.

    from emscher import Client

    with Client("http://127.0.0.1:8000") as emscher:
        days = emscher.energy("meter-7", "2026-03-01", "2026-04-01")

Times in frames are Datetime("ns", tz), numbers are floats, words such as `quality` strings. What is
not known is null. A word of Emscher about an answer (why it is empty, or which of several registers
it is of) comes as an EmscherWarning.
"""

import json
import time
import warnings
from collections.abc import Callable, Iterator
from datetime import date, datetime
from itertools import chain
from types import TracebackType
from typing import Any, NamedTuple, Self
from zoneinfo import ZoneInfo

import polars as pl

from api.asking import HERE, PAGE, Connection, EmscherError
from ingest.clock import rfc3339_ns

When = datetime | date | str
PIECE = 100_000
_SILENT_S_MAX = 45.0  # three times what /v1/live lets pass before it says that it is still there


class EmscherWarning(UserWarning):
    """What Emscher says about an answer beside its figures."""


class Event(NamedTuple):
    """Something that has just happened: reading, anomaly, retracted, device, counters or gap."""

    kind: str
    data: dict[str, Any]


class Client:
    """A running Emscher. Every method raises EmscherError with a sentence when it has no answer.

    Spans are half-open: [start, end). A start or end is a datetime, a date or a text as the API
    takes it; one without an offset is meant in the zone `tz`, which is also that of calendar
    periods and of the times in frames.
    """

    def __init__(
        self,
        url: str = HERE,
        key: str | None = None,
        *,
        tz: str = "Europe/Berlin",
        timeout_s: float = 60.0,
        retries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Reach nothing yet.

        key        of a tenant (`emscher_…`), sent as `Authorization: Bearer …`; None: as anybody
        timeout_s  for which an answer may be silent
        retries    how often to ask again where Emscher says "not now" (429, 503), each time after
                   the pause that it asks for, 30 s at most
        """
        try:
            self._zone = ZoneInfo(tz)
        except (ValueError, OSError):
            expected = "expected a zone such as Europe/Berlin"
            raise EmscherError(f'tz: {expected}, found "{tz}"') from None
        self._there = Connection(url, key, timeout_s=timeout_s, retries=retries, sleep=sleep)
        self._tz, self._retries, self._sleep = tz, retries, sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what is open."""
        self._there.close()

    def health(self) -> dict[str, Any]:
        """Return whether all is well: `status`, and `problems` in words."""
        return self._there.json("/v1/health")

    def devices(self) -> pl.DataFrame:
        """Return every device that was ever heard, by id; `state` is JSON."""
        return self._frame("/v1/devices")

    def sites(
        self, *, tenant: str | None = None, district: str | None = None, sector: str | None = None
    ) -> pl.DataFrame:
        """Return the sites of the catalog; `area_m2` is the heated floor area."""
        return self._frame("/v1/sites", tenant=tenant, district=district, sector=sector)

    def series(self, device: str | None = None, quantity: str | None = None) -> pl.DataFrame:
        """Return every quantity of a device (None: of all), with its unit, span and count."""
        return self._frame("/v1/series", device=device, quantity=quantity)

    def latest(self, device: str | None = None, quantity: str | None = None) -> pl.DataFrame:
        """Return the newest reading of each series, in its `unit`, a UCUM code."""
        return self._frame("/v1/latest", device=device, quantity=quantity)

    def readings(
        self,
        device: str,
        quantity: str | None = None,
        start: When | None = None,
        end: When | None = None,
        *,
        channel: str | None = None,
    ) -> pl.DataFrame:
        """Return readings by time, whole; `iter_readings` gives more of them than memory holds."""
        given = self._span(start, end)
        return self._frame(
            "/v1/readings", device=device, quantity=quantity, channel=channel, **given
        )

    def iter_readings(
        self,
        device: str,
        quantity: str | None = None,
        start: When | None = None,
        end: When | None = None,
        *,
        channel: str | None = None,
        rows: int = PIECE,
    ) -> Iterator[pl.DataFrame]:
        """Yield readings by time in frames of 1 to `rows` rows; memory holds one of them."""
        if rows < 1:
            raise EmscherError(f"rows: expected at least 1, found {rows}")
        given = self._span(start, end) | {"device": device, "quantity": quantity}
        waiting: list[pl.DataFrame] = []
        for page in self._parts("/v1/readings", min(rows, PAGE), channel=channel, **given):
            if waiting and sum(map(len, waiting)) + len(page) > rows:
                yield pl.concat(waiting)
                waiting = []
            if len(page):
                waiting.append(page)
        if waiting:
            yield pl.concat(waiting)

    def windows(
        self,
        device: str,
        quantity: str | None = None,
        start: When | None = None,
        end: When | None = None,
        *,
        every: str = "15m",
        channel: str | None = None,
        statistics: bool = False,
    ) -> pl.DataFrame:
        """Return count, min, max, mean and last of windows that touch the span, in their `unit`.

        every       1m, 15m, 1h, any Ns, Nm, Nh; 1d, 1mo, 1y for days, months and years
        statistics  with sum, variance, the mean over time and its coverage, and percentiles
        """
        given = self._span(start, end) | {"device": device, "quantity": quantity, "every": every}
        told = "true" if statistics else None
        return self._frame("/v1/windows", channel=channel, statistics=told, **given)

    def energy(
        self,
        device: str,
        start: When | None = None,
        end: When | None = None,
        *,
        by: str = "day",
        quantity: str | None = None,
        channel: str | None = None,
        against: When | None = None,
    ) -> pl.DataFrame:
        """Return what flowed through a register by quarter_hour, hour, day, month or year.

        Wh or m³ (`unit`), import positive, with quality, coverage and `corrections`, a list of
        structs. Periods that are not known at all have a null as their value.
        against  start of another time whose same periods stand beside as `against_…`
        """
        given = self._span(start, end) | {"device": device, "by": by, "quantity": quantity}
        other = self._told(against)
        found = self._frame("/v1/energy", channel=channel, against=other, **given)
        return found.with_columns(self._corrections(found["corrections"]))

    def energy_sums(
        self,
        start: When | None = None,
        end: When | None = None,
        *,
        per: str = "all",
        by: str = "month",
        quantity: str | None = None,
        tenant: str | None = None,
        district: str | None = None,
        sector: str | None = None,
        site: str | None = None,
        device: str | None = None,
        against: When | None = None,
    ) -> pl.DataFrame:
        """Return what flowed through many registers together, in Wh or m³ (`unit`).

        per     all, tenant, district, sector, site or device: what is put together as `group`
        device  names, by commas
        """
        chosen = {"quantity": quantity, "tenant": tenant, "district": district, "sector": sector}
        given = self._span(start, end) | chosen | {"site": site, "device": device}
        return self._frame("/v1/energy/sums", per=per, by=by, against=self._told(against), **given)

    def load(
        self,
        start: When | None = None,
        end: When | None = None,
        *,
        quantity: str | None = None,
        tenant: str | None = None,
        district: str | None = None,
        sector: str | None = None,
        site: str | None = None,
        device: str | None = None,
    ) -> pl.DataFrame:
        """Return the load of registers together, in one row: peak, base, mean in W or m³/h.

        `duration` is the duration curve: a list of structs of `share` (0 to 1) and `power`.
        """
        chosen = {"quantity": quantity, "tenant": tenant, "district": district, "sector": sector}
        given = self._span(start, end) | chosen | {"site": site, "device": device}
        found = self._there.json("/v1/energy/load", _given(given))
        times = {name: rfc3339_ns(found[name]) for name in ("start", "end", "peak_start")}
        return pl.DataFrame(
            [found | times],
            schema={
                "registers": pl.Int64(),
                **dict.fromkeys(("start", "end"), pl.Int64()),
                **dict.fromkeys(("unit", "power_unit"), pl.String()),
                **dict.fromkeys(("energy", "peak"), pl.Float64()),
                "peak_start": pl.Int64(),
                **dict.fromkeys(("base", "mean", "load_factor"), pl.Float64()),
                **dict.fromkeys(("utilisation_h", "known"), pl.Float64()),
                "duration": pl.List(pl.Struct({"share": pl.Float64(), "power": pl.Float64()})),
            },
        ).with_columns(pl.col(*times).cast(pl.Datetime("ns", "UTC")).cast(self._time))

    def anomalies(
        self,
        start: When | None = None,
        end: When | None = None,
        *,
        device: str | None = None,
        quantity: str | None = None,
        kind: str | None = None,
        open: bool = False,
    ) -> pl.DataFrame:
        """Return anomalies that touch the span, the newest first; `end` is null while one lasts.

        kind  such as spike, silence or imbalance; open: only those that last
        """
        given = self._span(start, end) | {"device": device, "quantity": quantity, "kind": kind}
        return self._frame("/v1/anomalies", open="true" if open else None, **given)

    def environment(
        self,
        device: str,
        figure: str = "air_quality",
        start: When | None = None,
        end: When | None = None,
    ) -> pl.DataFrame:
        """Return figures out of a device's readings, by the hour or day, in their `unit`.

        figure  air_quality, noise, degree_days or comfort
        """
        given = self._span(start, end) | {"device": device, "figure": figure}
        (found,) = self._parts("/v1/environment", None, **given)
        return found

    def live(
        self, device: str | None = None, quantity: str | None = None, *, anomalies: bool = False
    ) -> Iterator[Event]:
        """Yield what happens as it happens, for ever: each reading, anomaly and new device.

        After a break it goes on, from the last event where Emscher numbers them; where it does not,
        a `gap` whose `dropped` is null says that something may be missing. Raises EmscherError
        when there was no answer `retries` times one after the other.
        """
        given = {"device": device, "quantity": quantity, "anomalies": "true" if anomalies else None}
        stream = _Stream()
        left = self._retries
        while True:
            headers = {"Last-Event-ID": stream.last_id} if stream.last_id else {}
            try:
                for piece in self._there.pieces("/v1/live", _given(given), headers, _SILENT_S_MAX):
                    yield from stream.events(piece)
                    left = self._retries if stream.is_heard() else left
            except EmscherError as error:
                if error.status is not None or not left:
                    raise
            if not left:
                raise EmscherError("the live feed ended again and again")
            left -= 1
            self._sleep(stream.pause_s)
            if stream.broken_off():
                yield Event("gap", {"dropped": None})

    @property
    def _time(self) -> pl.Datetime:
        return pl.Datetime("ns", self._tz)

    def _span(self, start: When | None, end: When | None) -> dict[str, str | None]:
        return {"start": self._told(start), "end": self._told(end), "tz": self._tz}

    def _told(self, when: When | None) -> str | None:
        """Return a time as the API takes it: with its offset, a fold's second hour too."""
        if isinstance(when, datetime):
            return (when if when.tzinfo else when.replace(tzinfo=self._zone)).isoformat()
        return when.isoformat() if isinstance(when, date) else when

    def _frame(self, path: str, **query: str | None) -> pl.DataFrame:
        pages = self._parts(path, PAGE, **query)
        first = next(pages)
        full = [page for page in chain([first], pages) if len(page)]
        return pl.concat(full) if full else first

    def _parts(self, path: str, page: int | None, **query: str | None) -> Iterator[pl.DataFrame]:
        """Yield a collection page by page, with times in our zone; None: it has no pages."""
        for frame, note in self._there.parts(path, _given(query), page):
            if note is not None:
                warnings.warn(note, EmscherWarning, stacklevel=4)
            times = [name for name, kind in frame.schema.items() if kind == pl.Datetime]
            yield frame.with_columns(pl.col(name).dt.convert_time_zone(self._tz) for name in times)

    def _corrections(self, told: pl.Series) -> pl.Series:
        """Return what corrections of energy are told as, JSON, as lists of structs."""
        kinds = {"kind": pl.String(), "value": pl.Float64(), "at": pl.Int64(), "note": pl.String()}
        inner = pl.Struct({**kinds, "count": pl.Int64(), "asked": pl.Boolean()})
        timed = pl.Struct({**dict(inner), "at": self._time})
        found = [[one | {"at": rfc3339_ns(one["at"])} for one in json.loads(text)] for text in told]
        return pl.Series(told.name, found, pl.List(inner)).cast(pl.List(timed))


class _Stream:
    """Server-sent events out of the bytes that carry them (WHATWG HTML, section 9.2)."""

    def __init__(self) -> None:
        self.last_id, self.pause_s = "", 2.0
        self._rest, self._heard = b"", False

    def events(self, piece: bytes) -> Iterator[Event]:
        """Yield the events that a piece completes."""
        *blocks, self._rest = (self._rest + piece).replace(b"\r\n", b"\n").split(b"\n\n")
        for block in blocks:
            fields = dict(line.partition(":")[::2] for line in block.decode().split("\n"))
            self.last_id = fields.get("id", self.last_id).strip()
            if "retry" in fields:
                self.pause_s = float(fields["retry"]) / 1000
            self._heard |= "data" in fields or block.startswith(b":")  # or that all is still well
            if "data" in fields:
                yield Event(fields.get("event", "message").strip(), json.loads(fields["data"]))

    def is_heard(self) -> bool:
        """Return whether anything was told since this was asked last."""
        heard, self._heard = self._heard, False
        return heard

    def broken_off(self) -> bool:
        """Forget a part of an event; return whether what follows may lack something."""
        self._rest = b""
        return not self.last_id


def _given(query: dict[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in query.items() if text is not None}
