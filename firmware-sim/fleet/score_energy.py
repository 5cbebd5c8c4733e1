"""Does the energy of each meter and local day come out as it was metered?

What passed the meter is known to the watt-second; the register that a device tells is cut to its
step, so a day can't be told more exactly than by one step: such a day counts as exact.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

import msgspec
import polars as pl

from fleet.score_source import Emscher, Item
from fleet.truth import Truth

ZONE = "Europe/Berlin"
_DIRECTIONS = ("import", "export")
_LITRES = 1000.0  # a cubic metre
_WORST = 20
DAYS: dict[str, type[pl.DataType]] = {
    "device": pl.Int32,
    "direction": pl.Int8,
    "day": pl.Date,
    "computed": pl.Float64,
    "quality": pl.String,
    "coverage": pl.Float64,
    "provisional": pl.Boolean,
    "uncertainty": pl.Float64,
    "whole": pl.Boolean,
    "step": pl.Float64,
    "unit": pl.String,
}


class QualityDays(msgspec.Struct):
    """Days that Emscher declares to be of one quality: how many, how many of them are exact."""

    quality: str
    days: int
    exact: int
    error_mean: float  # of the absolute error, in the unit
    error_max: float


class FlowScore(msgspec.Struct):
    """All meters of one flow and direction; energies in Wh, or litres of water and gas.

    error    computed - metered, over the days that are known
    unknown  days that flowed and of which Emscher tells no value
    within   share of the days that are known whole within the uncertainty that Emscher declares;
             None: it declares none
    """

    flow: str
    direction: str
    unit: str
    meters: int
    days: int
    unknown: int
    exact: int
    metered: float
    computed: float
    error: float
    error_worst_day: float
    within: float | None
    qualities: list[QualityDays]


class MeterScore(msgspec.Struct):
    """One register over the whole run; errors as in FlowScore."""

    device: str
    name: str
    flow: str
    direction: str
    unit: str
    days: int
    unknown: int
    exact: int
    metered: float
    computed: float
    error: float
    error_worst_day: float


class EnergyScore(msgspec.Struct):
    """The energies of a run.

    without_register  meters of the truth that sent no register, so that nothing can be computed
    worst             meters by their error, the worst first
    days              (device, direction, day, error, metered) of the worst meters, for a picture
    """

    flows: list[FlowScore]
    worst: list[MeterScore]
    without_register: int
    days: list[tuple[str, str, str, float | None, float]]


class Register(NamedTuple):
    """A register that tells a meter's energy in one direction (0 import, 1 export)."""

    device: int
    direction: int
    quantity: str
    channel: str
    step: float


Told = tuple[Register, list[Item]]  # a register, and what is told of each of its days


def ask_energy(truth: Truth, source: Emscher, registers: Sequence[Register]) -> list[Told]:
    """Ask for the days of every register over the whole run. Errors: ScoreError."""
    names = truth.devices["device"].to_list()
    return [
        (
            one,
            source.energy(
                names[one.device], one.quantity, one.channel, truth.start_ns, truth.end_ns, ZONE
            ),
        )
        for one in registers
    ]


def score_energy(truth: Truth, told: Sequence[Told]) -> EnergyScore:
    """Compare the days of all registers with what was metered."""
    metered = (
        truth.energy.with_columns(
            day=pl.from_epoch("start_ns", time_unit="ns")
            .dt.replace_time_zone("UTC")
            .dt.convert_time_zone(ZONE)
            .dt.date()
        )
        .group_by("device", "direction", "day")
        .agg(pl.col("metered").sum())
        .collect()
    )
    rows = [_day(register, item) for register, items in told for item in items]
    days = _summed(pl.DataFrame(rows, schema=DAYS, orient="row"))
    asked = pl.DataFrame(
        list({(one.device, one.direction): None for one, _ in told}),
        schema={"device": pl.Int32, "direction": pl.Int8},
        orient="row",
    )
    with_register = metered.join(asked, on=["device", "direction"], how="semi")
    without = metered.join(asked, on=["device", "direction"], how="anti")
    return _scored(
        truth,
        with_register.join(days, on=["device", "direction", "day"], how="left"),
        without.select("device", "direction").n_unique() if len(without) else 0,
    )


def corrections_of(truth: Truth, told: Sequence[Told]) -> list[Item]:
    """Return the corrections that were told, each with its device, quantity and channel."""
    names = truth.devices["device"].to_list()
    return [
        {
            "device": names[register.device],
            "quantity": register.quantity,
            "channel": register.channel,
            **correction,
        }
        for register, items in told
        for item in items
        for correction in item["corrections"]
    ]


