"""The benchmark's scorer against cases that were worked out by hand."""

import json
import math
from pathlib import Path

import pytest
from nab_score import NONE, PROFILES, probation, streams, tally, worth

STANDARD = PROFILES["standard"]


def percent(rows, windows, alarms, profile="standard"):
    """Return the score of one file."""
    return tally(rows, windows, alarms, PROFILES[profile]).percent


def test_nothing_is_0_and_the_first_row_of_each_window_is_100():
    assert percent(1000, [(300, 399), (600, 699)], []) == 0
    assert percent(1000, [(300, 399), (600, 699)], [300, 600]) == pytest.approx(100)


@pytest.mark.parametrize(
    ("alarm", "score"),
    [
        (300, 1.0),
        (350, (2 / (1 + math.exp(-2.5)) - 1) / 0.986614298),
        (399, (2 / (1 + math.exp(-0.05)) - 1) / 0.986614298),
        (299, -1 - 0.11),  # missed, and false: before any window
        (449, -1 + 0.11 * (2 / (1 + math.exp(5 * 50 / 99)) - 1)),
        (900, -1 - 0.11),  # far behind it
        (149, -1.0),  # within the probation of 150 rows: not scored at all
    ],
)
def test_one_alarm(alarm, score):
    assert tally(1000, [(300, 399)], [alarm], STANDARD).score == pytest.approx(score, rel=1e-6)


def test_inside_a_window_only_the_first_alarm_counts():
    once, often = (tally(1000, [(300, 399)], alarms, STANDARD) for alarms in ([310], [310, 320]))
    assert once == often
    assert (once.found, once.false_alarms) == (1, 0)


def test_profiles_weigh_what_is_false_and_what_is_missed():
    windows, alarms = [(300, 399), (600, 699)], [300, 950]
    # a found window (1), a false alarm far behind the last, a missed one
    assert percent(1000, windows, alarms) == pytest.approx(100 * (1 - 0.11 - 1 + 2) / 4)
    assert percent(1000, windows, alarms, "low FP") == pytest.approx(100 * (1 - 0.22 - 1 + 2) / 4)
    assert percent(1000, windows, alarms, "low FN") == pytest.approx(100 * (1 - 0.11 - 2 + 4) / 6)


def test_probation_and_windows_in_it():
    assert (probation(1000), probation(10_000), probation(0)) == (150, 750, 0)
    assert tally(1000, [(10, 20)], [15], STANDARD) == NONE
    assert math.isnan(percent(1000, [], [500]))


def test_the_sigmoid():
    assert worth(0) == 0
    assert worth(-1) == pytest.approx(0.9866, abs=1e-4)
    assert worth(3) == pytest.approx(-1, abs=1e-6)


def test_files_and_windows_are_read(tmp_path: Path):
    (tmp_path / "a").mkdir()
    text = "timestamp,value\n2014-01-01 00:00:00,1\n2014-01-01 00:05:00,2.5\n"
    (tmp_path / "a" / "x.csv").write_text(text)
    spans = [["2014-01-01 00:04:00.000000", "2014-01-01 00:06:00.000000"]]
    for told in (spans, {"windows": spans}):
        (tmp_path / "windows.json").write_text(json.dumps({"a/x.csv": told}))
        (stream,) = streams(tmp_path)
        assert stream.name == "a/x.csv"
        assert stream.windows == [(1, 1)]
        assert stream.value.tolist() == [1, 2.5]
        assert stream.time_ns[1] - stream.time_ns[0] == 300 * 10**9
