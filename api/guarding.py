"""How the gate is set up: with the keys of the catalog, and never open to others without one."""

import ipaddress
import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from api.gate import Guard, Rate, Vouching
from api.keys import KeyRing, Scope, Sessions, new_key
from ingest.errors import IngestError

if TYPE_CHECKING:
    from ingest.catalog import Catalog

T = TypeVar("T")
_SECRET_BYTES = 32


class Settings(Protocol):
    """What is asked of the settings (gateway/settings.py)."""

    data: Path
    http: str
    catalog: str
    rate_limit: int
    first_key: str
    oidc_issuer: str
    oidc_audience: str
    oidc_claim: str
    oidc_groups: dict[str, str]


class Asking(Protocol):
    """Who can be asked for the catalog (CatalogWatch)."""

    def asked(self, ask: "Callable[[Catalog], T]") -> T:
        """Return what `ask` answers; StoreUnavailable while the catalog can't be asked."""


class KeysNeededError(IngestError):
    """Others could reach this installation, and there is no key."""


class OidcError(IngestError):
    """The settings of OpenID Connect can't be used."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def guard_of(settings: Settings, host: str, watch: Asking) -> Guard:
    """Return what the gate decides by; on another address than loopback keys are always needed."""
    from ingest.catalog import keys, note  # noqa: PLC0415 (SQLAlchemy is large)

    return Guard(
        ring=KeyRing(
            lambda: watch.asked(keys), always=bool(settings.oidc_issuer) or not is_loopback(host)
        ),
        sessions=Sessions(_secret(settings.data / "session.secret")),
        note=lambda deed: watch.asked(lambda catalog: note(catalog, [deed])),
        vouching=_vouching(settings),
        rate=Rate(settings.rate_limit),
    )


def _vouching(settings: Settings) -> Vouching | None:
    """Return who else vouches for people; None: nobody does."""
    if not settings.oidc_issuer:
        return None
    from api.oidc import Vouched, checked_issuer  # noqa: PLC0415 (only where it is asked for)

    try:
        issuer = checked_issuer(settings.oidc_issuer)
    except ValueError as fault:
        raise OidcError(f"oidc_issuer: {fault}") from None
    if not settings.oidc_groups:
        raise OidcError('oidc_groups: expected a group at least, such as { staff = "read" }')
    try:
        return Vouched(issuer, settings.oidc_audience, settings.oidc_claim, settings.oidc_groups)
    except ValueError as fault:
        raise OidcError(f"oidc_groups: {fault}") from None


def check_keys(settings: Settings, host: str) -> str | None:
    """Refuse to listen where others reach us and there is no key; return a word if one was made.

    Raises KeysNeededError, OidcError, and CatalogError while the catalog can't be asked (then
    nobody is let in, but the intake may start).
    """
    if _vouching(settings) is not None or is_loopback(host):
        return None
    from ingest.catalog import add_key, keys, open_catalog  # noqa: PLC0415 (as above)

    catalog = open_catalog(settings.catalog, settings.data)
    try:
        if keys(catalog):
            return None
        if not settings.first_key:
            raise KeysNeededError(
                f"http: others can reach {settings.http}, and there is no key: expected one"
                " (`emscher key add NAME --scope admin` makes it), or an address of this machine"
                " only, such as 127.0.0.1:8000"
            )
        key, text = new_key("first key", Scope.ADMIN, None, time.time_ns())
        _write_private(Path(settings.first_key), text.encode() + b"\n")
        add_key(catalog, key)
        return f"a first key was made; its text is in {settings.first_key}: keep it and delete it"
    finally:
        catalog.close()


def _secret(path: Path) -> bytes:
    """Return the secret that seals sign-ins, made at the first start."""
    try:
        found = path.read_bytes()
    except FileNotFoundError:
        found = b""
    if len(found) != _SECRET_BYTES:
        found = secrets.token_bytes(_SECRET_BYTES)
        _write_private(path, found)
    return found


def _write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
