"""The M-Bus decoder against 71 frames of real meters, and against frames built by hand."""

import json
from datetime import date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mbus_telegrams import (
    BAD,
    BERLIN,
    FRAMES,
    GOOD,
    HEADER,
    RECEIVED_NS,
    measured,
    told_by,
    wired,
)

from ingest.errors import PayloadError
from ingest.meters import mbus

FUNCTION = {
    "instantaneous": {"Instantaneous value", "Actual value"},
    "maximum": {"Maximum value"},
    "minimum": {"Minimum value"},
    "error": {"Value during error state"},
    "manufacturer": {"Manufacturer specific"},
    "more": {"More records follow"},
}
QUANTITY = {
    "energy": ("Energy", "Wh"),
    "volume": ("Volume", "m^3"),
    "power": ("Power", "W"),
    "flow": ("Volume flow", "m^3/h"),
    "flow_temperature": ("Flow temperature", "°C"),
    "return_temperature": ("Return temperature", "°C"),
    "external_temperature": ("External temperature", "°C"),
    "temperature_difference": ("Temperature difference", "K"),
    "on_time": ("On time", "s"),
    "operating_time": ("Operating time", "s"),
    "averaging_duration": ("Averaging Duration", "s"),
    "actuality_duration": ("Actuality Duration", "s"),
    "heat_cost_units": ("H.C.A.", "Units for H.C.A."),
    "voltage": ("Voltage", "V"),
    "current": ("Current", "A"),
    "date": ("Time point (date)", "-"),
    "datetime": ("Time point (date & time)", "-"),
    "fabrication_number": ("Fabrication No", None),
    "customer_location": ("Customer location", None),
    "digital_input": ("Digital Input", None),
    "digital_output": ("Digital Output", None),
    "dimensionless": ("Dimensionless", None),
    "enhanced_identification": ("(Enhanced) Identification", None),
    "error_flags": ("Error flags", None),
    "firmware_version": ("Firmware version", None),
    "software_version": ("Software version", None),
    "model_version": ("Model / Version", None),
    "medium": ("Medium", None),
    "parameter_set": ("Parameter set identification", None),
    "reset_count": ("Reset counter", None),
    "supplier_information": ("Special supplier information", None),
    "vendor": ("Manufacturer specific", None),
    "vif_fd7c": ("Reserved", "Reserved"),
    "%RH": ("%RH", "-"),
    "C": ("C", "-"),
    "c": ("c", "-"),
    "cust. ID": ("cust. ID", "-"),
    "bat. time": ("bat. time", "-"),
    "manufacturer_data": (None, None),
}

LIBMBUS_IS_WRONG = {
    # Type F, bit 8 "time invalid" (EN 13757-3, annex A): no date at all, not the year 1900.
    ("REL-Relay-Padpuls2", 1): "the meter's clock says that it is invalid",
    # Type A: digits Ah to Eh mark an error; libmbus adds them up as 10 to 14.
    ("abb_f95", 2): "DDEBB4DD is no BCD number",
    ("abb_f95", 3): "EBB4DD is no BCD number",
    # Type G: day 0 and month 0 are "every", not a date.
    ("siemens_water", 3): "2000-00-00 is no certain point in time",
    ("siemens_wfh21", 3): "2000-00-00 is no certain point in time",
}
UNNAMED_BY_LIBMBUS = {("sen_pollutherm", 2)}  # VIF 7Bh without its extension: reserved, but there

# Combinable VIFE 50h, 58h: how long the first excess of the lower, upper limit lasted, in s.
DURATIONS_BY_VIFE = {("SEN_Pollustat", 12), ("SEN_Pollustat", 13)}


@pytest.mark.parametrize("frame", GOOD, ids=lambda one: one["name"])
def test_records_are_those_of_libmbus(frame):
    told = mbus.telegram(bytes.fromhex(frame["hex"]))
    assert len(told.records) == len(frame["records"])
    for nth, (record, wanted) in enumerate(zip(told.records, frame["records"], strict=True)):
        place = (frame["name"], nth)
        if place in UNNAMED_BY_LIBMBUS:
            assert (record.name, record.value) == ("vif_7b", 302.0)
            continue
        _agrees(record, wanted, place, fixed=frame["hex"][12:14] == "73")


def _agrees(record, wanted, place, fixed):
    assert wanted["Function"] in FUNCTION[record.function]
    numbers = [int(wanted.get(name) or 0) for name in ("StorageNumber", "Tariff", "Device")]
    if fixed:  # libmbus gives counters in the unit that was sent, and no storage number
        _agrees_with_counter(record, wanted)
        return
    assert [record.storage, record.tariff, record.subunit] == numbers
    if place in DURATIONS_BY_VIFE:
        assert (record.name, record.unit) == ("flow", "s")
        assert record.modifiers[0].endswith("_limit_exceed_duration")
    else:
        unit = wanted["Unit"] and wanted["Unit"].replace("Â", "")
        assert QUANTITY[record.name] == (wanted["Quantity"], unit)
    if place in LIBMBUS_IS_WRONG:
        assert (record.value, record.fault) == (None, LIBMBUS_IS_WRONG[place])
        return
    assert not record.fault
    if isinstance(record.value, bytes):
        assert record.value.hex(" ").upper() == (wanted["Value"] or "")
    elif isinstance(record.value, datetime):
        assert record.value.isoformat() + "Z" == wanted["Value"]
    elif isinstance(record.value, date):
        assert record.value.isoformat() == wanted["Value"]
    elif isinstance(record.value, str) and not record.value.isdigit():
        assert record.value == wanted["Value"]
    else:
        assert float(record.value) == pytest.approx(float(wanted["Value"]), rel=1e-6, abs=1e-6)


