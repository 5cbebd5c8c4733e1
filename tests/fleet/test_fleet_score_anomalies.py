"""Faults and detections meet where they should, and false alarms are counted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fleet.message import rfc3339
from fleet.score_anomalies import AnomalyScore, DetectionScore, KindScore, score_anomalies
from fleet.truth import Truth, TruthWriter

HOUR_NS = 3600 * 10**9
START_NS = 1_772_366_400 * 10**9
NAMES = ["a81758fffe0546b2", "cellar", "roof"]


def truth_with(
    folder: Path,
    faults: list[tuple],
    spoilt: Sequence[tuple[int, int, int]] = (),
    told: Sequence[tuple[int, int]] = (),
    feeders: Sequence[int] = (-1, -1, -1),
) -> Truth:
    """Return three devices over ten days. faults: kind, device, quantity, from hour, to hour.

    spoilt: (device, hour, fault) of messages that nobody could read
    told: (device, hour) of messages that came through
    """
    facts = {"start_ns": START_NS, "end_ns": START_NS + 240 * HOUR_NS}
    writer = TruthWriter(folder, "", facts)
    about = dict.fromkeys(("kind", "label", "city", "district", "flow", "network"), "x")
    writer.devices(
        [
            {"device": name, "name": f"the-{name}", **about, "feeder": feeder, "own_clock": True,
             "timeless": False}
            for name, feeder in zip(NAMES, feeders, strict=True)
        ]
    )  # fmt: skip
    channel = {"label": "x", "channel": "", "register": "", "step": 0.1}
    writer.channels([{**channel, "quantity": name} for name in ("temperature", "humidity")])
    writer.faults(
        [
            {"number": n, "kind": kind, "device": device, "device_id": NAMES[device],
             "quantity": quantity, "channel": "", "start_ns": START_NS + int(start * HOUR_NS),
             "end_ns": START_NS + int(end * HOUR_NS), "size": 1.0, "text": kind}
            for n, (kind, device, quantity, start, end) in enumerate(faults)
        ]
    )  # fmt: skip
    for device, hour, fault in spoilt:
        for channel_number in (0, 1):
            at_ns = [START_NS + hour * HOUR_NS]
            writer.samples([device], [channel_number], at_ns, at_ns, [1.0], [1.0], [0], [fault])
    for device, hour in told:
        at_ns = [START_NS + hour * HOUR_NS]
        writer.samples([device], [0], at_ns, at_ns, [1.0], [1.0], [1], [-1])
    writer.close({})
    return Truth(folder)


def found(
    kind: str, device: int | str, start: float, end: float | None, quantity: str | None = None
) -> dict[str, Any]:
    """Return an anomaly as the API tells it."""
    return {
        "kind": kind,
        "device": NAMES[device] if isinstance(device, int) else device,
        "quantity": quantity,
        "channel": None,
        "start": rfc3339(START_NS + int(start * HOUR_NS)),
        "end": None if end is None else rfc3339(START_NS + int(end * HOUR_NS)),
    }


def kind_of(score: AnomalyScore, kind: str) -> KindScore:
    return next(one for one in score.kinds if one.kind == kind)


def detection_of(score: AnomalyScore, kind: str) -> DetectionScore:
    return next(one for one in score.detections if one.kind == kind)


def test_what_is_found_has_recall_and_delay(tmp_path: Path) -> None:
    """Two of three spikes, one half an hour late; a silence that begins at the message before."""
    truth = truth_with(
        tmp_path / "run",
        [
            ("spike", 0, "temperature", 10, 10),
            ("spike", 0, "temperature", 20, 20),
            ("spike", 1, "temperature", 30, 30),
            ("silence", 2, "", 40, 50),
        ],
    )
    anomalies = [
        found("spike", 0, 10, 10.2, "temperature"),
        found("spike", 1, 30.5, 31, "temperature"),
        found("silence", 2, 39.75, 50.25),
    ]
    score = score_anomalies(truth, anomalies, [], [])
    spikes = kind_of(score, "spike")
    assert (spikes.faults, spikes.found, spikes.recall) == (3, 2, 2 / 3)
    assert sorted(spikes.delays_s) == [0.0, 1800.0]
    assert spikes.delay_s == 900.0
    assert kind_of(score, "silence").delay_s == -900.0
    assert detection_of(score, "spike") == DetectionScore("spike", 2, 2, 0, 0, 1.0, 0.0)
    assert score.device_days == 30


def test_false_alarms_and_what_lies_beside(tmp_path: Path) -> None:
    """Another device, another time, another series are false; another kind of fault is beside."""
    truth = truth_with(
        tmp_path / "run",
        [("stuck", 0, "temperature", 10, 16), ("drift", 1, "humidity", 10, 58)],
    )
    anomalies = [
        found("flatline", 0, 11, 16.5, "temperature"),
        found("flatline", 2, 11, 16.5, "temperature"),
        found("flatline", 0, 18, 19, "temperature"),
        found("flatline", 0, 11, 16.5, "humidity"),
        found("spike", 1, 20, 21, "humidity"),
        found("silence", "somebody else", 20, 21),
    ]
    score = score_anomalies(truth, anomalies, [], [])
    flat = detection_of(score, "flatline")
    assert (flat.right, flat.beside, flat.false_alarms, flat.precision) == (1, 0, 3, 0.25)
    assert flat.false_per_device_day == pytest.approx(3 / 30)
    spike = detection_of(score, "spike")
    assert (spike.right, spike.beside, spike.false_alarms) == (0, 1, 0)
    assert score.strangers == 1
    # Nobody detects a drift yet: it is told, with nothing found.
    drift = kind_of(score, "drift")
    assert (drift.faults, drift.found, drift.recall, drift.delay_s) == (1, 0, 0.0, None)


def test_a_detector_of_the_faults_own_name_is_right(tmp_path: Path) -> None:
    """So that a detector that comes later needs no entry."""
    truth = truth_with(tmp_path / "run", [("drift", 1, "humidity", 10, 58)])
    score = score_anomalies(truth, [found("drift", 1, 30, None, "humidity")], [], [])
    assert kind_of(score, "drift").recall == 1.0
    assert kind_of(score, "drift").delay_s == 20 * 3600


@pytest.mark.parametrize(("late", "right"), [(0.9, True), (1.1, False)])
def test_the_grace_has_an_end(tmp_path: Path, late: float, right: bool) -> None:
    """An hour after the fault's end a detection is no longer of it."""
    truth = truth_with(tmp_path / "run", [("spike", 0, "temperature", 10, 10)])
    anomalies = [found("spike", 0, 10 + late, 10.1 + late, "temperature")]
    score = score_anomalies(truth, anomalies, [], [])
    assert kind_of(score, "spike").found == right
    assert detection_of(score, "spike").false_alarms == (not right)


