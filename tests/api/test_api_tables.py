"""Collections as CSV, Arrow and Parquet say the same as JSON; what is held is not sent again."""

import io
import json
import tempfile

import polars as pl
import pytest
from api_town import HOUR_NS, METER, NOON_NS, SCHOOL, every, problem_of

from api import tables
from api.times import asked_ns

COLLECTIONS = [
    ("/v1/devices", {}),
    ("/v1/series", {}),
    ("/v1/latest", {}),
    ("/v1/readings", {"device": SCHOOL}),
    ("/v1/windows", {"device": SCHOOL, "every": "1h"}),
    ("/v1/windows", {"device": SCHOOL, "every": "1h", "statistics": "true"}),
    ("/v1/energy", {"device": METER, "by": "hour"}),
    ("/v1/energy", {"device": METER, "by": "hour", "against": "2026-03-28"}),
    ("/v1/anomalies", {}),
    ("/v1/quarantine", {}),
]
READERS = {"csv": pl.read_csv, "arrow": pl.read_ipc, "parquet": pl.read_parquet}


def flat(item):
    """Return an item with what lies in its objects beside it; lists and free objects as JSON."""
    found = {}
    for name, value in item.items():
        if name == "percentiles" and value is not None:
            found |= {f"{name}_{own}": one for own, one in value.items()}
        elif name == "against":
            names = ("start", "end", "value", "quality", "coverage", "change")
            found |= {f"{name}_{own}": (value or {}).get(own) for own in names}
        elif name == "frames":
            found |= {f"{name}_{own}": (value or {}).get(own) for own in ("heard", "missed")}
        elif isinstance(value, dict | list):
            found[name] = json.dumps(value, ensure_ascii=False)
        else:
            found[name] = value
    return found


def same(told, value):
    """Whether a cell is a value: a time may be told as a time, and nothing as nothing."""
    if value is None or told is None:
        return told is None and value in (None, "")
    if isinstance(value, float):
        return told == pytest.approx(value, rel=1e-12)
    if hasattr(told, "tzinfo"):
        return abs(told.timestamp() * 1e9 - asked_ns("x", value, None)) < 2000
    return str(told).lower() == str(value).lower()


@pytest.mark.parametrize("form", list(READERS))
@pytest.mark.parametrize(("path", "query"), COLLECTIONS)
def test_a_table_is_the_whole_collection(client, monkeypatch, tmp_path, path, query, form):
    """Whatever the size of the pages that it is made of."""
    whole = client.get(path, params={**query, "limit": 10_000}).json()["items"]
    monkeypatch.setattr(tables, "LIMIT_MAX", 3)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    answer = client.get(path, params={**query, "format": form})
    assert answer.status_code == 200
    name = path.rpartition("/")[2]
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.{form}"'
    table = READERS[form](
        io.BytesIO(answer.content), **({"infer_schema": False} if form == "csv" else {})
    )
    assert len(table) == len(whole) > 2
    for row, item in zip(table.to_dicts(), map(flat, whole), strict=True):
        assert list(row)[-len(item) :] == list(item)
        for name, value in item.items():
            told = row[name]
            if form == "csv" and told is not None and isinstance(value, float):
                told = float(told)
            assert same(told, value), (name, told, value)
    assert not list(tmp_path.iterdir())


def test_energy_names_its_register_and_its_status(client):
    """The letters that a German metering operator expects are a column."""
    answer = client.get("/v1/energy", params={"device": METER, "by": "day", "format": "csv"})
    table = pl.read_csv(io.BytesIO(answer.content))
    assert table.columns[:3] == ["device", "quantity", "channel"]
    assert set(table["device"]) == {METER}
    assert set(table["status"].drop_nulls()) <= set("WVEN")


def test_a_limit_is_a_page_of_that_size(client):
    query = {"device": SCHOOL, "limit": 4, "format": "csv"}
    assert len(pl.read_csv(io.BytesIO(client.get("/v1/readings", params=query).content))) == 4


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("text/csv", "text/csv; charset=utf-8"),
        ("text/csv;q=0.5, application/json", "application/json"),
        ("text/html, */*;q=0.8", "application/json"),
        (
            "application/json;q=0.1, application/vnd.apache.parquet",
            "application/vnd.apache.parquet",
        ),
        ("application/vnd.apache.arrow.file", "application/vnd.apache.arrow.file"),
        ("text/csv;q=x", "application/json"),
    ],
)
def test_the_accept_header_chooses_where_no_format_is_named(client, accept, kind):
    answer = client.get("/v1/series", headers={"Accept": accept})
    assert answer.headers["content-type"] == kind
    assert "Accept" in answer.headers["vary"]
    named = client.get("/v1/series?format=json", headers={"Accept": accept})
    assert named.headers["content-type"] == "application/json"


def test_what_is_wrong_is_a_problem_in_every_form(client):
    for form in READERS:
        query = f"/v1/readings?device=x&start=noon&format={form}"
        assert problem_of(client.get(query), 422).startswith("start: expected a time")
    assert problem_of(client.get("/v1/series?format=xlsx"), 422).startswith(
        "format: expected 'json'"
    )
    assert "format" not in problem_of(client.get("/v1/health?format=csv"), 422).split("found")[0]


def test_an_empty_table_has_its_columns(client):
    answer = client.get("/v1/anomalies?kind=none&format=csv")
    assert answer.text.startswith("id,device,quantity,channel,kind,start,end,score")
    parquet = client.get("/v1/windows?device=nobody&format=parquet")
    assert pl.read_parquet(io.BytesIO(parquet.content)).columns[:4] == [
        "device", "quantity", "channel", "unit",
    ]  # fmt: skip


def test_times_keep_their_nanoseconds(town):
    town.tell("d", "co2", [NOON_NS + 123_456_789], [400.0])
    answer = town.client().get("/v1/readings?device=d&format=arrow")
    table = pl.read_ipc(io.BytesIO(answer.content))
    assert table["time"].dtype == pl.Datetime("ns", "UTC")
    assert table["time"].cast(pl.Int64).to_list() == [NOON_NS + 123_456_789]


def test_who_has_an_answer_is_not_sent_it_again(town):
    town.tell("d", "co2", [NOON_NS], [400.0])
    client = town.client()
    first = client.get("/v1/readings?device=d")
    mark = first.headers["etag"]
    assert mark.startswith('W/"')
    again = client.get("/v1/readings?device=d", headers={"If-None-Match": f'"x", {mark}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", mark)
    town.tell("d", "co2", [NOON_NS + HOUR_NS], [401.0])
    new = client.get("/v1/readings?device=d", headers={"If-None-Match": mark})
    assert new.status_code == 200
    assert new.headers["etag"] != mark
    assert "etag" not in client.get("/v1/readings").headers, "a problem has no mark"


def test_large_answers_are_compressed_for_those_who_can_read_it(client):
    answer = client.get(
        "/v1/readings", params={"device": SCHOOL}, headers={"Accept-Encoding": "gzip"}
    )
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.json()["items"] == every(client, "/v1/readings", device=SCHOOL)
    plain = client.get("/v1/readings", params={"device": SCHOOL}, headers={"Accept-Encoding": ""})
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] == answer.headers["etag"]