def _agrees_with_counter(record, wanted):
    per_unit = {"kWh": 1000, "l": 0.001, "reserved but historic": 0.001}[wanted["Unit"]]
    assert record.value == pytest.approx(float(wanted["Value"]) * per_unit, rel=1e-9)
    assert record.storage == (wanted["Unit"] == "reserved but historic")


@pytest.mark.parametrize("frame", GOOD, ids=lambda one: one["name"])
def test_who_speaks_is_as_libmbus_says(frame):
    told, wanted = mbus.telegram(bytes.fromhex(frame["hex"])), frame["slave"]
    assert told.serial.lstrip("0") == wanted["Id"]
    assert told.access == int(wanted["AccessNumber"])
    assert told.status == int(wanted["Status"], 16)
    if "Manufacturer" in wanted:
        assert told.manufacturer == wanted["Manufacturer"]
        assert told.version == int(wanted["Version"])
    last = frame["records"][-1]["Function"]
    assert told.more_follows == (last == "More records follow")


@pytest.mark.parametrize("frame", BAD, ids=lambda one: one["name"])
def test_bad_frames_and_error_reports_are_refused(frame):
    with pytest.raises(PayloadError):
        mbus.telegram(bytes.fromhex(frame["hex"]))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("too_many_readouts", "the meter reports: too many readouts"),
        ("too_many_vife", "at most 10 VIFEs"),
        ("too_short_header", "12 bytes, found 5 bytes"),
        ("premature_end_of_data2", "3 bytes of data, found 2 bytes"),
        ("manual_frame4", "53h, a request"),
        ("manual_frame6", "53h, a request"),
    ],
)
def test_an_error_says_what_is_wrong(name, words):
    with pytest.raises(PayloadError, match=words):
        told_by(name)


def test_all_frames_are_there():
    assert (len(GOOD), len(BAD), len(FRAMES)) == (52, 15, 71)


def test_a_telegram_of_the_makers_own_block_alone_is_good():
    """libmbus can't read it; DIF 1Fh lets any bytes follow, and announces more."""
    told = told_by("svm_f22_telegram2")
    assert [one.function for one in told.records] == ["more"]
    assert told.more_follows
    assert measured(told) == {}


# Frames


def test_mode_2_sends_the_highest_byte_first():
    body = bytes.fromhex("12345678 1593 33 02 55 04 0000") + bytes.fromhex("0403000003e9")
    told = mbus.telegram(wired(body, ci=0x76))
    assert (told.serial, told.manufacturer) == ("12345678", "ELS")
    assert measured(told) == {("active_energy_import", "", None): 1001.0}


def test_mode_2_of_the_fixed_structure():
    low = mbus.telegram(wired(bytes.fromhex("785634120a01e97e39300000 87000000"), ci=0x73))
    high = mbus.telegram(wired(bytes.fromhex("123456780a017ee9 00003039 00000087"), ci=0x77))
    assert low == high
    assert [(one.value, one.storage) for one in low.records] == [(12.345, 0), (0.135, 1)]


def test_headers_short_and_none():
    short = mbus.telegram(wired(bytes.fromhex("55040000 0413e8030000"), ci=0x7A))
    assert (short.serial, short.access, short.status, short.medium) == ("", 0x55, 4, None)
    bare = mbus.telegram(wired(bytes.fromhex("0413e8030000"), ci=0x78))
    assert bare.records[0].value == 1.0
    assert measured(bare) == {("volume", "", None): 1.0}


def test_frames_are_cut_out_of_what_a_bridge_sends():
    one, two = (bytes.fromhex(GOOD[nth]["hex"]) for nth in (0, 1))
    request = bytes.fromhex("105b015c16")
    control = wired(b"", ci=0x50)
    payload = b"\xe5\x00" + request + one + b"\xff\xff" + control + two + b"\xe5\x00"
    assert mbus.frames(payload) == [one, two]
    assert mbus.frames(b"\xe5") == []
    assert mbus.frames(b"") == []


@pytest.mark.parametrize("payload", [b"7", b"\x00\x01", b"\x10\x5b\x01\x5d\x16", b"\x10\x5b", b"h"])
def test_what_is_no_frame_is_refused(payload):
    with pytest.raises(PayloadError):
        mbus.frames(payload)


@pytest.mark.parametrize("nth", [0, 2, 36])
def test_a_flipped_bit_never_passes_the_checksum(nth):
    frame = bytes.fromhex(GOOD[nth]["hex"])
    for place in range(len(frame)):
        for bit in range(8):
            broken = bytearray(frame)
            broken[place] ^= 1 << bit
            with pytest.raises(PayloadError):
                mbus.telegram(bytes(broken))


