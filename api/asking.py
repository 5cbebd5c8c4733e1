"""Questions to a running Emscher over HTTP, for the Python client.

Nothing of the server is loaded. A question is asked again where Emscher says "not now" (429, 503)
and how long to wait; nothing else is repeated in silence.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

import msgspec
import polars as pl
import urllib3

Json = dict[str, Any]
Query = Mapping[str, str]

HERE = "http://127.0.0.1:8000"
PAGE = 10_000  # the most items that Emscher gives at once
_NOT_NOW = frozenset((429, 503))
_PAUSE_S, _PAUSE_S_MAX = 2.0, 30.0
_CHUNK = 1 << 16


class EmscherError(Exception):
    """The question was not answered; the text says why, and what to do.

    status  of the HTTP answer that refused it; None: there was none
    """

    def __init__(self, sentence: str, status: int | None = None) -> None:
        super().__init__(sentence, status)
        self.sentence, self.status = sentence, status

    def __str__(self) -> str:
        return self.sentence


class Part(NamedTuple):
    """A page of a collection; note: why it has no items, or which they are."""

    frame: pl.DataFrame
    note: str | None


class Connection:
    """A way to an Emscher. May be used by several threads."""

    def __init__(
        self,
        url: str = HERE,
        key: str | None = None,
        *,
        timeout_s: float = 60.0,
        retries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Reach nothing yet.

        key        of a tenant (`emscher_…`); None: as anybody
        timeout_s  for which an answer may be silent
        retries    how often a question is asked again that Emscher can't answer now

        Raises EmscherError for what is no address and no key.
        """
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
            raise EmscherError(f'url: expected http[s]://HOST[:PORT], found "{url}"')
        if key is not None and not (key.isascii() and key.isprintable() and key.split() == [key]):
            raise EmscherError("key: expected a word such as emscher_…, found other characters")
        self.url = url.rstrip("/")
        self._timeout_s, self._retries, self._sleep = timeout_s, retries, sleep
        self._headers = {"User-Agent": "emscher-client"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._pool = urllib3.PoolManager(retries=urllib3.Retry(0), block=False)

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
        self._pool.clear()

    def json(self, path: str, query: Query | None = None) -> Json:
        """Return the JSON that lies at a path. Raises EmscherError that says why there is none."""
        answer = self._ask(path, query or {})
        try:
            return msgspec.json.decode(answer.data, type=dict[str, Any])
        except ValueError:
            raise self._stranger() from None

    def parts(self, path: str, query: Query, page: int | None = PAGE) -> Iterator[Part]:
        """Yield a collection as tables of at most `page` rows, as Arrow; None: of one that has no
        pages.

        There is always one, be it empty. Times are Datetime("ns", "UTC"). Raises EmscherError.
        """
        asked = {**query, "format": "arrow"}
        if page is not None:
            asked["limit"] = str(page)
        while True:
            answer = self._ask(path, asked)
            if "arrow" not in answer.headers.get("Content-Type", ""):
                raise self._stranger()
            note = answer.headers.get("Emscher-Note")
            frame = pl.read_ipc(answer.data)
            yield Part(frame, None if note is None else unquote(note))
            following = _next(answer.headers.get("Link", ""))
            if following is None:
                return
            asked["cursor"] = following

    def pieces(
        self, path: str, query: Query, headers: Query | None = None, silent_s: float = 0.0
    ) -> Iterator[bytes]:
        """Yield the bytes that lie at a path as they come. Raises EmscherError, later too.

        silent_s  for which this answer may be silent, where that is longer than usual
        """
        answer = self._ask(path, query, headers or {}, silent_s, whole=False)
        try:
            yield from answer.stream(_CHUNK)
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            raise EmscherError(f"the answer of {self.url} broke off ({fault})") from None
        finally:
            answer.close()

    def _ask(
        self,
        path: str,
        query: Query,
        headers: Query | None = None,
        silent_s: float = 0.0,
        *,
        whole: bool = True,
    ) -> urllib3.BaseHTTPResponse:
        full = f"{self.url}{path}?{urlencode(query)}" if query else f"{self.url}{path}"
        timeout = urllib3.Timeout(connect=10.0, read=max(self._timeout_s, silent_s))
        for left in range(self._retries, -1, -1):
            try:
                answer = self._pool.request(
                    "GET",
                    full,
                    headers={**self._headers, **(headers or {})},
                    timeout=timeout,
                    preload_content=whole,
                    redirect=False,
                )
                if answer.status not in _NOT_NOW or not left:
                    break
                answer.drain_conn()
            except (urllib3.exceptions.HTTPError, OSError) as fault:
                raise self._away(fault) from None
            self._sleep(_pause_s(answer.headers.get("Retry-After", "")))
        if answer.status // 100 == 2:
            return answer
        raise self._refusal(answer)

    def _refusal(self, answer: urllib3.BaseHTTPResponse) -> EmscherError:
        if answer.status // 100 == 3:
            to = answer.headers.get("Location", "elsewhere")
            return EmscherError(f"{self.url} sends on to {to}: ask there", answer.status)
        try:
            detail = msgspec.json.decode(answer.data, type=dict[str, Any])["detail"]
        except (ValueError, KeyError):
            detail = answer.reason or "it says nothing more"
        except (urllib3.exceptions.HTTPError, OSError) as fault:
            return self._away(fault)
        return EmscherError(
            f"Emscher refuses the question ({answer.status}): {detail}", answer.status
        )

    def _away(self, fault: Exception) -> EmscherError:
        reason = getattr(fault, "reason", None) or fault
        return EmscherError(
            f"no Emscher answers at {self.url} ({reason}): start it with `emscher up`, or give"
            " its address as url"
        )

    def _stranger(self) -> EmscherError:
        return EmscherError(f"what answers at {self.url} is not Emscher: it sent something else")


def _next(link: str) -> str | None:
    """Return the cursor of a Link header's next page (RFC 8288); None: this was the last."""
    place, _, told = link.partition(">")
    if 'rel="next"' not in told:
        return None
    return parse_qs(urlsplit(place.lstrip("<")).query)["cursor"][0]


def _pause_s(told: str) -> float:
    """Return for how long to wait, by a Retry-After in seconds, within bounds."""
    return min(float(told), _PAUSE_S_MAX) if told.isdecimal() else _PAUSE_S
