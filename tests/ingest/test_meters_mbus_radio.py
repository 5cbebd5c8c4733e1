"""Wireless M-Bus: the example of the OMS specification, radio checksums, broken frames."""

import json
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mbus_telegrams import BERLIN, HEADER, RECEIVED_NS, measured

from ingest.errors import PayloadError
from ingest.meters import mbus
from ingest.meters.mbus_radio import content, crc

# OMS Specification, vol. 2, annex N, "wM-Bus meter with security profile A": key and telegram, as
# a receiver hands it on and as it is on air (format A).
KEY = bytes.fromhex("0102030405060708090A0B0C0D0E0F11")
STRIPPED = bytes.fromhex(
    "2E4493157856341233037A2A0020255923C95AAA26D1B2E7493B013EC4A6F6D3529B520EDFF0EA6DEFC99D6D69EBF3"
)
ON_AIR = bytes.fromhex(
    "2E44931578563412330333637A2A0020255923C95AAA26D1B2E7493BC2AD013EC4A6F6D3529B520EDFF0"
    "EA6DEFC955B29D6D69EBF3EC8A"
)


def _sealed(block):
    return block + crc(block).to_bytes(2, "big")


def _format_b(plain):
    """Return a frame of format B around C, M, A, CI and data."""
    size = len(plain) + (2 if len(plain) <= 125 else 4)
    whole = bytes([size]) + plain
    rest = whole[126:]
    return _sealed(whole[:126]) + (_sealed(rest) if rest else b"")


@pytest.mark.parametrize("frame", [STRIPPED, ON_AIR, _format_b(STRIPPED[1:])])
def test_the_example_of_the_oms_specification(frame):
    assert mbus.frames(frame) == [frame]
    told = mbus.telegram(frame, KEY)
    assert (told.manufacturer, told.serial, told.version, told.medium) == ("ELS", "12345678", 51, 3)
    assert [(one.name, one.value) for one in told.records] == [
        ("volume", 28504.27),
        ("datetime", datetime(2008, 5, 31, 23, 50)),
        ("error_flags", 0),
    ]
    assert measured(told)["gas_volume", "", None] == 28504.27
    with pytest.raises(PayloadError, match="encrypted, mode 5"):
        mbus.telegram(frame)


def test_the_checksum_of_a_real_first_block():
    assert crc(bytes.fromhex("2E449315785634123303")) == 0x3363


@pytest.mark.parametrize("size", [1, 15, 16, 17, 110, 115, 116, 117, 200])
def test_format_b_of_any_size(size):
    plain = STRIPPED[1:10] + b"\x78" + b"\x2f" * size
    assert content(_format_b(plain)) == plain


def test_a_flipped_bit_on_air_never_gives_values():
    for place in range(len(ON_AIR)):
        broken = bytearray(ON_AIR)
        broken[place] ^= 4
        with pytest.raises(PayloadError):
            mbus.telegram(bytes(broken), KEY)


def test_a_frame_cut_on_air_is_refused():
    for size in range(len(ON_AIR)):
        with pytest.raises(PayloadError):
            mbus.telegram(ON_AIR[:size], KEY)


def test_an_extended_link_layer_in_the_clear_is_passed_over():
    link = bytes.fromhex("44 9315 78563412 33 07")
    body = bytes.fromhex("7a 2a 00 0000 2f2f 04138d030000 2f2f")
    told = mbus.telegram(bytes([len(link + body)]) + link + body)
    assert (told.serial, told.version, told.access) == ("12345678", 0x33, 0x2A)
    assert measured(told) == {("water_volume", "", None): 0.909}
    for layer in ("8c 20 2a", "8e 20 2a 9315 11111111 01 36"):
        extended = link + bytes.fromhex(layer) + body
        assert mbus.telegram(bytes([len(extended)]) + extended) == told


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([0x72, 0x78, 0x7A, 0x8C, 0x8E, 0x8D]))
def test_any_radio_frame_gives_a_telegram_or_a_payload_error(body, ci):
    plain = b"\x44" + HEADER[4:6] + HEADER[:4] + HEADER[6:8] + bytes([ci]) + body
    try:
        told = mbus.telegram(bytes([len(plain)]) + plain, KEY)
    except PayloadError:
        return
    mbus.measurements(told, BERLIN, RECEIVED_NS)
    json.dumps(mbus.state(told))
