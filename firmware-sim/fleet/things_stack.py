"""The Things Stack v3: `v3/{application}@{tenant}/devices/{device}/{up|join|down/ack|down/nack}`.

Source: The Things Stack documentation, "Integrations: Data formats" and "MQTT server", and its
API reference, ApplicationUp. Zeros, falses and empties are left out; times end in Z and have no
more decimals than they need.

Ids have 3 to 36 characters of a-z, 0-9 and single dashes ("ID and EUI constraints"): applications
and tenants are spelled so; a device whose name isn't one is called after its DevEUI, as the stack
itself does. The answer to DevStatusReq has no message of its own: `status` returns None.
"""

import json
import re
from binascii import a2b_hex, b2a_base64
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple

from fleet.errors import EncodingError
from fleet.message import Message
from fleet.network import (
    BANDWIDTH_HZ,
    CACHED,
    EU868_HZ,
    FASTEST_DR,
    Identity,
    Uplink,
    airtime_us,
    checked,
    checked_counter,
    clock_text,
    dev_addr_of,
    digest_of,
)

NAME = "things_stack"

_ID = re.compile(r"[a-z0-9](?:-?[a-z0-9]){2,}", re.ASCII)
_ID_SIZE = 36
_SPELLED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_JOIN_EUI = "0200000000000001"  # locally administered: nobody's
_NETWORK = {
    "net_id": "000000",
    "ns_id": "0200000000000002",
    "cluster_id": "eu1",
    "cluster_address": "eu1.stack.example",
}
_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32
_PAIRS = [first + second for first in _DIGITS for second in _DIGITS]
_LAST_FIVE_BITS = _DIGITS.encode() * 8


class _Constant(NamedTuple):
    """What all messages of a device share."""

    topic: str  # up to the kind of message
    ids: str  # from the beginning up to the address's value
    address: str
    session: str
    told: str  # what ends an uplink: who made the device, its network, its attributes
    key: str


def uplink(identity: Identity, up: Uplink) -> Message:
    """Return the `up` message of a frame. Errors: EncodingError; see `network.checked`.

    The network server's time is the uplink's; the application server's is up to 0.3 s later.
    Gateways count us, each from a start of its own.
    """
    time_ns, f_cnt, f_port, data, dr, heard, confirmed, copy = checked(up)
    head, ids, address, session, told, key = _constant(identity)
    token = _token(f"{key}/{time_ns}/{f_cnt}/{copy}")
    received = _time(time_ns)
    us = time_ns // 1000
    counts = [us + _count_start(one.gateway_id) & 0xFFFFFFFF for one in heard]
    metadata = ",".join(
        [
            f'{{"gateway_ids":{_gateway(gateway)}{_number("timestamp", count)}{_levels(rssi, snr)}'
            f'{_CHANNELS[channel]},"received_at":"{received}"}}'
            for (gateway, rssi, snr, channel), count in zip(heard, counts, strict=True)
        ]
    )
    packed = b2a_base64(data, newline=False).decode("ascii")
    text = (
        f'{ids}{address}"}},"correlation_ids":["gs:uplink:{_ulid(time_ns, token)}"],'
        f'"received_at":"{_served(time_ns, token)}","uplink_message":{{'
        f'"session_key_id":"{session}"{_number("f_port", f_port)}{_number("f_cnt", f_cnt)}'
        f"{_DATA % packed if packed else ''}"
        f',"rx_metadata":[{metadata}],"settings":{_SENT[heard[0].channel][dr]}'
        f'{_number("timestamp", counts[0])}}},"received_at":"{received}"'
        f"{_CONFIRMED if confirmed else ''}{_airtime(dr, len(data))}{told}}}}}"
    )
    return Message(time_ns, f"{head}up", text.encode())


def join(identity: Identity, time_ns: int, dev_addr: str) -> Message:
    """Return the `join` message."""
    constant = _constant(identity)
    content = {"session_key_id": constant.session, "received_at": _time(time_ns)}
    return _message(constant, "join", time_ns, dev_addr, "join_accept", content)


def status(identity: Identity, time_ns: int, *, margin: int, battery_level: float | None) -> None:
    """Return None: the stack publishes no message about a device's status."""


def ack(
    identity: Identity,
    time_ns: int,
    f_cnt_down: int,
    acknowledged: bool,
    *,
    f_port: int = 1,
    data: bytes = b"",
) -> Message:
    """Return the `down/ack` message of a confirmed downlink, or the `down/nack` one.

    f_port, data  what the downlink carried
    """
    if not 1 <= f_port <= 255:
        raise EncodingError(f"f_port of a downlink: expected 1…255, found {f_port}")
    constant = _constant(identity)
    content: dict[str, object] = {"session_key_id": constant.session, "f_port": f_port}
    if checked_counter(f_cnt_down):
        content["f_cnt"] = f_cnt_down
    if data:
        content["frm_payload"] = b2a_base64(data, newline=False).decode("ascii")
    content |= {"confirmed": True, "priority": "NORMAL"}
    place, kind = ("down/ack", "downlink_ack") if acknowledged else ("down/nack", "downlink_nack")
    return _message(constant, place, time_ns, constant.address, kind, content)


def device_id(identity: Identity) -> str:
    """Return the device's id: its name where that is one, else "eui-…"."""
    name = identity.name
    fits = len(name) <= _ID_SIZE and _ID.fullmatch(name)
    return name if fits else f"eui-{identity.dev_eui}"


