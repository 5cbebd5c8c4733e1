"""DSMR P1: real telegrams against dsmr_parser's reading, clock changes, and all that breaks."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from dsmr_parser import telegram_specifications
from dsmr_parser.parsers import TelegramParser
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import iso, rfc3339_ns
from ingest.errors import PayloadError
from ingest.meters import p1
from ingest.meters.datasets import blocks
from ingest.reading import Measurement

ROWS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "dsmr_telegrams.json").read_text("utf-8")
)
TELEGRAMS = {
    row["name"].removeprefix("TELEGRAM_"): row["telegram"].encode("latin-1") for row in ROWS
}
ORACLES = {row["name"].removeprefix("TELEGRAM_"): row["oracle"] for row in ROWS if row["oracle"]}
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
HEAVY = {name: raw for name, raw in TELEGRAMS.items() if b"!" in raw and not name.startswith("ESY")}

NAMES = {
    "ELECTRICITY_USED_TARIFF_1": ("active_energy_import", "T1", 1000),
    "ELECTRICITY_USED_TARIFF_2": ("active_energy_import", "T2", 1000),
    "ELECTRICITY_DELIVERED_TARIFF_1": ("active_energy_export", "T1", 1000),
    "ELECTRICITY_DELIVERED_TARIFF_2": ("active_energy_export", "T2", 1000),
    "CURRENT_ELECTRICITY_USAGE": ("active_power", "import", 1000),
    "CURRENT_ELECTRICITY_DELIVERY": ("active_power", "export", -1000),
    "BELGIUM_CURRENT_AVERAGE_DEMAND": ("1-0:1.4.0", "", 1),
    "BELGIUM_MAXIMUM_DEMAND_MONTH": ("1-0:1.6.0", "", 1),
    "ACTUAL_TRESHOLD_ELECTRICITY": ("0-0:17.0.0", "", 1),
    "FUSE_THRESHOLD_L1": ("1-0:31.4.0", "", 1),
    **{
        f"INSTANTANEOUS_ACTIVE_POWER_L{n}_POSITIVE": ("active_power", f"L{n} import", 1000)
        for n in (1, 2, 3)
    },
    **{
        f"INSTANTANEOUS_ACTIVE_POWER_L{n}_NEGATIVE": ("active_power", f"L{n} export", -1000)
        for n in (1, 2, 3)
    },
    **{f"INSTANTANEOUS_VOLTAGE_L{n}": ("voltage", f"L{n}", 1) for n in (1, 2, 3)},
    **{f"INSTANTANEOUS_CURRENT_L{n}": ("current", f"L{n}", 1) for n in (1, 2, 3)},
    "LONG_POWER_FAILURE_COUNT": ("0-0:96.7.9", "", 1),
    "SHORT_POWER_FAILURE_COUNT": ("0-0:96.7.21", "", 1),
    "VOLTAGE_SAG_L1_COUNT": ("1-0:32.32.0", "", 1),
    "VOLTAGE_SWELL_L1_COUNT": ("1-0:32.36.0", "", 1),
}


def meters(raw: bytes, zone: ZoneInfo = AMSTERDAM) -> tuple[p1.Meter, ...]:
    (block,) = blocks(raw).blocks
    assert p1.is_p1(block)
    return p1.meters(p1.telegram(block), zone, 0)


def found(meter: p1.Meter) -> dict[tuple[str, str], float]:
    return {(one.quantity, one.channel): one.value for one in meter.measurements}


def bitwise_arc(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0xA001 if crc & 1 else 0)
    return crc


def telegram(*lines: str, header: str = "ISK5\\2M550T-1012") -> bytes:
    text = "\r\n".join((f"/{header}", "", *lines, "!")).encode()
    return text + f"{bitwise_arc(text):04X}\r\n".encode()


FULL = telegram(
    "1-3:0.2.8(50)",
    "0-0:1.0.0(101209113020W)",
    "0-0:96.1.1(4B384547303034303436333935353037)",
    "1-0:1.8.1(123456.789*kWh)",
    "1-0:1.8.2(123456.789*kWh)",
    "1-0:2.8.1(000000.000*kWh)",
    "1-0:2.8.2(123456.789*kWh)",
    "0-0:96.14.0(0002)",
    "1-0:1.7.0(01.193*kW)",
    "1-0:2.7.0(00.000*kW)",
    "0-0:96.7.21(00004)",
    "0-0:96.7.9(00002)",
    "1-0:99.97.0(2)(0-0:96.7.19)(101208152415W)(0000000240*s)(101208151004W)(0000000301*s)",
    "1-0:32.32.0(00002)",
    "1-0:52.32.0(00001)",
    "1-0:32.36.0(00000)",
    "0-0:96.13.0(48656C6C6F20776F726C64)",
    "1-0:32.7.0(220.1*V)",
    "1-0:31.7.0(001*A)",
    "1-0:21.7.0(01.111*kW)",
    "1-0:22.7.0(04.444*kW)",
    "0-1:24.1.0(003)",
    "0-1:96.1.0(3232323241424344313233343536373839)",
    "0-1:24.2.1(101209112500W)(12785.123*m3)",
    "0-2:24.1.0(004)",
    "0-2:96.1.0(3333333341424344313233343536373839)",
    "0-2:24.2.1(101209110000W)(0012.345*GJ)",
    "0-3:24.1.0(006)",
    "0-3:24.2.1(101209110000W)(0000.250*m3)",
)


@pytest.mark.parametrize("name", sorted(ORACLES))
def test_real_telegrams_as_dsmr_parser_reads_them(name: str):
    main, *others = meters(TELEGRAMS[name])
    told = found(main)
    compared = 0
    for field, oracle in ORACLES[name].items():
        if field in NAMES:
            quantity, channel, factor = NAMES[field]
            assert told[quantity, channel] == pytest.approx(oracle["value"] * factor, rel=1e-12)
            compared += 1
    assert compared >= 7
    stamp = ORACLES[name].get("P1_MESSAGE_TIMESTAMP")
    assert main.time_ns == (rfc3339_ns(stamp["value"]) if stamp else None)
    readings = [one for other in others for one in other.measurements]
    readings += [one for one in main.measurements if one.quantity == "gas_volume"]
    children = []
    for child in ORACLES[name]["MBUS_DEVICES"]:
        children += [
            child[key] for key in ("MBUS_METER_READING", "GAS_METER_READING") if key in child
        ]
    assert [(one.value, one.time_ns) for one in readings] == [
        (child["value"], rfc3339_ns(child["datetime"])) for child in children
    ]


def test_numbers_of_meters():
    names = {name: [meter.device for meter in meters(raw)] for name, raw in HEAVY.items()}
    assert names["FLUVIUS_V171"] == ["1SAG3101021605", "7FLO2119033733", "8SAG1234567890"]
    assert names["V3"] == ["K8EG004046395507", "2222ABCD123456789"]
    assert names["V2_2"] == [None]  # zeros are no number; gas is then a channel of the meter
    assert names["SAGEMCOM_T210_D_R"] == [None]
    assert names["UNPADDED_CRC"] == ["ADC3100000158491", "621848012D2C0B0C"]


def test_austrian_registers_are_in_wh_already():
    (main,) = meters(TELEGRAMS["SAGEMCOM_T210_D_R"])
    told = found(main)
    assert told["active_energy_import", ""] == 6545766.0
    assert told["reactive_energy_export", "T1"] == 2692848.0
    assert told["reactive_power", "export"] == -166.0


def test_heat_of_a_telegram_whose_crc_has_lost_a_zero():
    main, heat = meters(TELEGRAMS["UNPADDED_CRC"])
    assert main.measurements == []
    (one,) = heat.measurements
    assert (one.quantity, one.value) == ("heat_energy", pytest.approx(240.860e9 / 3600, rel=1e-14))
    assert iso(one.time_ns) == "2026-02-15T19:05:23Z"


def test_a_telegram_of_version_5():
    main, gas, heat = meters(FULL)
    told = found(main)
    assert told["active_energy_import", "T1"] == 123456789.0
    assert told["active_power", "L1 export"] == -4444.0
    assert told["0-0:96.7.21", ""] == 4.0
    assert told["1-0:52.32.0", ""] == 1.0
    assert told["water_volume", "3.hot"] == 0.25  # a meter without a number: a channel of this one
    assert main.state["0-0:96.13.0"] == "Hello world"
    assert main.state["1-0:99.97.0"] == [
        {"times": ["2010-12-08T14:24:15Z"], "value": 240.0, "unit": "s"},
        {"times": ["2010-12-08T14:10:04Z"], "value": 301.0, "unit": "s"},
    ]
    assert gas.device == "2222ABCD123456789"
    assert gas.time_ns == rfc3339_ns("2010-12-09T10:25:00Z")
    assert gas.measurements == [Measurement("gas_volume", 12785.123, "", gas.time_ns)]
    assert heat.measurements[0].value == pytest.approx(12.345e9 / 3600, rel=1e-14)


def test_a_telegram_of_version_5_as_dsmr_parser_reads_it():
    """The peer reads the telegram now, not years ago."""
    theirs = TelegramParser(telegram_specifications.V5).parse(FULL.decode())
    main, gas, *_ = meters(FULL)
    told = found(main)
    compared = 0
    for field, (quantity, channel, factor) in NAMES.items():
        if hasattr(theirs, field):
            value = float(getattr(theirs, field).value)
            assert told[quantity, channel] == pytest.approx(value * factor, rel=1e-12)
            compared += 1
    assert compared >= 10
    reading = theirs.MBUS_DEVICES[0].MBUS_METER_READING
    assert gas.measurements[0].value == float(reading.value)
    assert gas.time_ns == reading.datetime.timestamp() * 10**9


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("231029023000S", "2023-10-29T00:30:00Z"),
        ("231029023000W", "2023-10-29T01:30:00Z"),
        ("231029020000S", "2023-10-29T00:00:00Z"),
        ("231029025959W", "2023-10-29T01:59:59Z"),
        ("230326015959W", "2023-03-26T00:59:59Z"),
        ("230326030000S", "2023-03-26T01:00:00Z"),
        ("230326023000W", "2023-03-26T01:30:00Z"),  # a clock that is not put forward yet
        ("230701120000W", "2023-07-01T11:00:00Z"),  # Swedish meters keep normal time all year
        ("230202132747S", "2023-02-02T12:27:47Z"),  # a contradiction: the zone decides
        ("230701120000", "2023-07-01T10:00:00Z"),
    ],
)
def test_times_with_and_without_a_season(text: str, utc: str):
    assert p1.stamp_ns(text, AMSTERDAM, 0) == rfc3339_ns(utc)


@given(st.datetimes(datetime(2001, 1, 2), datetime(2099, 12, 30)))
def test_a_time_with_its_season_is_that_instant(utc: datetime):
    ns = (utc.replace(microsecond=0) - datetime(1970, 1, 1)) // timedelta(seconds=1) * 10**9
    local = datetime.fromtimestamp(ns // 10**9, AMSTERDAM)
    text = local.strftime("%y%m%d%H%M%S") + ("S" if local.dst() else "W")
    assert p1.stamp_ns(text, AMSTERDAM, 0) == ns


@pytest.mark.parametrize("text", ["632525252525W", "", "2010", "200230000000S", "x" * 13])
def test_what_is_no_date_is_no_time(text: str):
    assert p1.stamp_ns(text, AMSTERDAM, 0) is None


def test_a_further_meter_that_was_not_read_yet_has_no_reading():
    lines = ("0-1:24.1.0(003)", "0-1:96.1.1(37464C4F32313139303333373333)")
    (_, gas) = meters(telegram(*lines, "0-1:24.2.3(632525252525W)(00000.000*m3)"))
    assert gas.measurements == []
    assert gas.state["0-1:24.2.3"] == ["632525252525W", "00000.000*m3"]


def test_kinds_that_nobody_told_keep_their_code():
    main, other = meters(
        telegram(
            "0-1:24.2.1(200512134558S)(00001.000*m3)",
            "0-2:96.1.0(3232323241424344)",
            "0-2:24.1.0(003)",
            "0-2:24.2.1(200512134558S)(00001.000*kWh)",
        )
    )
    assert found(main) == {("0-1:24.2.1", "1"): 1.0}
    assert found(other) == {("0-2:24.2.1", ""): 1.0}


def test_line_ends_that_a_bridge_changed():
    plain = FULL.replace(b"\r\n", b"\n")
    assert meters(plain) == meters(FULL)


def test_a_version_with_a_crc_must_have_one():
    for name, raw in HEAVY.items():
        bare = raw[: raw.index(b"!") + 1] + b"\r\n"
        (block,) = blocks(bare).blocks
        if name in {"V2_2", "V3"}:
            assert p1.telegram(block).checked is False
        else:
            with pytest.raises(PayloadError, match="CRC"):
                p1.telegram(block)


@pytest.mark.parametrize("raw", [FULL, TELEGRAMS["ISKRA_IE"], TELEGRAMS["UNPADDED_CRC"]])
def test_truncation_at_every_byte_is_refused(raw: bytes):
    for size in range(len(raw.rstrip())):
        with pytest.raises(PayloadError):
            p1.telegram(*blocks(raw[:size]).blocks)


@pytest.mark.parametrize("raw", [TELEGRAMS["ISKRA_IE"], TELEGRAMS["UNPADDED_CRC"]])
def test_one_flipped_bit_anywhere_is_refused(raw: bytes):
    size = len(raw.rstrip())
    whole = p1.telegram(*blocks(raw).blocks)
    for at in range(size):
        for bit in range(8):
            broken = bytearray(raw)
            broken[at] ^= 1 << bit
            try:
                told = p1.telegram(*blocks(bytes(broken)).blocks)
            except PayloadError:
                continue
            assert told == whole  # "a" for "A" among the digits of the CRC


@pytest.mark.parametrize("line", ["nonsense", "(1)", "1-0:1.8.1", "1-0:1.8.1(1", "1-0:1.8.1)1("])
def test_lines_that_are_no_data_sets_are_refused(line: str):
    with pytest.raises(PayloadError, match="data set"):
        meters(telegram(line))


def test_one_code_with_two_values_is_refused():
    with pytest.raises(PayloadError, match="twice"):
        meters(telegram("1-0:1.8.1(000010.181*kWh)", "1-0:1.8.1(000010.182*kWh)"))


PIECES = [
    "0-1:24.1.0",
    "1-0:1.8.1",
    "0-0:1.0.0",
    "(",
    ")",
    "*",
    "kWh",
    "W",
    "1",
    "\r\n",
    "é",
    "24.3.0",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=4), max_size=30).map("".join))
def test_any_text_with_a_right_crc_is_read_or_refused(text: str):
    try:
        for block in blocks(telegram(text)).blocks:
            p1.meters(p1.telegram(block), AMSTERDAM, 0)
    except PayloadError:
        return
