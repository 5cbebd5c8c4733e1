"""An MQTT broker as a source of envelopes: paho, QoS 1, acknowledged by hand.

MQTT 3.1.1 with a persistent session and a stable client id: what arrives at the broker while
Emscher is down is delivered when it is back (OASIS MQTT 3.1.1, section 4.1 and 4.4).
"""

import secrets
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
import structlog
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.address import Address
from gateway.bulk import BulkClient, Delivery
from gateway.errors import BrokerError
from gateway.inbox import Inbox, Parcel
from ingest.reading import Envelope

_KEEPALIVE_S = 60
_RETRY_S = (1, 30)
_LEAVE_S = 1.0
_ROOM_PATIENCE_S = 0.2
_REMEDY = "look at user and password in mqtt://user:password@host, and at what they may do there"

log = structlog.get_logger("emscher.gateway")


@dataclass(frozen=True, slots=True)
class Health:
    """How a source is: connected or not, since when (UTC ns), and what it said last."""

    name: str
    url: str
    connected: bool
    since_ns: int
    messages: int
    error: str | None


class MqttSource:
    """One broker. Messages go into the inbox; acknowledgements go back when they are durable."""

    def __init__(
        self,
        name: str,
        address: Address,
        client_id: str,
        inbox: Inbox,
        *,
        topics: Sequence[str] = ("#",),
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.name, self.address = name, address
        self._inbox, self._topics, self._clock_ns = inbox, tuple(topics), clock_ns
        self._stopping = False
        self._messages = 0
        self._connected, self._since_ns = False, clock_ns()
        self._refused = False
        self._error: str | None = "not connected yet"
        # A message may be acknowledged only on the connection that it came by: the broker gives
        # its number to another message after a reconnect.
        self._connection = 0
        self._acknowledging = threading.Lock()
        self._client = client = BulkClient(client_id, self._deliver, self._may_read)
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            client.tls_set_context(ssl.create_default_context())
        client.reconnect_delay_set(*_RETRY_S)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe

    def start(self) -> None:
        """Connect, now or as soon as the broker is there, and stay connected."""
        self._client.connect_async(self.address.host, self.address.port, _KEEPALIVE_S)
        self._client.loop_start()

    def pause(self) -> None:
        """Take no further messages; what came is still acknowledged when it is durable."""
        self._stopping = True

    def leave(self) -> None:
        """Ask for the end: the acknowledgements that are due go out first. Does not wait."""
        self._stopping = True
        self._client.disconnect()

    def stop(self, patience_s: float = _LEAVE_S) -> None:
        """Leave, and wait until that is done; the session stays at the broker.

        A broker that does not answer is not waited for longer than `patience_s`.
        """
        self.leave()
        # paho waits without a limit, and a connection that is being tried takes its time.
        end = threading.Thread(target=self._client.loop_stop, daemon=True)
        end.start()
        end.join(patience_s)

    def health(self) -> Health:
        """Return how this source is now."""
        return Health(
            self.name,
            self.address.shown,
            self._connected,
            self._since_ns,
            self._messages,
            self._error,
        )

    def _on_connect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        self._refused = reason.is_failure
        if reason.is_failure:
            self._say(False, f"the broker refuses the connection ({reason}): {_REMEDY}")
            return
        # Subscribing again is harmless, and needed where the topics of the settings have changed.
        client.subscribe([(topic, 1) for topic in self._topics])
        self._say(True, None)

    def _on_connect_fail(self, client: paho.Client, userdata: object) -> None:
        # paho calls this while it handles the fault, and has no argument for it.
        fault = sys.exc_info()[1]
        self._say(False, f"the broker can't be reached: {fault or 'no reason is known'}")

    def _on_disconnect(
        self,
        client: paho.Client,
        userdata: object,
        flags: paho.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        with self._acknowledging:
            self._connection += 1
        if not self._stopping and not self._refused:  # else there is a better sentence already
            self._say(False, f"the connection was lost: {reason}")

    def _on_subscribe(
        self,
        client: paho.Client,
        userdata: object,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        refused = [
            topic for topic, reason in zip(self._topics, reasons, strict=False) if reason.is_failure
        ]
        if refused:
            self._say(True, f"the broker refuses to deliver {', '.join(refused)}")

    def _may_read(self) -> bool:
        return self._stopping or self._inbox.await_room(_ROOM_PATIENCE_S)

    def _deliver(self, found: list[Delivery]) -> None:
        if self._stopping:
            return
        name, received_ns = self.name, self._clock_ns()
        # They came in this order, and no two at once.
        envelopes = [
            Envelope(name, one.topic, one.payload, at_ns, one.redelivered, one.retained)
            for at_ns, one in enumerate(found, received_ns)
        ]
        mids, connection = [one.mid for one in found if one.mid], self._connection

        def acknowledge() -> None:
            with self._acknowledging:
                if connection == self._connection:
                    self._client.acknowledge(mids)

        self._messages += len(found)
        self._inbox.put(Parcel(envelopes, acknowledge))

    def _say(self, connected: bool, error: str | None) -> None:
        if (connected, error) != (self._connected, self._error):
            if error is None:
                log.info("connected", broker=self.address.shown)
            else:
                log.warning(error, broker=self.address.shown, retrying=not connected)
        if connected != self._connected:
            self._since_ns = self._clock_ns()
        self._connected, self._error = connected, error


def client_id(folder: Path) -> str:
    """Return the client id of a data folder, the same for ever: the broker's session hangs on it.

    It is made at the first start, so that two installations at one broker never share a session.
    """
    path = folder / "mqtt-client-id"
    known = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if not known:  # new, or a crash left it empty
        known = f"emscher-{secrets.token_hex(6)}"
        path.write_text(f"{known}\n", encoding="ascii")
    return known


def open_session(
    address: Address, client_id: str, topics: Sequence[str], patience_s: float = 10.0
) -> None:
    """Make a persistent session with these subscriptions at a broker, and leave it there.

    From then on the broker keeps what is published for it. Raises BrokerError when the broker
    does not answer in time.
    """
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()

    def subscribe(
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        client.subscribe([(topic, 1) for topic in topics])

    client.on_connect = subscribe
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        if not subscribed.wait(patience_s):
            raise BrokerError(f"{address.shown} does not answer to a subscription")
    finally:
        client.disconnect()
        client.loop_stop()
