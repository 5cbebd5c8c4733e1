"""What M-Bus telegrams mean: quantities, channels, times and the state of the meter."""

from datetime import UTC, date

import pytest
from mbus_telegrams import BERLIN, HEADER, RECEIVED_NS, instant_ns, measured, told_by, wired

from ingest.meters import mbus


def test_a_heat_meters_present_and_its_due_date():
    told = told_by("kamstrup_multical_601")
    got, due = measured(told), instant_ns("2010-12-31T00:00:00+01:00")
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
    got = measured(told_by("ram_modularis"))
    dated = sorted((when, value) for (name, _, when), value in got.items() if when is not None)
    assert len(dated) == 13
    assert dated[-1] == (instant_ns("2013-09-30T00:00:00+02:00"), 8.527)
    assert got["water_volume", "", None] == 10.116


def test_of_two_dates_of_one_storage_number_the_one_before_the_value_counts():
    got = measured(told_by("els_falcon"))
    assert got["water_volume", "", instant_ns("2007-01-01T00:00:00+01:00")] == 456.951


def test_history_without_a_date_keeps_its_storage_number():
    got = measured(told_by("itron_cyble_m-bus_v1.4_cold_water"))
    assert got["water_volume.storage1", "", None] == 453.5
    assert got["water_volume", "", None] == 453.5


def test_a_due_date_to_come_dates_nothing():
    frame = HEADER[:7] + b"\x07" + HEADER[8:]
    told = mbus.telegram(wired(frame + bytes.fromhex("4c1301000000 426cff2c")))
    assert told.records[1].value == date(2023, 12, 31)
    assert list(measured(told)) == [("water_volume.storage1", "", None)]
    later = mbus.measurements(told, BERLIN, RECEIVED_NS + 90 * 86400 * 10**9)
    assert [(one.quantity, one.time_ns) for one in later] == [
        ("water_volume", instant_ns("2023-12-31T00:00:00+01:00"))
    ]


def test_a_medium_record_says_what_a_subunit_counts():
    got = measured(told_by("minol_minocal_wr3"))
    assert got["water_volume", "unit1", None] == 0.001


def test_makers_phases_and_tariffs_are_channels():
    got = measured(told_by("SBC_Saia-Burgess-ALE3"))
    assert got["active_energy_import", "T1", None] == 2930.0
    assert got["active_energy_import", "T2", None] == 60.0
    assert got["voltage", "L1", None] == 223.0
    assert ("reactive_power", "L3", None) in got
    unknown = measured(told_by("electricity-meter-2"))
    assert unknown["voltage.vendor01", "", None] == 233.0, "of an unknown maker nothing is guessed"


def test_values_of_an_error_state_are_alarms_and_no_measurements():
    told = told_by("itron_cf_51")
    assert not [place for place in measured(told) if place[0] in {"heat_power", "temperature"}]
    alarms = mbus.state(told)["alarms"]
    assert "temporary error" in alarms
    assert "flow_temperature in error state: 999.9 Cel" in alarms


def test_a_number_that_is_none_is_an_alarm():
    told = mbus.telegram(wired(HEADER + bytes.fromhex("0c0312345a67 0403 0a000000 0403 00000080")))
    assert measured(told) == {("active_energy_import", "2", None): 10.0}
    assert mbus.state(told)["alarms"] == [
        "power low",
        "energy: 675A3412 is no BCD number",
        "energy: the number 80000000 means invalid",
    ]


def test_the_state_says_who_the_meter_is():
    assert mbus.state(told_by("siemens_water")) == {
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
    got = measured(told_by("eastron_sdm630"))
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
    got = measured(mbus.telegram(wired(body)))
    assert got == {place: pytest.approx(value, rel=1e-14) for place, value in wanted.items()}


def test_a_clock_of_utc_needs_no_shift():
    got = mbus.measurements(told_by("oms_frame2"), UTC, RECEIVED_NS)
    assert ("water_volume", 1445.419, instant_ns("2007-12-31T00:00:00+00:00")) in [
        (one.quantity, one.value, one.time_ns) for one in got
    ]