def registers_of(series: pl.DataFrame) -> list[Register]:
    """Return the registers among series (device, quantity, channel, register, step).

    Of several quantities the first by name counts (active before reactive energy, heat before the
    volume that carried it). Where there is a total (channel "") it is the one; tariffs are added up
    otherwise.
    """
    found: dict[tuple[int, int], list[Register]] = {}
    rows = series.filter(pl.col("register") != "").sort("device", "quantity", "channel")
    columns = ("device", "register", "quantity", "channel", "step")
    for device, way, *rest in rows.select(columns).iter_rows():
        one = Register(device, _DIRECTIONS.index(way), *rest)
        found.setdefault((device, one.direction), []).append(one)
    chosen: list[Register] = []
    for own in found.values():
        same = [one for one in own if one.quantity == own[0].quantity]
        chosen += same if same[0].channel else same[:1]
    return chosen


def _day(register: Register, item: Item) -> tuple[object, ...]:
    volume = item["unit"] == "m3"
    factor = _LITRES if volume else 1.0
    value, doubt = item["value"], item.get("uncertainty")
    return (
        register.device,
        register.direction,
        date.fromisoformat(item["start"][:10]),
        None if value is None else value * factor,
        item["quality"],
        item["coverage"],
        item["provisional"],
        doubt * factor if isinstance(doubt, int | float) else None,
        item.get("known_from") == item["start"] and item.get("known_to") == item["end"],
        register.step * factor,
        "l" if volume else item["unit"],
    )


def _summed(days: pl.DataFrame) -> pl.DataFrame:
    """Add up the tariffs of a meter; a day is known when all of them are."""
    worst = ["measured", "estimated", "substituted", "suspect", "rejected"]
    rank = pl.col("quality").replace_strict(worst, range(len(worst)), default=None)
    return days.group_by("device", "direction", "day").agg(
        computed=pl.when(pl.col("computed").null_count() == 0).then(pl.col("computed").sum()),
        quality=rank.max().replace_strict(range(len(worst)), worst, default=None),
        coverage=pl.col("coverage").min(),
        provisional=pl.col("provisional").any(),
        uncertainty=pl.when(pl.col("uncertainty").null_count() == 0).then(
            pl.col("uncertainty").sum()
        ),
        whole=pl.col("whole").all(),
        step=pl.col("step").sum(),
        unit=pl.col("unit").first(),
    )


def _scored(truth: Truth, days: pl.DataFrame, without: int) -> EnergyScore:
    about = truth.devices.with_row_index("number").select(
        pl.col("number").cast(pl.Int32).alias("device"), "name", "flow", id="device"
    )
    days = days.join(about, on="device", how="left").with_columns(
        error=pl.col("computed") - pl.col("metered"),
        flow=pl.when(pl.col("flow") == "").then(pl.lit("other")).otherwise(pl.col("flow")),
        unit=pl.col("unit").drop_nulls().first().over("device", "direction").fill_null("Wh"),
    )
    slack = pl.col("step") * (1 + 1e-9)
    days = days.with_columns(
        exact=pl.col("error").abs() <= slack,
        inside=pl.when(pl.col("whole")).then(
            pl.col("error").abs() <= pl.col("uncertainty") + slack
        ),
    )
    known = pl.col("computed").is_not_null()
    sums = [
        pl.len().alias("days"),
        (~known).sum().alias("unknown"),
        pl.col("exact").sum(),
        pl.col("metered").sum(),
        pl.col("computed").sum(),
        pl.col("error").sum(),
        pl.col("error").abs().max().fill_null(0.0).alias("error_worst_day"),
    ]
    flows = days.group_by("flow", "direction", "unit").agg(
        pl.col("device").n_unique().alias("meters"), *sums, pl.col("inside").mean().alias("within")
    )
    meters = days.group_by("device", "id", "name", "flow", "direction", "unit").agg(*sums)
    meters = meters.sort(
        pl.col("error").abs() + pl.col("error_worst_day"), "id", descending=[True, False]
    ).head(_WORST)
    picture = days.join(meters.select("device", "direction"), on=["device", "direction"])
    return EnergyScore(
        [
            FlowScore(
                **{**row, "direction": _DIRECTIONS[row["direction"]]},
                qualities=_qualities(days, row),
            )
            for row in flows.sort("flow", "direction").to_dicts()
        ],
        [
            MeterScore(
                device=row.pop("id"),
                **{**row, "direction": _DIRECTIONS[row["direction"]]},
            )
            for row in meters.drop("device").to_dicts()
        ],
        without,
        [
            (device, _DIRECTIONS[direction], day.isoformat(), error, metered)
            for device, direction, day, error, metered in picture.sort("id", "direction", "day")
            .select("id", "direction", "day", "error", "metered")
            .iter_rows()
        ],
    )


def _qualities(days: pl.DataFrame, of: dict[str, object]) -> list[QualityDays]:
    own = days.filter(
        (pl.col("flow") == of["flow"])
        & (pl.col("direction") == of["direction"])
        & (pl.col("unit") == of["unit"])
    )
    told = own.group_by(pl.col("quality").fill_null("unknown")).agg(
        pl.len().alias("days"),
        pl.col("exact").sum(),
        pl.col("error").abs().mean().fill_null(0.0).alias("error_mean"),
        pl.col("error").abs().max().fill_null(0.0).alias("error_max"),
    )
    return [QualityDays(**row) for row in told.sort("quality").to_dicts()]
