"""The Python client, against the real server over HTTP."""

import contextlib
import subprocess
import sys
from datetime import date, datetime
from itertools import pairwise

import polars as pl
import pytest
from api_town import BERLIN, HOUR_NS, METER, NOON_NS, SCHOOL, TARIFFS, Town, fill, served, until

import emscher
from api import asking
from api.asking import Connection
from emscher import Client, EmscherError, EmscherWarning
from ingest.clock import rfc3339_ns
from ingest.errors import StoreUnavailable


@pytest.fixture(scope="module")
def seen():
    """Return the headers of every request, oldest first."""
    return []


@pytest.fixture(scope="module")
def url(tmp_path_factory, seen):
    """Serve a filled town that no test changes, and keep what headers were sent."""
    town = fill(Town(tmp_path_factory.mktemp("remote")))
    app = town.app

    async def listening(scope, receive, send):
        if scope["type"] == "http":
            seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await app(scope, receive, send)

    town.app = listening
    with contextlib.closing(town.store), served(town) as url:
        yield url


@pytest.fixture
def remote(url):
    """Return a client that does not wait."""
    with Client(url, sleep=lambda pause_s: None) as remote:
        yield remote


@pytest.fixture
def json_of(url):
    """Return what the API says as JSON, asked apart from the client's frames."""
    with Connection(url) as there:
        yield lambda path, **query: there.json(f"/v1/{path}", query)["items"]


ASKED = [
    ("devices", {}, lambda c: c.devices()),
    ("series", {}, lambda c: c.series()),
    ("latest", {}, lambda c: c.latest()),
    ("readings", {"device": SCHOOL}, lambda c: c.readings(SCHOOL)),
    (
        "windows",
        {"device": SCHOOL, "every": "1h", "statistics": "true"},
        lambda c: c.windows(SCHOOL, every="1h", statistics=True),
    ),
    ("energy", {"device": METER, "by": "day"}, lambda c: c.energy(METER)),
    (
        "energy/sums",
        {"per": "device", "by": "day"},
        lambda c: c.energy_sums(per="device", by="day"),
    ),
    ("anomalies", {}, lambda c: c.anomalies()),
]


@pytest.mark.parametrize(("path", "query", "ask"), ASKED, ids=[one[0] for one in ASKED])
@pytest.mark.parametrize("page", [2, 10_000])
def test_a_frame_is_what_the_api_says(remote, json_of, monkeypatch, path, query, ask, page):
    """Over as many pages as it takes."""
    monkeypatch.setattr("api.remote.PAGE", page)
    items, frame = json_of(path, **query), ask(remote)
    assert len(frame) == len(items) > 1
    for name in set(items[0]) & set(frame.columns) - {"state", "corrections"}:
        told = [item[name] for item in items]
        if frame.schema[name] == pl.Datetime:
            assert frame.schema[name] == pl.Datetime("ns", "Europe/Berlin")
            told = [None if one is None else rfc3339_ns(one) for one in told]
            assert frame[name].cast(pl.Int64).to_list() == told
        else:
            assert frame[name].to_list() == told
    times = {"start", "end", "time", "received", "first", "last", "first_seen"} - {
        "last" if path == "windows" else ""
    }
    assert all(frame.schema[name] == pl.Datetime for name in times & set(frame.columns))
    for name in {"value", "mean", "score", "coverage"} & set(frame.columns):
        assert frame.schema[name] == pl.Float64


def test_the_day_of_the_clock_change_has_23_hours(remote):
    days = remote.energy(METER, date(2026, 3, 28), date(2026, 3, 31))
    assert days["value"].to_list() == [2400.0, 2300.0, 2400.0]
    assert days["start"].dt.hour().to_list() == [0, 0, 0]
    assert days.schema["corrections"].inner.to_schema()["at"] == pl.Datetime("ns", "Europe/Berlin")


@pytest.mark.parametrize(
    ("start", "first"),
    [
        (date(2026, 3, 29), "2026-03-28T23:00:00Z"),
        ("2026-03-29", "2026-03-28T23:00:00Z"),
        (datetime(2026, 3, 29, 3), "2026-03-29T01:00:00Z"),
        (datetime(2026, 3, 29, 4, tzinfo=BERLIN), "2026-03-29T02:00:00Z"),
        ("2026-03-29T04:00:00Z", "2026-03-29T04:00:00Z"),
    ],
)
def test_a_start_without_an_offset_is_local(remote, start, first):
    found = remote.readings(METER, "active_power", start)
    assert found["time"].cast(pl.Int64)[0] == rfc3339_ns(first)


