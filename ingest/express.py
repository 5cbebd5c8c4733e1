"""Uplinks of devices that were read before: the same answer for a third of the work.

A device says the same of itself with every uplink: its names, its profile, its codec. Where the
bytes of ChirpStack's `deviceInfo` are those of the device's last uplink, nothing of that is looked
at again, and the values go from the payload into columns without an object for each. Whatever is
unusual in a message is left to the ordinary way (ingest/decode.py): what is returned here is what
the ordinary way returns, and tests hold one to the other.
"""

from collections.abc import Sequence
from math import isfinite

import msgspec

from ingest.clock import EARLIEST_NS, rfc3339_ns
from ingest.codecs import Codec
from ingest.codecs.plans import Plan, Plans
from ingest.device import Device
from ingest.errors import PayloadError
from ingest.formats.chirpstack_event import NAME, Counter, DeviceInfo, Heard, Port
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Measurement, Message, Quality
from ingest.uplink import Uplink, best, codec_of

_DEVICES_MAX = 131_072
_FIELDS_MAX = 1024  # of one uplink here; the ordinary way takes more
_KEY_CHARS_MAX = 128
_RADIO = (("rssi", ""), ("snr", ""))

Names = Plan | tuple[tuple[str, ...], tuple[str, ...]]
"""What tells the fields of an uplink: the plan that read them, or quantities and channels."""


class Known(msgspec.Struct, gc=False, eq=False):
    """A device whose uplinks go this way.

    info     the bytes of `deviceInfo`; other ones mean another name, profile or tag
    forced   the operator set the codec: it goes before the network's own result
    numbers  of the series, in the order of the values, by what tells the fields; kept here by the
             intake, as is `met`, the device as it was when all of this was in it
    """

    info: bytes
    device: str
    name: str
    profile: str
    codec: Codec
    plans: Plans | None
    forced: bool
    numbers: dict[Names, list[int]]
    met: Device | None = None


class Express(msgspec.Struct, gc=False, eq=False):
    """An uplink that was read this way; its values are finite, measured, and of one time.

    values  in the unit of their quantities, rssi and snr last
    """

    known: Known
    names: Names
    values: list[float]
    time_ns: int
    key: str | None
    f_cnt: int

    def fields(self) -> list[tuple[str, str]]:
        """Return quantity and channel of each value."""
        names = self.names
        quantities, channels = names if isinstance(names, tuple) else names.names
        return [*zip(quantities, channels, strict=True), *_RADIO]

    def message(self) -> Message:
        """Return it as the ordinary way does."""
        known = self.known
        found = [
            Measurement(quantity, value, channel)
            for (quantity, channel), value in zip(self.fields(), self.values, strict=True)
        ]
        told = (known.device, self.time_ns, found)
        return Message(
            *told,
            key=self.key,
            name=known.name,
            model=known.profile,
            format=NAME,
            f_cnt=self.f_cnt,
        )


class _Up(msgspec.Struct, rename="camel", gc=False):
    device_info: msgspec.Raw = msgspec.Raw(b"")
    time: str | None = None
    deduplication_id: str | None = None
    f_port: Port = 0
    f_cnt: Counter = 0
    data: bytes = b""
    object: msgspec.Raw = msgspec.Raw(b"")
    rx_info: list[Heard] | None = None


_UP = msgspec.json.Decoder(_Up)
_INFO = msgspec.json.Decoder(DeviceInfo)
_UNTIMED, _MEASURED = None, Quality.MEASURED


class Fast:
    """The devices that were read before. One thread uses it."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._known: dict[str, Known] = {}

    def read(self, envelope: Envelope) -> Express | None:
        """Return what an uplink says; None: let the ordinary way read it."""
        known = self._known.get(envelope.topic)
        if known is None:
            return None
        try:
            up = _UP.decode(envelope.payload)
            time_ns = 0 if up.time is None else rfc3339_ns(up.time)
        except (msgspec.MsgspecError, PayloadError, ValueError):
            return None
        heard, key = up.rx_info, up.deduplication_id
        if bytes(up.device_info) != known.info:
            del self._known[envelope.topic]
            return None
        if (
            not heard
            or not up.data
            or (up.object and not (known.forced and bytes(up.object)[:1] == b"{"))
            or not EARLIEST_NS <= time_ns < envelope.received_ns
            or not (key is None or (key.isprintable() and 0 < len(key) <= _KEY_CHARS_MAX))
        ):
            return None
        first = heard[0]
        rssi, snr = (
            (first.rssi, first.snr)
            if len(heard) == 1
            else best((one.rssi, one.snr) for one in heard)
        )
        read: tuple[Names, list[float]] | None
        read = None if known.plans is None else known.plans.columns(up.data)
        read = read or _decoded(known.codec, up.data, up.f_port)
        if rssi is None or snr is None or read is None:
            return None
        names, values = read
        values.append(float(rssi))
        values.append(float(snr))
        return Express(known, names, values, time_ns, key, up.f_cnt)

    def learn(self, envelope: Envelope, message: Message) -> None:
        """Take note of an uplink that the ordinary way has read."""
        try:
            up = _UP.decode(envelope.payload)
            info = _INFO.decode(up.device_info)
        except msgspec.MsgspecError:  # protobuf, or of ChirpStack v3
            return
        tags = " ".join(info.tags.values()) if info.tags else ""
        uplink = Uplink(
            NAME,
            message.device,
            up.data,
            up.f_port,
            envelope.received_ns,
            name=info.device_name,
            profile=info.device_profile_name,
            tags=tags,
        )
        found, forced = codec_of(uplink, self._setup)
        if found is None or not (message.measurements and up.data):
            return
        if len(self._known) >= _DEVICES_MAX:
            self._known.clear()
        plans = getattr(found, "PLANS", None)
        self._known[envelope.topic] = Known(
            bytes(up.device_info), message.device, message.name, message.model,
            found, plans, forced, {},
        )  # fmt: skip


def _decoded(codec: Codec, payload: bytes, f_port: int) -> tuple[Names, list[float]] | None:
    """Return what a codec says in columns; None unless all of it is measured, and of now."""
    try:
        found: Sequence[Measurement] = codec.decode(payload, f_port)
    except Exception:  # the ordinary way says what is wrong
        return None
    if not 0 < len(found) <= _FIELDS_MAX:
        return None
    quantities, values, channels, times, qualities = zip(*found, strict=True)
    if (
        times.count(_UNTIMED) != len(times)
        or qualities.count(_MEASURED) != len(qualities)
        or not isfinite(sum(values))
    ):
        return None
    return (quantities, channels), list(values)
