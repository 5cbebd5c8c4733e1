"""What `make up` shows: a small city that lives, and something to look at soon."""

from pathlib import Path

from running_emscher import Emscher, eventually


def test_the_demo_city_lives_and_something_is_odd(tmp_path: Path) -> None:
    """Devices of both kinds, a history, live readings, a refusal and an anomaly of now."""
    emscher = Emscher(tmp_path / "data", "--demo")
    try:
        emscher.start()
        devices = eventually(
            "the city is there",
            lambda: len(emscher.items("/v1/devices")) >= 34 and emscher.items("/v1/devices"),
        )
        sites = emscher.items("/v1/sites")
        assert sum(one["devices"] for one in sites) == len(devices)
        assert {"Hörde", "Holzen"} <= {one["district"] for one in sites}
        formats = {one["format"] for one in devices}
        assert formats == {"chirpstack_v4", "things_stack", "tasmota", "shelly"}
        eventually("something was refused", lambda: emscher.items("/v1/quarantine"), 180)
        counters = emscher.get("/v1/counters")
        meters = [s for s in emscher.items("/v1/series") if s["quantity"] == "active_energy_import"]
        days = emscher.items("/v1/energy", device=meters[0]["device"], by="day")
        assert len(days) >= 8
        assert all(one["value"] > 0 for one in days[1:-1])
        named = {"tariff": "example-day-night", "co2": "example-co2", "by": "day"}
        costs = emscher.items("/v1/energy/cost", device=meters[0]["device"], **named)
        assert all(one["total"] > 0 and one["co2"]["kg"] > 0 for one in costs[1:-1])
        began = max(one["last"] for one in emscher.items("/v1/series"))[:13]  # this hour, about
        eventually(
            "an anomaly of now",
            lambda: [one for one in emscher.items("/v1/anomalies") if one["start"] >= began],
            180,
        )
        assert emscher.received() > counters["received"]
        assert emscher.interrupt() == 0, emscher.log.read_text()
    finally:
        emscher.close()
