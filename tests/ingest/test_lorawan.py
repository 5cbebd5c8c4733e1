import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import lorawan
from ingest.clock import SECOND_NS, rfc3339_ns
from ingest.errors import PayloadError
from ingest.gps import utc_ns
from ingest.lorawan import Data, FrameType, JoinRequest, Sealed, SessionKeys

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "lorawan_phy.json").read_text("utf-8")
)
NWK = bytes.fromhex("44024241ed4ce9a68c6a8bc055233fd3")
APP = bytes.fromhex("ec925802ae430ca77fd3dd73cb2cc588")
PHY = bytes.fromhex("40f17dbe4900020001954378762b11ff0d")


def _of(kind):
    found = [one for one in VECTORS if one["kind"] == kind]
    assert found
    return pytest.mark.parametrize("vector", found, ids=lambda one: one.get("name", ""))


def _key(vector, name):
    return bytes.fromhex(vector[name]) if vector.get(name) else None


@_of("data")
def test_data_frames(vector):
    frame = lorawan.parse(bytes.fromhex(vector["phy"]))
    assert isinstance(frame, Data)
    nwk, app = _key(vector, "nwkskey"), _key(vector, "appskey")
    if nwk:
        assert (lorawan.mic_data(frame, nwk, frame.f_cnt) == frame.mic) is vector["mic_valid"]
    if vector["expected_mic"]:
        assert lorawan.mic_data(frame, nwk, frame.f_cnt).hex() == vector["expected_mic"]
    if vector["frm_plain_hex"] is not None:
        key = nwk if frame.f_port == 0 else app
        assert lorawan.decrypted(frame, key, frame.f_cnt).hex() == vector["frm_plain_hex"]


@_of("join-request")
def test_join_requests(vector):
    frame = lorawan.parse(bytes.fromhex(vector["phy"]))
    assert isinstance(frame, JoinRequest)
    mic = lorawan.mic_plain(frame.signed, _key(vector, "appkey"))
    assert mic.hex() == vector["expected_mic"]
    assert (mic == frame.mic) is vector["mic_valid"]


@_of("join-accept-plain")
def test_join_accepts_in_the_open(vector):
    accept = lorawan.accept_of(bytes.fromhex(vector["phy"]))
    mic = lorawan.mic_plain(accept.signed, _key(vector, "appkey"))
    assert mic.hex() == vector["expected_mic"]
    assert (mic == accept.mic) is vector["mic_valid"]


@_of("join-accept-encrypted")
def test_join_accepts_as_heard(vector):
    sealed = lorawan.parse(bytes.fromhex(vector["phy"]))
    assert isinstance(sealed, Sealed)
    key = _key(vector, "appkey")
    accept = lorawan.opened(sealed, key)
    assert (accept.signed + accept.mic).hex() == vector["plain"]
    assert lorawan.mic_plain(accept.signed, key) == accept.mic


@_of("derive10")
def test_session_keys_of_lorawan_1_0(vector):
    numbers = {name: int(vector[name], 16) for name in ("netid", "appnonce", "devnonce")}
    keys = lorawan.keys_10(
        _key(vector, "appkey"),
        join_nonce=numbers["appnonce"],
        net_id=numbers["netid"],
        dev_nonce=numbers["devnonce"],
    )
    assert keys.app_s.hex() == vector["appskey"]
    assert {keys.f_nwk_s_int.hex(), keys.s_nwk_s_int.hex(), keys.nwk_s_enc.hex()} == {
        vector["nwkskey"]
    }


@_of("gps_time")
def test_gps_time(vector):
    assert utc_ns(vector["gps_seconds"] * SECOND_NS + 5) == rfc3339_ns(vector["utc"]) + 5


@pytest.mark.parametrize(
    ("gps_s", "utc"),
    [
        (0, "1980-01-06T00:00:00Z"),
        (1025136015, "2012-07-01T00:00:00Z"),  # the leap second itself
        (1167264016, "2016-12-31T23:59:59Z"),
        (1167264018, "2017-01-01T00:00:00Z"),
    ],
)
def test_gps_time_around_leap_seconds(gps_s, utc):
    assert utc_ns(gps_s * SECOND_NS) == rfc3339_ns(utc)


def test_the_parts_of_a_data_frame():
    frame = lorawan.parse(bytes.fromhex("4004030201a30000020305016a3798f5b64dc039"))
    assert (frame.type, frame.upwards) == (FrameType.UNCONFIRMED_UP, True)
    assert (frame.dev_addr, frame.f_cnt, frame.f_port) == ("01020304", 0, 1)
    assert (frame.adr, frame.ack, frame.f_options.hex()) == (True, True, "020305")
    assert frame.payload.hex() == "6a3798f5"
    bare = lorawan.parse(bytes.fromhex("60f17dbe4920020001f9d65d27")[:8] + bytes(4))
    assert (bare.f_port, bare.payload, bare.upwards) == (None, b"", False)


