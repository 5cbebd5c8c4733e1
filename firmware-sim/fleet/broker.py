"""Where to publish, as whom, over TLS or not; and what is said when that doesn't work."""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from fleet.errors import BrokerAbsentError

# Codes of a CONNACK: MQTT 3.1.1, table 3.1, and what paho makes of them (MQTT 5, section 3.2.2.2).
_CODES = {
    1: "unsupported protocol version",
    2: "client identifier not valid",
    3: "server unavailable",
    4: "bad user name or password",
    5: "not authorized",
    132: "unsupported protocol version",
    133: "client identifier not valid",
    134: "bad user name or password",
    135: "not authorized",
    136: "server unavailable",
}
_LOGIN = frozenset({4, 5, 134, 135})
_CLIENT_ID = frozenset({2, 133})


@dataclass(frozen=True, slots=True)
class Tls:
    """How a connection is encrypted.

    ca           PEM file of the authorities to trust; None: those that this machine trusts
    certificate  PEM file of the client's certificate, and key that of its key (None: in the same
                 file), for brokers that ask for one
    insecure     take any certificate, for any host: encrypted, but with whom is unknown
    """

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    insecure: bool = False

    def context(self) -> ssl.SSLContext:
        """Return the settings for OpenSSL. Errors: BrokerAbsentError naming the file."""
        for what, path in (("CA", self.ca), ("certificate", self.certificate), ("key", self.key)):
            if path is not None and not path.is_file():
                raise BrokerAbsentError(f"TLS: expected the {what} file {path}, found no such file")
        if self.key is not None and self.certificate is None:
            raise BrokerAbsentError("TLS: expected a certificate with the key, found the key alone")
        try:
            made = ssl.create_default_context(cafile=self.ca)
            if self.certificate is not None:
                # A key that is locked would make OpenSSL ask the terminal.
                made.load_cert_chain(self.certificate, self.key, password="")
        except (OSError, ValueError) as error:
            files = ", ".join(str(one) for one in (self.ca, self.certificate, self.key) if one)
            raise BrokerAbsentError(
                f"TLS: expected certificates and keys in PEM, without a password, in {files}, "
                f"found: {error}"
            ) from error
        if self.insecure:
            made.check_hostname = False
            made.verify_mode = ssl.CERT_NONE
        return made


@dataclass(frozen=True, slots=True)
class Broker:
    """Where to publish, and as whom.

    tls        None: in the clear
    client_id  prefix of the client identifiers, which get "-0", "-1" … behind it; "": the broker
               chooses them
    """

    host: str
    port: int
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None
    client_id: str = ""

    @property
    def address(self) -> str:
        """host:port, as people write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def identifier(self, number: int) -> str:
        """Return the client identifier of one of the clients, "" where the broker chooses."""
        return f"{self.client_id}-{number}" if self.client_id else ""


def absent(broker: Broker, found: Exception | int) -> BrokerAbsentError:
    """Return the error that says what was found and what to do about it.

    found  what connecting raised, or the code of a CONNACK that refused
    """
    what, remedy = _refused(broker, found) if isinstance(found, int) else _failed(broker, found)
    return BrokerAbsentError(
        f"expected an MQTT broker at {broker.address}, found: {what}; {remedy}"
    )


def _refused(broker: Broker, code: int) -> tuple[str, str]:
    what = f"it refuses the connection ({_CODES.get(code, f'code {code}')})"
    if code in _LOGIN:
        if broker.username is None:
            return what, "give the user name and password that the broker asks for"
        return what, f'look at the password of the user "{broker.username}", and at its rights'
    if code in _CLIENT_ID:
        return what, f'give another client id than "{broker.client_id}"'
    return what, "look at the broker's log"


def _failed(broker: Broker, error: Exception) -> tuple[str, str]:
    start = "start it (`emscher up` brings one), or give the host and port of another"
    text = str(error) or type(error).__name__
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"a certificate that can't be trusted ({error.verify_message or text})",
            "give the file of the authority that signed it, and the host by the name in it",
        )
    if isinstance(error, ssl.SSLError):
        return (
            f"no TLS connection ({text})",
            "is this the port for TLS (8883, mostly), and does it ask for a client certificate?",
        )
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"no such host ({text})", "look at how the host is spelled, and at the network"
    if isinstance(error, ConnectionRefusedError):
        return f"nobody listens there ({text})", start
    if isinstance(error, TimeoutError | ConnectionError | EOFError):
        other = (
            "is this the port for TLS, and does it ask for a client certificate?"
            if broker.tls is not None
            else "does it speak MQTT there, and without TLS?"
        )
        return f"no answer to the greeting ({text})", other
    return text, start
