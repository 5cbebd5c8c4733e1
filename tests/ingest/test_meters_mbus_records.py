"""Single M-Bus records, built by hand: every data type, every group of VIF, broken chains."""

import json
import struct
from datetime import date, datetime, time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mbus_telegrams import (
    BERLIN,
    HEADER,
    RECEIVED_NS,
    wired,
)

from ingest.errors import PayloadError
from ingest.meters import mbus
from ingest.meters.mbus_records import Record, records


def one_record(text):
    (record,) = records(bytes.fromhex(text))
    return record


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("01138f", -0.113),
        ("0213ff7f", 32.767),
        ("0313ffffff", -0.001),
        ("041301000000", 0.001),
        ("0513 0000c03f", 0.0015),
        ("0613 ffffffffff7f", 140737488355.327),
        ("0713 ffffffffffffff7f", 9223372036854775.807),
        ("0913 99", 0.099),
        ("0a13 9999", 9.999),
        ("0b13 010000", 0.001),
        ("0b13 5634f2", -23.456),
        ("0c13 99999999", 99999.999),
        ("0e13 010000000099", 990000000.001),
        ("0d13 c2 3412", 1.234),
        ("0d13 d2 3412", -1.234),
        ("0d13 e3 010203", 197.121),
        ("0d 7c 01 41 03 636261", "abc"),
        ("0dfd11 03 636261", "abc"),
        ("0dfd0e 00", ""),
        ("0d13 eb 0102030405060708090a0b", bytes(range(1, 12))),
        ("0d13 f0" + "01" * 16, b"\1" * 16),
        ("0d13 f6" + "01" * 64, b"\1" * 64),
        ("0493fc1100000080", 2147483.648),
        ("026c ffff", None),
        ("026c df1c", date(2014, 12, 31)),
        ("046d 1e085f11", datetime(2010, 1, 31, 8, 30)),
        ("046d 3b37df3c", datetime(2030, 12, 31, 23, 59)),
        ("066d 0a1e08162700", datetime(2016, 7, 22, 8, 30, 10)),
        ("036d 0a1e08", time(8, 30, 10)),
        ("036d ffffff", None),
        ("01fd17 ff", 255),
        ("0c78 23150109", "09011523"),
        ("0013", None),
        ("0513 0000c07f", None),
        ("0b13 5a34f2", None),
        ("0293 15 0100", None),
        ("0293 00 0100", 0.001),
        ("0293 7d 0100", 1.0),
        ("0293 70 0100", 1e-9),
        ("0293 77 0100", 0.01),
    ],
)
def test_each_data_type_by_hand(text, value):
    record = one_record(text)
    assert record.value == value
    assert bool(record.fault) == (value is None)


def _expected_sense(code):
    """The primary table of EN 13757-3, said a second time: name and size of one unit."""
    n3, n2 = code & 7, code & 3
    if code < 0x08:
        return "energy", 10.0 ** (n3 - 3)
    if code < 0x10:
        return "energy", 10.0**n3
    if code < 0x18:
        return "volume", 10.0 ** (n3 - 6)
    if code < 0x20:
        return "mass", 10.0 ** (n3 - 3)
    if code < 0x28:
        return ("on_time", "operating_time")[code >> 2 & 1], (1, 60, 3600, 86400)[n2]
    if code < 0x30:
        return "power", 10.0 ** (n3 - 3)
    if code < 0x38:
        return "power", 10.0**n3
    if code < 0x50:
        return "flow", 10.0 ** (n3 - (6, 7, 9)[(code >> 3) - 7])
    if code < 0x58:
        return "mass_flow", 10.0 ** (n3 - 3)
    names = ("flow_temperature", "return_temperature", "temperature_difference")
    if code < 0x6C:
        name = (*names, "external_temperature", "pressure")[(code - 0x58) >> 2]
        return name, 10.0 ** (n2 - 3)
    return ("averaging_duration", "actuality_duration")[code >> 2 & 1], (1, 60, 3600, 86400)[n2]


@pytest.mark.parametrize("code", [*range(0x6C), *range(0x70, 0x78)])
def test_every_primary_vif(code):
    name, size = _expected_sense(code)
    record = one_record(f"02{code:02x}0300")
    assert (record.name, record.value) == (name, pytest.approx(3 * size, rel=1e-15))


