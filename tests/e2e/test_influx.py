"""Emscher with its readings in a real InfluxDB, which goes away for a while."""

import sys
from pathlib import Path

import pytest
from running_emscher import Emscher, eventually

sys.path.insert(0, str(Path(__file__).parents[1] / "contract"))
from influx_servers import Influx


def _plugs(first, count):
    return [
        (
            f"tele/plug{k % 3}/SENSOR",
            b'{"Time":"2026-03-01T%02d:%02d:00","ENERGY":{"Total":%d.5,"Power":%d}}'
            % (k // 60, k % 60, k, k),
        )
        for k in range(first, first + count)
    ]


@pytest.fixture
def server():
    made = Influx()
    yield made
    made.close()


def test_an_outage_and_a_kill_cost_nothing(tmp_path, server, monkeypatch):
    """The broker holds what the store can't take; afterwards everything is there once."""
    database = server.database()
    monkeypatch.setenv("EMSCHER_STORE", "influx")
    monkeypatch.setenv("EMSCHER_INFLUX_URL", server.url)
    monkeypatch.setenv("EMSCHER_INFLUX_BUCKET", database.bucket)
    emscher = Emscher(tmp_path / "data")
    try:
        emscher.start()
        assert emscher.get("/v1/health")["store"]["kind"] == "influx"
        emscher.publish(_plugs(0, 60))
        eventually("all is stored", lambda: emscher.received() == 60)
        server.stop(kill=True)
        emscher.publish(_plugs(60, 60))
        told = eventually("health says it", lambda: emscher.get("/v1/health")["store"]["error"])
        assert database.bucket in told
        assert emscher.received() == 60
        emscher.kill()
        emscher.start()
        assert emscher.received() == 60
        emscher.publish(_plugs(120, 60))
        server.start()
        eventually("the rest is stored", lambda: emscher.received() >= 180)
        counters = emscher.get("/v1/counters")
        assert counters["stored"] == 180
        assert counters["readings"] == 360
        energy = emscher.items(
            "/v1/energy", device="plug1", by="hour", start="2026-03-01T00:00:00",
            end="2026-03-01T03:00:00",
        )  # fmt: skip
        assert [round(one["value"]) for one in energy] == [59_000, 60_000, 58_000]
        found = server.query(
            "SELECT count(value) FROM readings WHERE quantity = 'active_power'", database.bucket
        )
        assert found[0]["values"][0][1] == 180
        assert emscher.interrupt() == 0
    finally:
        emscher.close()
