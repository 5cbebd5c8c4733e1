"""M-Bus records and frames against real ones, pymeterbus and Emscher."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import meterbus
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import mbus, mbus_meters
from fleet.errors import EncodingError
from ingest.codecs import mbus as elvaco_codec
from ingest.decode import Decoder
from ingest.formats import telegram
from ingest.reading import Envelope

VECTORS = Path(__file__).parents[1] / "vectors"
FRAMES = {
    row["name"]: (bytes.fromhex(row["hex"]), row["slave"])
    for row in json.loads((VECTORS / "mbus_frames.json").read_text())
    if row["set"] == "test-frames"
    and row["hex"][12:14] == "72"
    and row["hex"][8:10] == "08"
    and row["slave"]["Id"].isdigit()  # two makers have letters in it
}
ELVACO = [
    row
    for row in map(json.loads, (VECTORS / "mbus_uplinks.jsonl").read_text().splitlines())
    if row["vendor"] == "elvaco"
]
BERLIN = ZoneInfo("Europe/Berlin")
CLOCK = datetime(2026, 7, 1, 12, 20, tzinfo=BERLIN)
NOW = mbus_meters.Heat(12_345_678_000, 98_765_430, 12_300, 456, 6_330, 4_120)


@pytest.mark.parametrize("name", FRAMES)
def test_headers_and_frames_of_real_meters(name):
    raw, slave = FRAMES[name]
    head = mbus.header(
        int(slave["Id"]),
        slave["Manufacturer"],
        version=int(slave["Version"]),
        medium=raw[14],
        access=int(slave["AccessNumber"]),
        status=raw[16],
    )
    assert head[:10] == raw[7:17]
    assert mbus.frame(raw[5], raw[7:19], raw[19:-2]) == raw


def test_there_are_many_real_frames():
    assert len(FRAMES) > 30


@pytest.mark.parametrize("row", [one for one in ELVACO if one["device"] == "cmi4110"])
def test_the_message_of_a_real_elvaco_module(row):
    said = row["expected"]["data"]
    now = mbus_meters.Heat(
        energy_wh=said["energy"] * 1000,
        volume_l=round(said["volume"] * 1000),
        power_w=said["power"],
        flow_lph=said["flow"],
        supply_hundredths=round(said["flow_temperature"] * 100),
        return_hundredths=round(said["return_temperature"] * 100),
    )
    assert (
        mbus_meters.elvaco(said["serial"], now, error_flags=said["error_flag"]).hex() == row["hex"]
    )


def test_the_message_of_a_real_elvaco_module_in_a_multical():
    """The first CMi4140 of the vectors: 100 Wh, litres, kW, 0.01 m3/h and 0.01 Cel, in integers."""
    row = next(one for one in ELVACO if one["device"] == "cmi4140")
    records = (
        mbus.integer(mbus.energy_wh(2), 243_221_500),
        mbus.integer(mbus.volume_m3(-3), 580_424_000),
        mbus.integer(mbus.power_w(3), 5_520, 2),
        mbus.integer(mbus.flow_m3h(-2), 11_080, 2),
        mbus.integer(mbus.flow_temperature(-2), 9_688, 2),
        mbus.integer(mbus.return_temperature(-2), 5_352, 2),
        mbus.bcd(mbus.FABRICATION_NUMBER, row["expected"]["data"]["serial"]),
        mbus.integer(mbus.ERROR_FLAGS, 0x10000),
    )
    assert (b"\x15" + b"".join(records)).hex() == row["hex"]


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (mbus.bcd(mbus.FABRICATION_NUMBER, 66_031_129), "0c7829110366"),
        (mbus.bcd(mbus.flow_temperature(-1), 633, 4), "0a5a3306"),
        (mbus.integer(mbus.power_w(0), -2, 2), "022bfeff"),
        (mbus.integer(mbus.energy_wh(-3), 1, 8), "07000100000000000000"),
        (mbus.integer(mbus.volume_m3(-3), 7, storage=1), "441307000000"),
        (mbus.integer(mbus.energy_wh(3), 7, 1, tariff=1), "81100607"),
        (mbus.integer(mbus.energy_wh(3), 7, 1, storage=33, tariff=2, subunit=1), "c1e0010607"),
        (mbus.integer(mbus.power_w(0), 7, 1, function=mbus.MAXIMUM), "112b07"),
        (mbus.integer(mbus.ERROR_FLAGS, 1, 2), "02fd170100"),
        (mbus.moment(datetime(2014, 3, 13, 14, 26)), "046d1a0ecd13"),  # of the Itron CYBLE
        (mbus.moment(CLOCK), "046d148c4137"),
        (mbus.moment(datetime(2026, 7, 1), is_valid=False), "046d80004137"),
        (mbus.day(date(2026, 12, 31), storage=1), "426c5f3c"),
    ],
)
def test_records(record, expected):
    assert record.hex() == expected


def _frame(records: bytes, medium: int) -> bytes:
    head = mbus.header(12_345_678, "KAM", version=8, medium=medium, access=255)
    return mbus.frame(5, head, records)


def _theirs(raw: bytes):
    """Return what pymeterbus reads: header, and (type, unit, storage) -> value."""
    frame = meterbus.load(raw)
    rows = [record.interpreted for record in frame.records]
    values = {(row["type"], row["storage_number"]): (row["value"], row["unit"]) for row in rows}
    return frame.body.bodyHeader.interpreted, values


def test_pymeterbus_reads_a_heat_meter():
    due = mbus_meters.Due(date(2025, 12, 31), 9_876_543_210)
    records = mbus_meters.heat_records(12_345_678, NOW, operating_h=4_321, clock=CLOCK, due=due)
    head, values = _theirs(_frame(records, mbus.HEAT))
    assert head["manufacturer"] == "KAM"
    assert head["identification"].replace(", ", "").replace("0x", "") == "12345678"
    assert int(head["medium"], 16) == mbus.HEAT
    told = {
        kind.rpartition(".")[2]: value for (kind, storage), value in values.items() if not storage
    }
    stored = {
        kind.rpartition(".")[2]: value for (kind, storage), value in values.items() if storage
    }
    assert Decimal(str(told["ENERGY_WH"][0])) == 12_345_678_000
    assert float(told["VOLUME"][0]) == pytest.approx(98_765.43)
    assert float(told["POWER_W"][0]) == 12_300
    assert float(told["VOLUME_FLOW"][0]) == pytest.approx(0.456)
    assert float(told["FLOW_TEMPERATURE"][0]) == pytest.approx(63.30)
    assert float(told["RETURN_TEMPERATURE"][0]) == pytest.approx(41.20)
    assert float(told["TEMPERATURE_DIFFERENCE"][0]) == pytest.approx(22.10)
    assert told["DATE_TIME_GENERAL"][0] == "2026-07-01T12:20"
    assert Decimal(str(stored["ENERGY_WH"][0])) == 9_876_543_000
    assert stored["DATE"][0] == "2025-12-31"


def test_pymeterbus_reads_a_water_meter():
    records = mbus_meters.volume_records(12_345_678, 1_234_567, clock=CLOCK, flow_lph=21)
    _, values = _theirs(_frame(records, mbus.WATER))
    told = {kind.rpartition(".")[2]: value for (kind, _), value in values.items()}
    assert float(told["VOLUME"][0]) == pytest.approx(1_234.567)
    assert float(told["VOLUME_FLOW"][0]) == pytest.approx(0.021)


def _ours(raw: bytes):
    received_ns = round(CLOCK.timestamp()) * 10**9
    message = Decoder(BERLIN, formats=(telegram,)).decode(
        Envelope("test", "bus/7", raw, received_ns)
    )
    values = {(one.quantity, one.channel, one.time_ns): one.value for one in message.measurements}
    return message, values


heats = st.builds(
    mbus_meters.Heat,
    st.integers(0, 2_000_000_000_000),
    st.integers(0, 20_000_000_000),
    st.integers(-100_000, 2_000_000_000),
    st.integers(0, 2_000_000_000),
    st.integers(-500, 16_000),
    st.integers(-500, 16_000),
)


@settings(max_examples=100, deadline=None)
@given(heats, st.integers(0, 2_000_000_000))
def test_emscher_reads_a_heat_meter(now, operating_h):
    due = mbus_meters.Due(date(2025, 12, 31), now.energy_wh // 2)
    records = mbus_meters.heat_records(
        12_345_678, now, operating_h=operating_h, clock=CLOCK, due=due
    )
    message, values = _ours(_frame(records, mbus.HEAT))
    assert message.device == "KAM12345678"
    assert message.state["clock"] == "2026-07-01T12:20:00"
    assert values["heat_energy", "", None] == (now.energy_wh + 500) // 1000 * 1000
    assert values["heat_volume", "", None] == (now.volume_l + 5) // 10 / 100
    assert values["heat_power", "", None] == now.power_w
    assert values["flow", "", None] == now.flow_lph / 1000
    assert values["temperature", "supply", None] == now.supply_hundredths / 100
    assert values["temperature", "return", None] == now.return_hundredths / 100
    midnight_ns = round(datetime(2025, 12, 31, tzinfo=BERLIN).timestamp()) * 10**9
    assert values["heat_energy", "", midnight_ns] == (due.register + 500) // 1000 * 1000


@pytest.mark.parametrize(
    ("medium", "name"), [(mbus.WATER, "water_volume"), (mbus.GAS, "gas_volume")]
)
def test_emscher_reads_water_and_gas_meters(medium, name):
    due = mbus_meters.Due(date(2026, 6, 1), 1_000_001)
    flow = 21 if medium == mbus.WATER else None
    records = mbus_meters.volume_records(1, 2_147_483_647, clock=CLOCK, flow_lph=flow, due=due)
    _, values = _ours(_frame(records, medium))
    assert values[name, "", None] == 2_147_483.647
    assert 1_000.001 in values.values()
    assert (("flow", "", None) in values) == (flow is not None)


@settings(max_examples=100, deadline=None)
@given(
    st.builds(
        mbus_meters.Heat,
        st.integers(0, 99_999_999_000),
        st.integers(0, 999_999_990),
        st.integers(0, 99_999_900),
        st.integers(0, 999_999),
        st.integers(0, 99_990),
        st.integers(0, 99_990),
    ),
    st.integers(0, 99_999_999),
)
def test_emscher_reads_an_elvaco_module(now, serial):
    payload = mbus_meters.elvaco(serial, now, error_flags=3)
    told = {
        (one.quantity, one.channel): one.value
        for one in elvaco_codec.decode(payload, mbus_meters.ELVACO_PORT)
    }
    assert told == {
        ("heat_energy", ""): (now.energy_wh + 500) // 1000 * 1000,
        ("heat_volume", ""): (now.volume_l + 5) // 10 / 100,
        ("heat_power", ""): (now.power_w + 50) // 100 * 100,
        ("flow", ""): now.flow_lph / 1000,
        ("temperature", "supply"): (now.supply_hundredths + 5) // 10 / 10,
        ("temperature", "return"): (now.return_hundredths + 5) // 10 / 10,
        ("error_flags", ""): 3,
        ("fabrication_number", ""): serial,
    }


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: mbus.integer(mbus.power_w(0), 2**31), "4 signed bytes"),
        (lambda: mbus.integer(mbus.power_w(0), 1, 5), "1, 2, 3, 4, 6 or 8 bytes"),
        (lambda: mbus.integer(mbus.power_w(0), 1, storage=-1), "0 or more"),
        (lambda: mbus.integer(mbus.power_w(0), 1, function=4), "function of 0"),
        (lambda: mbus.bcd(mbus.power_w(0), 10_000, 4), "0 to 9999, found 10000"),
        (lambda: mbus.bcd(mbus.power_w(0), -1), "found -1"),
        (lambda: mbus.bcd(mbus.power_w(0), 1, 3), "2, 4, 6, 8 or 12 digits"),
        (lambda: mbus.energy_wh(5), "power of -3 to 4"),
        (lambda: mbus.day(date(1999, 1, 1)), "2000 to 2099"),
        (lambda: mbus.header(1, "Kam", version=1, medium=4, access=0), "three capital letters"),
        (lambda: mbus.header(1, "KAM", version=1, medium=4, access=256), "one byte each"),
        (lambda: mbus.header(100_000_000, "KAM", version=1, medium=4, access=0), "M-Bus serial"),
        (lambda: mbus.frame(256, bytes(12), b""), "an address of one byte"),
        (lambda: mbus.frame(1, bytes(12), bytes(241)), "found 1 and 256"),
    ],
)
def test_what_does_not_fit_is_refused(make, says):
    with pytest.raises(EncodingError, match=says):
        make()


def test_winter_has_no_mark():
    winter = mbus.moment(datetime(2026, 12, 1, 12, 20, tzinfo=BERLIN))
    assert winter[3] == 12
    assert mbus.moment(datetime(2026, 12, 1, 12, 20, tzinfo=UTC))[3] == 12
