"""IEC 62056-21: readouts of D0 ports with and without block check, short and long codes."""

import json
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.errors import PayloadError
from ingest.meters import iec62056, p1
from ingest.meters.datasets import Dataset, Group, blocks
from ingest.reading import Measurement

ROWS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "dsmr_telegrams.json").read_text("utf-8")
)
EASYMETERS = [row["telegram"].encode("latin-1") for row in ROWS if "_ESY" in row["name"]]
BERLIN = ZoneInfo("Europe/Berlin")
NOW = rfc3339_ns("2021-05-08T10:00:00Z")


def framed(*lines: str, header: str = "EMH4\\@01LZQJL0010F") -> bytes:
    data = "".join(line + "\r\n" for line in lines).encode() + b"!\r\n\x03"
    bcc = 0
    for byte in data:
        bcc ^= byte
    return f"/{header}\r\n".encode() + b"\x02" + data + bytes([bcc])


def bare(*lines: str, header: str = "ABC5TEST") -> bytes:
    return "".join(line + "\r\n" for line in (f"/{header}", "", *lines, "!")).encode()


def read(raw: bytes) -> iec62056.Telegram:
    (block,) = blocks(raw).blocks
    assert not p1.is_p1(block)
    return iec62056.telegram(block)


def values(raw: bytes) -> dict[tuple[str, str], float]:
    told = iec62056.measurements(read(raw), BERLIN, NOW)
    return {(one.quantity, one.channel): one.value for one in told}


SHORT = framed(
    "F.F(00000000)",
    "0.0.0(12345678)",
    "0.9.1(12:34:56)",
    "0.9.2(21-05-07)",
    "0.1.0(03)",
    "1.8.0(001234.567*kWh)",
    "1.8.0*03(001200.000*kWh)",
    "1.8.0&02(001100.000*kWh)",
    "1.8.1(000234.567*kWh)",
    "2.8.0(000000.5*MWh)",
    "3.8.0(000012.3*kvarh)",
    "9.8.0(000001.0*kVAh)",
    "1.6.0(0.123*kW)(2105071245)",
    "1.6.0*03(0.456*kW)(21-04-07 12:45)",
    "16.7.0(-01.250*kW)",
    "32.7.0(230.1*V)52.7.0(229.8*V)",
    "31.7.0(01.25*A)",
    "13.7.0(0.98)",
    "14.7.0(50,01*Hz)",
    "5.8.0(000001.0*kvarh)",
    "C.8.0(00012345)",
)


def test_a_readout_with_short_codes():
    told = read(SHORT)
    assert told.checked
    assert told.identification == "EMH4\\@01LZQJL0010F"
    assert iec62056.device(told) == "12345678"
    assert iec62056.time_ns(told, BERLIN, NOW) == rfc3339_ns("2021-05-07T10:34:56Z")
    assert iec62056.measurements(told, BERLIN, NOW) == [
        Measurement("active_energy_import", 1234567.0),
        Measurement("1.8.0*03", 1200.0),
        Measurement("1.8.0&02", 1100.0),
        Measurement("active_energy_import", 234567.0, "T1"),
        Measurement("active_energy_export", 500000.0),
        Measurement("reactive_energy_import", 12300.0),
        Measurement("apparent_energy", 1000.0),
        Measurement("1.6.0", 0.123, "", rfc3339_ns("2021-05-07T10:45:00Z")),
        Measurement("1.6.0*03", 0.456, "", rfc3339_ns("2021-04-07T10:45:00Z")),
        Measurement("active_power", -1250.0),
        Measurement("voltage", 230.1, "L1"),
        Measurement("voltage", 229.8, "L2"),
        Measurement("current", 1.25, "L1"),
        Measurement("power_factor", 0.98),
        Measurement("frequency", 50.01),
        Measurement("5.8.0", 1.0),
        Measurement("C.8.0", 12345.0),
    ]
    assert iec62056.state(told)["F.F"] == "00000000"
    assert iec62056.state(told)["0.9.1"] == "12:34:56"


def test_easymeters_of_the_field():
    first, second = EASYMETERS
    assert iec62056.device(read(first)) == "1ESY1336001560"
    assert iec62056.device(read(second)) == "1ESY1313002565"
    assert values(first)["active_energy_import", ""] == 32549506.1662
    assert values(first)["active_power", "L3 import"] == 609.30
    assert values(second)["active_energy_export", ""] == 19949322.1493


def test_a_register_without_a_unit_is_not_taken_for_wh_or_kwh():
    assert values(bare("1-0:1.8.0*255(001234.5)")) == {("1-0:1.8.0*255", ""): 1234.5}


def test_flags_dates_and_serial_numbers_are_no_measurements():
    told = read(bare("1-0:96.5.5*255(80)", "0.9.1(123456)", "0.9.2(210507)", "C.5.0(0400)"))
    assert iec62056.measurements(told, BERLIN, NOW) == []
    assert iec62056.state(told)["1-0:96.5.5*255"] == "80"
    assert iec62056.state(told)["C.5.0"] == "0400"


def test_phases_tariffs_and_units_that_do_not_fit():
    assert values(bare("21.8.1(1*kWh)", "41.8.0(2*m3)", "1-0:2.8.0(3*A)", "P.98(4*kWh)")) == {
        ("active_energy_import", "L1.T1"): 1000.0,
        ("41.8.0", ""): 2.0,
        ("1-0:2.8.0", ""): 3.0,
        ("P.98", ""): 4.0,
    }


