"""Who is asking: keys, what they may do, and the sign-in of a browser.

A key is `emscher_ID_SECRET`. The secret has 256 random bits, so a plain SHA-256 of it is as hard to
turn back as any slow hash, and quick enough for every request; only that hash is kept.
"""

import hashlib
import hmac
import re
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ingest.errors import StoreUnavailable

if TYPE_CHECKING:
    from ingest.catalog import KeyRow

FRESH_S = 3.0  # a key that is revoked ends within this time
HELD_S = 600.0  # so long the known keys stand while the catalog can't be asked
SIGNED_IN_S = 12 * 3600
_TEXT = re.compile(r"emscher_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")


class Scope(StrEnum):
    """What a key may do; each may do what those before it may.

    public  nothing but whether all is well · read  ask everything (of its tenant)
    write  also say something: remarks, retry, reprocess · admin  also erase, read the audit log
    """

    PUBLIC = "public"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def covers(self, other: "Scope") -> bool:
        """Return whether this one may do what the other may."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks: a name for people, what they may do, and whose data they see.

    tenant  None: that of the whole installation · key  the id of the key, or of whoever vouches
    until_s when what vouches for them ends, Unix time; None: with the key
    """

    name: str
    scope: Scope
    tenant: str | None = None
    key: str = ""
    until_s: float | None = None


EVERYBODY = Asker("somebody", Scope.ADMIN)
"""While there are no keys, on loopback."""
VISITOR = Asker("a visitor", Scope.PUBLIC)
"""Whoever shows no key, while there are keys."""


def new_key(
    name: str, scope: Scope, tenant: str | None, now_ns: int, expires_ns: int | None = None
) -> "tuple[KeyRow, str]":
    """Return a new key for the catalog, and its text, which nobody can show again."""
    from ingest.catalog import KeyRow  # noqa: PLC0415 (SQLAlchemy is large)

    id, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    row = KeyRow(id, name, hash_of(secret), scope.value, tenant, now_ns, expires_ns)
    return row, f"emscher_{id}_{secret}"


def hash_of(secret: str) -> str:
    """Return what is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class KeyRing:
    """The keys of the catalog, as of a few seconds ago. Any thread may use it.

    read    asks the catalog; StoreUnavailable while it can't be
    always  keys are needed even while there are none
    """

    def __init__(
        self,
        read: "Callable[[], Sequence[KeyRow]]",
        now_ns: Callable[[], int] = time.time_ns,
        *,
        always: bool = False,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._now_ns, self._clock_s = read, now_ns, clock_s
        self._always = always
        self._keys: Mapping[str, KeyRow] = {}
        self._at_s: float | None = None
        self._lock = threading.Lock()

    @property
    def stale(self) -> bool:
        """Whether the catalog has to be asked again; that may take its time."""
        return self._at_s is None or self._clock_s() - self._at_s > FRESH_S

    def refresh(self) -> None:
        """Ask the catalog, unless somebody just did; StoreUnavailable: nothing is known."""
        with self._lock:
            if not self.stale:
                return
            try:
                self._keys = {key.id: key for key in self._read()}
                self._at_s = self._clock_s()
            except StoreUnavailable:
                if self._at_s is None or self._clock_s() - self._at_s > HELD_S:
                    raise

    @property
    def closed(self) -> bool:
        """Whether a key is needed: as soon as there ever was one."""
        return self._always or bool(self._keys)

    def asker(self, text: str) -> Asker | None:
        """Return whose key this is; None: nobody's who may ask now."""
        match = _TEXT.fullmatch(text)
        if match is None:
            return None
        key = self.standing(match[1])
        if key is None or not hmac.compare_digest(key.hash, hash_of(match[2])):
            return None
        return asker_of(key)

    def standing(self, id: str) -> "KeyRow | None":
        """Return a key that is neither revoked nor expired."""
        key = self._keys.get(id)
        if key is None or key.revoked is not None:
            return None
        return None if key.expires is not None and key.expires <= self._now_ns() else key


def asker_of(key: "KeyRow") -> Asker:
    """Return who asks with a key."""
    return Asker(key.name, Scope(key.scope), key.tenant, key.id)


class Sessions:
    """Sign-ins of browsers: a cookie that says which key was shown, and until when it holds.

    It is sealed with a secret of this installation and with the key's hash, so that it ends with
    the key; nothing has to be remembered, and a restart signs nobody out.
    """

    def __init__(self, secret: bytes, clock_s: Callable[[], float] = time.time) -> None:
        self._secret, self._clock_s = secret, clock_s

    def begin(self, key: "KeyRow") -> str:
        """Return the cookie of a new sign-in."""
        until_s = int(self._clock_s()) + SIGNED_IN_S
        if key.expires is not None:
            until_s = min(until_s, key.expires // 10**9)
        return f"{key.id}.{until_s}.{self._seal(key, until_s)}"

    def asker(self, cookie: str, ring: KeyRing) -> Asker | None:
        """Return who signed in; None: the cookie holds no longer, or never did."""
        id, _, rest = cookie.partition(".")
        until, _, seal = rest.partition(".")
        key = ring.standing(id)
        if key is None or not until.isdecimal() or int(until) <= self._clock_s():
            return None
        return asker_of(key) if hmac.compare_digest(seal, self._seal(key, int(until))) else None

    def _seal(self, key: "KeyRow", until_s: int) -> str:
        said = f"{key.id}.{until_s}.{key.hash}".encode()
        digest = hmac.new(self._secret, said, hashlib.sha256).digest()
        return urlsafe_b64encode(digest).decode().rstrip("=")


def id_in(text: str) -> str | None:
    """Return the id in the text of a key; None: it is none."""
    match = _TEXT.fullmatch(text)
    return match and match[1]