def test_both_of_two_hours_with_the_same_name_can_be_asked_for(town):
    """The last Sunday of October has 02:30 twice; `fold` tells which."""
    from_ns = rfc3339_ns("2025-10-26T00:00:00Z")
    town.tell("m", "co2", from_ns + HOUR_NS // 2 * pl.arange(6, eager=True).to_numpy(), [1.0] * 6)
    with served(town) as url, Client(url) as remote:
        counts = [
            len(remote.readings("m", start=datetime(2025, 10, 26, 2, 30, fold=fold)))
            for fold in (0, 1)
        ]
    assert counts == [5, 3]


@pytest.mark.parametrize("rows", [1, 7, 100_000])
def test_many_readings_come_in_pieces(remote, monkeypatch, rows):
    monkeypatch.setattr("api.remote.PAGE", 3)
    pieces = list(remote.iter_readings(SCHOOL, rows=rows))
    assert all(1 <= len(piece) <= rows for piece in pieces)
    assert sum(map(len, pieces)) == 100
    assert pl.concat(pieces).equals(remote.readings(SCHOOL))
    times = pl.concat(pieces)["time"].to_list()
    assert all(one <= other for one, other in pairwise(times))


def test_load_is_one_row_with_its_duration_curve(remote):
    load = remote.load(device=METER)
    assert load["peak"].to_list() == [pytest.approx(100.0)]
    assert load.schema["peak_start"] == pl.Datetime("ns", "Europe/Berlin")
    curve = load.explode("duration").unnest("duration")
    assert curve["share"][0] == 0.0
    assert curve["power"].to_list() == pytest.approx([100.0] * len(curve))


def test_environment_has_figures_with_their_unit(remote):
    days = remote.environment(SCHOOL, "degree_days")
    assert set(days["kind"]) == {"heating_degree_days_20_15", "cooling_degree_days_24"}
    assert days.schema["start"] == pl.Datetime("ns", "Europe/Berlin")


def test_what_is_said_beside_an_answer_is_a_warning(remote):
    with pytest.warns(EmscherWarning, match=r'no device "nobody" was ever heard'):
        empty = remote.readings("nobody")
    assert empty.is_empty()
    assert empty.schema["time"] == pl.Datetime("ns", "Europe/Berlin")
    with pytest.warns(EmscherWarning, match="one of several: choose by channel"):
        remote.energy(TARIFFS)
    with pytest.warns(EmscherWarning, match="no such site is in the catalog"):
        assert remote.sites().is_empty()


def test_a_refusal_says_what_was_expected_and_found(remote):
    with pytest.raises(EmscherError, match=r"every: expected a width .*, found \"1w\"") as caught:
        remote.windows(SCHOOL, every="1w")
    assert caught.value.status == 422


def test_the_key_goes_along_and_no_other_is_made_up(url, seen):
    with Client(url, "emscher_abc") as remote:
        remote.health()
        assert seen[-1]["authorization"] == "Bearer emscher_abc"
    with Client(url) as remote:
        remote.health()
        assert "authorization" not in seen[-1]


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "schlüssel"])
def test_what_is_no_key_is_refused_without_telling_it(key):
    with pytest.raises(EmscherError, match="key: expected a word") as caught:
        Client(key=key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("address", ["here:8000", "ftp://here", "http://", ""])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(EmscherError, match=r"url: expected http\[s\]://HOST\[:PORT\], found"):
        Client(address)


def test_where_nobody_answers_a_person_is_told_what_to_do():
    with (
        Client("http://127.0.0.1:9") as remote,
        pytest.raises(EmscherError, match="start it with `emscher up`"),
    ):
        remote.devices()


def test_not_now_is_asked_again_after_the_pause_that_is_asked_for(town, monkeypatch):
    pauses = []
    away = iter([StoreUnavailable("the disk is full")] * 2)

    def counts(of=town.store.counts):
        for fault in away:
            raise fault
        return of()

    monkeypatch.setattr(town.store, "counts", counts)
    with served(town) as url, Connection(url, sleep=pauses.append) as there:
        assert there.json("/v1/counters")["received"] == 0
    assert pauses == [2.0, 2.0]


def test_it_is_given_up_after_so_many_times(town, monkeypatch):
    pauses = []

    def away():
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(town.store, "counts", away)
    with (
        served(town) as url,
        Connection(url, retries=3, sleep=pauses.append) as there,
        pytest.raises(EmscherError, match="the disk is full; try again soon") as caught,
    ):
        there.json("/v1/counters")
    assert caught.value.status == 503
    assert pauses == [2.0] * 3


@pytest.mark.parametrize(
    ("told", "pause_s"), [("0", 0.0), ("7", 7.0), ("86400", 30.0), ("soon", 2.0), ("", 2.0)]
)
def test_a_pause_is_bounded(told, pause_s):
    assert asking._pause_s(told) == pause_s


def test_what_happens_is_heard_as_it_happens_and_after_a_break(town):
    with contextlib.ExitStack() as before, contextlib.ExitStack() as after:
        url = before.enter_context(served(town))
        pauses = []

        def pause(pause_s):
            pauses.append(pause_s)
            if len(pauses) == 1:  # Emscher is started again
                town.begin_again()
                after.enter_context(served(town, int(url.rpartition(":")[2])))

        with Client(url, sleep=pause) as remote:
            events = remote.live(quantity="co2")
            assert [next(events).kind for _ in range(2)] == ["counters", "snapshot"]
            town.tell("m", "co2", [NOON_NS], [417.0])
            reading = next(one for one in events if one.kind == "reading")
            assert (reading.data["device"], reading.data["value"]) == ("m", 417.0)
            before.close()
            assert next(one for one in events if one.kind == "gap").data == {"dropped": None}
            again = next(events)
            assert (again.kind, again.data["value"]) == ("reading", 417.0)
            assert [next(events).kind for _ in range(2)] == ["counters", "snapshot"]
            assert pauses == [2.0]
            events.close()
            until(lambda: town.feed.listeners == 0)


def test_a_feed_that_always_ends_is_given_up(town):
    with served(town) as url, Client(url, sleep=lambda pause_s: None, retries=3) as remote:
        town.feed.close()
        with pytest.raises(EmscherError, match="ended again and again"):
            list(remote.live())


def test_the_client_loads_nothing_of_the_server():
    code = "from emscher import Client; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "api.remote" in loaded
    assert not loaded & {"fastapi", "uvicorn", "numba", "duckdb", "api.app"}


def test_the_front_door_has_no_more_than_it_says():
    with pytest.raises(AttributeError, match="emscher has no Clint"):
        emscher.Clint  # noqa: B018