def test_other_media():
    assert values(
        bare(
            "7-0:3.0.0*255(01234.56*m3)",
            "6-0:1.0.0*255(00012.3*MWh)",
            "8-0:1.0.0*255(00045.678*m3)",
            "9-0:1.0.0*255(00005.678*m3)",
            "6-0:1.0.0*01(00011.3*MWh)",
        )
    ) == {
        ("gas_volume", ""): 1234.56,
        ("heat_energy", ""): 12_300_000.0,
        ("water_volume", ""): 45.678,
        ("water_volume", "hot"): 5.678,
        ("6-0:1.0.0*01", ""): 11.3,
    }


@pytest.mark.parametrize(
    ("lines", "number"),
    [
        (["0.0.0(00000000)"], None),
        (["1-0:0.0.0*255(00000000)", "1-0:96.1.0*255(87654321)"], "87654321"),
        (["C.1.0(4711)"], "4711"),
        (["0.0.0(4711)", "0.2.1(1EMH0012345678)"], "1EMH0012345678"),
        (["1.8.0(1*kWh)"], None),
    ],
)
def test_numbers_of_meters(lines: list[str], number: str | None):
    assert iec62056.device(read(bare(*lines))) == number


@pytest.mark.parametrize(
    ("date", "clock", "utc"),
    [
        ("21-05-07", "12:34:56", "2021-05-07T10:34:56Z"),
        ("1210507", "1123456", "2021-05-07T10:34:56Z"),  # with the digit of the season before
        ("2021-05-07", "12:34", "2021-05-07T10:34:00Z"),
        ("210507", "123456", "2021-05-07T10:34:56Z"),
        ("00-00-00", "00:00:00", None),
        ("21-13-07", "12:34:56", None),
        ("21-05-07", "", None),
    ],
)
def test_the_clock_of_a_meter(date: str, clock: str, utc: str | None):
    told = read(bare(f"0.9.2({date})", f"0.9.1({clock})"))
    assert iec62056.time_ns(told, BERLIN, NOW) == (rfc3339_ns(utc) if utc else None)


def test_the_clock_in_one_value():
    told = read(bare("1.0.0(210507123456)"))
    assert iec62056.time_ns(told, UTC, NOW) == rfc3339_ns("2021-05-07T12:34:56Z")


def test_data_sets_go_over_lines_and_share_them():
    told = read(bare("P.01(21050700)(00)(15)(1)", "(1.8.0)(kWh)", "(1.5)", "A.1(x)B.2(y)"))
    groups = ("21050700", "00", "15", "1", "1.8.0", "kWh", "1.5")
    assert told.datasets == (
        Dataset("P.01", tuple(Group(text, "") for text in groups)),
        Dataset("A.1", (Group("x", ""),)),
        Dataset("B.2", (Group("y", ""),)),
    )


def test_units_in_other_encodings():
    for encoding in ("utf-8", "latin-1"):
        assert values(bare("7-0:3.0.0(1*m³)").decode().encode(encoding)) == {
            ("gas_volume", ""): 1.0
        }


def test_noise_around_and_an_echo_before():
    raw = b"\x00\xff/?!\r\n\r\n" + SHORT + b"\x00\x00"
    assert read(raw) == read(SHORT)
    assert len(blocks(raw + raw + SHORT[:50]).blocks) == 2
    assert len(blocks(raw + SHORT[:50]).faults) == 1


def test_block_check():
    wrong = SHORT[:-1] + bytes([SHORT[-1] ^ 1])
    with pytest.raises(PayloadError, match="BCC"):
        read(wrong)
    without_stx = SHORT.replace(b"\x02", b"")
    assert read(without_stx).checked
    assert not read(bare("1.8.0(1*kWh)")).checked


def test_truncation_at_every_byte_is_refused():
    for size in range(len(SHORT)):
        with pytest.raises(PayloadError):
            read(SHORT[:size])


def test_one_flipped_bit_behind_the_identification_is_refused():
    """The block check covers what follows STX; the line before it has none."""
    start = SHORT.index(b"\x02") + 1
    for at in range(start, len(SHORT)):
        for bit in range(8):
            broken = bytearray(SHORT)
            broken[at] ^= 1 << bit
            with pytest.raises(PayloadError):
                iec62056.telegram(*blocks(bytes(broken)).blocks)


def test_bounds():
    with pytest.raises(PayloadError, match="at most 64"):
        blocks(bare("F.F(0)") * 65)
    with pytest.raises(PayloadError, match="at most 4096"):
        read(bare(*["F.F(0)"] * 5000))
    with pytest.raises(PayloadError, match="cut short"):
        read(bare("0.0.0(" + "1" * 70_000 + ")"))


@settings(max_examples=300)
@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_are_read_or_refused(noise: bytes, framing: bool):
    raw = b"/ABC5X\r\n" + (b"\x02" if framing else b"") + noise + b"\r\n!\r\n"
    try:
        for block in blocks(raw).blocks:
            told = iec62056.telegram(block)
            iec62056.measurements(told, BERLIN, NOW)
            iec62056.device(told)
            iec62056.state(told)
            iec62056.time_ns(told, BERLIN, NOW)
    except PayloadError:
        return
