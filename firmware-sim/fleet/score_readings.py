"""Are the readings that were stored those that were sent?

Expected is every sample that was delivered at least once, with the value that was sent: at the time
that its message states, or, where that time can't be true (before 2000, or more than a day after
the receipt) or the message states none, at the time of its receipt, which only the receiver knows;
such readings are matched by value and count within their series.

A series holds one value an instant. Samples of one series that state the same instant (a clock that
was put back) share one expected reading; any of their values is right.
"""

from collections.abc import Sequence

import msgspec
import polars as pl

SECOND_NS = 1_000_000_000
EARLIEST_NS = 946_684_800 * SECOND_NS  # 2000-01-01T00:00Z
DAY_NS = 86_400 * SECOND_NS
_CLOCKS_NS = 60 * SECOND_NS  # by which the clocks of sender and receiver may differ
TIME_NS = 1_000  # what a time of this century in seconds, as a float, can't tell
EXAMPLES_MAX = 20
_SERIES = ["device", "channel"]
_BIN = [*_SERIES, "bin"]
WHAT = (
    *("expected", "right", "lost", "wrong_value", "wrong_time"),
    *("duplicated", "unexpected", "same_instant"),
)


class ReadingCounts(msgspec.Struct):
    """What became of readings.

    expected = right + lost + wrong_value + wrong_time;
    stored = right + wrong_value + wrong_time + duplicated + unexpected
    same_instant  samples that share the instant of another one, not expected twice
    """

    expected: int = 0
    right: int = 0
    lost: int = 0
    wrong_value: int = 0
    wrong_time: int = 0
    duplicated: int = 0
    unexpected: int = 0
    same_instant: int = 0

    @property
    def faults(self) -> int:
        """Readings that are lost, doubled, or stored with another value or time."""
        return self.lost + self.duplicated + self.wrong_value + self.wrong_time


class Compared(msgspec.Struct):
    """counts: device, channel and a column for each of WHAT.

    examples: what, device, channel, time_ns, sent, stored (null where there is none), a few each
    """

    counts: pl.DataFrame
    examples: pl.DataFrame

    @staticmethod
    def joined(parts: "Sequence[Compared]") -> "Compared":
        """Return comparisons of different devices as one."""
        examples = pl.concat([part.examples for part in parts])
        return Compared(
            pl.concat([part.counts for part in parts]),
            examples.group_by("what", maintain_order=True).head(EXAMPLES_MAX),
        )


def compare(sent: pl.DataFrame, stored: pl.DataFrame, now_ns: int) -> Compared:
    """Compare what was sent with what is stored, of the same devices and their known series.

    sent    device, channel, time_ns, stated_ns, sent, copies, step, timeless
    stored  device, channel, time_ns, value
    now_ns  the time at which `stored` was asked for: no receipt was later
    """
    sent = sent.filter(pl.col("copies") >= 1).with_columns(
        grain=pl.max_horizontal(pl.col("step"), 1e-9),
        by_value=pl.col("timeless")
        | (pl.col("stated_ns") < EARLIEST_NS)
        | (pl.col("stated_ns") > now_ns + DAY_NS + _CLOCKS_NS),
    )
    sent = sent.with_columns(bin=(pl.col("sent") / pl.col("grain") * 100).round())
    grains = sent.select(*_SERIES, "grain").unique(_SERIES)
    stored = stored.with_row_index("row").join(grains, on=_SERIES, how="left")
    stored = stored.with_columns(bin=(pl.col("value") / pl.col("grain") * 100).round())
    stored = stored.drop("grain")

    dated = sent.filter(~pl.col("by_value"))
    slots = dated.group_by(*_SERIES, "stated_ns", maintain_order=True).agg(
        pl.len().alias("samples"),
        pl.col("sent").last(),
        pl.col("bin").last(),
        pl.col("copies").max(),
        maybe=(pl.col("stated_ns") > pl.col("time_ns") + DAY_NS - _CLOCKS_NS).any(),
    )
    slots = slots.with_row_index("slot")
    pairs = _by_time(dated, slots, stored)
    met = pairs.group_by("slot", maintain_order=True).agg(
        pl.len().alias("stored"), pl.col("ok").any(), pl.col("row").first(), pl.col("value").first()
    )
    met = met.join(slots, on="slot", how="left")
    rest = stored.join(pairs, on="row", how="anti")
    missing = slots.join(met, on="slot", how="anti").rename({"stated_ns": "at_ns"})

    # The receipt's time took the place of an impossible one, or of none.
    undated = pl.concat(
        [
            sent.filter("by_value").select(*_BIN, "sent", "copies", at_ns="time_ns"),
            missing.filter("maybe").select(*_BIN, "sent", "copies", "at_ns"),
        ]
    )
    twins = pl.concat(
        [undated.select(_BIN), sent.filter(pl.col("copies") >= 2).select(_BIN)]
    ).unique()
    missing = missing.filter(~pl.col("maybe"))
    undated, rest, right = _matched(undated, rest, _BIN)
    missing, rest, shifted = _matched(missing, rest, _BIN)
    undated, rest, wrong = _matched(undated, rest, _SERIES)
    columns = [*_SERIES, "at_ns", "sent"]
    lost = pl.concat([missing.select(columns), undated.select(columns)])
    doubled = rest.join(twins, on=_BIN, how="semi")
    unexpected = rest.join(twins, on=_BIN, how="anti")
    wrong_met = met.filter(~pl.col("ok"))
    # At one instant more than one is stored, which an API that keeps its word never tells.
    beside = pairs.join(met, on="row", how="anti").rename({"stated_ns": "at_ns"})

    told = {
        "expected": (slots, sent.filter("by_value")),
        "right": (met.filter("ok"), right),
        "lost": (lost,),
        "wrong_value": (wrong_met.rename({"stated_ns": "at_ns"}), wrong),
        "wrong_time": (shifted,),
        "duplicated": (beside, doubled.rename({"time_ns": "at_ns"})),
        "unexpected": (unexpected.rename({"time_ns": "at_ns"}),),
    }
    tallies = [
        part.group_by(_SERIES).len("n").with_columns(what=pl.lit(what))
        for what, parts in told.items()
        for part in parts
    ]
    tallies.append(
        slots.group_by(_SERIES)
        .agg(n=(pl.col("samples") - 1).sum())
        .with_columns(what=pl.lit("same_instant"))
    )
    counts = _counts(tallies)
    examples = [
        _example(what, part)
        for what, parts in told.items()
        if what not in {"expected", "right"}
        for part in parts
    ]
    return Compared(counts, pl.concat(examples))