def test_the_parts_of_a_join_request():
    frame = lorawan.parse(bytes.fromhex("0039363463336913aa05693574323831330489c65b1304"))
    assert (frame.join_eui, frame.dev_eui) == ("aa13693363343639", "3331383274356905")
    assert frame.dev_nonce == 0x8904


def test_the_parts_of_a_join_accept():
    accept = lorawan.accept_of(bytes.fromhex("20c70b5701112280190302000043485bbc"))
    assert (accept.join_nonce, accept.net_id, accept.dev_addr) == (0x570BC7, 0x221101, "02031980")
    assert (accept.rx_delay_s, accept.f_list, accept.negotiates) == (1, b"", False)


def test_rejoin_requests():
    zero = lorawan.parse(bytes.fromhex("c0 00 010203 0807060504030201 0500 aabbccdd"))
    assert (zero.type, zero.net_id, zero.dev_eui) == (0, 0x030201, "0102030405060708")
    assert (zero.counter, zero.mic.hex()) == (5, "aabbccdd")
    one = lorawan.parse(bytes.fromhex("c0 01 1807060504030201 0807060504030201 0500 aabbccdd"))
    assert (one.net_id, one.join_eui, one.counter) == (None, "0102030405060718", 5)


def test_a_proprietary_frame_is_left_alone():
    assert lorawan.parse(b"\xe0\x01\x02").body == b"\x01\x02"


@pytest.mark.parametrize(
    ("phy", "rule"),
    [
        ("", "LoRaWAN version"),
        ("41f17dbe4900020001954378762b11ff0d", "LoRaWAN version"),
        ("40f17dbe49000200954378", "LoRaWAN frame length"),
        ("40f17dbe490f02000195437876", "LoRaWAN frame length"),
        ("40f17dbe49010200aa00954378762b", "LoRaWAN FPort"),
        ("0039363463336913aa05693574323831330489c65b13", "LoRaWAN frame length"),
        ("20386337ccbbaae7cd2c010000d9d0a6", "LoRaWAN frame length"),
        ("c0", "LoRaWAN rejoin type"),
        ("c003", "LoRaWAN rejoin type"),
        ("c000aa", "LoRaWAN frame length"),
    ],
)
def test_what_is_no_frame_is_refused(phy, rule):
    with pytest.raises(PayloadError) as caught:
        lorawan.parse(bytes.fromhex(phy))
    assert caught.value.rule == rule


