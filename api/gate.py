"""The gate: nobody comes to a route unless it is known who asks, and that they may.

It stands before all routes, so that a new one is closed until it is opened here. What a key sees is
decided behind it (sight.py).
"""

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.keys import EVERYBODY, VISITOR, Asker, KeyRing, Sessions
from api.keys import Scope as May
from api.problems import (
    ApiError,
    ForbiddenError,
    NotNowError,
    TooManyError,
    UnknownAskerError,
    told,
)
from ingest.errors import StoreUnavailable

if TYPE_CHECKING:
    from ingest.catalog import Deed

COOKIE = "emscher"
LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))
_ASKERS_MAX = 10_000
_READS = ("GET", "HEAD", "OPTIONS")
# Pages and their files hold no data; what they ask for comes through the gate.
_PAGES = frozenset(
    ("/", "/energy", "/device", "/anomalies", "/quality", "/system", "/login", "/docs",
     "/city", "/openapi.json")
)  # fmt: skip
_FREE = frozenset(("/v1/health", "/v1/login", "/v1/logout", "/v1/me"))
_OPEN = "/v1/public/"
_ADMIN = ("/v1/audit",)
log = structlog.get_logger("emscher.api")


class Vouching(Protocol):
    """Another way to know who asks (api/oidc.py)."""

    def asker(self, token: str) -> Asker | None:
        """Return whose token this is; None: nobody's who may ask now."""


class Rate:
    """So many requests a second each, and four seconds' worth at once (a token bucket).

    a_second  0: no bound
    """

    def __init__(self, a_second: float, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._a_second, self._clock_s = a_second, clock_s
        self._most = max(4 * a_second, 1.0)
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, who: str) -> float:
        """Take one request of somebody's; return how long they must wait for it: 0, or more."""
        if not self._a_second:
            return 0.0
        now_s = self._clock_s()
        left, at_s = self._left.pop(who, (self._most, now_s))
        left = min(self._most, left + (now_s - at_s) * self._a_second)
        wait_s = 0.0 if left >= 1 else (1 - left) / self._a_second
        self._left[who] = (left if wait_s else left - 1, now_s)
        while len(self._left) > _ASKERS_MAX:
            self._left.popitem(last=False)
        return wait_s


@dataclass(slots=True)
class Guard:
    """What the gate decides by.

    ring     the keys · sessions: the sign-ins of browsers · vouching: another way to be known
    note     writes a line of the audit log; StoreUnavailable while it can't
    rate     requests a second of each key, and of each address without one · wrong: of wrong keys
    """

    ring: KeyRing
    sessions: Sessions
    note: "Callable[[Deed], None]"
    vouching: Vouching | None = None
    rate: Rate = field(default_factory=lambda: Rate(50))
    wrong: Rate = field(default_factory=lambda: Rate(0.5))
    now_ns: Callable[[], int] = time.time_ns

    def is_open(self) -> bool:
        """Return whether everybody at this machine may all; False too while nobody can tell."""
        try:
            self.ring.refresh()
        except StoreUnavailable:
            return False
        return not self.ring.closed


