"""LoRaWAN frames: parsed, checked and decrypted with the keys of a session.

Source: LoRaWAN L2 1.0.4 and LoRaWAN 1.1 specifications, chapters 4 (MAC message formats) and 6
(end-device activation); RFC 4493 (AES-CMAC). Numbers are little-endian on the air. Identifiers
(DevAddr, DevEUI, JoinEUI) are text here, lower-case hex, most significant digit first.

Whoever reads a frame checks its MIC before believing anything in it: on the air, addresses are
shared by many networks, and a wrong key decrypts to plausible bytes.
"""

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from ingest.errors import PayloadError

_BLOCK = 16
_MIC_BYTES = 4
_DATA_BYTES_MIN = 12  # MHDR, FHDR without options, MIC
_JOIN_REQUEST_BYTES = 23
_JOIN_ACCEPT_BYTES = (17, 33)  # without and with a list of channels
_REJOIN_BYTES = {0: 19, 1: 24, 2: 19}
_OPT_NEG = 0x80
_UP, _DOWN = 0, 1


class FrameType(IntEnum):
    """What a frame is: the FType (MType) of its first byte."""

    JOIN_REQUEST = 0
    JOIN_ACCEPT = 1
    UNCONFIRMED_UP = 2
    UNCONFIRMED_DOWN = 3
    CONFIRMED_UP = 4
    CONFIRMED_DOWN = 5
    REJOIN_REQUEST = 6
    PROPRIETARY = 7


_UPWARDS = frozenset((FrameType.UNCONFIRMED_UP, FrameType.CONFIRMED_UP))


class Data(NamedTuple):
    """A data frame; `payload` is still encrypted.

    f_cnt      the 16 bits that were sent of the frame counter
    f_options  MAC commands in the header (encrypted in LoRaWAN 1.1)
    f_port     None: the frame has no payload
    signed     the bytes that the MIC is of
    """

    type: FrameType
    dev_addr: str
    adr: bool
    ack: bool
    f_cnt: int
    f_options: bytes
    f_port: int | None
    payload: bytes
    mic: bytes
    signed: bytes

    @property
    def upwards(self) -> bool:
        """Whether it goes from the device to the network."""
        return self.type in _UPWARDS


class JoinRequest(NamedTuple):
    """A device asks to join."""

    join_eui: str
    dev_eui: str
    dev_nonce: int
    mic: bytes
    signed: bytes


class RejoinRequest(NamedTuple):
    """A device asks to join anew; type 1 names its JoinEUI, types 0 and 2 the network."""

    type: int
    net_id: int | None
    join_eui: str
    dev_eui: str
    counter: int
    mic: bytes
    signed: bytes


class JoinAccept(NamedTuple):
    """An answer to a join, decrypted; `f_list` are the channels, 0 or 16 bytes."""

    join_nonce: int
    net_id: int
    dev_addr: str
    settings: int
    rx_delay_s: int
    f_list: bytes
    mic: bytes
    signed: bytes

    @property
    def negotiates(self) -> bool:
        """Whether the network speaks LoRaWAN 1.1 (OptNeg): other keys follow then."""
        return bool(self.settings & _OPT_NEG)


class Sealed(NamedTuple):
    """A join-accept as it was heard: encrypted as a whole."""

    phy: bytes


class Proprietary(NamedTuple):
    """A frame that only its maker can read."""

    body: bytes


Frame = Data | JoinRequest | RejoinRequest | Sealed | Proprietary


class SessionKeys(NamedTuple):
    """The keys of a session; in LoRaWAN 1.0 the three network keys are one."""

    f_nwk_s_int: bytes
    s_nwk_s_int: bytes
    nwk_s_enc: bytes
    app_s: bytes


def parse(phy: bytes) -> Frame:
    """Return the frame that a PHYPayload is; nothing of it is checked or decrypted yet.

    Errors  PayloadError when the major version is not R1, or the length is not the type's.
    """
    if not phy or phy[0] & 3:
        major = phy[0] & 3 if phy else "no byte"
        raise PayloadError("LoRaWAN version", "LoRaWAN R1: 0 in the last two bits", major)
    kind = FrameType(phy[0] >> 5)
    if kind is FrameType.PROPRIETARY:
        return Proprietary(phy[1:])
    if kind is FrameType.JOIN_REQUEST:
        _sized(phy, kind, (_JOIN_REQUEST_BYTES,))
        nonce = int.from_bytes(phy[17:19], "little")
        return JoinRequest(_text(phy[1:9]), _text(phy[9:17]), nonce, phy[-4:], phy[:-4])
    if kind is FrameType.JOIN_ACCEPT:
        _sized(phy, kind, _JOIN_ACCEPT_BYTES)
        return Sealed(phy)
    if kind is FrameType.REJOIN_REQUEST:
        return _rejoin(phy)
    return _data(phy, kind)


