"""P1 telegrams, as dsmr_parser and Emscher read them."""

from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import dsmr
from fleet.errors import EncodingError
from fleet.message import time_ns_of
from ingest.decode import Decoder
from ingest.formats import telegram
from ingest.reading import Envelope

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
METER = dsmr.Meter("ISK5\\2M550T-1012", "E0047000012345678", "G0057000087654321")
SINGLE = dsmr.Meter("KFM5KAIFA-METER", "E0026000099999999", phases=1)
TIME_NS = time_ns_of("2026-07-01T10:20:30Z")
PHASES = (dsmr.Phase(2301, 2, 451), dsmr.Phase(2299, 0, -12), dsmr.Phase(2310, 14, 3120))


def _fields(**changes):
    fields = {
        "time_ns": TIME_NS,
        "tariff": 2,
        "import_wh": (123_456_789, 987_654_321),
        "export_wh": (0, 5),
        "phases": PHASES,
        "gas": dsmr.Gas(12_785_123, time_ns_of("2026-07-01T10:00:00Z")),
    }
    return {**fields, **changes}


def arc(data: bytes) -> int:
    """CRC-16/ARC bit by bit."""
    crc = 0
    for byte in data:
        for bit in range(8):
            crc = crc >> 1 ^ (0xA001 if (crc ^ byte >> bit) & 1 else 0)
    return crc


def test_a_telegram_to_the_last_byte():
    expected = "\r\n".join(
        r"""/ISK5\2M550T-1012

1-3:0.2.8(50)
0-0:1.0.0(260701122030S)
0-0:96.1.1(4530303437303030303132333435363738)
1-0:1.8.1(123456.789*kWh)
1-0:1.8.2(987654.321*kWh)
1-0:2.8.1(000000.000*kWh)
1-0:2.8.2(000000.005*kWh)
0-0:96.14.0(0002)
1-0:1.7.0(03.559*kW)
1-0:2.7.0(00.000*kW)
0-0:96.7.21(00000)
0-0:96.7.9(00000)
1-0:99.97.0()
1-0:32.32.0(00000)
1-0:52.32.0(00000)
1-0:72.32.0(00000)
1-0:32.36.0(00000)
1-0:52.36.0(00000)
1-0:72.36.0(00000)
0-0:96.13.0()
1-0:32.7.0(230.1*V)
1-0:52.7.0(229.9*V)
1-0:72.7.0(231.0*V)
1-0:31.7.0(002*A)
1-0:51.7.0(000*A)
1-0:71.7.0(014*A)
1-0:21.7.0(00.451*kW)
1-0:41.7.0(00.000*kW)
1-0:61.7.0(03.120*kW)
1-0:22.7.0(00.000*kW)
1-0:42.7.0(00.012*kW)
1-0:62.7.0(00.000*kW)
0-1:24.1.0(003)
0-1:96.1.0(4730303537303030303837363534333231)
0-1:24.2.1(260701120000S)(12785.123*m3)
!""".splitlines()
    ).encode()
    assert arc(b"123456789") == 0xBB3D
    assert dsmr.encode(METER, AMSTERDAM, **_fields()) == expected + b"%04X\r\n" % arc(expected)


def _read(raw: bytes, received_ns: int):
    envelope = Envelope("test", "p1", raw, received_ns)
    message = Decoder(AMSTERDAM, formats=(telegram,)).decode(envelope)
    whole = [message, *message.others]
    return {
        one.device: (
            one.time_ns,
            {(m.quantity, m.channel): (m.value, m.time_ns) for m in one.measurements},
        )
        for one in whole
    }


wh = st.integers(0, 999_999_999)
loads = st.builds(
    dsmr.Phase, st.integers(0, 9_999), st.integers(0, 999), st.integers(-33_000, 33_000)
)
seconds = st.integers(1_577_836_800, 2_208_988_799)  # 2020 to 2039


