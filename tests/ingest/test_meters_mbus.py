"""The M-Bus decoder against 71 frames of real meters, and against frames built by hand."""

import json
import struct
from datetime import UTC, date, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.errors import PayloadError
from ingest.meters import mbus
from ingest.meters.mbus_records import Record, records

BERLIN = ZoneInfo("Europe/Berlin")
RECEIVED_NS = 1_700_000_000 * 10**9
FRAMES = json.loads((Path(__file__).parents[1] / "vectors" / "mbus_frames.json").read_text("utf-8"))
GOOD = [one for one in FRAMES if one["set"] == "test-frames"]
BAD = [one for one in FRAMES if one["set"] == "error-frames"]

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

# VIFE 50h, 58h (6.4.5): how long the first excess of the lower, upper limit lasted, in seconds.
DURATIONS_BY_VIFE = {("SEN_Pollustat", 12), ("SEN_Pollustat", 13)}


def _telegram(name):
    return mbus.telegram(bytes.fromhex(next(one["hex"] for one in FRAMES if one["name"] == name)))


def _measured(told):
    found = mbus.measurements(told, BERLIN, RECEIVED_NS)
    return {(one.quantity, one.channel, one.time_ns): one.value for one in found}


def _ns(text):
    return int(datetime.fromisoformat(text).timestamp()) * 10**9


def _wired(body, control=0x08, address=1, ci=0x72):
    content = bytes([control, address, ci]) + body
    size = len(content)
    return bytes([0x68, size, size, 0x68]) + content + bytes([sum(content) & 0xFF, 0x16])


HEADER = bytes.fromhex("785634129315330255040000")
"""12345678, manufacturer 1593h (EMS), generation 51, electricity, access 85, status 4, no mode."""


def _one(text):
    (record,) = records(bytes.fromhex(text))
    return record


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
        _telegram(name)


def test_all_frames_are_there():
    assert (len(GOOD), len(BAD), len(FRAMES)) == (52, 15, 71)


def test_a_telegram_of_the_makers_own_block_alone_is_good():
    """libmbus can't read it; DIF 1Fh (6.3.2) lets any bytes follow, and announces more."""
    told = _telegram("svm_f22_telegram2")
    assert [one.function for one in told.records] == ["more"]
    assert told.more_follows
    assert _measured(told) == {}


# Meaning


def test_a_heat_meters_present_and_its_due_date():
    told = _telegram("kamstrup_multical_601")
    got, due = _measured(told), _ns("2010-12-31T00:00:00+01:00")
    assert got["heat_energy", "", None] == 37_351_000.0
    assert got["heat_energy", "", due] == 33_361_000.0
    assert got["heat_volume", "", None] == 561.08
    assert got["heat_power", "", None] == 34_700.0
    assert got["heat_power.max", "", due] == 55_000.0
    assert got["temperature", "supply", None] == 101.69
    assert got["temperature", "return", None] == 46.16
    assert got["temperature_difference", "", None] == 55.53
    assert got["flow", "", None] == 0.543
    assert got["heat_energy", "T1", None] == 0.0
    assert got["volume", "unit1", None] == 0.0, "what a pulse input counts is not the heat carrier"


def test_history_takes_the_date_of_its_storage_number():
    got = _measured(_telegram("ram_modularis"))
    dated = sorted((when, value) for (name, _, when), value in got.items() if when is not None)
    assert len(dated) == 13
    assert dated[-1] == (_ns("2013-09-30T00:00:00+02:00"), 8.527)
    assert got["water_volume", "", None] == 10.116


def test_of_two_dates_of_one_storage_number_the_one_before_the_value_counts():
    got = _measured(_telegram("els_falcon"))
    assert got["water_volume", "", _ns("2007-01-01T00:00:00+01:00")] == 456.951


def test_history_without_a_date_keeps_its_storage_number():
    got = _measured(_telegram("itron_cyble_m-bus_v1.4_cold_water"))
    assert got["water_volume.storage1", "", None] == 453.5
    assert got["water_volume", "", None] == 453.5


