"""SML: real telegrams, an encoder written apart from the reader, and everything that breaks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sml_files import (
    DZG,
    EMH,
    IMPORT,
    ISKRA,
    KERMIT_OPEN,
    NONE,
    PLAIN,
    POWER,
    READ,
    START,
    code,
    entry,
    framed,
    get_list,
    i,
    many,
    message,
    meter_file,
    o,
    only,
    u,
)

from ingest.errors import PayloadError
from ingest.meters import sml
from ingest.meters.sml_values import DEPTH_MAX, Reader


def test_escapes_in_the_messages_are_undone():
    file = framed(meter_file(entry("1.0.96.1.0.255", o(b"\x1b" * 9)), POWER))
    assert file.count(b"\x1b" * 8) == 2
    assert sml.state(only(file))["1-0:96.1.0*255"] == "1b" * 9


def test_kermit_crcs_are_taken_when_all_are_so():
    content = meter_file(IMPORT, POWER, crc="kermit")
    for payload in (content, framed(content, "kermit"), framed(content)):
        assert sml.measurements(only(payload)) == READ
    with pytest.raises(PayloadError, match="CRC"):
        sml.readouts(KERMIT_OPEN)  # alone it may be chance
    mixed = message(0x0101, many(NONE, NONE, NONE, NONE, NONE, NONE)) + content
    with pytest.raises(PayloadError, match="CRC"):
        sml.readouts(mixed)
    with pytest.raises(PayloadError, match="CRC"):
        sml.readouts(framed(PLAIN, "kermit"))


def test_short_message_crcs():
    assert sml.readouts(bytes.fromhex("7603007562006200726302017101625b00")).readouts == ()
    assert sml.readouts(bytes.fromhex("760300756200620072630201710163005b00")).readouts == ()


def test_several_files_with_noise_between():
    second = framed(meter_file(IMPORT, server=b"\x0a\x01ISK\0\0\0\0\7"))
    payload = b"\x1b\x1b garbage" + framed(PLAIN) + b"\0\x1b\x1b\x1b\x1b\xff" + second + START[:6]
    found = sml.readouts(payload)
    assert [sml.server_name(one.server) for one in found.readouts] == [
        "1EMH0012345678",
        "1ISK0000000007",
    ]


@pytest.mark.parametrize("cut", [1, 9, 40, 100])
def test_a_payload_may_start_and_end_in_the_middle_of_a_file(cut: int):
    file = framed(PLAIN)
    found = sml.readouts(file[cut:] + file + file[:-cut])
    assert len(found.readouts) == 1
    assert sml.measurements(found.readouts[0]) == READ


def test_a_broken_file_beside_a_good_one_is_told():
    broken = bytearray(framed(PLAIN))
    broken[60] ^= 4
    found = sml.readouts(bytes(broken) + framed(PLAIN))
    assert len(found.readouts) == 1
    assert "CRC" in str(found.faults[0])


@pytest.mark.parametrize("whole", [ISKRA, framed(PLAIN)])
def test_truncation_at_every_byte_is_refused(whole: bytes):
    for size in range(len(whole)):
        with pytest.raises(PayloadError):
            sml.readouts(whole[:size])


def test_bare_messages_are_whole_or_refused():
    """Without transport nothing says that a further message was to come."""
    told = []
    for size in range(len(PLAIN)):
        try:
            told += sml.readouts(PLAIN[:size]).readouts
        except PayloadError:
            continue
    assert told  # up to the end of the second message
    assert all(one == only(PLAIN) for one in told)


@pytest.mark.parametrize(
    "whole", [DZG, framed(PLAIN), framed(meter_file(POWER, crc="kermit"), "kermit")]
)
def test_one_flipped_bit_anywhere_is_refused(whole: bytes):
    for at in range(len(whole)):
        for bit in range(8):
            broken = bytearray(whole)
            broken[at] ^= 1 << bit
            with pytest.raises(PayloadError):
                sml.readouts(bytes(broken))


def test_bombs_and_lies_about_lengths():
    with pytest.raises(PayloadError, match="nesting"):
        Reader(b"\x71" * 5000).value()
    assert Reader(b"\x71" * (DEPTH_MAX - 1) + b"\x70").value() is not None
    with pytest.raises(PayloadError, match="to the end"):
        Reader(b"\xff\x8f\x8f\x0f").value()
    with pytest.raises(PayloadError, match="length"):
        Reader(b"\xff\x8f\x8f\x8f\x8f\x0f").value()
    with pytest.raises(PayloadError, match="length"):
        Reader(b"\x60").value()
    with pytest.raises(PayloadError, match="values"):
        Reader(b"\xf6\x82\x8a\x08" + b"\x01" * 30_000).value()
    with pytest.raises(PayloadError, match="1 to 8"):
        Reader(b"\x6a" + bytes(9)).value()
    with pytest.raises(PayloadError, match="type"):
        Reader(b"\x31\x00").value()
    with pytest.raises(PayloadError, match="at most 64"):
        sml.readouts(START * 70)
    with pytest.raises(PayloadError, match="scaler"):
        sml.readouts(meter_file(entry("1.0.1.8.0.255", u(1), u(30), i(999, 2))))


@pytest.mark.parametrize(
    "body",
    [
        many(NONE),
        many(NONE, u(1), NONE, NONE, many(), NONE, NONE),
        many(NONE, o(EMH), NONE, NONE, u(1), NONE, NONE),
        get_list(many(o(b"\1"), NONE, NONE, NONE, NONE, u(1), NONE)),
        get_list(many(code("1.0.1.8.0.255"), o(b"x"), NONE, NONE, NONE, u(1), NONE)),
        get_list(u(1)),
        get_list(time=o(b"x")),
    ],
)
def test_lists_of_another_shape_are_refused(body: bytes):
    with pytest.raises(PayloadError):
        sml.readouts(message(0x0701, body))


@settings(max_examples=300)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_bytes_are_read_or_refused(noise: bytes, where: int):
    content = {0: noise, 1: b"\x76" + noise, 2: framed(noise), 3: message(0x0701, noise)}[where]
    try:
        for readout in sml.readouts(content).readouts:
            sml.measurements(readout)
            sml.state(readout)
    except PayloadError:
        return
