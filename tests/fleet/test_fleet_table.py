"""Tables as meters: exact sums, missing amounts, clock changes, guessed columns."""

import csv
import gzip
import json
from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from fleet.errors import TableError
from fleet.message import time_ns_of
from fleet.table import load_meter

VECTORS = Path(__file__).parents[1] / "vectors"
HOUSE = VECTORS / "household_pv_30min.csv.gz"
HOURLY = VECTORS / "il-electricity-cdd-hdd-hourly.csv.gz"
DAILY = VECTORS / "il-electricity-cdd-hdd-daily.csv.gz"


def _rows(path):
    with gzip.open(path, "rt") as file:
        return list(csv.DictReader(file))


def _readings(meter):
    """Return what a receiver sees: (UTC time, registers as Decimal) of each message."""
    found = []
    for message in meter.messages:
        body = json.loads(message.payload, parse_float=Decimal)
        assert body["Time"].endswith("+00:00")
        assert time_ns_of(body["Time"]) == message.time_ns
        assert message.topic == f"tele/{meter.device}/SENSOR"
        found.append((datetime.fromisoformat(body["Time"]), body["SML"]))
    return found


def _table(tmp_path, text, name="table.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_a_real_households_days_add_up():
    meter = load_meter(HOUSE, tz="+10:00")
    readings = dict(_readings(meter))
    expected = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in _rows(HOUSE):
        day = expected[row[""][:10]]
        day[0] += Decimal(row["GC"])
        day[1] += Decimal(row["GG"])
    assert len(expected) == 366
    for day, (consumed, generated) in expected.items():
        start = datetime.fromisoformat(f"{day}T00:00:00+10:00")
        first, last = readings[start], readings[start + timedelta(days=1)]
        assert abs(last["Total_in"] - first["Total_in"] - consumed) <= Decimal("1e-6")
        assert abs(last["Total_out"] - first["Total_out"] - generated) <= Decimal("1e-6")
    assert len(meter.messages) == 17_568 + 1
    assert meter.skipped == 0
    assert meter.notes[0].startswith("time = ''")
    assert "import = 'GC', export = 'GG'" in meter.notes[0]


def test_a_real_meters_hours_make_its_local_days_across_clock_changes():
    meter = load_meter(HOURLY, tz=None)
    readings = {at.astimezone(ZoneInfo("UTC")): kwh["Total_in"] for at, kwh in _readings(meter)}
    days = [row for row in _rows(DAILY) if row["value"] != "nan"]
    assert len(days) == 809
    for row in days:
        start = datetime.fromisoformat(row["start"])
        midnight = start.replace(tzinfo=ZoneInfo("America/Chicago"))
        end = midnight + timedelta(days=1)
        energy = (
            readings[end.astimezone(ZoneInfo("UTC"))] - readings[start.astimezone(ZoneInfo("UTC"))]
        )
        assert abs(energy - Decimal(row["value"])) <= Decimal("0.05"), row["start"]


def test_a_missing_last_amount_is_left_out_and_said():
    meter = load_meter(DAILY, tz=None)
    assert meter.skipped == 1
    assert "line 811: no amount in column 'value'" in meter.notes[1]
    assert meter.totals["Total_in"] == sum(
        Decimal(row["value"]) for row in _rows(DAILY) if row["value"] != "nan"
    )


def test_a_register_does_not_drift_and_prints_six_decimals_at_most(tmp_path):
    rows = "\n".join(f"{datetime(2026, 1, 1) + timedelta(minutes=i)}Z,0.1" for i in range(10_000))
    meter = load_meter(_table(tmp_path, f"time,kwh\n{rows}\n"), tz=None)
    readings = _readings(meter)
    assert readings[-1][1]["Total_in"] == Decimal("1000.0")
    assert [kwh["Total_in"] for _, kwh in readings] == [Decimal(i) / 10 for i in range(10_001)]
    thirds = "\n".join(f"{datetime(2026, 1, 1, i)}Z,0.33333333333333333" for i in range(24))
    meter = load_meter(_table(tmp_path, f"time,kwh\n{thirds}\n"), tz=None)
    assert b'"Total_in":0.333333}' in meter.messages[1].payload
    assert b'"Total_in":8.0}' in meter.messages[-1].payload


def test_missing_amounts_skip_their_reading_and_no_other(tmp_path):
    text = (
        "time,import,export\n2026-01-01T00:00Z,1,0\n2026-01-01T01:00Z,,2\n"
        "2026-01-01T02:00Z,NaN,nan\n2026-01-01T03:00Z,4,0\n"
    )
    meter = load_meter(_table(tmp_path, text), tz=None)
    assert [(at.hour, kwh) for at, kwh in _readings(meter)] == [
        (0, {"Total_in": 0, "Total_out": 0}),
        (1, {"Total_in": 1, "Total_out": 0}),
        (2, {"Total_out": 2}),
        (4, {"Total_in": 5, "Total_out": 2}),
    ]
    assert meter.skipped == 3
    assert "line 3: no amount in column 'import'" in meter.notes[1]


def test_a_hole_between_rows_ends_with_its_row(tmp_path):
    hours = [0, 1, 2, 7, 8, 9]
    rows = "".join(f"2026-01-01T{hour:02}:00Z,1\n" for hour in hours)
    meter = load_meter(_table(tmp_path, f"time,value\n{rows}"), tz=None)
    assert [at.hour for at, _ in _readings(meter)] == [0, 1, 2, 3, 8, 9, 10]
    assert any("1 holes" in note for note in meter.notes)


@pytest.mark.parametrize(("unit", "kwh"), [("Wh", "0.0015"), ("kWh", "1.5"), ("MWh", "1500.0")])
def test_units(tmp_path, unit, kwh):
    path = _table(tmp_path, "dt,value\n2026-01-01T00:00Z,1.5\n2026-01-01T01:00Z,0\n")
    meter = load_meter(path, tz=None, unit=unit, device="Haus 7/links")
    assert _readings(meter)[1][1] == {"Total_in": Decimal(kwh)}
    assert meter.device == "Haus_7_links"


def test_register_readings_are_sent_as_they_stand(tmp_path):
    text = "timestamp,total_in,total_out\n2026-01-01T00:00Z,100.5,7\n2026-01-01T01:00Z,101.25,\n"
    meter = load_meter(_table(tmp_path, text), tz=None)
    assert [kwh for _, kwh in _readings(meter)] == [
        {"Total_in": Decimal("100.5"), "Total_out": 7},
        {"Total_in": Decimal("101.25")},
    ]
    assert meter.skipped == 1
    assert "register readings" in meter.notes[0]


def test_columns_can_be_said(tmp_path):
    path = _table(tmp_path, "wann,links,rechts\n2026-01-01T00:00Z,1,2\n2026-01-01T01:00Z,3,4\n")
    meter = load_meter(path, tz=None, columns={"time": "wann", "export": "links"})
    assert _readings(meter)[-1][1] == {"Total_out": 4}
    with pytest.raises(TableError, match="say which is which"):
        load_meter(path, tz=None)
    with pytest.raises(TableError, match="expected the column 'mitte' for import"):
        load_meter(path, tz=None, columns={"time": "wann", "import": "mitte"})
    with pytest.raises(TableError, match="expected time and one or both"):
        load_meter(path, tz=None, columns={"time": "wann", "power": "links"})


def test_german_tables(tmp_path):
    text = "Zeitpunkt;Verbrauch\n01.03.2026 00:00;1,25\n01.03.2026 00:15;0,5\n"
    meter = load_meter(_table(tmp_path, text), tz="Europe/Berlin")
    readings = _readings(meter)
    assert readings[-1] == (
        datetime.fromisoformat("2026-02-28T23:30:00+00:00"),
        {"Total_in": Decimal("1.75")},
    )


def test_local_times_across_both_clock_changes(tmp_path):
    zone = ZoneInfo("Europe/Berlin")
    for day, hours in (("2026-03-29", 23), ("2026-10-25", 25)):
        begin = datetime.fromisoformat(day).replace(tzinfo=zone).astimezone(ZoneInfo("UTC"))
        local = [(begin + timedelta(hours=i)).astimezone(zone) for i in range(hours)]
        rows = "".join(f"{at:%Y-%m-%d %H:%M},1\n" for at in local)
        meter = load_meter(_table(tmp_path, f"time,value\n{rows}"), tz="Europe/Berlin")
        times = [at for at, _ in _readings(meter)]
        assert times[0] == begin
        assert {after - before for before, after in pairwise(times)} == {timedelta(hours=1)}
        assert len(times) == hours + 1


@pytest.mark.parametrize(
    ("text", "tz", "says"),
    [
        ("time,value\n2026-01-01 00:00,1\n2026-01-01 01:00,1\n", None, "line 2: .*with its offset"),
        (
            "time,value\n2026-03-29 02:30,1\n2026-03-29 03:30,1\n",
            "Europe/Berlin",
            "line 2: .*skips",
        ),
        ("time,value\n2026-01-01 01:00,1\n2026-01-01 00:00,1\n", "UTC", "line 3: .*after that of"),
        ("time,value\n2026-01-01 01:00,1\n2026-01-01 01:00,1\n", "UTC", "line 3: .*after that of"),
        ("time,value\nyesterday,1\n2026-01-01 01:00,1\n", "UTC", "line 2: expected a time such as"),
        (
            "time,value\n2026-01-01 00:00,one\n2026-01-01 01:00,1\n",
            "UTC",
            "line 2: expected a numb",
        ),
        (
            "time,value\n2026-01-01 00:00,inf\n2026-01-01 01:00,1\n",
            "UTC",
            "line 2: expected a numb",
        ),
        ("time,value\n2026-01-01 00:00,1\n2026-01-01 01:00,-1\n", "UTC", "line 3: .*never falls"),
        ("time,value\n2026-01-01 00:00,1\n", "UTC", "two rows or more"),
        ("time,value\n", "UTC", "rows under the column names"),
        ("time\n1\n", "UTC", "line 1: expected column names"),
        ("a,b\n1,2\n", "UTC", "found 'a', 'b'"),
        ("time,value\n2026-01-01 00:00,1,7\n", "UTC", "rows as long as the first"),
        ("time,value\n2026-01-01 00:00,1\n", "Europe/Dortmund", "zone: expected a name such as"),
        ("time,value\n2026-01-01 00:00,1\n", "+99:00", "zone: expected a name such as"),
    ],
)
def test_errors_name_the_line_and_what_was_expected(tmp_path, text, tz, says):
    with pytest.raises(TableError, match=says):
        load_meter(_table(tmp_path, text), tz=tz)


def test_a_unit_and_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "bytes.csv"
    path.write_bytes(b"time,value\n\xff\xfe,1\n")
    with pytest.raises(TableError, match="CSV in UTF-8"):
        load_meter(path, tz="UTC")
    with pytest.raises(TableError, match="Wh, kWh, MWh"):
        load_meter(HOUSE, tz="+10:00", unit="J")