def test_a_due_date_to_come_dates_nothing():
    frame = HEADER[:7] + b"\x07" + HEADER[8:]
    told = mbus.telegram(_wired(frame + bytes.fromhex("4c1301000000 426cff2c")))
    assert told.records[1].value == date(2023, 12, 31)
    assert list(_measured(told)) == [("water_volume.storage1", "", None)]
    later = mbus.measurements(told, BERLIN, RECEIVED_NS + 90 * 86400 * 10**9)
    assert [(one.quantity, one.time_ns) for one in later] == [
        ("water_volume", _ns("2023-12-31T00:00:00+01:00"))
    ]


def test_a_medium_record_says_what_a_subunit_counts():
    got = _measured(_telegram("minol_minocal_wr3"))
    assert got["water_volume", "unit1", None] == 0.001


def test_makers_phases_and_tariffs_are_channels():
    got = _measured(_telegram("SBC_Saia-Burgess-ALE3"))
    assert got["active_energy_import", "T1", None] == 2930.0
    assert got["active_energy_import", "T2", None] == 60.0
    assert got["voltage", "L1", None] == 223.0
    assert ("reactive_power", "L3", None) in got
    unknown = _measured(_telegram("electricity-meter-2"))
    assert unknown["voltage.vendor01", "", None] == 233.0, "of an unknown maker nothing is guessed"


def test_values_of_an_error_state_are_alarms_and_no_measurements():
    told = _telegram("itron_cf_51")
    assert not [place for place in _measured(told) if place[0] in {"heat_power", "temperature"}]
    alarms = mbus.state(told)["alarms"]
    assert "temporary error" in alarms
    assert "flow_temperature in error state: 999.9 Cel" in alarms


def test_a_number_that_is_none_is_an_alarm():
    told = mbus.telegram(_wired(HEADER + bytes.fromhex("0c0312345a67 0403 0a000000 0403 00000080")))
    assert _measured(told) == {("active_energy_import", "2", None): 10.0}
    assert mbus.state(told)["alarms"] == [
        "power low",
        "energy: 675A3412 is no BCD number",
        "energy: the number 80000000 means invalid",
    ]


def test_the_state_says_who_the_meter_is():
    assert mbus.state(_telegram("siemens_water")) == {
        "clock": "2011-09-14T08:56:00",
        "fabrication_number": "08021382",
        "model_version": 2173253517322,
        "parameter_set": "WFH21",
        "firmware_version": 0,
        "manufacturer": "LSE",
        "serial": "08021382",
        "medium": "warm water",
        "version": 153,
        "status": 0,
        "alarms": [],
    }


def test_equal_records_keep_their_order_as_channels():
    got = _measured(_telegram("eastron_sdm630"))
    assert [place for place in got if place[0] == "active_power"] == [
        ("active_power", channel, None) for channel in ("", "2", "3", "4")
    ]


