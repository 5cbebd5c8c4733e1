"""Examples: TheThingsNetwork/lorawan-devices, vendor/kamstrup (Apache-2.0)."""

from datetime import UTC, datetime
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import CODECS, CODECS_BY_NAME, kamstrup
from ingest.errors import PayloadError

WATER, HEAT = CODECS_BY_NAME["kamstrup-water"], CODECS_BY_NAME["kamstrup-multical"]
HOUR_NS = 3600 * 1_000_000_000

FLAT = "78 446d00331837 441303000000 4d931322 6101" + "000000 03" + "00" * 28
MIDNIGHT = "78446d0020f32a4413ec00000052ff25100042ff1c0500623b0000523b0000615b80515b80"
GUIDE = (
    "7a08000000 446d002cfd28 4413c1aa7700 4d931318 6201"
    "2701 2201 2201 2601 2201 2201 2101 2701 2201 2201 2701 2f"
)
INSTALLED = "7258578853372c3c16d610080004ff16bf587000"
REGISTERS = (
    7842.497, 7842.202, 7841.912, 7841.622, 7841.328, 7841.038, 7840.748, 7840.459, 7840.164,
    7839.874, 7839.584, 7839.289,
)  # fmt: skip


def _ns(*when):
    return int(datetime(*when, tzinfo=UTC).timestamp()) * 1_000_000_000


def _found(payload, codec=WATER):
    return codec.decode(bytes.fromhex(payload), 1)


def test_a_day_and_more_of_hours():
    found = _found(FLAT)
    assert {one.quantity for one in found} == {"water_volume"}
    first = _ns(2024, 7, 24, 19)
    assert [one.time_ns for one in found] == [first - nth * HOUR_NS for nth in range(33)]
    assert [one.value for one in found] == [0.003] * 4 + [0] * 29


def test_the_example_of_the_guide_to_the_litre():
    found = _found(GUIDE)
    first = _ns(2023, 8, 29, 12)
    assert [one.time_ns for one in found] == [first - nth * HOUR_NS for nth in range(12)]
    assert tuple(one.value for one in found) == REGISTERS


def test_midnight_with_states_and_temperatures_that_are_not_known():
    found = {one.quantity: one.value for one in _found(MIDNIGHT)}
    assert {one.time_ns for one in _found(MIDNIGHT)} == {_ns(2023, 10, 19)}
    assert found == {
        "water_volume": 0.236, "dry": 0, "backflow": 0, "water_leak": 0, "burst": 0, "tamper": 1,
        "low_battery": 0, "low_ambient_temperature": 0, "high_ambient_temperature": 0,
        "acoustic_leak_detection.last_day": 5, "flow.min": 0, "flow.max": 0}  # fmt: skip
    unheard = MIDNIGHT.replace("42ff1c0500", "42ff1cff0f")
    assert not any("acoustic" in one.quantity for one in _found(unheard))


def test_a_message_of_installation_measures_nothing():
    assert _found(INSTALLED) == []


def test_an_hour_that_is_not_known_ends_the_profile():
    found = _found(GUIDE.replace("2601", "ffff"))
    assert tuple(one.value for one in found) == REGISTERS[:4]


@pytest.mark.parametrize(
    ("control", "elements", "values"),
    [
        ("61", "0305", [97, 92]),  # what to take away
        ("a1", "0305", [103, 108]),  # what to add: the register counted down
        ("e1", "03fb", [97, 102]),  # signed
        ("e1", "0380", [97]),  # signed, and not known
        ("63", "030000050000", [97, 92]),
        ("64", "0300000005000000", [97, 92]),
    ],
)
def test_elements(control, elements, values):
    size = len(elements) // 2 + 2
    found = _found(f"78 446d002cfd28 441664000000 4d9613{size:02x}{control}01 {elements}")
    assert [one.value for one in found] == [100, *values]


@pytest.mark.parametrize(
    ("control", "spacing", "period_ns"),
    [("51", 15, HOUR_NS // 4), ("61", 24, 24 * HOUR_NS), ("71", 1, 24 * HOUR_NS)],
)
def test_spacings(control, spacing, period_ns):
    found = _found(f"78 446d002cfd28 441664000000 4d961303{control}{spacing:02x} 05")
    assert found[0].time_ns - found[1].time_ns == period_ns


def test_the_head_states_the_medium():
    heat = "72 58578853 2d2c 3c 04 d6 10 0000 0406e8030000 0413a0860100".replace(" ", "")
    assert {one.quantity: one.value for one in _found(heat)} == {
        "heat_energy": 1_000_000,
        "heat_volume": 100,
    }
    bare = "78" + heat[26:]
    assert {one.quantity for one in _found(bare, HEAT)} == {"heat_energy", "heat_volume"}
    profile = "78 446d002cfd28 4406e8030000 4d8613036101 05"
    assert [one.value for one in _found(profile, HEAT)] == [1_000_000, 995_000]


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        ("", "head"),
        ("44", "head"),
        ("7a080000", "head"),
        ("7a08000005" + "0413a0860100", "encryption"),
        ("78", "records"),
        ("780f01", "records"),
        ("78 446d00331837 4d931322 6101" + "00" * 32, "profile"),  # the maker's: no register
        ("78 441303000000 4d931303 6101 01", "profile"),  # no date
        ("78 446d00331837 441303000000 4d931304 6201 01", "record"),
        ("78 446d00331837 441303000000 4d931305 6201 010203", "profile"),
        ("78 446d00331837 441303000000 4d931303 2101 01", "profile"),  # registers, not differences
        ("78 446d00331837 441303000000 4d931303 61fe 01", "profile"),
        ("78 446d00331837 441303000000 449313 01010101", "variable"),
        ("78 446d00331837 441303000000 4d931326 71fa" + "01" * 36, "2000"),
        (GUIDE[:-20], "record"),
    ],
)
def test_what_is_wrong_is_refused(payload, rule):
    with pytest.raises(PayloadError) as refused:
        _found(payload)
    assert rule in str(refused.value)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("kamstrup flowiq 2200", "kamstrup-water"),
        ("flowiq2200 02k73a", "kamstrup-water"),
        ("kamstrup multical 21", "kamstrup-water"),
        ("kamstrup multical 603", "kamstrup-multical"),
        ("hc 003 55 multical", "kamstrup-multical"),
        ("elvaco cmi4140 multical 403", "mbus"),  # the module of another maker
        ("kamstrup omnipower", None),
    ],
)
def test_meters_are_known_by_their_names(words, name):
    claims = (one for one in CODECS if one.matches(frozenset(words.split()), ""))
    assert getattr(next(claims, None), "NAME", None) == name


@pytest.mark.parametrize("payload", [FLAT, MIDNIGHT, GUIDE])
def test_a_payload_cut_anywhere_is_shorter_or_refused(payload):
    whole = bytes.fromhex(payload)
    for end in range(len(whole)):
        try:
            found = WATER.decode(whole[:end], 1)
        except PayloadError:
            continue
        assert all(one in WATER.decode(whole, 1) for one in found if one.time_ns)


@given(st.sampled_from(kamstrup.CODECS), st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(codec, payload):
    try:
        found = codec.decode(payload, 1)
    except PayloadError:
        return
    assert all(isfinite(one.value) for one in found)


@given(st.sampled_from([FLAT, MIDNIGHT, GUIDE]), st.data())
def test_a_real_payload_with_changed_bits_is_read_or_refused(message, data):
    payload = bytearray.fromhex(message)
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = WATER.decode(bytes(payload), 1)
    except PayloadError:
        return
    assert all(isfinite(one.value) for one in found)
