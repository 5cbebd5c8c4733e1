"""How completely series were told of: by hand-made gaps, lateness and doubt."""

from dataclasses import replace

import numpy as np
import pytest
from api_town import HOUR_NS, MINUTE_NS, NOON_NS, every, problem_of
from starlette.testclient import TestClient

from analytics import coverage
from api import quality as route
from api.app import create_app
from ingest.reading import Rows, Series
from ingest.store import Commit

DAY_NS = 24 * HOUR_NS
DAY = {"start": "2026-02-28T12:00:00Z", "end": "2026-03-01T12:00:00Z"}
QUARTERS = NOON_NS - DAY_NS + np.arange(96) * 15 * MINUTE_NS


def ask(town, **query):
    return every(town.client(), "/v1/quality", **query)


def put(town, device, times, quality=0, late_ns=0):
    number = town.store.number(Series(device, "temperature", ""))
    n = len(times)
    qualities = np.broadcast_to(quality, n)
    rows = Rows.of([number] * n, times, np.arange(n), np.asarray(times) + late_ns, qualities)
    town.store.append(Commit(rows, np.zeros(n, np.int32), messages=1))


def test_a_series_without_a_gap_is_whole(town):
    put(town, "whole", QUARTERS)
    (one,) = ask(town)
    assert one == {
        "device": "whole", "quantity": "temperature", "channel": None, "kind": "gauge", **DAY,
        "count": 96, "usual_s": 900.0, "expected": 96, "coverage": 1.0, "gaps": 0, "longest": None,
        "late": 0, "suspect": 0, "rejected": 0,
    }  # fmt: skip


def test_gaps_are_told_with_the_longest_and_the_share_that_is_missing(town):
    """One message is lost, and four in a row: 5 of 96 quarters are missing."""
    put(town, "gaps", np.delete(QUARTERS, [10, 40, 41, 42, 43]))
    (one,) = ask(town)
    assert (one["count"], one["expected"], one["gaps"]) == (91, 96, 2)
    assert one["coverage"] == round(91 / 96, 5)
    # The reading before the hole is of 12:00 + 39 · 15 min, the one behind it of + 44 · 15 min.
    assert one["longest"] == {"start": "2026-02-28T21:45:00Z", "end": "2026-02-28T23:00:00Z"}


def test_one_that_fell_silent_is_missing_up_to_now_and_one_that_came_late_only_since_then(town):
    put(town, "silent", QUARTERS[:48])
    put(town, "fresh", QUARTERS[48:])
    put(town, "long-silent", QUARTERS - 2 * DAY_NS)
    silent, fresh, gone = ask(town)
    assert (silent["coverage"], silent["expected"], silent["gaps"]) == (0.5, 96, 1)
    assert silent["longest"]["end"] == DAY["end"]
    assert (fresh["coverage"], fresh["expected"]) == (1.0, 48)
    assert fresh["start"] == "2026-03-01T00:00:00Z"
    assert (gone["count"], gone["coverage"], gone["expected"]) == (0, 0.0, 96)
    assert gone["longest"] == DAY


def test_what_tells_when_something_happens_misses_nothing(town):
    draw = np.random.default_rng(5)
    put(town, "door", NOON_NS - DAY_NS + np.cumsum(draw.exponential(1e12, 80).astype(np.int64)))
    (one,) = ask(town)
    assert one["count"] == 80
    assert [one[name] for name in ("usual_s", "expected", "coverage", "gaps", "longest")] == [
        None
    ] * 5


def test_late_suspect_and_rejected_readings_are_counted_and_rejected_ones_leave_a_gap(town):
    quality = np.zeros(96, int)
    quality[[5, 6]] = 3
    quality[50] = 4
    put(town, "odd", QUARTERS, quality)
    put(town, "late", QUARTERS[:20], late_ns=15 * MINUTE_NS)
    put(town, "late", QUARTERS[20:], late_ns=15 * MINUTE_NS + 1)
    odd, late = ask(town)
    assert (odd["count"], odd["suspect"], odd["rejected"], odd["gaps"]) == (96, 2, 1, 1)
    assert odd["coverage"] == round(95 / 96, 5)
    assert (late["late"], late["coverage"]) == (76, 1.0)


def test_pages_end_by_their_limit_and_by_their_readings(town, monkeypatch):
    for name in "abcdefg":
        put(town, name, QUARTERS)
    whole = ask(town)
    assert [one["device"] for one in whole] == list("abcdefg")
    assert ask(town, limit=2) == whole
    monkeypatch.setattr(route, "READINGS_A_PAGE", 200)
    first = town.client().get("/v1/quality").json()
    assert [one["device"] for one in first["items"]] == ["a", "b"]
    assert ask(town) == whole
    assert [one["device"] for one in ask(town, device="c")] == ["c"]


def test_memory_is_bounded_and_what_fits_is_the_newest(town, monkeypatch):
    for name in "abc":
        put(town, name, QUARTERS)
    whole = ask(town)
    monkeypatch.setattr(coverage, "READINGS_MAX", 100)
    assert ask(town) == whole, "several series are looked at one by one"
    monkeypatch.setattr(coverage, "READINGS_MAX", 40)
    first, *_ = ask(town)
    assert (first["count"], first["expected"], first["coverage"]) == (40, 40, 1.0)
    assert first["start"] == "2026-03-01T02:00:00Z"


def test_of_the_future_nothing_is_missing_and_a_span_has_an_end(town):
    put(town, "whole", QUARTERS)
    (one,) = ask(town, start=DAY["start"], end="2026-03-09T12:00:00Z")
    assert (one["coverage"], one["end"]) == (1.0, DAY["end"])
    answer = town.client().get("/v1/quality?start=2026-01-01T00:00Z")
    assert problem_of(answer, 422).startswith("start: expected a span of at most 31 days, found")
    assert "ever heard" in town.client().get("/v1/quality?device=nobody").json()["note"]


def test_a_table_of_all_series_comes_as_csv(town):
    put(town, "gaps", np.delete(QUARTERS, [10]))
    lines = town.client().get("/v1/quality?format=csv").text.splitlines()
    assert "longest_start" in lines[0]
    assert len(lines) == 2


@pytest.mark.parametrize("hours", [0, 1])
def test_an_empty_span_and_an_empty_store_are_no_fault(town, hours):
    assert ask(town) == []
    put(town, "whole", QUARTERS)
    house = replace(town.house, now_ns=lambda: NOON_NS - DAY_NS - hours * HOUR_NS)
    client = TestClient(create_app(house), raise_server_exceptions=False)
    assert client.get("/v1/quality").json()["items"] == []
