"""Real input through the real broker: recorded files in, the same figures out."""

import csv
import gzip
import json
import subprocess
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from running_emscher import PROGRAM, Emscher, eventually
from uplinks import rfc3339, uplink

VECTORS = Path(__file__).resolve().parents[1] / "vectors"


def replay(emscher: Emscher, file: Path, *options: str) -> int:
    """Run `emscher replay`; return how many messages it says were acknowledged."""
    ran = subprocess.run(
        [PROGRAM, "replay", file, "--broker", f"mqtt://127.0.0.1:{emscher.mqtt}", *options],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    words = ran.stdout.split()
    return int(words[words.index("messages", words.index("100%") if "100%" in words else 0) - 1])


def rows(name: str) -> list[dict[str, str]]:
    with gzip.open(VECTORS / name, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_household_with_solar_day_by_day(emscher: Emscher) -> None:
    """Each day's energy of the import and the export register is the sum of the file's amounts."""
    name = "household_pv_30min.csv.gz"
    sent = replay(emscher, VECTORS / name, "--tz", "+10:00", "--device", "household")
    eventually("all have ended", lambda: emscher.received() == sent, 120)
    days: dict[str, dict[str, float]] = {}
    for row in rows(name):
        day = days.setdefault(row[""][:10], {"GC": 0.0, "GG": 0.0})
        for column in ("GC", "GG"):
            day[column] += float(row[column])
    for quantity, column in (("active_energy_import", "GC"), ("active_energy_export", "GG")):
        found = emscher.items(
            "/v1/energy", device="household", quantity=quantity, by="day", tz="+10:00"
        )
        assert [one["start"][:10] for one in found] == list(days)
        for one in found:
            assert one["value"] == pytest.approx(1000 * days[one["start"][:10]][column], abs=1e-6)
            assert (one["unit"], one["quality"], one["coverage"]) == ("Wh", "measured", 1.0)
            assert one["corrections"] == []
    months = emscher.items("/v1/energy", device="household", by="month", tz="+10:00")
    assert len(months) == 12
    total = sum(day["GC"] for day in days.values())
    assert sum(one["value"] for one in months) == pytest.approx(1000 * total, rel=1e-12)


def test_local_days_over_clock_changes(emscher: Emscher) -> None:
    """Hours of one meter, summed by local days of Chicago, meet the days that came with them."""
    name = "il-electricity-cdd-hdd-hourly.csv.gz"
    sent = replay(emscher, VECTORS / name, "--device", "il")
    eventually("all have ended", lambda: emscher.received() == sent, 120)
    found = emscher.items("/v1/energy", device="il", by="day", tz="America/Chicago")
    by_day = {one["start"]: one for one in found}
    hours = set()
    compared = 0
    for row in rows("il-electricity-cdd-hdd-daily.csv.gz"):
        if row["value"] in ("", "nan"):
            continue
        one = by_day[row["start"]]
        assert one["value"] == pytest.approx(1000 * float(row["value"]), abs=50), row
        length = datetime.fromisoformat(one["end"]) - datetime.fromisoformat(one["start"])
        hours.add(length / timedelta(hours=1))
        compared += 1
    assert compared > 800
    assert hours == {23.0, 24.0, 25.0}


NAMES = {
    "temperature": "temperature",
    "humidity": "humidity",
    "light": "illuminance",
    "motion": "motion",
    "occupancy": "occupancy",
    "pressure": "pressure",
    "soundPeak": "noise_peak",
    "soundAvg": "noise_laeq",
    "pulse1": "pulse_count",
    "waterleak": "water_leak",
    "x": "acceleration",
    "y": "acceleration",
    "z": "acceleration",
}


def test_elsys_payloads_in_chirpstack_events(emscher: Emscher) -> None:
    """Values equal what the vendor's own decoder gives."""
    with (VECTORS / "elsys_uplinks.jsonl").open(encoding="utf-8") as file:
        cases = [json.loads(line) for line in file]
    assert len(cases) == 8
    messages = [
        uplink(
            f"70b3d5000000{i:04x}",
            bytes.fromhex(case["hex"]),
            rfc3339(1_767_225_600_000_000_000 + i),
            f_port=case["f_port"],
            profile=f"ELSYS {case['device'].upper()}",
        )
        for i, case in enumerate(cases)
    ]
    emscher.publish(messages)
    eventually("all have ended", lambda: emscher.received() == len(cases))
    assert emscher.items("/v1/quarantine") == []
    for i, case in enumerate(cases):
        found = {
            (one["quantity"], one["channel"]): one["value"]
            for one in emscher.items("/v1/readings", device=f"70b3d5000000{i:04x}")
            if one["quantity"] not in ("rssi", "snr")
        }
        expected = case["expected"]["data"]
        assert len(found) == len(expected)
        for name, value in expected.items():
            channel = name if name in "xyz" else "1" if name == "pulse1" else None
            assert found[NAMES[name], channel] == pytest.approx(value, rel=1e-6), name


def test_replaying_twice_changes_nothing(emscher: Emscher) -> None:
    """The second time every message is a duplicate."""
    file = VECTORS / "il-electricity-cdd-hdd-hourly.csv.gz"
    span = ("--start", "2016-03-10T00:00:00Z", "--end", "2016-03-16T00:00:00Z")
    sent = replay(emscher, file, "--device", "il", *span)
    eventually("all have ended", lambda: emscher.received() == sent)
    before = emscher.items("/v1/energy", device="il", by="hour")
    assert replay(emscher, file, "--device", "il", *span) == sent
    eventually("all have ended again", lambda: emscher.received() == 2 * sent)
    assert emscher.get("/v1/counters")["duplicate"] == sent
    assert emscher.items("/v1/energy", device="il", by="hour") == before


def test_a_file_that_cannot_be_replayed_is_explained(emscher: Emscher, tmp_path: Path) -> None:
    """A sentence that names file and line, not a traceback."""
    file = tmp_path / "odd.jsonl"
    file.write_text('{"time": 5}\n', encoding="utf-8")
    for path, words in ((file, "line 1"), (tmp_path / "absent.csv", "absent.csv")):
        ran = subprocess.run(
            [PROGRAM, "replay", path, "--broker", f"mqtt://127.0.0.1:{emscher.mqtt}"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert ran.returncode == 1
        assert words in ran.stderr.replace("\n", "")
        assert "Traceback" not in ran.stderr