@settings(max_examples=30, deadline=None)
@given(
    seconds, st.sampled_from((1, 2)), st.tuples(wh, wh), st.tuples(wh, wh),
    st.tuples(loads, loads, loads), st.integers(0, 99_999_999), st.integers(0, 86_400),
)  # fmt: skip
def test_dsmr_parser_and_emscher_read_the_registers(
    second, tariff, used, given_back, phases, gas, ago
):
    gas_ns = (second - ago) // 3600 * 3600 * 10**9
    raw = dsmr.encode(
        METER,
        AMSTERDAM,
        time_ns=second * 10**9,
        tariff=tariff,
        import_wh=used,
        export_wh=given_back,
        phases=phases,
        gas=dsmr.Gas(gas, gas_ns),
    )
    theirs = TelegramParser(telegram_specifications.V5).parse(raw.decode())
    assert theirs.ELECTRICITY_USED_TARIFF_1.value == Decimal(used[0]) / 1000
    assert theirs.ELECTRICITY_USED_TARIFF_2.value == Decimal(used[1]) / 1000
    assert theirs.ELECTRICITY_DELIVERED_TARIFF_1.value == Decimal(given_back[0]) / 1000
    assert theirs.ELECTRICITY_DELIVERED_TARIFF_2.value == Decimal(given_back[1]) / 1000
    assert int(theirs.ELECTRICITY_ACTIVE_TARIFF.value) == tariff
    assert theirs.INSTANTANEOUS_VOLTAGE_L2.value == Decimal(phases[1].volt_tenths) / 10
    assert theirs.INSTANTANEOUS_CURRENT_L3.value == phases[2].amperes
    shown = theirs.CURRENT_ELECTRICITY_USAGE.value - theirs.CURRENT_ELECTRICITY_DELIVERY.value
    assert shown == Decimal(sum(phase.power_w for phase in phases)) / 1000
    assert theirs.MBUS_DEVICES[0].MBUS_METER_READING.value == Decimal(gas) / 1000
    assert theirs.P1_MESSAGE_TIMESTAMP.value == datetime.fromtimestamp(second, UTC)
    read_at = theirs.MBUS_DEVICES[0].MBUS_METER_READING.datetime
    assert read_at == datetime.fromtimestamp(gas_ns // 10**9, UTC)
    ours = _read(raw, second * 10**9)
    time_ns, values = ours["E0047000012345678"]
    assert time_ns == second * 10**9
    assert values["active_energy_import", "T1"][0] == used[0]
    assert values["active_energy_import", "T2"][0] == used[1]
    assert values["active_energy_export", "T2"][0] == given_back[1]
    assert ours["G0057000087654321"][1]["gas_volume", ""] == (gas / 1000, gas_ns)


@pytest.mark.parametrize(
    ("utc", "stamp"),
    [
        ("2026-03-29T00:59:59Z", "260329015959W"),
        ("2026-03-29T01:00:00Z", "260329030000S"),
        ("2026-10-25T00:30:00Z", "261025023000S"),
        ("2026-10-25T01:30:00Z", "261025023000W"),
        ("2026-12-31T23:00:00.999Z", "270101000000W"),
    ],
)
def test_the_hour_that_comes_twice_is_told_by_its_season(utc, stamp):
    raw = dsmr.encode(METER, AMSTERDAM, **_fields(time_ns=time_ns_of(utc)))
    assert f"0-0:1.0.0({stamp})".encode() in raw
    assert _read(raw, time_ns_of(utc))["E0047000012345678"][0] == time_ns_of(utc) // 10**9 * 10**9


def test_one_phase_and_no_gas():
    raw = dsmr.encode(SINGLE, AMSTERDAM, **_fields(phases=PHASES[1:2], gas=None))
    theirs = TelegramParser(telegram_specifications.V5).parse(raw.decode())
    assert theirs.CURRENT_ELECTRICITY_DELIVERY.value == Decimal("0.012")
    assert not hasattr(theirs, "INSTANTANEOUS_VOLTAGE_L2")
    assert b"24.2.1" not in raw


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"import_wh": (1_000_000_000, 0)}, "register in Wh"),
        ({"export_wh": (0, -1)}, "register in Wh"),
        ({"tariff": 3}, "expected 1 or 2, found 3"),
        ({"phases": PHASES[:2]}, r"expected 3 phase\(s\)"),
        ({"gas": None}, "and gas, found 3 and None"),
        ({"gas": dsmr.Gas(100_000_000, TIME_NS)}, "gas in litres"),
        ({"phases": (*PHASES[:2], dsmr.Phase(10_000, 1, 1))}, "V/10"),
        ({"phases": (*PHASES[:2], dsmr.Phase(2300, 1000, 1))}, "A: expected"),
        ({"phases": (*PHASES[:2], dsmr.Phase(2300, 1, -100_000))}, "power in W"),
    ],
)
def test_what_does_not_fit_is_refused(changes, says):
    with pytest.raises(EncodingError, match=says):
        dsmr.encode(METER, AMSTERDAM, **_fields(**changes))


@pytest.mark.parametrize(
    "meter", [dsmr.Meter("", "1"), dsmr.Meter("X", "ä"), dsmr.Meter("X", "1", "")]
)
def test_names_are_printable(meter):
    with pytest.raises(EncodingError, match="printable ASCII"):
        dsmr.encode(
            meter,
            AMSTERDAM,
            **_fields(gas=_fields()["gas"] if meter.gas_number is not None else None),
        )
