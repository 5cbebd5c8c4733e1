"""What becomes of days, tariffs, litres and unknown values in the score of energies."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fleet.score_energy import Register, corrections_of, registers_of, score_energy
from fleet.truth import Truth, TruthWriter

START_NS = 1_774_652_400 * 10**9  # 2026-03-28T00:00+01:00, the day before the clock goes forward
QUARTER_NS = 900 * 10**9
QUARTERS = 96 + 92 + 96
METERS = [("home", "household"), ("pipe", "water"), ("silent", "household")]


def day(date: str, value: float | None, unit: str = "Wh", **more: Any) -> dict[str, Any]:
    return {
        "start": f"{date}T00:00:00+01:00",
        "end": "the next midnight",
        "known_from": f"{date}T00:00:00+01:00",
        "known_to": "the next midnight",
        "value": value,
        "unit": unit,
        "quality": None if value is None else "measured",
        "coverage": 1.0,
        "provisional": False,
        "corrections": [],
        **more,
    }


def truth_in(folder: Path) -> Truth:
    """Return three meters through which 10 (Wh or litres) flow in each quarter of an hour."""
    end_ns = START_NS + QUARTERS * QUARTER_NS
    writer = TruthWriter(folder, "", {"start_ns": START_NS, "end_ns": end_ns})
    about = dict.fromkeys(("kind", "label", "city", "district", "network"), "x")
    writer.devices(
        [
            {"device": name, "name": name, "flow": flow, **about, "feeder": -1, "own_clock": True,
             "timeless": False}
            for name, flow in METERS
        ]
    )  # fmt: skip
    writer.channels([])
    writer.faults([])
    times = [START_NS + k * QUARTER_NS for k in range(QUARTERS)]
    for device in range(3):
        full = [10.0] * QUARTERS
        writer.energy([device] * QUARTERS, [0] * QUARTERS, times, full, full)
    writer.close({})
    return Truth(folder)


def registers(*series: tuple[Any, ...]) -> list[Register]:
    """series: device number, quantity, channel, register, step."""
    schema = {"device": pl.Int32, "quantity": pl.String, "channel": pl.String,
              "register": pl.String, "step": pl.Float64}  # fmt: skip
    return registers_of(pl.DataFrame(list(series), schema=schema, orient="row"))


HOME = Register(0, 0, "active_energy_import", "", 1.0)
DATES = ["2026-03-28", "2026-03-29", "2026-03-30"]


def test_a_local_day_may_have_23_hours(tmp_path: Path) -> None:
    """The day on which the clock goes forward has 92 quarters."""
    days = [day(date, value) for date, value in zip(DATES, (960, 920, 960.9), strict=True)]
    score = score_energy(truth_in(tmp_path / "run"), [(HOME, days)])
    (flow,) = score.flows
    assert (flow.days, flow.exact, flow.metered) == (3, 3, 2840)
    assert flow.error == pytest.approx(0.9)
    assert flow.within is None
    assert score.without_register == 2


def test_a_day_beyond_a_step_is_not_exact_and_an_unknown_one_is_told(tmp_path: Path) -> None:
    """What nobody knows is neither right nor counted as an error."""
    days = [day(DATES[0], 961.1), day(DATES[1], None)]
    score = score_energy(truth_in(tmp_path / "run"), [(HOME, days)])
    (flow,) = score.flows
    assert (flow.days, flow.exact, flow.unknown) == (3, 0, 2)
    assert flow.error == pytest.approx(1.1)
    assert flow.error_worst_day == pytest.approx(1.1)
    assert {one.quality: one.days for one in flow.qualities} == {"measured": 1, "unknown": 2}


def test_tariffs_add_up(tmp_path: Path) -> None:
    """A day is known when all of them are."""
    tariffs = [HOME._replace(channel=one) for one in ("1", "2")]
    half = [day(DATES[0], 480), day(DATES[1], 460)]
    told = [(tariffs[0], half), (tariffs[1], [*half[:1], day(DATES[1], None)])]
    (flow,) = score_energy(truth_in(tmp_path / "run"), told).flows
    assert (flow.computed, flow.exact, flow.unknown) == (960, 1, 2)


def test_the_register_of_a_meter_is_chosen() -> None:
    """A total comes before its tariffs, active before reactive energy; gauges are none."""
    tariffs = [(0, "active_energy_import", one, "import", 1.0) for one in ("1", "2")]
    reactive = (0, "reactive_energy_import", "", "import", 1.0)
    power = (0, "active_power", "", "", 1.0)
    back = (0, "active_energy_export", "", "export", 1.0)
    total = (0, "active_energy_import", "", "import", 1.0)
    chosen = registers(reactive, *tariffs, power, back)
    assert [(one.direction, one.quantity, one.channel) for one in chosen] == [
        (1, "active_energy_export", ""),
        (0, "active_energy_import", "1"),
        (0, "active_energy_import", "2"),
    ]
    assert registers(reactive, *tariffs, total) == [HOME]


def test_water_is_compared_in_litres(tmp_path: Path) -> None:
    """The API tells cubic metres; a register of whole litres is exact to a litre."""
    days = [day(DATES[0], 0.9605, "m3"), day(DATES[1], 0.925, "m3"), day(DATES[2], 0.96, "m3")]
    register = Register(1, 0, "water_volume", "", 0.001)
    (flow,) = score_energy(truth_in(tmp_path / "run"), [(register, days)]).flows
    assert (flow.flow, flow.unit, flow.exact) == ("water", "l", 2)
    assert flow.error == pytest.approx(5.5)


def test_a_declared_uncertainty_is_held_against_the_error(tmp_path: Path) -> None:
    """The share of the days whose error lies within it, and a step."""
    days = [day(DATES[0], 980, uncertainty=25), day(DATES[1], 1000, uncertainty=25)]
    score = score_energy(truth_in(tmp_path / "run"), [(HOME, days)])
    assert score.flows[0].within == 0.5
    days[1]["known_to"] = "noon"  # what is known of only in part is not held against it
    assert score_energy(truth_in(tmp_path / "cut"), [(HOME, days)]).flows[0].within == 1.0


def test_corrections_are_returned_with_their_register(tmp_path: Path) -> None:
    """They are detections of what befell a register."""
    reset = {"kind": "reset", "value": 5.0, "at": "2026-03-28T10:00:00+01:00", "note": ""}
    days = [day(DATES[0], 960, corrections=[reset])]
    corrections = corrections_of(truth_in(tmp_path / "run"), [(HOME, days)])
    about = {"device": "home", "quantity": "active_energy_import", "channel": ""}
    assert corrections == [{**about, **reset}]