def spelled_id(text: str) -> str:
    """Return the id that is nearest to a name; EncodingError where too little of it is left."""
    plain = text.lower().translate(_SPELLED)
    found = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:_ID_SIZE].rstrip("-")
    if not _ID.fullmatch(found):
        raise EncodingError(
            f"id of The Things Stack: expected a name with three letters or digits, found {text!r}"
        )
    return found


def _message(
    constant: _Constant, place: str, time_ns: int, address: str, kind: str, content: object
) -> Message:
    token = _token(f"{constant.key}/{place}/{time_ns}")
    text = (
        f'{constant.ids}{address.upper()}"}},"correlation_ids":["gs:uplink:'
        f'{_ulid(time_ns, token)}"],"received_at":"{_served(time_ns, token)}",'
        f'"{kind}":{_text(content)}}}'
    )
    return Message(time_ns, f"{constant.topic}{place}", text.encode())


@lru_cache(maxsize=CACHED)
def _constant(identity: Identity) -> _Constant:
    application, tenant = spelled_id(identity.application), spelled_id(identity.tenant)
    own = device_id(identity)
    ids = {
        "device_id": own,
        "application_ids": {"application_id": application},
        "dev_eui": identity.dev_eui.upper(),
        "join_eui": _JOIN_EUI,
    }
    told: dict[str, object] = {}
    if identity.brand or identity.model:
        made = {"brand_id": identity.brand, "model_id": identity.model, "band_id": "EU_863_870"}
        told["version_ids"] = {key: value for key, value in made.items() if value}
    told["network_ids"] = {**_NETWORK, "tenant_id": tenant}
    if identity.tags:
        told["attributes"] = dict(sorted(identity.tags.items()))
    session = b2a_base64(a2b_hex(digest_of("session", identity.dev_eui)), newline=False)
    return _Constant(
        f"v3/{application}@{tenant}/devices/{own}/",
        f'{{"end_device_ids":{_text(ids)[:-1]},"dev_addr":"',
        dev_addr_of(identity).upper(),
        session.decode("ascii"),
        f",{_text(told)[1:-1]}",
        f"things-stack/{identity.dev_eui}",
    )


def _time(time_ns: int) -> str:
    clock, decimals = clock_text(time_ns)
    kept = decimals.rstrip("0")
    return f"{clock}.{kept}Z" if kept else f"{clock}Z"


def _token(name: str) -> bytes:
    """Return what tells a message from others, 18 bytes."""
    return blake2b(name.encode(), digest_size=18).digest()


def _served(time_ns: int, token: bytes) -> str:
    """Return when the application server had it: 0.15 to 0.3 s later."""
    return _time(time_ns + 150_000_000 + (token[16] << 8 | token[17]) * 2288)


def _ulid(time_ns: int, token: bytes) -> str:
    """Return a ULID: 48 bits of ms and 80 bits of token in 26 digits of Crockford's base 32."""
    ms = time_ns // 1_000_000
    stamp = f"{_stamp(ms >> 20)}{_PAIRS[ms >> 10 & 1023]}{_PAIRS[ms & 1023]}"
    return stamp + token[:16].translate(_LAST_FIVE_BITS).decode("ascii")


@lru_cache(maxsize=1024)
def _stamp(ms: int) -> str:
    """Return the first six digits of a ULID; they change every 17 minutes."""
    return "".join(_DIGITS[ms >> shift & 31] for shift in range(25, -1, -5))


@lru_cache(maxsize=65_536)
def _count_start(gateway_id: str) -> int:
    return int(digest_of("counter", gateway_id)[:8], 16)


@lru_cache(maxsize=65_536)
def _gateway(gateway_id: str) -> str:
    return _text({"gateway_id": f"eui-{gateway_id}", "eui": gateway_id.upper()})


@lru_cache(maxsize=4096)
def _airtime(dr: int, size: int) -> str:
    seconds, rest_us = divmod(airtime_us(dr, size), 1_000_000)
    rest = f"{rest_us:06d}" if rest_us % 1000 else f"{rest_us // 1000:03d}"
    return f',"consumed_airtime":"{seconds}.{rest}s"'


@lru_cache(maxsize=4096)
def _levels(rssi: int, snr: float) -> str:
    whole = int(snr)
    level = f',"rssi":{rssi},"channel_rssi":{rssi}' if rssi else ""
    return level + (f',"snr":{whole if whole == snr else float(snr)!r}' if snr else "")


def _number(name: str, value: int) -> str:
    return f',"{name}":{value}' if value else ""


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _sent(channel: int, dr: int) -> str:
    """Return `settings`, how the device sent, up to the counter's place."""
    lora = {"bandwidth": BANDWIDTH_HZ, "spreading_factor": 12 - dr, "coding_rate": "4/5"}
    sent = {"data_rate": {"lora": lora}, "frequency": str(EU868_HZ[channel])}
    return _text(sent)[:-1]


_SENT = [[_sent(channel, dr) for dr in range(FASTEST_DR + 1)] for channel in range(len(EU868_HZ))]
_CHANNELS = [_number("channel_index", channel) for channel in range(len(EU868_HZ))]
_DATA = ',"frm_payload":"%s"'
_CONFIRMED = ',"confirmed":true'
