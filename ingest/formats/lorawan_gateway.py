"""What LoRaWAN gateways hear: ChirpStack Gateway Bridge and MQTT Forwarder, without a server.

Topics `[{region}/]gateway/{gateway id}/event/{up|stats|ack|exec|raw}` and `…/state/conn`, as JSON
or protobuf, of versions 3 and 4; and the packet forwarder's own JSON (`rxpk`, `stat`) where a
bridge puts it on `…/event/up`, `…/event/stats` or `…/event/raw`.
Source: ChirpStack documentation, "Gateway Bridge" and "MQTT Forwarder", gw/gw.proto; Semtech
packet forwarder, PROTOCOL.TXT, section 4. The frames themselves say `ingest.lorawan`.

Gateways hear every device around, most of them of other people. What is done with a frame:

- A device whose keys are set (`Setup.keys`) and whose MIC fits is read: an uplink of the DevEUI,
  or of the DevAddr where no DevEUI is set. Its key is the same at every gateway (DevAddr, frame
  counter, MIC): the first copy is stored, the others are duplicates. Nothing is decrypted before
  its MIC was checked.
- Everything else is no fault, and would be thousands of refused messages a day: frames of others,
  downlinks, joins, frames with a wrong checksum. They become one fact about the gateway that does
  not change, "hears_others". A frame with a known DevAddr that no key fits is told by address,
  "no_key_fits": DevAddrs are shared, but a mistyped key shows there as well.
- A device whose keys are half set is refused, so that it can be read once they are complete.

Statistics are state of the gateway: its place, version and metadata. Its counts differ every time
and are left out. Time: GPS time where the gateway has it, else the gateway's clock.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from ingest import lorawan
from ingest.clock import iso
from ingest.errors import PayloadError
from ingest.formats import lorawan_gateway_wire as wire
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Json, Message
from ingest.uplink import Pending, Uplink, message

NAME = "lorawan_gateway"
BY_TOPIC = True

_ID = re.compile(r"[0-9a-f]{16}")
_EVENTS = frozenset(("up", "stats", "ack", "exec", "raw"))
_OTHERS: dict[str, Json] = {"hears_others": True}
_MAC_PORT = 0


class _Read(NamedTuple):
    """A frame of a device of ours: its whole counter, and its payload decrypted."""

    f_cnt: int
    payload: bytes


def claims(topic: str, payload: bytes, setup: Setup) -> bool:
    """Say yes to every event and connection state of a gateway, whatever the payload."""
    del payload, setup
    return _place(topic) is not None


def read(envelope: Envelope, setup: Setup) -> Message | Pending:
    """Return what the message says of a device whose keys are set, else of the gateway.

    Errors  PayloadError when the bytes are not that event, when a frame is none, when keys of a
            device are missing, or when no codec is known for its payload.
    """
    place = _place(envelope.topic)
    if place is None:
        raise PayloadError(
            "gateway topic", "gateway/{16 hex digits}/event/{name} or …/state/conn", envelope.topic
        )
    gateway, name = place
    payload = envelope.payload
    if name == "conn":
        return _about(gateway, None, {"conn": wire.connection(payload)})
    if name == "stats":
        time_ns, facts = wire.stats(payload)
        return _about(gateway, time_ns, {"stats": facts})
    if name not in {"up", "raw"} or not (name == "up" or wire.is_forwarders(payload)):
        return _about(gateway, None, {})
    found = [_frame(envelope, gateway, one, setup) for one in wire.heard(payload)]
    return _together(found, gateway)


def _together(found: list[Message | Pending], gateway: str) -> Message | Pending:
    """Return several frames of one envelope as one message; devices come before the gateway."""
    told = [one for one in found if isinstance(one, Message)]
    waiting = [one for one in found if isinstance(one, Pending)]
    if len(waiting) > 1:
        raise PayloadError(
            "frames of one message", "one at most whose codec is a script", len(waiting)
        )
    devices = [one for one in told if one.device != gateway]
    first_of_gateway = [one for one in told if one.device == gateway][:1]
    told = [*devices, *first_of_gateway] or [_about(gateway, None, {})]
    if not waiting:
        return _with_others(told[0], tuple(told[1:]))
    if not (devices or first_of_gateway):
        return waiting[0]
    last = waiting[0]
    return last._replace(finish=lambda answer: _with_others(last.finish(answer), tuple(told)))


def _with_others(first: Message, others: tuple[Message, ...]) -> Message:
    return replace(first, others=others) if others else first


def _frame(envelope: Envelope, gateway: str, heard: wire.Heard, setup: Setup) -> Message | Pending:
    """Return what one frame says."""
    if not heard.intact:
        return _about(gateway, heard.time_ns, _OTHERS)
    frame = lorawan.parse(heard.phy)
    if isinstance(frame, lorawan.JoinRequest) and bytes.fromhex(frame.dev_eui) in _euis(setup):
        asked: Json = {"time": None if heard.time_ns is None else iso(heard.time_ns)}
        return Message(frame.dev_eui, heard.time_ns, state={"join_request": asked}, format=NAME)
    if not isinstance(frame, lorawan.Data) or not frame.upwards:
        return _about(gateway, heard.time_ns, _OTHERS)
    address = frame.dev_addr
    if not any(f"{address}/{name}" in setup.keys for name in ("nwk", "fnwk", "app")):
        return _about(gateway, heard.time_ns, _OTHERS)
    ours = _opened(frame, setup)
    if ours is None:
        setup.note(f"frame: the MIC fits no key of the DevAddr {address}")
        return _about(gateway, heard.time_ns, {"no_key_fits": address})
    setup.note(f"frame: the MIC fits the keys of {address}; frame counter {ours.f_cnt}")
    eui = setup.keys.get(f"{address}/eui")
    return message(
        Uplink(
            NAME,
            address if eui is None else eui.hex(),
            ours.payload,
            frame.f_port or _MAC_PORT,
            envelope.received_ns,
            heard.time_ns,
            "" if heard.time_ns is None else iso(heard.time_ns),
            rssi=heard.rssi,
            snr=heard.snr,
            key=f"{address}/{ours.f_cnt}/{frame.mic.hex()}",
            key_alone=True,
            f_cnt=ours.f_cnt,
        ),
        setup,
    )


def _opened(frame: lorawan.Data, setup: Setup) -> _Read | None:
    """Return the frame, checked and decrypted; None when its MIC fits no key of its address.

    The upper half of the frame counter is not sent; what it last was is remembered, which is
    written once in 65,536 uplinks.
    """
    address, keys = frame.dev_addr, setup.keys
    known = setup.memory.get(NAME, address)
    near = known if isinstance(known, int) else 0
    counters = lorawan.frame_counters(frame.f_cnt, near)
    network = keys.get(f"{address}/nwk")
    if network is not None:
        f_cnt = lorawan.counter_of(frame, network, counters)
    else:
        f_cnt = lorawan.counter_of_11(
            frame, _key(address, "fnwk", setup), _key(address, "snwk", setup), counters
        )
    if f_cnt is None:
        return None
    if f_cnt >> 16 != near:
        setup.memory.learn(NAME, address, f_cnt >> 16)
    if not frame.payload or frame.f_port == _MAC_PORT:  # commands between device and network
        return _Read(f_cnt, b"")
    return _Read(f_cnt, lorawan.decrypted(frame, _key(address, "app", setup), f_cnt))


def _key(address: str, name: str, setup: Setup) -> bytes:
    key = setup.keys.get(f"{address}/{name}")
    if key is None:
        raise PayloadError(
            "LoRaWAN session key",
            f"{address}/{name}; a device needs nwk and app (1.1: fnwk, snwk and app)",
            "no such key",
        )
    return key


def _euis(setup: Setup) -> frozenset[bytes]:
    return frozenset(key for name, key in setup.keys.items() if name.endswith("/eui"))


def _about(gateway: str, time_ns: int | None, state: dict[str, Json]) -> Message:
    return Message(gateway, time_ns, state=state, format=NAME)


@lru_cache(maxsize=65_536)
def _place(topic: str) -> tuple[str, str] | None:
    """Return the gateway's id and what it tells; None for another topic."""
    levels = topic.split("/")[-4:]
    if len(levels) != 4 or levels[0] != "gateway" or not _ID.fullmatch(levels[1].lower()):
        return None
    event = levels[2] == "event" and levels[3] in _EVENTS
    if not event and levels[2:] != ["state", "conn"]:
        return None
    return levels[1].lower(), levels[3]