def mic_data(frame: Data, key: bytes, f_cnt: int) -> bytes:
    """Return the MIC that a data frame has in LoRaWAN 1.0 (1.1: `mic_data_11`), four bytes.

    key    NwkSKey; in LoRaWAN 1.1 FNwkSIntKey
    f_cnt  the whole frame counter, 32 bits
    """
    return _mic_data(frame, key, f_cnt, b"\0\0\0\0")


def mic_data_11(
    frame: Data, keys: SessionKeys, f_cnt: int, *, acked: int = 0, rate: int = 0, channel: int = 0
) -> bytes:
    """Return the MIC of a data frame of LoRaWAN 1.1, four bytes.

    acked          the frame counter that the frame acknowledges; 0 if it does not
    rate, channel  indices of the data rate and the channel that an uplink was sent with
    """
    confirmed = (acked & 0xFFFF if frame.ack else 0).to_bytes(2, "little")
    if not frame.upwards:
        return _mic_data(frame, keys.s_nwk_s_int, f_cnt, confirmed + b"\0\0")
    serving = _mic_data(frame, keys.s_nwk_s_int, f_cnt, confirmed + bytes((rate, channel)))
    return serving[:2] + mic_data(frame, keys.f_nwk_s_int, f_cnt)[:2]


def mic_plain(signed: bytes, key: bytes) -> bytes:
    """Return the MIC of a join-request, a rejoin-request or a join-accept of LoRaWAN 1.0.

    signed  the frame without its MIC, decrypted
    key     AppKey (1.1: NwkKey; SNwkSIntKey for rejoin types 0 and 2, JSIntKey for type 1)
    """
    return _cmac(key, signed)


def mic_join_accept_11(
    accept: JoinAccept, key: bytes, *, request_type: int, join_eui: str, dev_nonce: int
) -> bytes:
    """Return the MIC of a join-accept of LoRaWAN 1.1 (`negotiates`); `key` is the JSIntKey.

    request_type  0xFF after a join-request, else the type of the rejoin-request
    dev_nonce     of the request, or the count of the rejoin-request
    """
    asked = bytes((request_type,)) + _bytes(join_eui) + dev_nonce.to_bytes(2, "little")
    return _cmac(key, asked + accept.signed)


def frame_counters(sent: int, near: int, highest: int = 255) -> Iterator[int]:
    """Yield the 32-bit frame counters that the 16 bits sent may stand for, likeliest first.

    near     the upper 16 bits when the device was last heard
    highest  the upper 16 bits to try to; the device starts again at 0 when it joins or is reset
    """
    seen = set()
    for upper in (near, near + 1, *range(highest + 1)):
        if upper not in seen and upper <= 0xFFFF:
            seen.add(upper)
            yield upper << 16 | sent


def counter_of(frame: Data, key: bytes, counters: Iterable[int]) -> int | None:
    """Return the first frame counter with which the MIC of LoRaWAN 1.0 fits; None: none fits."""
    return next((one for one in counters if mic_data(frame, key, one) == frame.mic), None)


def counter_of_11(
    frame: Data, forwarding: bytes, serving: bytes, counters: Iterable[int]
) -> int | None:
    """Return the first frame counter with which the MIC of a 1.1 uplink fits; None: none fits.

    forwarding, serving  FNwkSIntKey and SNwkSIntKey
    Half of the MIC is of the data rate and the channel, whose indices no gateway tells: all are
    tried, once the other half fits. An acknowledgement signs also what it acknowledges, which
    nobody but the network knows; of those only the first half can be checked.
    """
    keys = SessionKeys(forwarding, serving, b"", b"")
    for f_cnt in counters:
        if mic_data(frame, forwarding, f_cnt)[:2] != frame.mic[2:]:
            continue
        if frame.ack or any(
            mic_data_11(frame, keys, f_cnt, rate=rate, channel=channel) == frame.mic
            for channel in range(96)
            for rate in range(16)
        ):
            return f_cnt
    return None


def decrypted(frame: Data, key: bytes, f_cnt: int) -> bytes:
    """Return the FRMPayload of a data frame.

    key  AppSKey; on FPort 0 the NwkSKey (1.1: NwkSEncKey)
    """
    head = b"\x01\0\0\0\0" + _direction(frame) + f_cnt.to_bytes(4, "little") + b"\0"
    blocks = (len(frame.payload) + _BLOCK - 1) // _BLOCK
    stream = _aes(key, b"".join(head + bytes((number + 1,)) for number in range(blocks)))
    return bytes(one ^ other for one, other in zip(frame.payload, stream, strict=False))


def opened(sealed: Sealed, key: bytes) -> JoinAccept:
    """Return a join-accept, decrypted; only its MIC says whether the key was right.

    key  AppKey (1.1: NwkKey after a join-request, JSEncKey after a rejoin-request)
    """
    # The network "decrypts" to encrypt, so that a device needs only the one half of AES.
    return accept_of(sealed.phy[:1] + _aes(key, sealed.phy[1:]))