@given(st.integers(0, len(PHY) * 8 - 1))
def test_one_flipped_bit_is_found(bit):
    wrong = bytearray(PHY)
    wrong[bit // 8] ^= 1 << bit % 8
    try:
        frame = lorawan.parse(bytes(wrong))
    except PayloadError:
        return
    assert not isinstance(frame, Data) or lorawan.mic_data(frame, NWK, frame.f_cnt) != frame.mic


def _slow_mic(frame: Data, key: bytes, f_cnt: int, link: bytes = bytes(4)) -> bytes:
    """Build the block as the specification's table has it, field by field."""
    block = bytearray(16)
    block[0] = 0x49
    block[1:5] = link
    block[5] = 0 if frame.type in {2, 4} else 1
    block[6:10] = bytes.fromhex(frame.dev_addr)[::-1]
    block[10:14] = [f_cnt >> shift & 255 for shift in (0, 8, 16, 24)]
    block[15] = len(frame.signed)
    machine = CMAC(AES(key))
    machine.update(bytes(block) + frame.signed)
    return machine.finalize()[:4]


def _sent(
    payload: bytes,
    f_cnt: int,
    nwk: bytes,
    app: bytes,
    *,
    kind: int = 0x40,
    control: int = 0x80,
    link: bytes | None = None,
    serving: bytes = b"",
) -> bytes:
    """Return a frame as a device sends it; with `link` as one of LoRaWAN 1.1."""
    counted = (f_cnt & 0xFFFF).to_bytes(2, "little")
    head = bytes((kind,)) + bytes.fromhex("26011bda")[::-1] + bytes((control,)) + counted + b"\x05"
    plain = lorawan.parse(head + payload + bytes(4))
    blocks = Cipher(AES(app), modes.ECB()).encryptor()
    sealed = b""
    for place in range(0, len(payload), 16):
        block = bytes((1, 0, 0, 0, 0, kind >> 5 & 1)) + head[1:5] + f_cnt.to_bytes(4, "little")
        stream = blocks.update(block + bytes((0, place // 16 + 1)))
        sealed += bytes(a ^ b for a, b in zip(payload[place:], stream, strict=False))
    frame = plain._replace(payload=sealed, signed=head + sealed)
    mic = _slow_mic(frame, nwk, f_cnt)
    if link is not None:
        mic = _slow_mic(frame, serving, f_cnt, link)[:2] + mic[:2]
    return head + sealed + mic


@settings(max_examples=100)
@given(st.binary(max_size=230), st.integers(0, 2**32 - 1), st.sampled_from([0x40, 0x80, 0x60]))
def test_what_was_sent_is_read_with_any_counter(payload, f_cnt, kind):
    frame = lorawan.parse(_sent(payload, f_cnt, NWK, APP, kind=kind))
    assert lorawan.mic_data(frame, NWK, f_cnt) == frame.mic
    assert lorawan.decrypted(frame, APP, f_cnt) == payload


@pytest.mark.parametrize(
    ("f_cnt", "near"), [(7, 0), (65_535, 0), (65_536, 0), (70_000, 1), (7, 9), (200 << 16 | 3, 0)]
)
def test_the_whole_counter_is_found_by_the_mic(f_cnt, near):
    frame = lorawan.parse(_sent(b"hello", f_cnt, NWK, APP))
    assert lorawan.counter_of(frame, NWK, lorawan.frame_counters(frame.f_cnt, near)) == f_cnt
    assert lorawan.counter_of(frame, APP, lorawan.frame_counters(frame.f_cnt, near)) is None


def test_counters_are_tried_once_each_and_the_likeliest_first():
    tried = list(lorawan.frame_counters(5, 2, 4))
    assert [one >> 16 for one in tried] == [2, 3, 0, 1, 4]
    assert {one & 0xFFFF for one in tried} == {5}
    assert list(lorawan.frame_counters(5, 0xFFFF, 0)) == [0xFFFF0005, 5]


SERVING = bytes(range(16))


@pytest.mark.parametrize(("rate", "channel"), [(0, 0), (5, 7), (15, 95)])
def test_an_uplink_of_lorawan_1_1(rate, channel):
    link = bytes((0, 0, rate, channel))
    frame = lorawan.parse(_sent(b"hello", 65_537, NWK, APP, link=link, serving=SERVING))
    keys = SessionKeys(NWK, SERVING, b"", APP)
    assert lorawan.mic_data_11(frame, keys, 65_537, rate=rate, channel=channel) == frame.mic
    counters = list(lorawan.frame_counters(frame.f_cnt, 0))
    assert lorawan.counter_of_11(frame, NWK, SERVING, counters) == 65_537
    assert lorawan.counter_of_11(frame, SERVING, NWK, counters) is None
    assert lorawan.counter_of_11(frame, NWK, APP, [65_537]) is None


def test_an_acknowledging_uplink_of_lorawan_1_1():
    link = bytes((9, 0, 3, 1))
    sent = _sent(b"x", 5, NWK, APP, control=0x20, link=link, serving=SERVING)
    frame = lorawan.parse(sent)
    keys = SessionKeys(NWK, SERVING, b"", APP)
    assert lorawan.mic_data_11(frame, keys, 5, acked=0x70009, rate=3, channel=1) == frame.mic
    assert lorawan.counter_of_11(frame, NWK, SERVING, [5]) == 5
    assert lorawan.counter_of_11(frame, APP, SERVING, [5]) is None


def test_a_downlink_of_lorawan_1_1_is_signed_by_the_serving_key_alone():
    frame = lorawan.parse(_sent(b"x", 5, SERVING, APP, kind=0x60))
    assert lorawan.mic_data_11(frame, SessionKeys(NWK, SERVING, b"", APP), 5) == frame.mic


def _aes(key: bytes, block: str) -> bytes:
    return Cipher(AES(key), modes.ECB()).encryptor().update(bytes.fromhex(block))


def test_session_keys_of_lorawan_1_1():
    keys = lorawan.keys_11(
        APP, NWK, join_nonce=0x563412, join_eui="0102030405060708", dev_nonce=0xBBAA
    )
    seed = "123456 0807060504030201 aabb 0000"
    assert keys.f_nwk_s_int == _aes(NWK, "01" + seed)
    assert keys.app_s == _aes(APP, "02" + seed)
    assert keys.s_nwk_s_int == _aes(NWK, "03" + seed)
    assert keys.nwk_s_enc == _aes(NWK, "04" + seed)
    integrity, encryption = lorawan.join_keys_11(NWK, "0102030405060708")
    assert encryption == _aes(NWK, "05 0807060504030201" + "00" * 7)
    assert integrity == _aes(NWK, "06 0807060504030201" + "00" * 7)


def test_a_join_accept_of_lorawan_1_1():
    integrity, _ = lorawan.join_keys_11(NWK, "0102030405060708")
    plain = bytes.fromhex("20 c70b57 011122 80190302 80 00")
    machine = CMAC(AES(integrity))
    machine.update(bytes.fromhex("ff 0807060504030201 aabb") + plain)
    mic = machine.finalize()[:4]
    sealed = plain[:1] + Cipher(AES(NWK), modes.ECB()).decryptor().update(plain[1:] + mic)
    accept = lorawan.opened(lorawan.parse(sealed), NWK)
    assert accept.negotiates
    asked = {"request_type": 0xFF, "join_eui": "0102030405060708", "dev_nonce": 0xBBAA}
    assert lorawan.mic_join_accept_11(accept, integrity, **asked) == accept.mic


@settings(max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes(phy):
    try:
        frame = lorawan.parse(phy)
    except PayloadError as error:
        assert error.rule.startswith("LoRaWAN")  # noqa: PT017
        return
    if isinstance(frame, Data):
        assert len(lorawan.decrypted(frame, APP, frame.f_cnt)) == len(frame.payload)