@pytest.mark.parametrize(
    ("text", "name", "unit", "value"),
    [
        ("01fd40 05", "voltage", "V", 5e-9),
        ("01fd4f 05", "voltage", "V", 5e6),
        ("01fd50 05", "current", "A", 5e-12),
        ("01fd5c 05", "current", "A", 5.0),
        ("01fd00 05", "credit", "[currency]", 0.005),
        ("01fd31 05", "tariff_duration", "s", 300.0),
        ("01fd69 05", "since_last_cumulation", "s", 432000.0),
        ("01fd71 c4", "rf_level", "dB[mW]", -60.0),
        ("01fb01 05", "energy", "Wh", 5e6),
        ("01fb09 05", "energy", "J", 5e9),
        ("01fb11 05", "volume", "m3", 5000.0),
        ("01fb17 05", "reactive_power", "var", 5000.0),
        ("01fb19 05", "mass", "kg", 5e6),
        ("01fb2a 05", "phase_angle_voltage", "deg", 0.5),
        ("01fb29 05", "power", "W", 5e6),
        ("01fb34 05", "apparent_power", "VA", 5.0),
        ("01fb04 05", "apparent_energy", "VA.h", 5000.0),
        ("01fb7b 05", "cumulated_power_maximum", "W", 5.0),
        ("01fb50 05", "vif_fb50", "1", 5.0),
        ("01fdfd01 05", "vif_fdfd01", "1", 5.0),
        ("016f 05", "vif_6f", "1", 5.0),
    ],
)
def test_extended_vifs(text, name, unit, value):
    record = one_record(text)
    assert (record.name, record.unit, record.value) == (name, unit, pytest.approx(value, rel=1e-15))


def test_difes_add_bits_to_storage_tariff_and_subunit():
    record = one_record("c4 f5 43 13 01000000")
    assert (record.storage, record.tariff, record.subunit) == (1 + (5 << 1) + (3 << 5), 3, 3)


@pytest.mark.parametrize(
    ("text", "modifier", "value"),
    [
        ("02bb41 0500", "lower_limit_exceed_count", 5.0),
        ("02bb48 0500", "upper_limit", 0.005),
        ("02bb59 0500", "first_upper_limit_exceed_duration", 300.0),
        ("02bb67 0500", "last_duration", 432000.0),
        ("02bb4b df1c", "first_upper_limit_exceed_end", date(2014, 12, 31)),
        ("02ec7e df1c", "future", date(2014, 12, 31)),
        ("02bb7b 0500", "plus_1e0", 0.005),
        ("02bbfc7f 0500", "vife_fc7f", 0.005),
        ("02bb1f 0500", "vife_1f", 0.005),
    ],
)
def test_combinable_vifes(text, modifier, value):
    record = one_record(text)
    assert (record.modifiers, record.value) == ((modifier,), value)


@pytest.mark.parametrize(
    "text",
    [
        "84" + "80" * 11 + "00 13 01000000",  # eleven DIFEs
        "84" + "80" * 3000,  # a chain that never ends
        "02" + "93" * 3000,
        "02 fd" + "93" * 3000,
        "3f 13",  # special functions that no answer may hold
        "7f",
        "0d13 ff",  # LVAR that is not defined
        "0d13 ca",
        "0d13 bf 41",  # a text of 191 characters, of which one is there
        "027c ff 41",
        "027c 00 0100",
        "027c 01 00 0100",
        "0d13",
        "02",
        "8c",
    ],
)
def test_endless_chains_and_huge_counts_are_refused(text):
    with pytest.raises(PayloadError):
        records(bytes.fromhex(text))


def test_ten_difes_and_ten_vifes_are_allowed():
    assert one_record("84" + "80" * 9 + "00 13 01000000").value == 0.001
    assert one_record("04 93" + "a0" * 9 + "20 01000000").modifiers == ("per_second",) * 10


@given(
    st.sampled_from([(1, "b"), (2, "h"), (4, "i"), (7, "q")]),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.integers(0, 2**41 - 1),
    st.integers(0, 2**20 - 1),
    st.integers(0, 1023),
    st.integers(0, 7),
)
def test_built_records_come_back(size, number, storage, tariff, subunit, scale):
    """A record built from its parts gives these parts, whatever they are."""
    field, letter = size
    bits = 8 * struct.calcsize(letter)
    number = (number % (2**bits - 1)) - 2 ** (bits - 1) + 1
    difes = [
        storage >> 1 + 4 * nth & 15 | (tariff >> 2 * nth & 3) << 4 | (subunit >> nth & 1) << 6
        for nth in range(10)
    ]
    head = [0x80 | field | (storage & 1) << 6, *(dife | 0x80 for dife in difes[:9]), difes[9]]
    data = bytes([*head, 0x10 + scale]) + struct.pack("<" + letter, number)
    (record,) = records(data)
    assert (record.storage, record.tariff, record.subunit) == (storage, tariff, subunit)
    exact = number / 10 ** (6 - scale) if scale < 6 else float(number * 10 ** (scale - 6))
    assert record.value == exact


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float_is_the_shortest_decimal_that_is_this_float(number):
    (record,) = records(b"\x05\x16" + struct.pack("<f", number))
    assert struct.pack("<f", record.value) == struct.pack("<f", number)
    assert len(f"{record.value!r}") <= len(f"{number!r}")


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_give_records_or_a_payload_error(data):
    try:
        found = records(data)
    except PayloadError:
        return
    assert all(isinstance(one, Record) for one in found)
    told = mbus.telegram(wired(HEADER + data))
    mbus.measurements(told, BERLIN, RECEIVED_NS)
    json.dumps(mbus.state(told))
