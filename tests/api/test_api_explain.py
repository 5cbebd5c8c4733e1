"""A figure of energy goes back to its parts, and these to the messages that they came in."""

import contextlib
import math
from itertools import pairwise

import numpy as np
import pytest
from api_town import HOUR_NS, METER, METER_FROM_NS, NOON_NS, Town, every, problem_of
from hypothesis import given, settings
from hypothesis import strategies as st

from api.times import utc

QUARTER_NS = HOUR_NS // 4
PATH = "/v1/energy/explain"
REGISTER = "active_energy_import"
COUNT = 600
ODD = {100: "glitch", 200: "reset", 400: "gap"}


def values():
    """Return what a register shows: 100 Wh a quarter, with a glitch, a reset and a gap."""
    shown = 50_000.0 + 100.0 * np.arange(COUNT)
    shown[100] = 0.0
    shown[200:] = 40.0 + 100.0 * np.arange(COUNT - 200)
    return shown


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """Return a client of a town whose register has every kind of step."""
    town = Town(tmp_path_factory.mktemp("odd"))
    keep = np.ones(COUNT, bool)
    keep[400:420] = False
    times = METER_FROM_NS + QUARTER_NS * np.arange(COUNT)
    town.tell("odd", REGISTER, times[keep].tolist(), values()[keep].tolist())
    with contextlib.closing(town.store):
        yield town.client()


def figure(client, start_ns, end_ns):
    """Return what /v1/energy says of one span."""
    query = {"device": "odd", "start": utc(start_ns), "end": utc(end_ns), "by": "year"}
    (one,) = client.get("/v1/energy", params=query).json()["items"]
    return one


@settings(max_examples=60, deadline=None)
@given(st.integers(-20, 60 * COUNT // 4), st.integers(1, 60 * 200), st.sampled_from([7, 1000]))
def test_the_parts_of_any_span_are_the_figure_of_energy(odd, from_minute, minutes, limit):
    start_ns = METER_FROM_NS + from_minute * HOUR_NS // 60 + 17
    end_ns = start_ns + minutes * HOUR_NS // 60 + 1
    query = {"device": "odd", "start": utc(start_ns), "end": utc(end_ns)}
    parts = every(odd, PATH, **query, limit=limit)
    whole = figure(odd, start_ns, end_ns)
    told = odd.get(PATH, params={**query, "limit": 1}).json()
    assert told["value"] == whole["value"]
    assert told["parts"] == len(parts)
    if whole["value"] is None:
        assert parts == []
        return
    counted = 1e-12 * 200_000
    assert math.fsum(one["value"] for one in parts) == pytest.approx(whole["value"], abs=counted)
    assert [one["end"] for one in parts[:-1]] == [one["start"] for one in parts[1:]]
    assert all(one["last"] == other["first"] for one, other in pairwise(parts))


def test_each_step_is_the_registers_change_and_its_corrections(odd):
    parts = every(odd, PATH, device="odd", limit=10_000)
    assert len(parts) == COUNT - 20 - 1 - 1
    for one in parts:
        change = one["last"]["value"] - one["first"]["value"]
        added = sum(c["value"] for c in one["corrections"])
        assert one["amount"] == pytest.approx(change + added, abs=1e-6)
        assert (one["value"], one["share"]) == (pytest.approx(one["amount"], abs=1e-6), 1.0)
    steps = {one["step"] for one in parts}
    assert steps == {"climb", "gap", "reset"}
    (reset,) = (one for one in parts if one["step"] == "reset")
    assert reset["amount"] == 40.0
    assert [c["kind"] for c in reset["corrections"]] == ["reset"]
    assert reset["corrections"][0]["value"] == 50_000.0 + 100.0 * 199
    (across,) = (one for one in parts if one["rejected"])
    assert [one["value"] for one in across["rejected"]] == [0.0]
    assert across["corrections"][0]["kind"] == "glitch"
    assert across["amount"] == 200.0
    (gap,) = (one for one in parts if one["step"] == "gap")
    assert (gap["amount"], gap["quality"], gap["coverage"]) == (2100.0, "substituted", 0.0)


def test_the_edges_tell_what_falls_into_the_span(client):
    """From 10:15 to 11:30 on an hourly register of 100 Wh an hour: 75 Wh and 50 Wh."""
    query = {"device": METER, "start": "2026-03-28T10:15", "end": "2026-03-28T11:30"}
    body = client.get(PATH, params=query).json()
    assert [one["value"] for one in body["items"]] == pytest.approx([75.0, 50.0])
    assert [one["share"] for one in body["items"]] == pytest.approx([0.75, 0.5])
    assert [one["amount"] for one in body["items"]] == [100.0, 100.0]
    assert (body["value"], body["unit"], body["parts"]) == (pytest.approx(125.0), "Wh", 2)
    assert {one["quality"] for one in body["items"]} == {"estimated"}
    assert (body["span_start"], body["gap_s"]) == ("2026-03-28T10:15:00+01:00", 9000.0)
    assert body["items"][0]["first"]["time"] == "2026-03-28T09:00:00Z"


def test_the_link_of_a_reading_leads_to_its_message(town):
    for k in range(3):
        text = f'{{"Time":"2026-03-01T12:{10 * k:02}:00","ENERGY":{{"Total":{100 + k}.5}}}}'
        town.uplink("tele/plug/SENSOR", text.encode(), NOON_NS + k * 600 * 10**9)
    client = town.client()
    parts = client.get(PATH, params={"device": "plug"}).json()["items"]
    assert [one["amount"] for one in parts] == [1000.0, 1000.0]
    origin = client.get(parts[1]["last"]["message"]).json()
    assert origin["reading"]["value"] == parts[1]["last"]["value"] == 102_500.0
    assert origin["message"]["sure"]
    assert '"Total":102.5' in origin["message"]["text"]


def test_nothing_and_what_is_wrong_are_said_in_words(client):
    none = client.get(f"{PATH}?device=nobody").json()
    assert none["items"] == []
    assert none["note"].startswith('no device "nobody" was ever heard')
    early = client.get(f"{PATH}?device={METER}&start=2020-01-01&end=2020-01-02").json()
    assert (early["items"], early["value"], early["parts"]) == ([], None, 0)
    said = problem_of(client.get(f"{PATH}?device={METER}&by=day"), 422)
    assert said.startswith("parameter: expected one of channel, cursor, device, end")
    assert "cursor: expected" in problem_of(client.get(f"{PATH}?device={METER}&cursor=x"), 422)


def test_a_table_has_the_readings_of_each_part_in_columns(client):
    text = client.get(f"{PATH}?device={METER}&format=csv").text
    head = text.splitlines()[0].split(",")
    assert {"value", "first_time", "first_value", "last_message"} <= set(head)
    assert len(text.splitlines()) == 1 + 96
