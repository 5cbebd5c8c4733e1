"""/v1/windows with statistics, and by months and years."""

import pytest
from api_town import HOUR_NS, METER, MINUTE_NS, NOON_NS, SCHOOL, every

ASKED = {"device": SCHOOL, "quantity": "temperature", "channel": "", "statistics": "true"}
NAMES = ["sum", "variance", "time_weighted_mean", "covered", "percentiles"]
PERCENTILES = ["p05", "p25", "p50", "p75", "p95", "p99"]


def plain(item: dict) -> dict:
    """Return a window without its statistics."""
    return {name: value for name, value in item.items() if name not in NAMES}


def test_statistics_of_an_hour_of_quarters(client):
    items = client.get("/v1/windows", params={**ASKED, "every": "1h"}).json()["items"]
    assert list(items[0])[-5:] == NAMES
    assert items[0]["sum"] == pytest.approx(80.6)
    assert items[0]["variance"] == pytest.approx(0.05 / 3)
    assert items[0]["time_weighted_mean"] == pytest.approx(20.15)
    assert items[0]["covered"] == 1.0
    assert list(items[0]["percentiles"]) == PERCENTILES
    exact = [20.0, 20.0, 20.1, 20.2, 20.3, 20.3]
    assert list(items[0]["percentiles"].values()) == pytest.approx(exact, rel=0.01)
    # The newest reading, at 21:45, is from the future of the clock here: it holds no further.
    assert [item["covered"] for item in items] == [1.0] * 9 + [pytest.approx(0.75)]


def test_they_are_left_out_unless_they_are_asked_for(client):
    query = {**ASKED, "every": "1h"}
    with_them = client.get("/v1/windows", params=query).json()
    without = client.get("/v1/windows", params={**query, "statistics": "false"}).json()
    assert not set(NAMES) & set(without["items"][0])
    assert [plain(item) for item in with_them["items"]] == without["items"]
    assert list(without) == list(with_them) == ["items", "next", "note"]


@pytest.mark.parametrize("width", ["7m", "15m", "1h", "1d", "1mo"])
@pytest.mark.parametrize("limit", [1, 3])
def test_pages_together_are_the_whole(client, width, limit):
    query = {"device": SCHOOL, "every": width, "statistics": "true", "start": "2026-03-01T12:10Z"}
    whole = client.get("/v1/windows", params={**query, "limit": 10_000}).json()
    assert whole["next"] is None
    assert every(client, "/v1/windows", **query, limit=limit) == whole["items"]


def test_what_is_not_known_is_null(town):
    town.tell("d", "co2", [NOON_NS - HOUR_NS], [400.0])
    item = town.client().get("/v1/windows?device=d&every=1h&statistics=true").json()["items"][0]
    assert (item["sum"], item["variance"], item["covered"]) == (400.0, None, 0.0)
    assert item["time_weighted_mean"] is None
    assert item["percentiles"] == dict.fromkeys(PERCENTILES, 400.0)


def test_an_outage_is_not_covered(town):
    """Minutes, and none for half an hour: the last one before holds for 2.5 minutes."""
    minutes = [k for k in range(120) if not 60 <= k < 90]
    times = [NOON_NS - 2 * HOUR_NS + k * MINUTE_NS for k in minutes]
    town.tell("d", "active_power", times, [100.0 if k < 60 else 400.0 for k in minutes])
    query = {"device": "d", "every": "1h", "statistics": "true"}
    first, second = town.client().get("/v1/windows", params=query).json()["items"]
    assert (first["covered"], first["time_weighted_mean"]) == (1.0, 100.0)
    assert second["covered"] == pytest.approx(31.5 / 60)
    assert second["time_weighted_mean"] == pytest.approx((1.5 * 100 + 30 * 400) / 31.5)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")  # of kernels not compiled
def test_numbers_beyond_float64_are_null(town):
    town.tell("d", "co2", [NOON_NS + k * MINUTE_NS for k in range(3)], [1.7e308] * 3)
    item = town.client().get("/v1/windows?device=d&every=1h&statistics=true").json()["items"][0]
    assert (item["sum"], item["mean"]) == (None, 1.7e308)
    assert item["percentiles"] == dict.fromkeys(PERCENTILES, 1.7e308)


def test_months_and_years_lie_in_the_zone(client):
    query = {"device": METER, "quantity": "active_power", "statistics": "true"}
    months = client.get("/v1/windows", params={**query, "every": "1mo"}).json()["items"]
    spans = [(item["start"], item["end"], item["count"]) for item in months]
    assert spans == [
        ("2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", 95),
        ("2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z", 2),
    ]
    assert [item["sum"] for item in months] == [9500, 200]
    assert months[0]["percentiles"] == dict.fromkeys(PERCENTILES, 100.0)
    (year,) = client.get("/v1/windows", params={**query, "every": "1y"}).json()["items"]
    assert (year["start"], year["count"]) == ("2025-12-31T23:00:00Z", 97)
    assert (year["min"], year["mean"], year["max"], year["last"]) == (100, 100, 100, 100)


@pytest.mark.parametrize("width", ["1d", "1mo"])
def test_a_span_of_too_many_periods_is_refused_in_words(town, width):
    """Readings of 1700 and of today, and nothing between."""
    town.tell("d", "co2", [-8_500_000_000 * 10**9, NOON_NS - HOUR_NS], [400.0, 401.0])
    answer = town.client().get(f"/v1/windows?device=d&every={width}")
    if width == "1mo":
        assert [item["count"] for item in answer.json()["items"]] == [1, 1]
        return
    assert answer.status_code == 422
    assert "every: expected at most 50000 periods in the span" in answer.json()["detail"]