class Gate:
    """Lets pass whoever may; the others are told why not. `guard` None: everybody may all."""

    def __init__(self, app: ASGIApp, guard: Guard | None) -> None:
        self._app, self._guard = app, guard

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or hand it on with `state.asker`."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        asked = HTTPConnection(scope)
        try:
            asker = await self._checked(asked)
        except ApiError as error:
            await self._refuse(asked, error, receive, send)
            return
        except StoreUnavailable as fault:
            unready = NotNowError(f"nobody can be let in now: {fault}")
            await self._refuse(asked, unready, receive, send)
            return
        asked.state.asker = asker
        if self._guard is not None and _changes(scope):
            send = self._noting(self._guard, asked, asker, send)
        await self._app(scope, receive, send)

    async def _checked(self, asked: HTTPConnection) -> Asker:
        guard = self._guard
        if guard is None:
            return EVERYBODY
        _same_origin(asked)
        if guard.ring.stale:
            await asyncio.to_thread(guard.ring.refresh)
        if not guard.ring.closed:
            _from_here(asked)
            return EVERYBODY
        asker = await self._known(guard, asked)
        wait_s = guard.rate.wait_s(asker.key or address(asked))
        if wait_s:
            raise too_many("requests", wait_s)
        _may(asked, asker)
        return asker

    async def _known(self, guard: Guard, asked: HTTPConnection) -> Asker:
        """Return who asks; UnknownAskerError for a key that is shown and does not hold."""
        kind, _, shown = asked.headers.get("authorization", "").partition(" ")
        cookie = _cookie(asked.headers)
        if kind.lower() == "bearer":
            found = guard.ring.asker(shown.strip())
            if found is None and guard.vouching is not None:
                found = await asyncio.to_thread(guard.vouching.asker, shown.strip())
            if found is not None:
                return found
            wait_s = guard.wrong.wait_s(address(asked))
            if wait_s:
                raise too_many("wrong keys", wait_s)
            await self._note(guard, asked, Asker("?", May.PUBLIC), "401")
            raise UnknownAskerError("key: expected one that holds, found one that does not")
        if kind:
            raise UnknownAskerError(f'Authorization: expected "Bearer KEY", found "{kind[:20]} …"')
        signed_in = guard.sessions.asker(cookie, guard.ring) if cookie else None
        return signed_in or VISITOR  # a sign-in that has ended is none

    def _noting(self, guard: Guard, asked: HTTPConnection, asker: Asker, send: Send) -> Send:
        """Return a `send` that writes into the audit log what came of a change, then answers."""

        async def send_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._note(guard, asked, asker, str(message["status"]))
            await send(message)

        return send_on

    async def _note(self, guard: Guard, asked: HTTPConnection, asker: Asker, outcome: str) -> None:
        from ingest.catalog import Deed  # noqa: PLC0415 (SQLAlchemy is large)

        who = f"{asker.name} ({asker.key or address(asked)})"
        did = f"{asked.scope.get('method', 'WEBSOCKET')} {asked.url.path}"
        about = asked.url.query[:500]
        deed = Deed(guard.now_ns(), who, asker.tenant, did[:500], about, outcome)
        try:
            await asyncio.to_thread(guard.note, deed)
        except StoreUnavailable as fault:
            log.error("the audit log can't be written", did=did, who=who, why=str(fault))

    async def _refuse(
        self, asked: HTTPConnection, error: ApiError, receive: Receive, send: Send
    ) -> None:
        answer = told(asked, error)
        if asked.scope["type"] == "websocket":
            await receive()  # its connect
        await answer(asked.scope, receive, send)


async def holds(asked: HTTPConnection) -> bool:
    """Return whether whoever began to listen may still do so; False while nobody can tell."""
    guard: Guard | None = asked.app.state.guard
    asker: Asker = asked.state.asker
    if guard is None:
        return True
    try:
        if guard.ring.stale:
            await asyncio.to_thread(guard.ring.refresh)
    except StoreUnavailable:
        return False
    if asker is EVERYBODY:
        return not guard.ring.closed
    if asker.until_s is not None:
        return asker.until_s > time.time()
    return guard.ring.standing(asker.key) is not None


def _changes(scope: Scope) -> bool:
    return scope["type"] == "http" and scope["method"] not in _READS


def _may(asked: HTTPConnection, asker: Asker) -> None:
    """Raise where somebody may not do this here."""
    path = asked.url.path
    if path in _PAGES or path in _FREE or path.startswith("/console/"):
        return
    if path.startswith(_OPEN) and not _changes(asked.scope):
        return
    needed = May.READ
    if _changes(asked.scope):
        needed = May.WRITE
    if path in _ADMIN or asked.scope.get("method") == "DELETE":
        needed = May.ADMIN
    if asker is VISITOR:
        raise UnknownAskerError(
            "key: expected one, as `Authorization: Bearer KEY`, or a sign-in at /login, found none"
        )
    if not asker.scope.covers(needed):
        raise ForbiddenError(
            f"this needs a key of the scope {needed.value}; that of {asker.name} is"
            f" {asker.scope.value}"
        )


def _same_origin(asked: HTTPConnection) -> None:
    """Refuse changes and streams that a page of somebody else makes a browser ask for."""
    origin = asked.headers.get("origin")
    if origin is None or not (_changes(asked.scope) or asked.scope["type"] == "websocket"):
        return
    if urlsplit(origin).netloc != asked.headers.get("host", ""):
        raise ForbiddenError(
            f'Origin: expected a page of this Emscher, found "{origin[:80]}"; programs leave the'
            " header out"
        )


def _from_here(asked: HTTPConnection) -> None:
    """While no key is needed: refuse who came by another name than this machine's own."""
    name = urlsplit(f"//{asked.headers.get('host', '')}").hostname or ""
    if name not in LOOPBACK and not name.endswith(".localhost"):
        raise ForbiddenError(
            "without keys only this machine is answered: expected Host 127.0.0.1 or localhost,"
            f' found "{name[:80]}"; `emscher key add` makes a first key'
        )


def address(asked: HTTPConnection) -> str:
    """Return where a request came from."""
    return asked.client.host if asked.client else "?"


def _cookie(headers: Headers) -> str | None:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def too_many(of: str, wait_s: float) -> TooManyError:
    """Return the error of somebody who has asked too often."""
    whole_s = max(1, math.ceil(wait_s))
    return TooManyError(f"too many {of}: come again in {whole_s} s", whole_s)
