"""paho's client, reading and acknowledging many messages at a time.

paho reads a message with three calls to the system, makes an object of it, and writes each
acknowledgement by itself. Each call lets go of the interpreter, and has to wait for it while
another thread decodes. Here one call reads what has come, PUBLISH packets of QoS 0 and 1 are taken
apart in one loop, and a commit's acknowledgements are one write. Everything else (connecting, TLS,
subscriptions, pings, every other packet) stays paho's.

Source: OASIS MQTT 3.1.1, sections 2.2, 3.3 and 3.4. It leans on these inner names of paho-mqtt
2.2, which tests/gateway/test_gateway_bulk.py holds it to: _sock, _sock_recv, _in_packet,
_packet_handle, _packet_queue, _loop_rc_handle, _msgtime_mutex, _last_bytes_received, _ping_t.
"""

import struct
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.exception import MalformedPacket

_READ_BYTES = 1 << 18
_PARCEL_MAX = 2_000
_TOPICS_MAX = 131_072
_PUBLISH, _PUBACK = 3, 0x40
_QOS_1 = 1


class Delivery(NamedTuple):
    """A PUBLISH as it came; `mid` is 0 at QoS 0, which nobody acknowledges."""

    topic: str
    payload: bytes
    mid: int
    redelivered: bool
    retained: bool


class BulkClient(paho.Client):
    """A client of MQTT 3.1.1 whose messages come in lists.

    deliver   takes messages in the order in which they came, on the client's thread
    may_read  is asked before each reading, and may wait for a moment; False: nothing is read now,
              and so the broker waits. The connection is kept up meanwhile.
    """

    def __init__(
        self,
        client_id: str,
        deliver: Callable[[list[Delivery]], None],
        may_read: Callable[[], bool],
    ) -> None:
        super().__init__(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=False,
            protocol=MQTTProtocolVersion.MQTTv311,
            manual_ack=True,
        )
        self._deliver, self._may_read = deliver, may_read
        self.fault: OSError | None = None  # what the last reading failed with
        self._read_from: Any = None
        self._rest = b""
        self._topics: dict[bytes, str] = {}

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Acknowledge messages of QoS 1, in this order."""
        if mids:
            packets = b"".join(struct.pack("!BBH", _PUBACK, 2, mid) for mid in mids)
            self._packet_queue(_PUBACK, packets, mids[-1], _QOS_1)

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Read what has come, deliver its messages, and let paho handle the rest."""
        if not self._may_read():
            # The answers to our pings lie behind what is not read: don't miss them.
            with self._msgtime_mutex:
                self._last_bytes_received = time.monotonic()
            self._ping_t = 0.0
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        if self._sock is not self._read_from:
            self._read_from, self._rest, self.fault = self._sock, b"", None
        try:
            data = self._sock_recv(_READ_BYTES)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError as fault:
            self.fault, data = fault, b""
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        result = self._take(self._rest + data if self._rest else data)
        return self._loop_rc_handle(result) if result > 0 else result

    def _take(self, data: bytes) -> MQTTErrorCode:
        """Go through the packets of these bytes; what is not whole yet is kept."""
        at, size, topics = 0, len(data), self._topics
        found: list[Delivery] = []
        while size - at >= 2:
            head, length, body = data[at], data[at + 1], at + 2
            if length > 127:
                told = _length(data, at + 1)
                if told is None:
                    break
                length, body = told
                if length < 0:
                    return MQTTErrorCode.MQTT_ERR_PROTOCOL
            end = body + length
            if end > size:
                break
            if head >> 4 != _PUBLISH:
                self._hand_over(found)
                found = []
                result = self._by_paho(head, data[body:end])
                if result > 0 or self._sock is not self._read_from:
                    return result
                at = end
                continue
            qos = head >> 1 & 3
            start = body + 2 + (data[body] << 8 | data[body + 1]) if length >= 2 else end + 1
            raw = data[body + 2 : start]
            mid = 0
            if qos and start + 2 <= end:
                mid = data[start] << 8 | data[start + 1]
                start += 2
            if start > end or qos > _QOS_1 or (mid == 0) != (qos == 0):
                return MQTTErrorCode.MQTT_ERR_PROTOCOL
            topic = topics.get(raw)
            if topic is None:
                topic = raw.decode("utf-8", "replace")
                if len(topics) >= _TOPICS_MAX:
                    topics.clear()
                topics[raw] = topic
            found.append(Delivery(topic, data[start:end], mid, bool(head & 8), bool(head & 1)))
            if len(found) >= _PARCEL_MAX:
                self._hand_over(found)
                found = []
            at = end
        self._rest = data[at:]
        self._hand_over(found)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _hand_over(self, found: list[Delivery]) -> None:
        if found:
            self._deliver(found)

    def _by_paho(self, head: int, body: bytes) -> MQTTErrorCode:
        """Let paho handle a packet that is no message."""
        packet = self._in_packet
        packet["command"], packet["packet"] = head, bytearray(body)
        packet["remaining_length"] = len(body)
        try:
            return self._packet_handle()
        except MalformedPacket:
            return MQTTErrorCode.MQTT_ERR_PROTOCOL
        finally:
            packet["command"], packet["packet"] = 0, bytearray()


def _length(data: bytes, at: int) -> tuple[int, int] | None:
    """Return a packet's remaining length and where its body begins.

    None: its end has not come yet. A length of -1: it is longer than four bytes, which is wrong.
    """
    length = 0
    for place in range(4):
        if at + place >= len(data):
            return None
        byte = data[at + place]
        length |= (byte & 127) << 7 * place
        if byte < 128:
            return length, at + place + 1
    return -1, at