def accept_of(plain: bytes) -> JoinAccept:
    """Return a join-accept from its decrypted bytes, the first byte and the MIC included.

    Errors  PayloadError unless it is 17 or 33 bytes.
    """
    _sized(plain, FrameType.JOIN_ACCEPT, _JOIN_ACCEPT_BYTES)
    return JoinAccept(
        int.from_bytes(plain[1:4], "little"),
        int.from_bytes(plain[4:7], "little"),
        _text(plain[7:11]),
        plain[11],
        plain[12] & 0x0F or 1,
        plain[13:-4],
        plain[-4:],
        plain[:-4],
    )


def keys_10(app_key: bytes, *, join_nonce: int, net_id: int, dev_nonce: int) -> SessionKeys:
    """Return the session keys of LoRaWAN 1.0 (and of a 1.1 device in a 1.0 network)."""
    seed = _nonce(join_nonce) + _nonce(net_id) + dev_nonce.to_bytes(2, "little")
    network, app = (_derived(app_key, number, seed) for number in (1, 2))
    return SessionKeys(network, network, network, app)


def keys_11(
    app_key: bytes, nwk_key: bytes, *, join_nonce: int, join_eui: str, dev_nonce: int
) -> SessionKeys:
    """Return the session keys of LoRaWAN 1.1."""
    seed = _nonce(join_nonce) + _bytes(join_eui) + dev_nonce.to_bytes(2, "little")
    forwarding, serving, encryption = (_derived(nwk_key, number, seed) for number in (1, 3, 4))
    return SessionKeys(forwarding, serving, encryption, _derived(app_key, 2, seed))


def join_keys_11(nwk_key: bytes, dev_eui: str) -> tuple[bytes, bytes]:
    """Return JSIntKey and JSEncKey of LoRaWAN 1.1, for what follows a rejoin."""
    seed = _bytes(dev_eui)
    return _derived(nwk_key, 6, seed), _derived(nwk_key, 5, seed)


def _data(phy: bytes, kind: FrameType) -> Data:
    size = len(phy)
    if size < _DATA_BYTES_MIN:
        raise PayloadError(
            "LoRaWAN frame length", f"at least {_DATA_BYTES_MIN} bytes of {kind.name}", size
        )
    control = phy[5]
    options_end = 8 + (control & 0x0F)
    if options_end > size - _MIC_BYTES:
        raise PayloadError(
            "LoRaWAN frame length", f"{control & 0x0F} bytes of options and the MIC", size
        )
    rest = phy[options_end:-4]
    f_port = rest[0] if rest else None
    if f_port == 0 and options_end > 8:
        raise PayloadError("LoRaWAN FPort", "no FPort 0 beside options", "both")
    return Data(
        kind,
        _text(phy[1:5]),
        bool(control & 0x80),
        bool(control & 0x20),
        int.from_bytes(phy[6:8], "little"),
        phy[8:options_end],
        f_port,
        rest[1:],
        phy[-4:],
        phy[:-4],
    )


def _rejoin(phy: bytes) -> RejoinRequest:
    kind = phy[1] if len(phy) > 1 else -1
    if kind not in _REJOIN_BYTES:
        raise PayloadError("LoRaWAN rejoin type", "0, 1 or 2", kind)
    _sized(phy, FrameType.REJOIN_REQUEST, (_REJOIN_BYTES[kind],))
    at = 10 if kind == 1 else 5
    return RejoinRequest(
        kind,
        None if kind == 1 else int.from_bytes(phy[2:5], "little"),
        _text(phy[2:10]) if kind == 1 else "",
        _text(phy[at : at + 8]),
        int.from_bytes(phy[at + 8 : at + 10], "little"),
        phy[-4:],
        phy[:-4],
    )


def _sized(phy: bytes, kind: FrameType, sizes: tuple[int, ...]) -> None:
    if len(phy) not in sizes:
        wanted = " or ".join(map(str, sizes))
        raise PayloadError("LoRaWAN frame length", f"{wanted} bytes of {kind.name}", len(phy))


def _mic_data(frame: Data, key: bytes, f_cnt: int, link: bytes) -> bytes:
    """Return the CMAC over the block B0 or B1 and the frame; `link` is what B1 has and B0 not."""
    head = b"\x49" + link + _direction(frame) + f_cnt.to_bytes(4, "little")
    return _cmac(key, head + bytes((0, len(frame.signed))) + frame.signed)


def _direction(frame: Data) -> bytes:
    return bytes((_UP if frame.upwards else _DOWN,)) + _bytes(frame.dev_addr)


def _cmac(key: bytes, signed: bytes) -> bytes:
    made = CMAC(AES(key))
    made.update(signed)
    return made.finalize()[:_MIC_BYTES]


def _aes(key: bytes, blocks: bytes) -> bytes:
    # ECB is what the specification builds its own stream and key derivation on.
    machine = Cipher(AES(key), modes.ECB()).encryptor()
    return machine.update(blocks) + machine.finalize()


def _derived(key: bytes, number: int, seed: bytes) -> bytes:
    return _aes(key, (bytes((number,)) + seed).ljust(_BLOCK, b"\0"))


def _nonce(number: int) -> bytes:
    return number.to_bytes(3, "little")


def _text(raw: bytes) -> str:
    return raw[::-1].hex()


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text)[::-1]