def test_the_end_of_the_run_is_no_fault_of_the_detector(tmp_path: Path) -> None:
    """Whoever is scored after the run is silent since; a silence before that is judged."""
    folder = tmp_path / "run"
    truth_with(folder, [], told=[(0, 230), (1, 230), (1, 100)])
    anomalies = [found("silence", 0, 230, None), found("silence", 1, 100, None)]
    score = score_anomalies(Truth(folder), anomalies, [], [])
    assert score.after_run == 1
    assert detection_of(score, "silence").false_alarms == 1


def test_corrections_of_registers_are_detections(tmp_path: Path) -> None:
    """A reset that /v1/energy corrected is found; one where nothing was reset is false."""
    truth = truth_with(tmp_path / "run", [("register_reset", 0, "active_energy_import", 10, 10)])
    one = {"device": NAMES[0], "quantity": "active_energy_import", "channel": "", "kind": "reset"}
    corrections = [
        {**one, "at": rfc3339(START_NS + 10 * HOUR_NS + 9)},
        {**one, "at": rfc3339(START_NS + 90 * HOUR_NS), "device": NAMES[1]},
    ]
    score = score_anomalies(truth, [], corrections, [])
    assert kind_of(score, "register_reset").recall == 1.0
    resets = detection_of(score, "correction: reset")
    assert (resets.right, resets.false_alarms) == (1, 1)


def test_garbage_is_found_in_quarantine(tmp_path: Path) -> None:
    """By device, whether its topic names it by id or by name; a refusal of others is no find."""
    truth = truth_with(
        tmp_path / "run",
        [("garbage", 0, "", 10, 12), ("garbage", 1, "", 20, 20), ("garbage", 2, "", 30, 30)],
        [(0, 10, 0), (0, 11, 0), (1, 20, 1), (2, 30, 2)],
    )
    topics = [
        f"application/1/device/{NAMES[0].upper()}/event/up",
        f"application/1/device/{NAMES[0]}/event/up",
        "tele/the-cellar/SENSOR",
        "tele/the-cellar/SENSOR",
        "tele/somebody/SENSOR",
    ]
    score = score_anomalies(truth, [], [], [{"topic": topic} for topic in topics])
    quarantine = score.quarantine
    assert (quarantine.garbage, quarantine.quarantined, quarantine.known) == (4, 5, 3)
    assert kind_of(score, "garbage").found == 2
    one_missing = [{"topic": topic} for topic in topics[1:]]
    assert kind_of(score_anomalies(truth, [], [], one_missing), "garbage").found == 1


def test_a_theft_is_found_at_the_station_that_feeds_it(tmp_path):
    """Two meters behind the roof: what nobody counts there is right, elsewhere it is not."""
    faults = [("energy_theft", 0, "", 48, 72)]
    truth = truth_with(tmp_path / "truth", faults, feeders=(2, 2, -1))
    told = [
        found("imbalance", 2, 50, 80, "active_energy_import"),
        found("imbalance", 2, 150, 170, "active_energy_import"),
        found("day_shape", 1, 48, 72, "active_energy_import"),
    ]
    score = score_anomalies(truth, told, [], [])
    assert kind_of(score, "energy_theft").found == 1
    assert (detection_of(score, "imbalance").right, detection_of(score, "imbalance").beside) == (
        1, 0,
    )  # fmt: skip
    assert detection_of(score, "imbalance").false_alarms == 1
    assert detection_of(score, "day_shape").false_alarms == 1
    listed = (tmp_path / "truth/catalog/devices.csv").read_text(encoding="utf-8").split()
    assert listed == ["id,feeder", "a81758fffe0546b2,roof", "cellar,roof"]


def test_steps_of_registers_count_as_they_come_and_as_they_are_asked_for(tmp_path):
    truth = truth_with(tmp_path / "truth", [("glitch", 0, "", 48, 49), ("drift", 1, "", 50, 90)])
    told = [found("register_glitch", 0, 48, 48, "x"), found("leaves_peers", 1, 60, 90, "x")]
    score = score_anomalies(truth, told, [], [])
    assert [kind_of(score, one).found for one in ("glitch", "drift")] == [1, 1]