@pytest.mark.parametrize("nth", range(0, len(GOOD), 4))
def test_a_frame_cut_anywhere_is_refused(nth):
    frame = bytes.fromhex(GOOD[nth]["hex"])
    for size in range(len(frame)):
        with pytest.raises(PayloadError):
            mbus.telegram(frame[:size])


def test_a_body_cut_anywhere_gives_its_whole_records_or_an_error():
    frame = bytes.fromhex(next(one["hex"] for one in GOOD if one["name"] == "gmc_emmod206"))
    whole, body = mbus.telegram(frame).records, frame[7:-2]
    for size in range(len(body)):
        try:
            told = mbus.telegram(wired(body[:size]))
        except PayloadError:
            continue
        assert told.records == whole[: len(told.records)]
        assert size == 12 or size - 12 == whole[len(told.records)].at


# Encryption

KEY = bytes(range(16))


def _encrypted(plain, word, access=0x55):
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    maker, serial, rest = HEADER[4:6], HEADER[0:4], HEADER[6:8]
    cipher = Cipher(
        algorithms.AES128(KEY), modes.CBC(maker + serial + rest + bytes([access]) * 8)
    ).encryptor()
    size = len(plain) // 16 * 16
    content = cipher.update(plain[:size]) + cipher.finalize() + plain[size:]
    return wired(HEADER[:8] + bytes([access, 0]) + word + content)


def test_mode_5_opens_with_the_meters_key():
    plain = bytes.fromhex("2f2f 0403e9030000 042b0a000000 2f2f" + "022b 0700")
    frame = _encrypted(plain, b"\x10\x05")
    with pytest.raises(PayloadError, match="encrypted, mode 5"):
        mbus.telegram(frame)
    with pytest.raises(PayloadError, match="one that does not open it"):
        mbus.telegram(frame, bytes(16))
    with pytest.raises(PayloadError, match="16 bytes"):
        mbus.telegram(frame, KEY[:5])
    assert measured(mbus.telegram(frame, KEY)) == {
        ("active_energy_import", "", None): 1001.0,
        ("active_power", "", None): 10.0,
        ("active_power", "2", None): 7.0,
    }


@pytest.mark.parametrize("mode", [1, 2, 3, 4, 7, 8, 9, 10, 13, 15])
def test_other_encryption_is_named_and_refused(mode):
    frame = wired(HEADER[:10] + bytes([0x10, mode]) + bytes(16))
    with pytest.raises(PayloadError, match=rf"encrypted, mode {mode}$"):
        mbus.telegram(frame, KEY)


@pytest.mark.parametrize("ci", [0x51, 0x69, 0x71, 0x79, 0x7B, 0x8D, 0x90, 0xA0])
def test_other_applications_are_refused_by_name(ci):
    with pytest.raises(PayloadError, match=f"{ci:02X}h"):
        mbus.telegram(wired(HEADER + bytes(4), ci=ci))


# A foreign peer, and any bytes


@pytest.mark.parametrize(
    "frame", [one for one in GOOD if one["hex"][12:14] == "72"], ids=lambda one: one["name"]
)
def test_pymeterbus_sees_the_same_serial(frame):
    import meterbus

    data = bytes.fromhex(frame["hex"])
    peer = meterbus.load(data).body.bodyHeader.interpreted
    told = mbus.telegram(data)
    assert int(peer["identification"].replace(", ", "").replace("0x", ""), 16) == int(
        told.serial, 16
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([0x72, 0x73, 0x76, 0x77, 0x78, 0x7A, 0x8C, 0x70]))
def test_any_body_gives_a_telegram_or_a_payload_error(body, ci):
    try:
        told = mbus.telegram(wired(body, ci=ci), KEY)
    except PayloadError:
        return
    places = [
        (one.quantity, one.channel, one.time_ns)
        for one in mbus.measurements(told, BERLIN, RECEIVED_NS)
    ]
    assert len(places) == len(set(places)), "two values in one place"
    json.dumps(mbus.state(told))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_any_payload_is_cut_or_refused(payload):
    for call in (mbus.frames, mbus.telegram):
        try:
            call(payload)
        except PayloadError:
            continue


def test_a_readout_in_several_telegrams_is_joined():
    first = wired(HEADER[:9] + b"\x00\x00\x00" + bytes.fromhex("0403e8030000 1f"))
    second = wired(HEADER + bytes.fromhex("042b0a000000"))
    other = wired(b"\x99" + HEADER[1:] + bytes.fromhex("042b0b000000"))
    told = [mbus.telegram(frame) for frame in mbus.frames(first + second + other + first)]
    both, alone, begun = mbus.joined(told)
    assert measured(both) == {
        ("active_energy_import", "", None): 1000.0,
        ("active_power", "", None): 10.0,
    }
    assert (both.status, both.more_follows) == (4, False)
    assert (alone, begun) == (told[2], told[3])
    assert begun.more_follows
    assert mbus.joined([]) == []
