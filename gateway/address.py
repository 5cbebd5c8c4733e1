"""Addresses: what a person types for a broker or a listener, checked."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from gateway.errors import AddressError

_PLAIN_PORT, _TLS_PORT = 1883, 8883
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A broker's address. `shown` is how it may be shown: without the password."""

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None

    @property
    def shown(self) -> str:
        """The address as a URL without the password."""
        user = f"{self.username}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}"


def broker_address(url: str) -> Address:
    """Return the address in `mqtt[s]://[user[:password]@]host[:port]`, or in `host[:port]`.

    Raises AddressError that says what was expected and what was found.
    """
    expected = "expected mqtt://[user:password@]host[:port], or mqtts:// for TLS"
    if "://" not in url:
        url = f"mqtt://{url}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # its words may hold a part of the password
        raise AddressError(f'{expected}; found "{_without_password(url)}"') from None
    if parts.scheme not in ("mqtt", "mqtts"):
        raise AddressError(f'{expected}; found scheme "{parts.scheme}"')
    if not parts.hostname or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise AddressError(f'{expected}; found "{_without_password(url)}"')
    if port == 0 or not _is_host(parts.hostname):
        raise AddressError(f'{expected}; found "{_without_password(url)}"')
    if parts.password and not parts.username:
        raise AddressError(f"{expected}; found a password without a user")
    tls = parts.scheme == "mqtts"
    return Address(
        parts.hostname,
        port if port is not None else (_TLS_PORT if tls else _PLAIN_PORT),
        tls,
        unquote(parts.username) if parts.username else None,
        unquote(parts.password) if parts.password else None,
    )


def host_port(text: str) -> tuple[str, int]:
    """Return host and port of "HOST:PORT" or "[V6]:PORT"; raises AddressError."""
    match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\s\[\]/]+)):(\d{1,5})", text.strip())
    if match is None or int(match[3]) > _PORT_MAX or not _is_host(match[1] or match[2]):
        raise AddressError(f'expected HOST:PORT, such as 127.0.0.1:1883; found "{text}"')
    return match[1] or match[2], int(match[3])


def _is_host(name: str) -> bool:
    """Return whether a name can be looked up at all; asking for another one is a ValueError."""
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return not re.search(r"[\s\x00-\x1f]", name)


def _without_password(url: str) -> str:
    """Return the URL with all between the user and the last @ left out."""
    return re.sub(r"//([^/@:]*):.*@", r"//\1:…@", url, flags=re.DOTALL)
