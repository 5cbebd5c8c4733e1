"""Air, noise and temperature as the rules want them, over HTTP."""

from api_town import HOUR_NS, NOON_NS


def test_degree_days_and_air_quality_over_http(town):
    times = [NOON_NS + k * HOUR_NS for k in range(48)]
    town.tell("roof", "temperature", times, [5.0] * 48)
    town.tell("roof", "pm10", times, [20.0] * 48)
    client = town.client()
    query = {"device": "roof", "figure": "degree_days", "start": "2026-03-02", "end": "2026-03-03"}
    items = client.get("/v1/environment", params=query).json()["items"]
    assert items[0] == {
        "kind": "heating_degree_days_20_15",
        "start": "2026-03-02T00:00:00+01:00",
        "end": "2026-03-03T00:00:00+01:00",
        "value": 15.0,
        "unit": "K.d",
        "coverage": 1.0,
        "word": None,
    }
    air = client.get("/v1/environment", params={"device": "roof"}).json()["items"]
    assert {i["word"] for i in air if i["kind"] == "european_air_quality_index"} == {"fair"}
    assert "pm10_mean_24h" in {i["kind"] for i in air}


def test_a_device_without_it_and_one_that_was_never_heard_say_so(town):
    town.tell("roof", "temperature", [NOON_NS, NOON_NS + HOUR_NS], [5.0, 6.0])
    client = town.client()
    body = client.get("/v1/environment", params={"device": "roof", "figure": "noise"}).json()
    assert (body["items"], body["note"]) == ([], '"roof" measures nothing that noise is made of')
    body = client.get("/v1/environment", params={"device": "nobody"}).json()
    assert "was ever heard" in body["note"]
    late = {"device": "roof", "start": "2027-01-01"}
    assert client.get("/v1/environment", params=late).json()["items"] == []
    wrong = client.get("/v1/environment", params={"device": "roof", "figure": "smell"})
    assert wrong.status_code == 422
