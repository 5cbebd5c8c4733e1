"""Tables as sensors, and the three kinds of file that a table may be."""

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import TableError
from fleet.message import time_ns_of
from fleet.replay import ReplayOptions, open_replay
from fleet.sensor import QUANTITIES, load_sensor
from fleet.sheets import read_grid
from fleet.table import load_meter
from ingest.decode import Decoder
from ingest.reading import Envelope

HOUSE = Path(__file__).parents[1] / "vectors" / "household_pv_30min.csv.gz"
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ROOM = (
    "time,temp,Luftfeuchte,co2,note\n"
    "2026-03-01T12:00:00Z,21.50,45,612,\n2026-03-01T12:10:00Z,,46,nan,open\n"
    "2026-03-01T12:20:00Z,,,,away\n2026-03-01T12:30:00Z,-0.05,47.5,1013,\n"
)


def _file(tmp_path, content, name="room.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _understood(messages):
    """Return what Emscher's own decoder makes of them: (device, time, {quantity: value})."""
    decoder = Decoder(ZoneInfo("Europe/Berlin"))
    found = []
    for message in messages:
        read = decoder.decode(Envelope("test", message.topic, message.payload, message.time_ns))
        values = {m.quantity: m.value for m in read.measurements}
        found.append((read.device, read.time_ns, values))
    decoder.close()
    return found


def test_a_room_becomes_a_tasmota_device_with_the_tables_digits(tmp_path):
    sensor = load_sensor(_file(tmp_path, ROOM), "sensor", tz=None)
    assert [m.topic for m in sensor.messages] == ["tele/room/SENSOR"] * 3
    assert sensor.messages[0].payload == (
        b'{"Time":"2026-03-01T12:00:00+00:00","BME280":{"Temperature":21.50,"Humidity":45},'
        b'"SCD40":{"CarbonDioxide":612},"PressureUnit":"hPa","TempUnit":"C"}'
    )
    assert [values for _, _, values in _understood(sensor.messages)] == [
        {"temperature": 21.5, "humidity": 45.0, "co2": 612.0},
        {"humidity": 46.0},
        {"temperature": -0.05, "humidity": 47.5, "co2": 1013.0},
    ]
    assert sensor.notes == [
        "time = 'time' (with their own offset); temperature = 'temp' in °C, humidity = "
        "'Luftfeuchte' in %, co2 = 'co2' in ppm",
        "not sent: 'note'",
        "5 values are missing in the table; 1 rows have none at all",
    ]


def test_a_room_becomes_an_elsys_sensor_in_its_steps(tmp_path):
    path = _file(tmp_path, ROOM)
    sensor = load_sensor(path, "elsys", tz=None, quantities=["temperature", "co2"], device="R 1")
    events = [json.loads(m.payload) for m in sensor.messages]
    assert [event.get("fCnt", 0) for event in events] == [0, 1]
    assert {event["deviceInfo"]["deviceName"] for event in events} == {"R_1"}
    (_, first_ns, first), (_, _, last) = _understood(sensor.messages)
    assert first_ns == time_ns_of("2026-03-01T12:00:00Z")
    assert (first["temperature"], first["co2"]) == (21.5, 612.0)
    assert last["temperature"] in (0.0, -0.1), "-0.05 to the nearest tenth"
    assert "humidity" not in first
    assert "rounded to the steps" in sensor.notes[0]


VALUES = {
    "temperature": (-39.9, 80), "humidity": (1, 99), "pressure": (310, 1090), "co2": (400, 9999),
    "illuminance": (0, 9000), "pm2_5": (0, 900), "pm10": (0, 900), "active_power": (-9000, 9000),
    "voltage": (200, 250), "current": (0, 60), "motion": (0, 255), "occupancy": (0, 2),
    "water_leak": (0, 1), "battery_voltage": (2.2, 3.7),
}  # fmt: skip


@pytest.mark.parametrize("kind", ["sensor", "elsys"])
@given(st.data())
def test_each_quantity_is_understood_as_what_it_is(tmp_path_factory, kind, data):
    place = "key" if kind == "sensor" else "elsys"
    able = [name for name, of in QUANTITIES.items() if getattr(of, place)]
    wanted = data.draw(st.lists(st.sampled_from(able), min_size=1, unique=True))
    whole = kind == "elsys"
    row = {}
    for name in wanted:
        low, high = VALUES[name]
        drawn = data.draw(st.integers(int(low * 10), int(high * 10)))
        coarse = whole and name not in ("temperature", "pressure", "battery_voltage")
        row[name] = Decimal(drawn // 10) if coarse else Decimal(drawn) / 10
    header, cells = (
        ",".join(["time", *row]),
        ",".join(["2026-03-01T12:00Z", *map(str, row.values())]),
    )
    path = _file(tmp_path_factory.mktemp("any"), f"{header}\n{cells}\n")
    sensor = load_sensor(path, kind, tz=None, quantities=wanted)
    ((_, _, found),) = _understood(sensor.messages)
    assert set(VALUES) >= set(QUANTITIES)
    for name, value in row.items():
        assert found[name] == pytest.approx(float(value), abs=1e-9), name


def _as_json_lines(frame):
    rows = [{k: v for k, v in row.items() if v is not None} for row in frame.to_dicts()]
    return "".join(json.dumps(row, default=str) + "\n" for row in rows)


def test_the_same_table_in_three_kinds_of_file_sends_the_same(tmp_path):
    frame = pl.DataFrame(
        {
            "timestamp": [START + timedelta(minutes=15 * i) for i in range(50)],
            "temperature": [None if i % 7 == 3 else i / 8 for i in range(50)],
            "co2": list(range(400, 450)),
        }
    )
    texts = frame.with_columns(pl.col("timestamp").dt.to_string("iso:strict"))
    texts.write_csv(tmp_path / "a.csv")
    frame.write_parquet(tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text(_as_json_lines(texts))
    (tmp_path / "b.gz").write_bytes(gzip.compress(_as_json_lines(texts).encode()))
    paths = [tmp_path / name for name in ("a.csv", "a.parquet", "a.jsonl", "b.gz")]
    options = ReplayOptions(kind="sensor", device="x")
    sent = [open_replay(path, options).messages for path in paths]
    assert len(sent[0]) == 50
    assert sent[0] == sent[1] == sent[2] == sent[3]
    assert b'"Temperature":0.125}' in sent[0][1].payload


def test_a_household_of_parquet_is_the_household_of_csv(tmp_path):
    text = gzip.decompress(HOUSE.read_bytes())
    frame = pl.read_csv(text, try_parse_dates=True, infer_schema_length=None)
    path = tmp_path / "house.parquet"
    frame.write_parquet(path)
    read, known = (load_meter(one, tz="+10:00", device="h") for one in (path, HOUSE))
    assert read.messages == known.messages
    stream = open_replay(path, ReplayOptions(tz="+10:00"))
    assert (stream.kind, len(stream)) == ("table", 17_569)
    assert "a table as the meter 'house'" in stream.notes[0]


def test_unix_times_in_their_four_units(tmp_path):
    for digits, text in (("1772366400", ".5"), ("1772366400500", ""), ("1772366400500000", ""),
                         ("1772366400500000000", "")):  # fmt: skip
        path = _file(tmp_path, f'{{"ts":{digits}{text},"temp":1}}\n', "a.jsonl")
        (message,) = load_sensor(path, "sensor", tz=None).messages
        assert message.time_ns == 1_772_366_400_500_000_000


def test_columns_can_be_said(tmp_path):
    path = _file(tmp_path, "wann;draussen;drin\n01.03.2026 12:00;1,5;20,25\n")
    sensor = load_sensor(
        path, "sensor", tz="Europe/Berlin", columns={"time": "wann", "temperature": "drin"}
    )
    assert b'"Temperature":20.25' in sensor.messages[0].payload
    assert sensor.messages[0].time_ns == time_ns_of("2026-03-01T11:00:00Z")
    assert sensor.notes[1] == "not sent: 'draussen'"


@pytest.mark.parametrize(
    ("content", "how", "says"),
    [
        (ROOM, {"kind": "lamp"}, "as: expected meter, sensor, elsys, found 'lamp'"),
        (ROOM, {"quantities": ["noise"]}, "expected of temperature, .* found noise"),
        (ROOM, {"kind": "elsys", "quantities": ["pm10"]}, "quantities of 'elsys': .* found pm10"),
        (ROOM, {"quantities": ["pressure"]}, "line 1: expected a column for pressure"),
        (ROOM, {"columns": {"co2": "CO2"}}, "line 1: expected the column 'CO2' for co2"),
        (ROOM, {"columns": {"import": "co2"}}, "found import"),
        ("a,b\n1,2\n", {}, "line 1: expected a column for time"),
        ("time,b\n2026-03-01T12:00Z,2\n", {}, "line 1: expected a column for a quantity"),
        (
            ROOM.replace("612", "much"),
            {},
            "line 2: expected a number in column 'co2', found 'much'",
        ),
        (ROOM.replace("612", "1e99"), {}, "line 2: expected a number in column 'co2'"),
        (ROOM.replace("1013", "99999"), {"kind": "elsys"}, "line 5: ELSYS co2: expected what fits"),
        ("time,temp\n2026-03-01T12:00Z,\n", {}, "expected a row with a value, found none"),
        ('{"time":"2026-03-01T12:00Z","temp":1}\n{"time":5}\n', {}, "line 2: expected a time"),
        ('{"time":"2026-03-01T12:00Z","temp":1}\n{"temp"}\n', {}, "line 2: expected a JSON obj"),
        ('{"time":"2026-03-01T12:00Z","temp":1}\n[1]\n', {}, "line 2: expected a JSON object"),
        ('{"time":"2026-03-01T12:00Z","temp":1}\n\n{"temp":1}\n', {}, "line 2: expected a JSON"),
        ('{"time":"2026-03-01T12:00Z","temp":[1]}\n', {}, "line 1, key 'temp': expected a number"),
        ('{"time":"2026-03-01T12:00Z","temp":{"a":1}}', {}, "line 1, key 'temp': expected a numb"),
        (b"PAR1 not really PAR1", {}, "expected a whole Parquet file"),
    ],
)
def test_errors_name_the_file_the_line_and_the_key(tmp_path, content, how, says):
    path = _file(tmp_path, content)
    with pytest.raises(TableError, match=says):
        load_sensor(path, **{"kind": "sensor", "tz": None, **how})


def test_errors_of_parquet_name_the_row_or_the_column(tmp_path):
    path = tmp_path / "a.parquet"
    times = [START, START + timedelta(hours=1)]
    pl.DataFrame({"time": times, "temp": ["1", "warm"]}).write_parquet(path)
    with pytest.raises(TableError, match="row 2: expected a number in column 'temp', found 'warm'"):
        load_sensor(path, "sensor", tz=None)
    pl.DataFrame({"time": times, "temp": [[1.0], [2.0]]}).write_parquet(path)
    with pytest.raises(TableError, match="column 'temp': expected numbers, texts or times"):
        read_grid(path)
    pl.DataFrame({"time": times, "x": [1, 2]}).write_parquet(path)
    with pytest.raises(TableError, match="columns: expected a column for a quantity"):
        load_sensor(path, "sensor", tz=None)
    pl.DataFrame({"time": [at.replace(tzinfo=None) for at in times], "temp": [1, 2]}).write_parquet(
        path
    )
    with pytest.raises(TableError, match="row 1: expected a time with its offset"):
        load_sensor(path, "sensor", tz=None)
    pl.DataFrame({"time": times, "temp": [1, 2]}).clear().write_parquet(path)
    with pytest.raises(TableError, match="expected rows, found none"):
        read_grid(path)


def test_json_lines_of_messages_are_a_recording_and_of_readings_a_table(tmp_path):
    recording = _file(tmp_path, '{"time":5,"topic":"a","payload":"b"}\n', "a.jsonl")
    assert open_replay(recording).kind == "recording"
    table = _file(
        tmp_path,
        '{"time":"2026-03-01T12:00Z","total_in":5.125}\n{"time":"2026-03-01T13:00Z","total_in":6}\n',
        "b.jsonl",
    )
    stream = open_replay(table)
    assert stream.kind == "table"
    assert next(iter(stream)).payload.endswith(b',"SML":{"Total_in":5.125}}')
