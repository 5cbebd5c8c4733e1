"""What LoRaWAN network servers have in common: who a device is, and how an uplink was heard.

A network server is a module of the interface `NetworkServer`: ChirpStack in JSON or protobuf, The
Things Stack. Ids follow from names, so that a repeated history repeats its ids.
Source: LoRaWAN Link Layer 1.0.4, 4 (frame header) and 5.5 (DevStatusAns); RP002-1.0.4, 2.4
"EU863-870" (data rates, channels); Semtech AN1200.13, 4 (time on air).
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import NamedTuple, Protocol

from fleet.errors import EncodingError
from fleet.message import SECOND_NS, Message, rfc3339

EU868_HZ = (
    868_100_000, 868_300_000, 868_500_000, 867_100_000,
    867_300_000, 867_500_000, 867_700_000, 867_900_000,
)  # fmt: skip
BANDWIDTH_HZ = 125_000
FASTEST_DR = 5  # DR0 = SF12 … DR5 = SF7, all of 125 kHz
F_CNT_MAX = 0xFFFFFFFF
CACHED = 1 << 17  # devices whose constant parts are kept ready
_FRAME_BYTES = 13  # MHDR 1, FHDR 7, FPort 1, MIC 4: around the payload, without MAC commands
_WORDS = 12  # of 32 bits, behind the 16 bytes of an uplink's id
_NUMBERS = [struct.Struct(f">16x{count}I") for count in range(_WORDS + 1)]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is to the network server.

    dev_eui  16 lower-case hex digits
    profile  the device profile's name, such as "ELSYS ERS CO2"
    tags     must not change afterwards, as texts made of them are kept
    brand, model  as a device repository names them: "elsys", "ers-co2"; "" where unknown
    """

    dev_eui: str
    name: str
    profile: str
    tenant: str
    application: str
    tags: Mapping[str, str] = field(default_factory=dict)
    brand: str = ""
    model: str = ""

    def __hash__(self) -> int:
        """Return the DevEUI's hash: equal identities share it."""
        return hash(self.dev_eui)


class Heard(NamedTuple):
    """How one gateway heard an uplink.

    gateway_id  16 lower-case hex digits
    rssi, snr   dBm, dB
    channel     0 … 7, a place in EU868_HZ
    """

    gateway_id: str
    rssi: int
    snr: float
    channel: int = 0


class Uplink(NamedTuple):
    """One LoRaWAN data frame.

    time_ns    when the network server got it, UTC ns
    f_cnt      the whole frame counter, 32 bits, of which the frame carries 16
    dr         data rate, 0 … 5
    heard      by one gateway or by several, the one that counts first
    confirmed  the device asks for an acknowledgement
    copy       0, or the number of a repetition that the network server did not recognise: the same
               f_cnt, at a later time, under an id of its own
    """

    time_ns: int
    f_cnt: int
    f_port: int
    data: bytes
    dr: int
    heard: tuple[Heard, ...]
    confirmed: bool = False
    copy: int = 0


class NetworkServer(Protocol):
    """A module that turns what happens on the radio into messages.

    What a network server has no message for is None. Errors: EncodingError.
    """

    NAME: str

    def uplink(self, identity: Identity, up: Uplink) -> Message:
        """Return the message about a data frame."""

    def join(self, identity: Identity, time_ns: int, dev_addr: str) -> Message:
        """Return the message about a device that joined and got that address."""

    def status(
        self, identity: Identity, time_ns: int, *, margin: int, battery_level: float | None
    ) -> Message | None:
        """Return the message about a DevStatusAns; see `checked_margin`, `wire_battery`."""

    def ack(
        self, identity: Identity, time_ns: int, f_cnt_down: int, acknowledged: bool
    ) -> Message | None:
        """Return the message about a confirmed downlink that was acknowledged, or was not."""


