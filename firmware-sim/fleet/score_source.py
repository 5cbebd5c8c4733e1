"""What a running Emscher tells over HTTP, read for a comparison with the truth.

Source: Emscher's own OpenAPI description (/openapi.json): pages of at most 10,000 items with a
cursor, times in RFC 3339, problem documents for errors (RFC 9457).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

import msgspec
import polars as pl

from fleet.errors import ScoreError
from fleet.message import rfc3339

_PAGE = 10_000
_PATIENCE_S = 120
_TIME = "%Y-%m-%dT%H:%M:%S%.fZ"
Item = dict[str, Any]


class _Reading(msgspec.Struct):
    quantity: str
    channel: str | None
    time: str
    value: float


class _Readings(msgspec.Struct):
    items: list[_Reading]
    next: str | None


_READINGS = msgspec.json.Decoder(_Readings)


class Emscher:
    """A running Emscher. Every method raises ScoreError when it can't be asked."""

    def __init__(self, url: str) -> None:
        """url: where it answers, http://HOST:PORT."""
        self.url = url.rstrip("/")
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise ScoreError(f'--url: expected http://HOST:PORT, found "{url}"')

    def counters(self) -> dict[str, int]:
        """Return how every message ended."""
        counters: dict[str, int] = self._object("/v1/counters", {})
        return counters

    def behind(self) -> int:
        """Return how many commits and looks the search for anomalies is behind the readings."""
        live = self._object("/v1/health", {})["live"]
        return int(live["behind_commits"]) + int(live["looks_due"])

    def devices(self) -> list[Item]:
        """Return every device that was ever heard."""
        return list(self._items("/v1/devices", {}))

    def series(self) -> list[Item]:
        """Return every series, with the count of its readings."""
        return list(self._items("/v1/series", {}))

    def anomalies(self) -> list[Item]:
        """Return everything that was found odd, ever."""
        return list(self._items("/v1/anomalies", {}))

    def quarantine(self) -> list[Item]:
        """Return what was refused, without the payloads."""
        return [
            {name: item[name] for name in ("id", "topic", "received", "rule")}
            for item in self._items("/v1/quarantine", {}, limit=1000)
        ]

    def readings(self, device: str) -> pl.DataFrame:
        """Return all readings of a device: quantity, channel ("" for none), time_ns, value."""
        columns: tuple[list[str], list[str], list[str], list[float]] = ([], [], [], [])
        asked = {"device": device, "limit": str(_PAGE)}
        following: str | None = ""
        while following is not None:
            if following:
                asked["cursor"] = following
            answer = self._asked("/v1/readings", asked)
            try:
                page = _READINGS.decode(answer)
            except msgspec.DecodeError as error:
                raise self._stranger("/v1/readings", error) from None
            for one in page.items:
                columns[0].append(one.quantity)
                columns[1].append(one.channel or "")
                columns[2].append(one.time)
                columns[3].append(one.value)
            following = page.next
        quantity, channel, time, value = columns
        return pl.DataFrame(
            {
                "quantity": pl.Series(quantity, dtype=pl.String),
                "channel": pl.Series(channel, dtype=pl.String),
                "time_ns": pl.Series(time, dtype=pl.String)
                .str.to_datetime(_TIME, time_unit="ns")
                .cast(pl.Int64),
                "value": pl.Series(value, dtype=pl.Float64),
            }
        )

    def energy(
        self, device: str, quantity: str, channel: str, start_ns: int, end_ns: int, zone: str
    ) -> list[Item]:
        """Return what one register says of each local day of [start_ns, end_ns)."""
        asked = {
            "device": device,
            "quantity": quantity,
            "start": rfc3339(start_ns),
            "end": rfc3339(end_ns),
            "by": "day",
            "tz": zone,
            **({"channel": channel} if channel else {}),
        }
        return list(self._items("/v1/energy", asked))

    def _items(self, path: str, asked: Mapping[str, str], *, limit: int = _PAGE) -> Iterator[Item]:
        query = {**asked, "limit": str(limit)}
        while True:
            page = self._object(path, query)
            yield from page["items"]
            if page["next"] is None:
                return
            query["cursor"] = page["next"]

    def _object(self, path: str, asked: Mapping[str, str]) -> Any:
        answer = self._asked(path, asked)
        try:
            return msgspec.json.decode(answer, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise self._stranger(path, error) from None

    def _asked(self, path: str, asked: Mapping[str, str]) -> bytes:
        full = f"{self.url}{path}" + (f"?{urlencode(asked)}" if asked else "")
        try:
            with urlopen(Request(full), timeout=_PATIENCE_S) as response:
                answer: bytes = response.read()
                return answer
        except HTTPError as error:
            try:
                detail = json.load(error).get("detail", error.reason)
            except (ValueError, AttributeError):
                detail = error.reason
            raise ScoreError(f"Emscher at {self.url} refuses {path}: {detail}") from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise ScoreError(
                f"expected an Emscher that answers at {self.url}, found: {reason}; start it with"
                " `emscher up`, or say where it is with --url"
            ) from None

    def _stranger(self, path: str, error: Exception) -> ScoreError:
        return ScoreError(f"what answers at {self.url}{path} is not Emscher: {error}")
