"""Addresses: what a person types for a broker or a listener, checked."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from gateway.errors import AddressError

_PLAIN_PORT, _TLS_PORT = 1883, 8883
_PORT_MAX = 65_535


@dataclass(frozen=True, slots=True)
class Address:
    """A broker's address. `shown` is how it may be shown: without the password.

    ca         file of certificates to trust instead of the system's; "" trusts the system's
    cert, key  files of our own certificate and its key, where the broker wants one (mTLS)
    verify     False: whatever certificate the broker shows is taken
    """

    host: str
    port: int
    tls: bool = False
    username: str | None = None
    password: str | None = None
    ca: str = ""
    cert: str = ""
    key: str = ""
    verify: bool = True

    @property
    def shown(self) -> str:
        """The address as a URL without the password."""
        user = f"{self.username}@" if self.username else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'mqtts' if self.tls else 'mqtt'}://{user}{host}:{self.port}"


def broker_address(url: str) -> Address:
    """Return the address in `mqtt[s]://[user[:password]@]host[:port][?options]`, or `host[:port]`.

    Options, joined by "&": `password_file=PATH` (its first line), and for mqtts `ca=PATH`,
    `cert=PATH`, `key=PATH`, `verify=no`.
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
    if not parts.hostname or parts.path not in ("", "/") or parts.fragment:
        raise AddressError(f'{expected}; found "{_without_password(url)}"')
    if port == 0 or not _is_host(parts.hostname):
        raise AddressError(f'{expected}; found "{_without_password(url)}"')
    if parts.password and not parts.username:
        raise AddressError(f"{expected}; found a password without a user")
    tls = parts.scheme == "mqtts"
    options = _options(parts.query, expected, tls)
    password = unquote(parts.password) if parts.password else None
    if "password_file" in options:
        if not parts.username or password is not None:
            raise AddressError(f"{expected}; password_file wants a user, and no password beside it")
        password = _first_line(options.pop("password_file"))
    return Address(
        parts.hostname,
        port if port is not None else (_TLS_PORT if tls else _PLAIN_PORT),
        tls,
        unquote(parts.username) if parts.username else None,
        password,
        verify=options.pop("verify", "yes") != "no",
        **options,
    )


def _options(query: str, expected: str, tls: bool) -> dict[str, str]:
    """Return the options behind the question mark, checked by name."""
    found: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        known = ("ca", "cert", "key", "verify", "password_file") if tls else ("password_file",)
        if name not in known or not value or (name == "verify" and value not in ("yes", "no")):
            raise AddressError(
                f"{expected}; found ?{_safe(name)}: known are {', '.join(known)}, each with a value"
            )
        found[name] = unquote(value)
    if ("cert" in found) != ("key" in found):
        raise AddressError(f"{expected}; cert and key go together, found one of them")
    return found


def _safe(text: str) -> str:
    return re.sub(r"[^\w-]", "", text)[:30]


def _first_line(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as fault:
        raise AddressError(f"password_file: {path} can't be read: {fault}") from None


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