@pytest.mark.parametrize(
    ("medium", "text", "wanted"),
    [
        ("02", "0403e9030000", {("active_energy_import", "", None): 1001.0}),
        ("02", "04833ce9030000", {("active_energy_export", "", None): 1001.0}),
        ("02", "04833be9030000", {("active_energy_import", "", None): 1001.0}),
        ("02", "0483fc01e9030000", {("active_energy_import", "L1", None): 1001.0}),
        ("02", "0483fc10e9030000", {("active_energy_import.absolute", "", None): 1001.0}),
        ("02", "04fb82 3c 02000000", {("reactive_energy_export", "", None): 2000.0}),
        ("02", "02fb2d8813", {("frequency", "", None): 50.0}),
        ("02", "0e0e 000000001000", {("active_energy_import", "", None): 1e15 / 3600}),
        ("04", "0408100e0000", {("heat_energy", "", None): 1.0}),
        ("04", "04fb0d01000000", {("heat_energy", "", None): 1163.0}),
        ("0a", "0406 01000000", {("heat_energy", "cooling", None): 1000.0}),
        ("04", "0430100e0000", {("heat_power", "", None): 1.0}),
        ("04", "04fb5a40010000", {("temperature", "supply", None): 0.0}),
        ("04", "02fb61 5a00", {("temperature_difference", "", None): 0.5}),
        ("07", "04138d030000", {("water_volume", "", None): 0.909}),
        ("16", "04138d030000", {("water_volume", "", None): 0.909}),
        ("07", "0446 3c000000", {("flow", "", None): 360.0}),
        ("07", "044f 01000000", {("flow", "", None): 36.0}),
        ("03", "0493 3a 01000000", {("gas_volume", "uncorrected", None): 0.001}),
        ("03", "0493 3e 01000000", {("gas_volume", "base", None): 0.001}),
        (
            "07",
            "0213 0100 0e00 010000000000",
            {("water_volume", "", None): 0.001, ("energy", "", None): 0.001},
        ),
        ("07", "0293 22 0100", {("water_volume.per_hour", "", None): 0.001}),
        ("1b", "01fb1b 2d", {("humidity", "", None): 45.0}),
        ("1b", "0265 d007", {("temperature", "external", None): 20.0}),
        ("07", "026a e803", {("pressure", "", None): 100_000.0}),
        ("00", "0403e9030000", {("energy", "", None): 1001.0}),
        ("07", "04fb20 01000000", {("water_volume", "", None): 0.028316846592}),
        ("07", "02fd74 0a00", {("battery_remaining", "", None): 864000.0}),
        ("02", "027c 05 6167756f76 0700", {("vouga", "", None): 7.0}),
        ("02", "027c 07 656761746c6f76 0700", {("text.voltage", "", None): 7.0}),
    ],
)
def test_what_a_record_means_in_its_medium(medium, text, wanted):
    body = HEADER[:7] + bytes.fromhex(medium) + HEADER[8:] + bytes.fromhex(text)
    got = _measured(mbus.telegram(_wired(body)))
    assert got == {place: pytest.approx(value, rel=1e-14) for place, value in wanted.items()}


# Records


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
    record = _one(text)
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
    record = _one(f"02{code:02x}0300")
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
    record = _one(text)
    assert (record.name, record.unit, record.value) == (name, unit, pytest.approx(value, rel=1e-15))


def test_difes_add_bits_to_storage_tariff_and_subunit():
    record = _one("c4 f5 43 13 01000000")
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
    record = _one(text)
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
    assert _one("84" + "80" * 9 + "00 13 01000000").value == 0.001
    assert _one("04 93" + "a0" * 9 + "20 01000000").modifiers == ("per_second",) * 10


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


# Frames


def test_mode_2_sends_the_highest_byte_first():
    body = bytes.fromhex("12345678 1593 33 02 55 04 0000") + bytes.fromhex("0403000003e9")
    told = mbus.telegram(_wired(body, ci=0x76))
    assert (told.serial, told.manufacturer) == ("12345678", "ELS")
    assert _measured(told) == {("active_energy_import", "", None): 1001.0}


def test_mode_2_of_the_fixed_structure():
    low = mbus.telegram(_wired(bytes.fromhex("785634120a01e97e39300000 87000000"), ci=0x73))
    high = mbus.telegram(_wired(bytes.fromhex("123456780a017ee9 00003039 00000087"), ci=0x77))
    assert low == high
    assert [(one.value, one.storage) for one in low.records] == [(12.345, 0), (0.135, 1)]


def test_headers_short_and_none():
    short = mbus.telegram(_wired(bytes.fromhex("55040000 0413e8030000"), ci=0x7A))
    assert (short.serial, short.access, short.status, short.medium) == ("", 0x55, 4, None)
    bare = mbus.telegram(_wired(bytes.fromhex("0413e8030000"), ci=0x78))
    assert bare.records[0].value == 1.0
    assert _measured(bare) == {("volume", "", None): 1.0}