def _by_time(dated: pl.DataFrame, slots: pl.DataFrame, stored: pl.DataFrame) -> pl.DataFrame:
    """Return (slot, row, value, ok …) of what is stored at a time at which something is expected.

    ok: the value is one that was sent for this instant.
    """
    numbered = slots.select(*_SERIES, "stated_ns", "slot")
    known = dated.join(numbered, on=[*_SERIES, "stated_ns"], how="left")
    known = known.select(*_SERIES, "stated_ns", "slot", "sent", "step")
    exact = stored.join(
        known, left_on=[*_SERIES, "time_ns"], right_on=[*_SERIES, "stated_ns"], how="inner"
    ).with_columns(stated_ns=pl.col("time_ns"))
    rest = stored.join(exact, on="row", how="anti")
    open_slots = known.join(exact, on="slot", how="anti")
    near = (
        rest.sort("time_ns")
        .join_asof(
            open_slots.sort("stated_ns"),
            by=_SERIES,
            left_on="time_ns",
            right_on="stated_ns",
            strategy="nearest",
            tolerance=TIME_NS,
            coalesce=False,
            check_sortedness=False,
        )
        .filter(pl.col("slot").is_not_null())
    )
    both = pl.concat([exact, near.select(exact.columns)])
    right = (pl.col("value") - pl.col("sent")).abs() <= (
        pl.col("step") / 1000 + pl.col("sent").abs() * 1e-12
    )
    return (
        both.with_columns(ok=right)
        .sort("ok", descending=True, maintain_order=True)
        .unique("row", keep="first", maintain_order=True)
        .select("slot", "row", *_SERIES, "stated_ns", "sent", "value", "ok")
    )


def _matched(
    wanted: pl.DataFrame, stored: pl.DataFrame, keys: list[str]
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Match rows of equal keys one by one; return what is left on both sides, and the matched."""
    rank = pl.int_range(pl.len()).over(keys).alias("rank")
    left, right = wanted.with_columns(rank), stored.with_columns(rank)
    on = [*keys, "rank"]
    matched = left.join(right.select(*on, "value"), on=on, how="inner")
    return (
        left.join(right, on=on, how="anti").drop("rank"),
        right.join(left, on=on, how="anti").drop("rank"),
        matched.drop("rank"),
    )


def _counts(tallies: list[pl.DataFrame]) -> pl.DataFrame:
    columns = [*_SERIES, "what", "n"]
    long = pl.concat([tally.select(*columns[:3], pl.col("n").cast(pl.Int64)) for tally in tallies])
    sums = [pl.col("n").filter(pl.col("what") == what).sum().alias(what) for what in WHAT]
    return long.group_by(_SERIES).agg(sums).sort(_SERIES)


def _example(what: str, rows: pl.DataFrame) -> pl.DataFrame:
    empty = pl.lit(None, dtype=pl.Float64)
    return rows.head(EXAMPLES_MAX).select(
        what=pl.lit(what),
        device=pl.col("device").cast(pl.Int32),
        channel=pl.col("channel").cast(pl.Int32),
        time_ns=pl.col("at_ns").cast(pl.Int64),
        sent=pl.col("sent") if "sent" in rows.columns else empty,
        stored=pl.col("value") if "value" in rows.columns else empty,
    )
