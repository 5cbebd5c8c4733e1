"""What flowed, as a planner asks for it."""

import pytest
from api_town import HOUR_NS, METER, METER_FROM_NS, SCHOOL, TARIFFS, every, problem_of


def asked(client, **query):
    answer = client.get("/v1/energy", params={"device": METER, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_period_has_value_quality_coverage_and_corrections(client):
    body = asked(client)
    assert (body["device"], body["quantity"], body["channel"]) == (
        METER, "active_energy_import", None
    )  # fmt: skip
    assert body["items"][0] == {
        "start": "2026-03-28T00:00:00+01:00",
        "end": "2026-03-29T00:00:00+01:00",
        "value": 2400.0,
        "unit": "Wh",
        "quality": "measured",
        "coverage": 1.0,
        "provisional": False,
        "status": "W",
        "uncertainty": 0.0,
        "known_from": "2026-03-28T00:00:00+01:00",
        "known_to": "2026-03-29T00:00:00+01:00",
        "method": None,
        "by_power": 2400.0,
        "against": None,
        "corrections": [],
    }


def test_the_day_that_the_clock_shortens_has_23_hours(client):
    assert [item["value"] for item in asked(client)["items"]] == [2400, 2300, 2400, 2400, 100]
    by_utc = asked(client, tz="UTC")["items"]
    assert [item["value"] for item in by_utc] == [100, 2400, 2400, 2400, 2300]
    assert by_utc[1]["start"] == "2026-03-28T00:00:00+00:00"
    hours = asked(client, by="hour", start="2026-03-29", end="2026-03-30")["items"]
    assert len(hours) == 23
    assert [h["start"][11:13] for h in hours[:3]] == ["00", "01", "03"]


def test_the_day_that_the_clock_lengthens_has_25_hours(town):
    from_ns = METER_FROM_NS + 210 * 24 * HOUR_NS  # 2026-10-23T23:00Z
    times = [from_ns + k * HOUR_NS for k in range(73)]
    town.tell("m", "active_energy_import", times, [100.0 * k for k in range(73)])
    query = {"device": "m", "start": "2026-10-25", "end": "2026-10-26"}
    client = town.client()
    assert [i["value"] for i in client.get("/v1/energy", params=query).json()["items"]] == [2500]
    hours = client.get("/v1/energy", params={**query, "by": "hour"}).json()["items"]
    assert [h["start"][11:] for h in hours[2:4]] == ["02:00:00+02:00", "02:00:00+01:00"]


@pytest.mark.parametrize("by", ["hour", "day", "month", "year"])
@pytest.mark.parametrize("tz", ["Europe/Berlin", "America/Chicago", "+05:30", "Asia/Kathmandu"])
def test_the_periods_add_up_to_the_change_of_the_register(client, by, tz):
    items = asked(client, by=by, tz=tz)["items"]
    assert sum(item["value"] for item in items) == pytest.approx(9_600, rel=1e-12)
    assert [item["end"] for item in items[:-1]] == [item["start"] for item in items[1:]]


def test_periods_are_clipped_to_what_is_asked(client):
    items = asked(client, start="2026-03-28T12:00", end="2026-03-29T06:00")["items"]
    assert [item["value"] for item in items] == [1200, 500]
    assert (items[0]["start"][11:16], items[1]["end"][11:16]) == ("12:00", "06:00")


def test_nothing_is_claimed_before_the_first_and_after_the_last_reading(client):
    items = asked(client, start="2026-03-26", end="2026-04-04")["items"]
    assert [item["value"] for item in items] == [
        None,
        None,
        2400,
        2300,
        2400,
        2400,
        100,
        None,
        None,
    ]
    assert [item["quality"] for item in items[:2]] == [None, None]
    assert [item["coverage"] for item in items[:2]] == [0, 0]
    assert items[6]["coverage"] == pytest.approx(1 / 24)


def test_a_span_wholly_outside_is_empty_and_says_so(client):
    for query in ({"start": "2027-01-01"}, {"end": "2025-01-01"}):
        body = asked(client, **query)
        assert body["items"] == []
        assert "the register was read from 2026-03-27T23:00:00Z" in body["note"]


def test_quantity_and_channel_choose_the_register(client):
    assert asked(client, quantity="active_energy_export")["items"][0]["value"] == 240
    two = asked(client, device=TARIFFS, channel="2")
    assert (two["channel"], two["note"]) == ("2", None)
    assert [item["value"] for item in two["items"]] == [2]


def test_one_tariff_of_several_is_not_passed_off_as_the_whole(client):
    body = asked(client, device=TARIFFS)
    assert body["channel"] == "1"
    assert body["note"] == (
        "one of several: choose by channel among active_energy_import 1, active_energy_import 2"
    )


def test_a_device_without_such_a_register_says_which_it_has(client):
    assert asked(client, device=SCHOOL)["note"] == (
        f'"{SCHOOL}" has no register of energy, gas, water or heat'
    )
    assert asked(client, quantity="gas_volume")["note"].endswith(
        "it has active_energy_import, active_energy_export"
    )


def test_a_reset_is_a_correction_with_a_sentence(town):
    times = [METER_FROM_NS + k * HOUR_NS for k in range(8)]
    values = [100e3, 101e3, 102e3, 103e3, 500.0, 1500.0, 2500.0, 3500.0]
    town.tell("m", "active_energy_import", times, values)
    items = every(town.client(), "/v1/energy", device="m", by="hour")
    [correction] = [c for item in items for c in item["corrections"]]
    assert list(correction) == ["kind", "value", "at", "note", "count", "asked"]
    assert (correction["kind"], correction["value"]) == ("reset", 103e3)
    assert correction["at"] == "2026-03-28T04:00:00+01:00"
    assert "began again from zero" in correction["note"]
    total = sum(item["value"] for item in items)
    assert total == pytest.approx(values[-1] - values[0] + 103e3, rel=1e-12)


def test_volumes_are_told_in_cubic_metres(town):
    times = [METER_FROM_NS + k * HOUR_NS for k in range(3)]
    town.tell("w", "water_volume", times, [1.0, 1.5, 2.0])
    body = town.client().get("/v1/energy", params={"device": "w", "by": "year"}).json()
    assert (body["quantity"], body["items"][0]["unit"]) == ("water_volume", "m3")
    assert body["items"][0]["value"] == 1.0


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ({"by": "week"}, "by: expected 'quarter_hour', 'hour', 'day', 'month' or 'year', found"),
        ({"against": "last year"}, "against: expected a time such as"),
        ({"tz": "Middle/Earth"}, "tz: expected a zone such as Europe/Berlin"),
        ({"by": "hour", "start": "1990-01-01"}, "by: expected a period that fits into the span"),
    ],
)
def test_a_bad_question_is_refused_in_words(client, query, said):
    answer = client.get("/v1/energy", params={"device": METER, **query})
    assert problem_of(answer, 422).startswith(said)


def test_a_register_is_compared_with_another_time_of_its_own(client):
    """Each hour of the day of 23 with the hour of the same name the day before."""
    asked = {"device": METER, "by": "hour", "start": "2026-03-29", "end": "2026-03-30"}
    before = {**asked, "start": "2026-03-28", "end": "2026-03-29"}
    hours = {one["start"]: one for one in client.get("/v1/energy", params=before).json()["items"]}
    items = client.get("/v1/energy", params={**asked, "against": "2026-03-28"}).json()["items"]
    assert len(items) == 23
    for one in items:
        assert one["against"]["start"][11:16] == one["start"][11:16]
        if one["start"][11:16] != "01:00":  # which stands against two: 02:00 does not exist
            assert one["against"]["value"] == hours[one["against"]["start"]]["value"]
    two = next(one for one in items if one["start"][11:16] == "01:00")["against"]
    assert two["end"][11:16] == "03:00"
    assert every(client, "/v1/energy", **asked, against="2026-03-28", limit=5) == items
