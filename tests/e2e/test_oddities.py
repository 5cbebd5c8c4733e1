"""Anomalies as a network server's stream brings them, from outside."""

import random
import time

from running_emscher import Emscher, eventually
from uplinks import elsys_temperature, rfc3339, uplink

STEP_NS = 600 * 10**9
DEVICE = "a81758fffe0546b2"


def stream(values: list[float | None]) -> list[tuple[str, bytes]]:
    """Return one uplink every ten minutes, up to now; None is a message that never came."""
    start_ns = time.time_ns() - len(values) * STEP_NS
    return [
        uplink(DEVICE, elsys_temperature(value), rfc3339(start_ns + i * STEP_NS), f_cnt=i)
        for i, value in enumerate(values)
        if value is not None
    ]


def test_a_spike_a_stuck_value_and_a_silence_are_found_once_each(emscher: Emscher) -> None:
    """One anomaly of each kind, with its span and a sentence; nothing else."""
    rng = random.Random(7)
    values: list[float | None] = [round(21 + rng.gauss(0, 0.4), 1) for _ in range(200)]
    values[80] = 65.0
    values[120:150] = [21.3] * 30
    values[170:185] = [None] * 15
    messages = stream(values)
    emscher.publish(messages)
    eventually("all have ended", lambda: emscher.received() == len(messages))
    found = eventually(
        "all are found",
        lambda: len(emscher.items("/v1/anomalies")) >= 3 and emscher.items("/v1/anomalies"),
    )
    by_kind = {one["kind"]: one for one in found}
    assert sorted(one["kind"] for one in found) == ["flatline", "silence", "spike"]
    times = [
        one["time"] for one in emscher.items("/v1/readings", device=DEVICE, quantity="temperature")
    ]
    spike = by_kind["spike"]
    assert (spike["value"], spike["start"], spike["end"]) == (65.0, times[80], times[81])
    assert abs(spike["expected"] - 21) < 1
    stuck = by_kind["flatline"]
    assert (stuck["value"], stuck["quantity"]) == (21.3, "temperature")
    assert stuck["start"] <= times[120] < times[149] < stuck["end"]
    silence = by_kind["silence"]
    assert (silence["quantity"], silence["start"], silence["end"]) == (None, times[169], times[170])
    for one in found:
        assert 0 < one["score"] <= 1
        assert f"device-{DEVICE}" in one["text"]
        assert "@" in one["detector"]
    # Sent again in another order, and after a restart, nothing changes.
    emscher.publish(list(reversed(messages)))
    eventually("all have ended again", lambda: emscher.received() == 2 * len(messages))
    emscher.kill()
    emscher.start()
    assert emscher.items("/v1/anomalies") == found
    start, end = times[79], times[82]
    assert [one["kind"] for one in emscher.items("/v1/anomalies", start=start, end=end)] == [
        "spike"
    ]
