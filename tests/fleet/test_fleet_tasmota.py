"""Tasmota's ENERGY and SML groups, and Emscher's reading of them."""

import json
from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import tasmota
from fleet.errors import EncodingError
from fleet.message import time_ns_of
from ingest.decode import Decoder
from ingest.formats import tasmota as reader
from ingest.reading import Envelope

BERLIN = ZoneInfo("Europe/Berlin")
TIME_NS = time_ns_of("2026-03-31T12:00:00Z")
START = "2026-01-01T00:00:00"
LOADS = (
    tasmota.Load(451, 470, 132, 96, 230, 2_043, 5_001),
    tasmota.Load(-12, 15, 9, -80, 229, 65, 5_001),
    tasmota.Load(0, 0, 0, 0, 231, 0, 5_001),
)


def _sent(zone=UTC, with_offset=True, **groups):
    return tasmota.sensors(
        "halle", time_ns=TIME_NS, groups=groups, zone=zone, with_offset=with_offset
    )


def _read(message):
    told = Decoder(formats=(reader,)).decode(
        Envelope("test", message.topic, message.payload, message.time_ns)
    )
    return told, {(one.quantity, one.channel): one.value for one in told.measurements}


def test_three_phases_are_lists_and_tariffs_too():
    fields = tasmota.energy(
        LOADS, total_wh=12_345_678, today_wh=1_234, yesterday_wh=5_678, start=START,
        export_wh=9, tariff_wh=(12_000_000, 345_678),
    )  # fmt: skip
    assert _sent(ENERGY=fields).payload.decode() == (
        '{"Time":"2026-03-31T12:00:00+00:00","ENERGY":{"TotalStartTime":"2026-01-01T00:00:00",'
        '"Total":12345.678,"TotalTariff":[12000.000,345.678],"Yesterday":5.678,"Today":1.234,'
        '"ExportActive":0.009,"Power":[451,-12,0],"ApparentPower":[470,15,0],'
        '"ReactivePower":[132,9,0],"Factor":[0.96,-0.80,0.00],"Frequency":50.01,'
        '"Voltage":[230,229,231],"Current":[2.043,0.065,0.000]}}'
    )


def test_one_phase_is_numbers():
    fields = tasmota.energy(
        (tasmota.Load(5, 6, 3, 83, 230, 26),), total_wh=1, today_wh=0, yesterday_wh=0, start=START
    )
    said = json.loads(_sent(ENERGY=fields).payload)["ENERGY"]
    assert said == {
        "TotalStartTime": START, "Total": 0.001, "Yesterday": 0.0, "Today": 0.0, "Power": 5,
        "ApparentPower": 6, "ReactivePower": 3, "Factor": 0.83, "Voltage": 230, "Current": 0.026,
    }  # fmt: skip


wh = st.integers(0, 10**11)


@settings(max_examples=100, deadline=None)
@given(st.tuples(wh, wh, wh), st.tuples(wh, wh), wh, st.booleans())
def test_emscher_reads_registers_by_phase_and_tariff(totals, tariffs, exported, by_phase):
    fields = tasmota.energy(
        LOADS,
        total_wh=totals if by_phase else sum(totals),
        today_wh=0,
        yesterday_wh=0,
        start=START,
        export_wh=exported,
        tariff_wh=tariffs,
    )
    told, values = _read(_sent(BERLIN, with_offset=False, ENERGY=fields))
    assert (told.device, told.time_ns) == ("halle", TIME_NS)
    expected = {("active_energy_import", f"T{nth}"): one for nth, one in enumerate(tariffs, 1)}
    if by_phase:
        expected |= {("active_energy_import", str(nth)): one for nth, one in enumerate(totals, 1)}
    else:
        expected["active_energy_import", ""] = sum(totals)
    assert {place: one for place, one in values.items() if "import" in place[0]} == expected
    assert values["active_energy_export", ""] == exported
    assert values["active_power", "2"] == -12
    assert values["current", "1"] == 2.043
    assert values["frequency", ""] == 50.01


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**12), st.none() | st.integers(0, 10**12), st.integers(-(10**6), 10**6))
def test_emscher_reads_the_group_of_a_german_script(imported, exported, power):
    fields = tasmota.sml(
        import_wh_tenths=imported,
        export_wh_tenths=exported,
        power_w=power,
        phase_powers_w=(power, 1, -1),
    )
    _, values = _read(_sent(BERLIN, SML=fields))
    expected = {
        ("active_energy_import", ""): imported / 10,
        ("active_power", ""): power,
        ("active_power", "L1"): power,
        ("active_power", "L2"): 1,
        ("active_power", "L3"): -1,
    }
    if exported is not None:
        expected["active_energy_export", ""] = exported / 10
    assert values == pytest.approx(expected, rel=1e-15)


def test_several_groups_in_one_message():
    message = _sent(SML={"Total_in": 1}, SHT3X={"Temperature": 21.5, "Humidity": 40})
    assert list(json.loads(message.payload)) == ["Time", "SML", "SHT3X"]
    assert json.loads(_sent().payload) == {"Time": "2026-03-31T12:00:00+00:00"}


@pytest.mark.parametrize(
    ("utc", "time"),
    [
        ("2026-10-25T00:59:59Z", "2026-10-25T02:59:59+02:00"),
        ("2026-10-25T01:00:00Z", "2026-10-25T02:00:00+01:00"),
        ("2026-03-29T00:59:59Z", "2026-03-29T01:59:59+01:00"),
        ("2026-03-29T01:00:00Z", "2026-03-29T03:00:00+02:00"),
    ],
)
def test_time_across_clock_changes(utc, time):
    message = tasmota.sensors(
        "x", time_ns=time_ns_of(utc), groups={}, zone=BERLIN, with_offset=True
    )
    assert json.loads(message.payload) == {"Time": time}


@pytest.mark.parametrize(
    ("loads", "totals", "says"),
    [
        ((), 1, "1 to 3 phases, found 0"),
        (LOADS + LOADS, 1, "1 to 3 phases, found 6"),
        (LOADS, (1, 2), "a register or 3 of them, found 2"),
    ],
)
def test_what_does_not_fit_is_refused(loads, totals, says):
    with pytest.raises(EncodingError, match=says):
        tasmota.energy(loads, total_wh=totals, today_wh=0, yesterday_wh=0, start=START)
