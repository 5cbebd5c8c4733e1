"""What is found in single series, from stored readings to the sentence."""

import numpy as np
import pytest
from derived_rows import BERLIN, EPOCH, HOUR, append, memory_store

from analytics.grouping import grouped
from analytics.oddities import SeriesWatch
from ingest.reading import Series

QUARTER = HOUR // 4


def wave(n, seed=1):
    """Return a daily wave with noise, a reading each quarter of an hour."""
    noise = np.random.default_rng(seed).normal(0, 0.3, n)
    return 20 + 3 * np.sin(2 * np.pi * np.arange(n) / 96) + noise


def found_in(quantity, values, step_ns=QUARTER, limits=None, chosen=(), batches=1):
    """Return the anomalies that stand after these readings, by start."""
    series = Series("d", quantity)
    rows = [(series, EPOCH + i * step_ns, float(v)) for i, v in enumerate(values)]
    with memory_store() as store:
        watch = SeriesWatch(store, BERLIN, limits, chosen)
        standing = {}
        for part in np.array_split(np.arange(len(rows)), batches):
            committed = append(store, [rows[i] for i in part])
            found = watch.update(grouped(committed.rows))
            standing |= {one.id: one for one in found.changed}
            for gone in found.retracted:
                standing.pop(gone)
        return sorted(standing.values(), key=lambda one: one.start_ns)


@pytest.mark.parametrize("batches", [1, 7])
def test_a_level_that_jumps_and_comes_back(batches):
    values = wave(600)
    values[300:360] += 15
    shifts = [a for a in found_in("temperature", values, batches=batches) if a.kind != "spike"]
    assert [a.kind for a in shifts] == ["level_shift"]
    assert (shifts[0].start_ns, shifts[0].end_ns) == (EPOCH + 300 * QUARTER, EPOCH + 360 * QUARTER)
    assert shifts[0].text.startswith("temperature of d jumped from ")
    assert shifts[0].text.endswith(" at 2026-03-04 04:00, for 15 h.")
    assert 0.5 < shifts[0].score < 1


def test_values_that_flutter():
    values = wave(600)
    values[300:330] += np.random.default_rng(3).normal(0, 5, 30)
    (burst,) = [a for a in found_in("temperature", values) if a.kind == "noise_burst"]
    assert "fluttered by" in burst.text
    assert burst.detector == "noise_burst@1"


def test_a_value_that_can_not_be():
    values = wave(50)
    values[20:23] = -80
    (odd,) = [a for a in found_in("temperature", values) if a.kind == "out_of_range"]
    assert (odd.value, odd.expected) == (-80, -60)
    assert odd.text == (
        "temperature of d was below -60 °C, which can't be, for 45 min from 2026-03-01 06:00:"
        " up to -80 °C."
    )


def test_bounds_of_the_catalog_go_before_those_of_physics():
    asked = []

    def limits(device, quantity, channel):
        asked.append((device, quantity, channel))
        return None, 22.0

    (odd,) = [
        a
        for a in found_in("temperature", [20.0] * 8 + [25.0], limits=limits)
        if a.kind == "out_of_range"
    ]
    assert asked == [("d", "temperature", "")]
    assert odd.end_ns is None
    assert " is above 22 °C" in odd.text


def test_a_leak_is_told_with_what_never_stops():
    steps = [0.1 if h % 24 in (7, 8, 12, 18, 19) else 0.0 for h in range(24 * 8)]
    steps += [0.04 + s for s in steps[: 24 * 2]]
    values = 100 + np.cumsum(steps)
    (leak,) = found_in("water_volume", values, step_ns=HOUR)
    assert leak.kind == "leak"
    assert leak.end_ns is None
    assert "flows without a break since" in leak.text
    assert "at least 40 l an hour; never longer than 2 h before." in leak.text


def test_novelty_is_told_of_chosen_series_only():
    values = np.round(wave(900), 2)
    values[800:806] += 9
    assert not [a for a in found_in("temperature", values) if a.kind == "novelty"]
    (new,) = [a for a in found_in("temperature", values, chosen=["d temp*"]) if a.kind == "novelty"]
    assert EPOCH + 800 * QUARTER <= new.start_ns <= EPOCH + 806 * QUARTER
    assert new.end_ns == new.start_ns
    assert new.score >= 0.5
    parts = found_in("temperature", values, chosen=["d temp*"], batches=9)
    assert [a for a in parts if a.kind == "novelty"] == [new]


def test_a_power_is_no_spike_for_a_new_appliance():
    draw = np.random.default_rng(1)
    values = np.where(draw.random(800) < 0.05, 2000.0, 150.0) + draw.normal(0, 10, 800)
    values[700] = 3300.0
    assert found_in("active_power", values) == []
    values[700] = 16_000.0
    assert [a.kind for a in found_in("active_power", values)] == ["spike"]
