"""Bearer tokens of an OpenID Connect provider: another way to know who asks (gate.py).

A token is a JWT of the issuer (RFC 9068, or an ID token), signed with a key that the issuer
publishes. What somebody may do comes from the groups that a claim of it names.
"""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import jwt
import msgspec
import urllib3

from api.keys import Asker, Scope
from ingest.errors import StoreUnavailable

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA")
"""Signatures that nobody but the issuer can make: none with a shared secret, and not `none`."""
_REQUIRED = ["exp", "iat", "iss", "aud", "sub"]
_LEEWAY_S = 30
_FRESH_S = 3600.0
_PAUSE_S = 30.0
_TIMEOUT_S = 5.0
_TOKEN_MAX = 16_384
_ANSWER_MAX = 1 << 20


class Vouched:
    """Knows people by the tokens of one issuer.

    issuer    its address, exactly as its tokens name it
    audience  what a token must be for: the name of this installation at the issuer
    claim     where a token names groups, by dots: groups, realm_access.roles
    groups    group = what its people may do, and whose devices they see: read, or read@dortmund;
              of several groups the first one that is named here counts
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        claim: str,
        groups: Mapping[str, str],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer, self._audience, self._claim = issuer, audience, claim
        self._may = {group: scope_of(may) for group, may in groups.items()}
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._keys: dict[str, jwt.PyJWK] = {}
        self._asked_s = self._fetched_s = -_FRESH_S
        self._fault = ""

    def asker(self, token: str) -> Asker | None:
        """Return whose token this is; None: nobody's who may ask now.

        Raises StoreUnavailable while the issuer's keys can't be had.
        """
        if token.count(".") != 2 or len(token) > _TOKEN_MAX:
            return None
        try:
            head = jwt.get_unverified_header(token)
            if head.get("alg") not in ALGORITHMS:
                return None
            key = self._key(str(head.get("kid", "")))
            if key is None:
                return None
            told = jwt.decode(
                token,
                key,
                algorithms=[head["alg"]],
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_S,
                options={"require": _REQUIRED},
            )
        except jwt.PyJWTError:
            return None
        return self._asker(told)

    def _asker(self, told: dict[str, Any]) -> Asker | None:
        found: Any = told
        for name in self._claim.split("."):
            found = found.get(name) if isinstance(found, dict) else None
        theirs = found.split() if isinstance(found, str) else found
        if not isinstance(theirs, list):
            return None
        may = next((may for group, may in self._may.items() if group in theirs), None)
        if may is None:
            return None
        name = str(told.get("preferred_username") or told.get("email") or told["sub"])
        return Asker(name, *may, key=f"oidc:{told['sub']}", until_s=float(told["exp"]))

    def _key(self, kid: str) -> jwt.PyJWK | None:
        """Return the issuer's key of a name; it is asked again for one that it may have added."""
        with self._lock:
            now_s = self._clock_s()
            stale = now_s - self._fetched_s > _FRESH_S
            if (stale or kid not in self._keys) and now_s - self._asked_s > _PAUSE_S:
                self._asked_s = now_s
                try:
                    self._keys = self._published()
                    self._fetched_s, self._fault = now_s, ""
                except (urllib3.exceptions.HTTPError, ValueError, KeyError, OSError) as fault:
                    self._fault = f"{self._issuer} does not tell its keys ({fault})"
            if self._fault and kid not in self._keys:
                raise StoreUnavailable(self._fault)
            return self._keys.get(kid)

    def _published(self) -> dict[str, jwt.PyJWK]:
        """Return the keys that the issuer signs with now (OpenID Connect Discovery 1.0, 4)."""
        with urllib3.PoolManager(retries=False, timeout=_TIMEOUT_S) as pool:
            about = _document(pool, f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
            if about["issuer"] != self._issuer:
                raise ValueError(f"it calls itself {about['issuer']}")
            found = _document(pool, checked_issuer(about["jwks_uri"]))
        keys = {}
        for one in found["keys"]:
            try:
                if one.get("use", "sig") == "sig":
                    keys[str(one.get("kid", ""))] = jwt.PyJWK(one)
            except jwt.PyJWTError:
                continue  # a kind of key that is not for these signatures
        return keys


def scope_of(may: str) -> tuple[Scope, str | None]:
    """Return what `read` or `read@dortmund` means; ValueError says what was expected."""
    scope, _, tenant = may.partition("@")
    if scope not in set(Scope) or ("@" in may and not tenant):
        raise ValueError(f'expected read, write or admin, also as read@TENANT, found "{may}"')
    return Scope(scope), tenant or None


def checked_issuer(url: str) -> str:
    """Return an address whose answers nobody on the way can change; ValueError for any other."""
    parts = urlsplit(url)
    here = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and here)):
        raise ValueError(f'expected https://HOST…, found "{url}"')
    return url


def _document(pool: urllib3.PoolManager, url: str) -> dict[str, Any]:
    answer = pool.request("GET", url, redirect=False, preload_content=False)
    try:
        body = answer.read(_ANSWER_MAX)
    finally:
        answer.release_conn()
    if answer.status != 200:
        raise ValueError(f"{url} answers {answer.status}")
    return msgspec.json.decode(body, type=dict[str, Any])
