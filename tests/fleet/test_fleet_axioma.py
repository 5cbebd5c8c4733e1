"""Axioma payloads against published uplinks of running meters, and Emscher's codec."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import axioma
from fleet.errors import EncodingError

# tago-io/decoders, decoders/connector/axioma: payload of a meter, and what it says
REAL_EXTENDED = (
    "0ea0355d302935000030b6345de7290000b800b900b800b800b800b900b800b800b800b800b800b800b900b900b900"
)
REAL_DELTAS = (184, 185, 184, 184, 184, 185, 184, 184, 184, 184, 184, 184, 185, 185, 185)
# TheThingsNetwork/lorawan-devices, vendor/axioma: "Enhanced 24h payload"
REAL_ENHANCED = (
    "01aeac986a0032170000000000000000000080038000"
    "54000e4005100048000240020000200000000000000000000000000000"
)
YESTERDAY = (0, 0, 0, 0, 0, 14, 8, 21, 14, 21, 1, 18, 2, 9, 0, 8, 0, 0, 0, 0, 0, 0, 0)


def test_an_extended_payload_of_a_running_meter():
    payload = axioma.extended(
        time_s=1_563_795_470,  # 2019-07-22T11:37:50Z
        status=axioma.LEAKAGE | axioma.TEMPORARY_ERROR,
        litres=13_609,
        log_time_s=1_563_735_600,  # 2019-07-21T19:00:00Z
        log_litres=10_727,
        deltas=REAL_DELTAS,
    )
    assert payload.hex() == REAL_EXTENDED


def test_an_enhanced_payload_of_a_running_meter():
    payload = axioma.enhanced(time_s=1_788_390_574, status=0, litres_at_one=5_938, deltas=YESTERDAY)
    assert payload.hex() == REAL_ENHANCED.ljust(102, "0")
    assert len(payload) == 51


def test_an_alarm_of_a_running_meter():
    assert axioma.alarm(time_s=0x5D31B143, status=0x30).hex() == "43b1315d30"


def test_the_temperature_stands_between_register_and_log():
    payload = axioma.extended(
        time_s=7300, status=0, litres=1, log_time_s=3600, log_litres=2,
        deltas=(None, 3), temperature_hundredths=-150,
    )  # fmt: skip
    assert payload.hex() == "841c000000010000006aff100e000002000000ffff0300"


def test_where_logs_begin():
    assert axioma.log_start(1_563_795_470) == 1_563_793_200 - 15 * 3600
    assert axioma.day_start(1_788_390_574) == 1_788_390_574 // 86_400 * 86_400 - 82_800


times = st.integers(1_600_000_000, 2_200_000_000)
hours = st.lists(st.integers(0, 16_382), min_size=23, max_size=23)


def _registers(measurements):
    return {
        one.time_ns // 10**9: round(one.value * 1000)
        for one in measurements
        if one.quantity == "water_volume"
    }


@settings(max_examples=100, deadline=None)
@given(times, st.integers(0, 4_000_000_000), hours, st.integers(0, 900), st.booleans())
def test_emscher_reads_every_hours_register(time_s, first, used, since, is_warm):
    decode = pytest.importorskip("ingest.codecs.axioma").decode
    start, deltas = axioma.log_start(time_s), used[:15]
    expected = {start: first}
    for nth, delta in enumerate(deltas, 1):
        expected[start + nth * 3600] = expected[start + (nth - 1) * 3600] + delta
    expected[time_s] = max(expected.values()) + (since if time_s % 3600 else 0)
    payload = axioma.extended(
        time_s=time_s, status=axioma.BURST, litres=expected[time_s], log_time_s=start,
        log_litres=first, deltas=deltas, temperature_hundredths=1234 if is_warm else None,
    )  # fmt: skip
    told = decode(payload, axioma.VALUES_PORT)
    assert _registers(told) == expected
    states = {one.quantity: one.value for one in told}
    assert (states["burst"], states["water_leak"], states["backflow"]) == (1, 0, 0)
    assert states.get("temperature") == (12.34 if is_warm else None)


@settings(max_examples=100, deadline=None)
@given(times, st.integers(0, 4_000_000_000), hours)
def test_emscher_reads_yesterday(time_s, first, used):
    decode = pytest.importorskip("ingest.codecs.axioma").decode
    payload = axioma.enhanced(time_s=time_s, status=0, litres_at_one=first, deltas=used)
    registers = _registers(decode(payload, axioma.VALUES_PORT))
    start = axioma.day_start(time_s)
    assert [registers[start + nth * 3600] for nth in range(24)] == [
        first + sum(used[:nth]) for nth in range(24)
    ]
    assert len(registers) == 24


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"deltas": (65_535,)}, "hour 1: expected 0 to 65534"),
        ({"deltas": (0, -1)}, "hour 2"),
        ({"litres": 2**32}, "litres of 32 bits"),
        ({"status": 256}, "status byte"),
        ({"log_time_s": 3601}, "whole hour"),
        ({"log_time_s": 10_800}, "whole hour before 7300"),
        ({"temperature_hundredths": 32_768}, "temperature within"),
    ],
)
def test_what_does_not_fit_is_refused(changes, says):
    fields = {"time_s": 7300, "status": 0, "litres": 0, "log_time_s": 3600, "log_litres": 0}
    with pytest.raises(EncodingError, match=says):
        axioma.extended(**{"deltas": (), **fields, **changes})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"deltas": YESTERDAY[1:]}, "expected 23 hours, found 22"),
        ({"deltas": (16_383, *YESTERDAY[1:])}, "hour 1: expected 0 to 16382"),
        ({"time_s": -1}, "32 bits"),
    ],
)
def test_what_does_not_fit_an_enhanced_payload_is_refused(changes, says):
    fields = {"time_s": 7300, "status": 0, "litres_at_one": 0, "deltas": YESTERDAY}
    with pytest.raises(EncodingError, match=says):
        axioma.enhanced(**{**fields, **changes})


def test_an_alarm_that_does_not_fit_is_refused():
    with pytest.raises(EncodingError, match="a byte, found 1, 300"):
        axioma.alarm(time_s=1, status=300)
