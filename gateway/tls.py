"""TLS to a broker: whom to trust, who we are, and what is wrong when it fails, in a sentence."""

import ssl
from pathlib import Path

from gateway.address import Address
from gateway.errors import AddressError


def context(address: Address) -> ssl.SSLContext:
    """Return what paho needs for an address with TLS.

    Raises AddressError that names the file and what is wrong with it.
    """
    for name in ("ca", "cert", "key"):
        path = getattr(address, name)
        if path and not Path(path).is_file():
            raise AddressError(f"{address.shown}: {name}: expected a file, found none at {path}")
    try:
        made = ssl.create_default_context(cafile=address.ca or None)
    except (ssl.SSLError, OSError) as fault:
        raise AddressError(
            f"{address.shown}: ca: expected certificates in PEM at {address.ca} ({_reason(fault)})"
        ) from None
    if address.cert:
        try:
            made.load_cert_chain(address.cert, address.key)
        except (ssl.SSLError, OSError) as fault:
            raise AddressError(
                f"{address.shown}: cert and key: expected a certificate in PEM at {address.cert}"
                f" and its own key, without a password, at {address.key} ({_reason(fault)})"
            ) from None
    if not address.verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def unreached(fault: BaseException | None, tls: bool) -> str:
    """Return why a broker can't be reached, and what to do where that is known."""
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            f"the broker's certificate can't be trusted: {fault.verify_message}; the option ca="
            " names the certificate that signed it, and the host must be the one that it is for"
        )
    if isinstance(fault, ssl.SSLError):
        reason = _reason(fault)
        if "WRONG_VERSION" in reason or "RECORD_LAYER" in reason:
            return "the broker does not speak TLS there: use mqtt://, or the port that does (8883)"
        if "CERTIFICATE_REQUIRED" in reason or "HANDSHAKE_FAILURE" in reason:
            return f"the broker wants a certificate of ours: cert= and key= name it ({reason})"
        return f"TLS to the broker fails: {reason}"
    if tls and isinstance(fault, ConnectionResetError | ConnectionAbortedError):
        return f"the broker ends the connection as TLS begins ({fault}): does it speak TLS there?"
    return f"the broker can't be reached: {fault or 'no reason is known'}"


def _reason(fault: BaseException) -> str:
    return str(getattr(fault, "reason", None) or fault)
