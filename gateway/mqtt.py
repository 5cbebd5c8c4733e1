"""An MQTT broker as a source of envelopes: paho, QoS 1, acknowledged by hand.

MQTT 3.1.1 with a persistent session and a stable client id: what arrives at the broker while
Emscher is down is delivered when it is back (OASIS MQTT 3.1.1, section 4.1 and 4.4).
"""

import random
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import paho.mqtt.client as paho
import structlog
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.address import Address
from gateway.bulk import BulkClient, Delivery
from gateway.inbox import Inbox, Parcel
from gateway.session import Topics
from gateway.tls import context, unreached
from ingest.reading import Envelope

_KEEPALIVE_S = 60
_RETRY_S = (1.0, 30.0)
_FAILURES_MAX = 10
_STEADY_NS = 2 * 10**9  # a connection that held so long was none that is cut at once
_TOPICS_TOLD = 20
_LEAVE_S = 1.0
_ROOM_PATIENCE_S = 0.2
_REMEDY = "look at user and password in mqtt://user:password@host, and at what they may do there"

log = structlog.get_logger("emscher.gateway")


@dataclass(frozen=True, slots=True)
class Health:
    """How a source is: connected or not, since when (UTC ns), and what is wrong.

    messages, bytes, last_ns  what came since the start, and when the last of it did
    connections   how often it was connected since the start
    at_most_once  topics that come at QoS 0: what is lost before us does not come again
    error         what is wrong now, in a sentence; None: nothing
    """

    name: str
    url: str
    connected: bool
    since_ns: int
    messages: int
    error: str | None
    bytes: int = 0
    last_ns: int | None = None
    connections: int = 0
    at_most_once: tuple[str, ...] = ()


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
        remembered: Topics | None = None,
        chance: Callable[[], float] = random.random,
        own: Callable[[str], bool] = lambda topic: False,
    ) -> None:
        self.name, self.address = name, address
        self._own, self.heard_again = own, 0
        self._inbox, self._topics, self._clock_ns = inbox, tuple(topics), clock_ns
        self._stopping = False
        self._remembered = remembered or Topics(None)
        self._chance = chance
        self._messages = self._bytes = self._connections = self._failures = 0
        self._last_ns: int | None = None
        self._at_most_once: dict[str, None] = {}
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
            client.tls_set_context(context(address))
        self._retry_later()
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
            self._bytes,
            self._last_ns,
            self._connections,
            tuple(self._at_most_once),
        )

    def _retry_later(self) -> None:
        """Say when to try again, should this one fail: later each time, and never in step."""
        longest = min(_RETRY_S[1], _RETRY_S[0] * 2**self._failures)
        wait_s = longest * (0.5 + 0.5 * self._chance())
        self._client.reconnect_delay_set(wait_s, wait_s)
        self._failures = min(self._failures + 1, _FAILURES_MAX)

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
        self._connections += 1
        held = self._remembered.of(self.address)
        if held and not flags.session_present:
            log.warning(
                "the broker has forgotten our session: what was published while we were away does"
                " not come",
                broker=self.address.shown,
            )
        # Subscribing again is harmless, and needed where the topics of the settings have changed.
        self._remembered.remember(self.address, [*dict.fromkeys([*held, *self._topics])])
        gone = [topic for topic in held if topic not in self._topics]
        if gone:
            client.unsubscribe(gone)
        client.subscribe([(topic, 1) for topic in self._topics])
        self._say(True, None)

    def _on_connect_fail(self, client: paho.Client, userdata: object) -> None:
        # paho calls this while it handles the fault, and has no argument for it.
        self._retry_later()
        self._say(False, unreached(sys.exc_info()[1], self.address.tls))

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
        if self._connected and self._clock_ns() - self._since_ns > _STEADY_NS:
            self._failures = 0
        self._retry_later()
        if not self._stopping and not self._refused:  # else there is a better sentence already
            fault = self._client.fault
            if isinstance(fault, ssl.SSLError):  # TLS 1.3: a certificate that lacks is told late
                self._say(False, unreached(fault, self.address.tls))
                return
            self._say(False, f"the connection was lost: {fault or reason}")

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
        granted = zip(self._topics, reasons, strict=False)
        self._at_most_once = dict.fromkeys(topic for topic, qos in granted if qos.value == 0)
        self._remembered.remember(self.address, [t for t in self._topics if t not in refused])

    def _may_read(self) -> bool:
        return self._stopping or self._inbox.await_room(_ROOM_PATIENCE_S)

    def _deliver(self, found: list[Delivery]) -> None:
        if self._stopping:
            return
        mids, connection = [one.mid for one in found if one.mid], self._connection
        own = sum(self._own(one.topic) for one in found)
        if own:  # what we have published ourselves is no news
            self.heard_again += own
            found = [one for one in found if not self._own(one.topic)]
            if not found:
                self._client.acknowledge(mids)
                return
        name, received_ns = self.name, self._clock_ns()
        # They came in this order, and no two at once.
        envelopes = [
            Envelope(name, one.topic, one.payload, at_ns, one.redelivered, one.retained)
            for at_ns, one in enumerate(found, received_ns)
        ]

        def acknowledge() -> None:
            with self._acknowledging:
                if connection == self._connection:
                    self._client.acknowledge(mids)

        self._messages += len(found)
        self._bytes += sum(len(one.payload) for one in found)
        self._last_ns = received_ns
        if not all(one.mid for one in found) and len(self._at_most_once) < _TOPICS_TOLD:
            # Subscribed with QoS 1 it still comes with the QoS that it was published with.
            told = next(one.topic for one in found if not one.mid)
            self._at_most_once[told] = None
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
