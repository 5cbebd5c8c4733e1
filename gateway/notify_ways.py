"""The three ways on which a message leaves: webhook, e-mail, MQTT.

Each sends once, waits for a bounded time for the other side's yes, and raises DeliveryError with
the reason where that does not come. Whoever calls decides whether it is tried again.
"""

import hashlib
import hmac
import smtplib
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

import paho.mqtt.client as paho
import structlog
import urllib3
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.errors import AddressError, DeliveryError
from gateway.notify_rules import Email, Mqtt, Way, Webhook
from gateway.notify_words import Message
from gateway.tls import context, unreached
from ingest.derived import SECOND_NS

PATIENCE_S = 10.0
SIGNATURE = "Emscher-Signature"

log = structlog.get_logger("emscher.gateway")


def send(way: Way, message: Message, now_ns: int) -> None:
    """Send a message, and return when the other side has taken it; else DeliveryError."""
    if isinstance(way, Webhook):
        _post(way, message, now_ns)
    elif isinstance(way, Email):
        _mail(way, message, now_ns)
    else:
        _publish(way, message)


def signature(secret: str, body: bytes, now_s: int) -> str:
    """Return the header's value: the time in seconds, and HMAC-SHA256 of "TIME.BODY" in hex.

    The time is in what is signed, so that an old message that somebody kept can be told.
    """
    signed = hmac.new(secret.encode(), b"%d." % now_s + body, hashlib.sha256)
    return f"t={now_s},v1={signed.hexdigest()}"


def _post(way: Webhook, message: Message, now_ns: int) -> None:
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Emscher",
        "Emscher-Delivery": message.id,
    }
    if way.secret:
        headers[SIGNATURE] = signature(way.secret, message.body, now_ns // SECOND_NS)
    try:
        with urllib3.PoolManager(timeout=PATIENCE_S, retries=False) as pool:
            answer = pool.request(
                "POST", way.url, body=message.body, headers=headers, redirect=False,
                preload_content=False,
            )  # fmt: skip
            status = answer.status
            answer.close()  # whatever it says further, and however long: nobody reads it
    except urllib3.exceptions.HTTPError as fault:
        raise DeliveryError(f"{way.shown}: {_reason(fault, way.url)}") from None
    if 300 <= status < 400:
        raise DeliveryError(f"{way.shown} redirects (HTTP {status}), which is not followed")
    if not 200 <= status < 300:
        raise DeliveryError(f"{way.shown} answers HTTP {status}; expected 200 to 299")


def _reason(fault: Exception, url: str) -> str:
    """Return what went wrong without the address, whose path may be secret."""
    if isinstance(fault, urllib3.exceptions.NewConnectionError | urllib3.exceptions.SSLError):
        return str(fault.args[-1]).rpartition(": ")[2] or type(fault).__name__
    if isinstance(fault, urllib3.exceptions.TimeoutError):
        return f"no answer within {PATIENCE_S:.0f} s"
    return str(fault).replace(url, "…") or type(fault).__name__


def _mail(way: Email, message: Message, now_ns: int) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = way.sender, ", ".join(way.recipients)
    mail["Subject"] = message.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(now_ns / SECOND_NS, UTC))
    domain = parseaddr(way.sender)[1].rpartition("@")[2]
    mail["Message-ID"] = f"<{message.id}.{way_id(way)}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    mail.set_content(message.text)
    try:
        with _opened(way) as server:
            refused = server.send_message(mail, way.sender, list(way.recipients))
    except smtplib.SMTPRecipientsRefused as fault:
        raise DeliveryError(
            f"{way.host}:{way.port} refuses {_refusals(fault.recipients)}"
        ) from None
    except smtplib.SMTPResponseException as fault:
        said = fault.smtp_error
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
        raise DeliveryError(f"{way.host}:{way.port} says {fault.smtp_code} {words}") from None
    except (OSError, smtplib.SMTPException, ValueError) as fault:
        raise DeliveryError(f"{way.host}:{way.port}: {_mail_fault(fault)}") from None
    if refused:  # others have got it: sending again would tell them twice
        log.warning("a mail server refuses some recipients", way=way.name, why=_refusals(refused))


def way_id(way: Way) -> str:
    """Return a word for a way that is fit for a Message-ID."""
    return hashlib.blake2b(way.name.encode(), digest_size=4).hexdigest()


def _opened(way: Email) -> smtplib.SMTP:
    """Return a connection to the mail server that is ready to send."""
    trusted = ssl.create_default_context(cafile=way.ca or None)
    if way.encryption == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            way.host, way.port, timeout=PATIENCE_S, context=trusted
        )
    else:
        server = smtplib.SMTP(way.host, way.port, timeout=PATIENCE_S)
    try:
        if way.encryption == "starttls":
            server.starttls(context=trusted)
        if way.user:
            server.login(way.user, way.password)
    except BaseException:
        server.close()
        raise
    return server


def _refusals(refused: "dict[str, tuple[int, bytes]]") -> str:
    return "; ".join(
        f"{name} ({code} {said.decode('utf-8', 'replace')})"
        for name, (code, said) in refused.items()
    )


def _mail_fault(fault: Exception) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            f"its certificate can't be trusted: {fault.verify_message}; ca names the certificate"
            " that signed it, and the host must be the one that it is for"
        )
    if isinstance(fault, TimeoutError):
        return f"no answer within {PATIENCE_S:.0f} s"
    if isinstance(fault, smtplib.SMTPNotSupportedError):
        return f"{fault} look at encryption (starttls, tls or none)"
    return str(fault) or type(fault).__name__


def _publish(way: Mqtt, message: Message) -> None:
    """Publish at QoS 1 over a connection of its own, not retained."""
    address = way.address
    client = paho.Client(CallbackAPIVersion.VERSION2)
    entered = threading.Event()
    answers: list[ReasonCode] = []

    def connected(
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        answers.append(reason)
        entered.set()

    client.on_connect = connected
    if address.username is not None:
        client.username_pw_set(address.username, address.password)
    try:
        if address.tls:
            client.tls_set_context(context(address))
        client.connect_timeout = PATIENCE_S
        client.connect(address.host, address.port)
    except AddressError as fault:
        raise DeliveryError(str(fault)) from None
    except (OSError, ValueError) as fault:
        raise DeliveryError(f"{address.shown}: {unreached(fault, address.tls)}") from None
    client.loop_start()
    try:
        if not entered.wait(PATIENCE_S):
            raise DeliveryError(f"{address.shown} does not answer as a broker")
        if answers[0].is_failure:
            raise DeliveryError(f"{address.shown} refuses us: {answers[0]}")
        published = client.publish(way.topic, message.body, qos=1)
        with suppress(RuntimeError, ValueError):  # not sent: seen in the next line
            published.wait_for_publish(PATIENCE_S)
        if not _is_out(published.is_published):
            raise DeliveryError(f"{address.shown} does not acknowledge what is published")
    finally:
        client.disconnect()
        client.loop_stop()


def _is_out(published: Callable[[], bool]) -> bool:
    try:
        return published()
    except (RuntimeError, ValueError):
        return False