def checked(up: Uplink) -> Uplink:
    """Return the uplink; EncodingError names the first value that a frame can't carry."""
    if (
        0 <= up.f_cnt <= F_CNT_MAX
        and 0 <= up.f_port <= 255
        and 0 <= up.dr <= FASTEST_DR
        and up.copy >= 0
        and up.time_ns >= 0
        and up.heard
    ):
        for one in up.heard:
            if not (
                0 <= one.channel < len(EU868_HZ)
                and -32768 <= one.rssi <= 32767
                and -128 <= one.snr <= 127
            ):
                raise EncodingError(
                    f"heard: expected a channel of 0…{len(EU868_HZ) - 1}, an rssi of 16 bits and "
                    f"an snr of -128…127 dB, found {one}"
                )
        return up
    raise EncodingError(
        f"uplink: expected an f_cnt of 32 bits, an f_port of 0…255, a dr of 0…{FASTEST_DR}, a "
        f"gateway that heard it, and neither time nor copy below 0, found {up}"
    )


def checked_counter(f_cnt: int) -> int:
    """Return a frame counter; EncodingError unless it has 32 bits."""
    if not 0 <= f_cnt <= F_CNT_MAX:
        raise EncodingError(f"f_cnt: expected 0…{F_CNT_MAX}, found {f_cnt}")
    return f_cnt


def checked_margin(margin: int) -> int:
    """Return the SNR of the last DevStatusReq in dB; EncodingError unless it fits 6 bits."""
    if not -32 <= margin <= 31:
        raise EncodingError(f"margin: expected -32…31 dB, found {margin}")
    return margin


def wire_battery(percent: float) -> float:
    """Return the battery level that is left of one in percent, on its way as 1 … 254.

    0 and 255 of the wire are no levels: on the mains, and unknown. Percent, with two decimals.
    """
    if not 0 <= percent <= 100:
        raise EncodingError(f"battery_level: expected 0…100 % or None, found {percent}")
    return round(max(1, round(percent * 254 / 100)) / 254 * 100, 2)


def dev_addr_of(identity: Identity, join: int = 0) -> str:
    """Return a device's address after its first, second … join: 8 hex digits.

    The upper byte is 0, a network id that anyone may use for tests (LoRaWAN Backend Interfaces).
    """
    name = ("address", identity.dev_eui, str(join)) if join else ("address", identity.dev_eui)
    return "00" + digest_of(*name)[:6]


def digest_of(*parts: str) -> str:
    """Return 32 hex digits that depend on nothing but the parts."""
    return blake2b("/".join(parts).encode(), digest_size=16).hexdigest()


def uuid_of(*parts: str) -> str:
    """Return a UUID (version 8 of RFC 9562, custom) that depends on nothing but the parts."""
    return _uuid(digest_of(*parts))


def uplink_ids(identity: Identity, up: Uplink) -> tuple[str, Sequence[int]]:
    """Return an uplink's UUID, and a number of 32 bits for each gateway that heard it."""
    name = f"uplink/{identity.dev_eui}/{up.time_ns}/{up.f_cnt}/{up.copy}"
    count = min(len(up.heard), _WORDS)
    digest = blake2b(name.encode(), digest_size=16 + 4 * count).digest()
    numbers = _NUMBERS[count].unpack(digest)
    if len(up.heard) > _WORDS:
        more = range(len(up.heard))
        numbers = tuple((numbers[at % _WORDS] + at // _WORDS) & 0xFFFFFFFF for at in more)
    return _uuid(digest[:16].hex()), numbers


def airtime_us(dr: int, size: int) -> int:
    """Return how long a frame with a payload of that many bytes is on the air, in us.

    Coding rate 4/5, eight symbols of preamble, header and CRC, as EU868 uplinks have them.
    """
    sf = 12 - dr
    slow = 1 if sf >= 11 else 0  # low data rate optimisation
    bits = 8 * (_FRAME_BYTES + size) - 4 * sf + 28 + 16
    symbols = 8 + max(-(-bits // (4 * (sf - 2 * slow))) * 5, 0)
    symbol_us = (1 << sf) * 8  # 2^SF / 125 kHz
    return symbols * symbol_us + 49 * symbol_us // 4


def clock_text(time_ns: int) -> tuple[str, str]:
    """Return a time's date and clock, and its nine decimals: ("2026-03-01T12:00:00", "000000000").

    UTC; the text of a second is kept, as a city sends thousands of messages in one.
    """
    seconds, rest_ns = divmod(time_ns, SECOND_NS)
    return _second_text(seconds), f"{rest_ns:09d}"


@lru_cache(maxsize=1024)
def _second_text(seconds: int) -> str:
    return rfc3339(seconds * SECOND_NS)[:19]


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-8{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
