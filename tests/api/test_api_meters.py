"""The meters of a device and what people decided about its registers, and single devices."""

from api_town import HOUR_NS, NOON_NS
from catalog_town import catalogued


def test_an_exchange_is_two_meters_of_one_register(town, tmp_path):
    town.tell("plant", "active_energy_import", [NOON_NS, NOON_NS + HOUR_NS], [5.0, 9.0])
    town.tell("plant", "active_power", [NOON_NS], [4.0])
    of = {"device": "plant", "quantity": "active_energy_import", "channel": ""}
    with catalogued(town, tmp_path, {"plant": "school"}) as catalog:
        catalog.put(
            "meters",
            [of | {"installed": NOON_NS - HOUR_NS, "serial": "1ESY1160", "multiplier": 40.0}],
        )
        at_ns = NOON_NS + HOUR_NS // 2
        catalog.exchange(tuple(of.values()), at_ns, serial="1ESY2201", last=90344.5, first=0.2)
        said = {"at": at_ns, "said": at_ns + 1, "counts": False, "author": "anna", "note": "read"}
        catalog.put("answers", [of | said])
        client = town.client()
        found = client.get("/v1/meters?device=plant").json()
        before, after = found["items"]
        assert (before["serial"], before["multiplier"]) == ("1ESY1160", 40.0)
        assert before["removed"] == after["installed"] == "2026-03-01T12:30:00Z"
        assert (before["last_register"], after["first_register"]) == (90344.5, 0.2)
        assert after["removed"] is None
        (answer,) = found["answers"]
        assert (answer["author"], answer["counts"]) == ("anna", False)


def test_where_no_meter_is_known_that_is_said(town):
    town.tell("plant", "active_energy_import", [NOON_NS], [5.0])
    client = town.client()
    assert "emscher catalog exchange" not in client.get("/v1/meters?device=nobody").json()["note"]
    assert "was ever heard" in client.get("/v1/meters?device=nobody").json()["note"]
    assert (
        "no meter of it is in the catalog" in client.get("/v1/meters?device=plant").json()["note"]
    )


def test_one_device_can_be_asked_for(town):
    for name in ("a", "b", "c"):
        town.tell(name, "co2", [NOON_NS], [5.0])
    client = town.client()
    assert [one["id"] for one in client.get("/v1/devices?device=b").json()["items"]] == ["b"]
    nobody = client.get("/v1/devices?device=B").json()
    assert (nobody["items"], nobody["note"]) == ([], 'no device "B" was ever heard; "b" was')
    assert client.get("/v1/devices").json()["note"] is None
