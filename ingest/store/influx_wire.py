"""InfluxDB over HTTP: points in as line protocol, questions as InfluxQL, faults as sentences.

Source: InfluxDB 1.8 documentation, "InfluxDB API reference" (/write, /query, /ping) and "Line
protocol"; InfluxDB 2.7 and 3, /api/v2/write and the InfluxQL compatibility of /query. All of them
answer both, with a token or with user:password in its place.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import structlog
import urllib3
from influxdb_client import InfluxDBClient  # type: ignore[attr-defined]
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException

from ingest.errors import PayloadError, StoreUnavailable
from ingest.reading import Series
from ingest.store.server import Server

_CHUNK_POINTS = 50_000
_CONNECTIONS_KEPT = 8
_STATEMENTS_MAX = 200
_BODY_BYTES = 8 << 20
_LIMITS = ("max-series-per-database", "max-values-per-tag", "cardinality")
_LATER = {429: "it is asked too much", 503: "it takes nothing now", 502: "its proxy finds it not"}


class Answer(NamedTuple):
    """Points of one series of an answer: to which statement, of which tags, and the columns."""

    statement: int
    tags: dict[str, str]
    values: list[list[Any]]


class _Series(msgspec.Struct):
    name: str = ""
    tags: dict[str, str] = {}
    columns: list[str] = []
    values: list[list[Any]] = []


class _Result(msgspec.Struct):
    statement_id: int = 0
    series: list[_Series] = []
    error: str | None = None


class _Chunk(msgspec.Struct):
    results: list[_Result] = []
    error: str | None = None


_CHUNK = msgspec.json.Decoder(_Chunk)
log = structlog.get_logger("emscher.ingest")


class Wire:
    """The connection. Any thread may use it. Every fault is StoreUnavailable or PayloadError.

    StoreUnavailable says what stands in the way and what to do; nothing is lost by waiting.
    PayloadError is a point that this server will never take: its message must be put aside.
    """

    def __init__(self, server: Server) -> None:
        self.server = server
        self._client = InfluxDBClient(
            server.url.rstrip("/"),
            server.token or None,  # type: ignore[arg-type]  # none is wanted then
            org=server.org or "-",
            timeout=server.timeout_ms,
            enable_gzip=True,
            retries=urllib3.Retry(0, redirect=2),
        )
        self._write = self._client.write_api(write_options=SYNCHRONOUS)
        self._pool = urllib3.PoolManager(
            timeout=urllib3.Timeout(server.timeout_ms / 1000),
            retries=urllib3.Retry(0),
            maxsize=_CONNECTIONS_KEPT,
        )

    @property
    def client(self) -> InfluxDBClient:
        """The client library's own object, for what is only done at set-up."""
        return self._client

    def close(self) -> None:
        """Let go of the connections."""
        self._write.close()
        self._client.close()
        self._pool.clear()

    def write(self, lines: Sequence[str]) -> None:
        """Write points; returned means that they are durable there."""
        text = "\n".join(lines)
        if len(text) > _BODY_BYTES and len(lines) > 1:
            half = len(lines) // 2
            self.write(lines[:half])
            self.write(lines[half:])
            return
        try:
            self._write.write(self.server.bucket, self.server.org or "-", text.encode())
        except ApiException as fault:
            if fault.status == 413 and len(lines) > 1:
                half = len(lines) // 2
                self.write(lines[:half])
                self.write(lines[half:])
                return
            self._refused(fault.status or 0, str(fault.body or fault.reason or ""), fault.headers)
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            raise self._away(fault) from fault

    def ask(self, statements: Sequence[str]) -> Iterator[Answer]:
        """Yield what InfluxQL statements find, chunk by chunk; times are UTC ns."""
        for first in range(0, len(statements), _STATEMENTS_MAX):
            part = statements[first : first + _STATEMENTS_MAX]
            for one in self._asked(";".join(part)):
                yield one._replace(statement=first + one.statement)

    def _asked(self, text: str, *, post: bool = True) -> Iterator[Answer]:
        database, _, retention = self.server.bucket.partition("/")
        fields = {"db": database, "epoch": "ns", "chunked": "true", "q": text}
        fields["chunk_size"] = str(_CHUNK_POINTS)
        if retention:
            fields["rp"] = retention
        try:
            response = self._pool.request(
                "POST" if post else "GET",
                f"{self.server.url.rstrip('/')}/query",
                fields=fields,
                encode_multipart=False,
                headers=self.headers(),
                preload_content=False,
            )
            try:
                if response.status != 200:
                    told = response.read().decode("utf-8", "replace")
                    self._refused(response.status, told, response.headers)
                yield from self._chunks(response)
            finally:
                response.drain_conn()
                response.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            raise self._away(fault) from fault

    def _chunks(self, response: urllib3.BaseHTTPResponse) -> Iterator[Answer]:
        for line in _lines(response):
            try:
                chunk = _CHUNK.decode(line)
            except msgspec.MsgspecError as fault:
                raise StoreUnavailable(
                    f"{self.server.shown} answers a question with something else than InfluxDB"
                    f" does: {line[:80]!r}; is the address right?"
                ) from fault
            if error := chunk.error or next((one.error for one in chunk.results if one.error), ""):
                self._refused(404 if "not found" in error else 500, error, {})
            for result in chunk.results:
                for series in result.series:
                    yield Answer(result.statement_id, series.tags, series.values)

    def headers(self) -> dict[str, str]:
        """Return what a request of ours carries beside its content."""
        token = self.server.token
        return {"Authorization": f"Token {token}"} if token else {}

    def version(self) -> str:
        """Return what the server says of its version; StoreUnavailable where it says nothing."""
        try:
            answer = self._pool.request("GET", f"{self.server.url.rstrip('/')}/ping")
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            raise self._away(fault) from fault
        return str(answer.headers.get("X-Influxdb-Version") or "of an unknown version")

    def _refused(self, status: int, said: str, headers: Any) -> None:
        """Raise what a refusal means; return where what was refused is no loss."""
        word, where = " ".join(said.split())[:300], self.server.shown
        low = said.lower()
        if status in (401, 403):
            why = f"{where} refuses the token: set influx_token to one that may read and write it"
        elif "beyond retention" in low or "outside retention" in low:
            log.warning(
                "readings are older than the bucket keeps, and are not there",
                bucket=self.server.bucket, said=word,
            )  # fmt: skip
            return
        elif status == 404 or "not found" in low:
            why = f"{where} is not there: `emscher store init` makes it"
        elif status in _LATER:
            after = headers.get("Retry-After") if headers else None
            why = f"{where}: {_LATER[status]}" + (f"; it wants {after} s of rest" if after else "")
        elif "field type conflict" in low or "already exists as type" in low:
            why = (
                f"{where} holds `readings` of another kind, from somebody else ({word}): give"
                " Emscher a bucket of its own"
            )
        elif (
            "max-series-per-database" in low or "max-values-per-tag" in low or "cardinality" in low
        ):
            raise PayloadError(
                "store limit",
                "a series that InfluxDB has room for (its max-series-per-database and"
                " max-values-per-tag; 0 is no limit)",
                word,
            )
        elif status == 400 and "parse" in low:
            raise PayloadError("store", "a point that InfluxDB can read", word)
        else:
            why = f"{where} refuses with status {status}: {word}"
        raise StoreUnavailable(f"{why} ({status}: {word})" if word not in why else why)

    def _away(self, fault: Exception) -> StoreUnavailable:
        reason = getattr(fault, "reason", None) or fault
        return StoreUnavailable(f"{self.server.shown} can't be reached: {reason}")


def _lines(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    rest = b""
    for part in response.stream(1 << 20):
        *whole, rest = (rest + part).split(b"\n")
        yield from (line for line in whole if line.strip())
    if rest.strip():
        yield rest


_QUOTED = {code: f"%{code:02X}" for code in (*range(32), 127, ord("%"), ord("\\"))}
ESCAPED = str.maketrans({",": r"\,", "=": r"\=", " ": r"\ "})


def tags_of(series: Series) -> tuple[str, str, str]:
    """Return device, quantity and channel as tags: control characters, % and \\ as %XX.

    Line protocol has no way to write a line break, and a backslash before a comma means another.
    """
    device, quantity, channel = (one.translate(_QUOTED) for one in series)
    return device, quantity, channel