def test_wireless_frames():
    link = bytes.fromhex("44 9315 78563412 33 07")
    body = bytes.fromhex("7a 2a 00 0000 2f2f 04138d030000 2f2f")
    frame = bytes([len(link + body)]) + link + body
    assert mbus.frames(frame) == [frame]
    told = mbus.telegram(frame)
    assert (told.manufacturer, told.serial, told.version, told.access) == (
        "ELS",
        "12345678",
        0x33,
        0x2A,
    )
    assert _measured(told) == {("water_volume", "", None): 0.909}
    extended = link + bytes.fromhex("8c 20 2a") + body
    assert mbus.telegram(bytes([len(extended)]) + extended) == told


def test_frames_are_cut_out_of_what_a_bridge_sends():
    one, two = (bytes.fromhex(GOOD[nth]["hex"]) for nth in (0, 1))
    request = bytes.fromhex("105b015c16")
    control = _wired(b"", ci=0x50)
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
            told = mbus.telegram(_wired(body[:size]))
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
    return _wired(HEADER[:8] + bytes([access, 0]) + word + content)


def test_mode_5_opens_with_the_meters_key():
    plain = bytes.fromhex("2f2f 0403e9030000 042b0a000000 2f2f" + "022b 0700")
    frame = _encrypted(plain, b"\x10\x05")
    with pytest.raises(PayloadError, match="encrypted, mode 5"):
        mbus.telegram(frame)
    with pytest.raises(PayloadError, match="one that does not open it"):
        mbus.telegram(frame, bytes(16))
    with pytest.raises(PayloadError, match="16 bytes"):
        mbus.telegram(frame, KEY[:5])
    assert _measured(mbus.telegram(frame, KEY)) == {
        ("active_energy_import", "", None): 1001.0,
        ("active_power", "", None): 10.0,
        ("active_power", "2", None): 7.0,
    }


@pytest.mark.parametrize("mode", [1, 2, 3, 4, 7, 8, 9, 10, 13, 15])
def test_other_encryption_is_named_and_refused(mode):
    frame = _wired(HEADER[:10] + bytes([0x10, mode]) + bytes(16))
    with pytest.raises(PayloadError, match=rf"encrypted, mode {mode}$"):
        mbus.telegram(frame, KEY)


@pytest.mark.parametrize("ci", [0x51, 0x69, 0x71, 0x79, 0x7B, 0x8D, 0x90, 0xA0])
def test_other_applications_are_refused_by_name(ci):
    with pytest.raises(PayloadError, match=f"{ci:02X}h"):
        mbus.telegram(_wired(HEADER + bytes(4), ci=ci))


# A foreign peer, and any bytes


@pytest.mark.parametrize(
    "frame", [one for one in GOOD if one["hex"][12:14] == "72"], ids=lambda one: one["name"]
)
def test_pymeterbus_sees_the_same_serial(frame):
    meterbus = pytest.importorskip("meterbus")
    data = bytes.fromhex(frame["hex"])
    peer = meterbus.load(data).body.bodyHeader.interpreted
    told = mbus.telegram(data)
    assert int(peer["identification"].replace(", ", "").replace("0x", ""), 16) == int(
        told.serial, 16
    )


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=120))
def test_any_bytes_give_records_or_a_payload_error(data):
    try:
        found = records(data)
    except PayloadError:
        return
    assert all(isinstance(one, Record) for one in found)
    told = mbus.telegram(_wired(HEADER + data))
    mbus.measurements(told, BERLIN, RECEIVED_NS)
    json.dumps(mbus.state(told))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.sampled_from([0x72, 0x73, 0x76, 0x77, 0x78, 0x7A, 0x8C, 0x70]))
def test_any_body_gives_a_telegram_or_a_payload_error(body, ci):
    try:
        told = mbus.telegram(_wired(body, ci=ci), KEY)
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


def test_a_clock_of_utc_needs_no_shift():
    got = mbus.measurements(_telegram("oms_frame2"), UTC, RECEIVED_NS)
    assert ("water_volume", 1445.419, _ns("2007-12-31T00:00:00+00:00")) in [
        (one.quantity, one.value, one.time_ns) for one in got
    ]
