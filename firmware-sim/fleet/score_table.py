"""A score in the terminal."""

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from fleet.message import rfc3339
from fleet.score import Score
from fleet.score_readings import ReadingCounts

COUNTS = (
    *("expected", "right", "lost", "duplicated"),
    *("wrong value", "wrong time", "unexpected"),
)
READINGS = "Readings by fleet and quantity"
_QUANTITIES = 40
_TEXT_MIN = 18
_WIDE = 110
_FOR_THE_WIDE = frozenset(("metered", "computed", "found by", "unknown", "name", "9 of 10 within"))
"""Columns that a terminal of 80 characters has no room for; the page and the JSON have them."""
_NOTHING = frozenset(("", "0", "–"))
"""A column of these alone says nothing, and is left out."""


def show(console: Console, score: Score) -> None:
    """Print the verdict, what to know about it, and the tables; of readings, where any is amiss."""
    style = "bold green" if score.faultless else "bold red"
    total = score.readings.total
    console.print(f"{score.verdict}", style=style, highlight=False)
    console.print(f"{total.expected:,} readings expected, {total.right:,} right", highlight=False)
    for note in score.notes:
        console.print(f"  {note}", markup=False, highlight=False, soft_wrap=True)
    for title, head, every in tables(score):
        rows = [row for row in every if title != READINGS or row[2] != row[3] or row[-1] != "0"]
        if rows:
            narrow = console.width < _WIDE
            kept = [at for at, name in enumerate(head) if not (narrow and name in _FOR_THE_WIDE)]
            chosen = [[row[at] for at in kept] for row in rows]
            console.print(_table(title, [head[at] for at in kept], chosen))


def tables(score: Score) -> Iterable[tuple[str, Sequence[str], list[Sequence[str]]]]:
    """Yield (title, names of the columns, rows of cells) of each table of a score."""
    readings, energy, anomalies = score.readings, score.energy, score.anomalies
    faulty = sorted(readings.quantities, key=lambda one: -one.counts.faults)
    yield (
        READINGS,
        ("fleet", "quantity", *COUNTS),
        [(one.name, one.quantity, *_counts(one.counts)) for one in faulty[:_QUANTITIES]],
    )
    yield (
        "Devices with the most faults",
        ("device", *COUNTS),
        [(one.name, *_counts(one.counts)) for one in readings.worst],
    )
    yield (
        "Examples",
        ("what", "device", "series", "time", "sent", "stored"),
        [
            (
                one.what.replace("_", " "),
                one.device,
                f"{one.quantity} {one.channel}".strip(),
                rfc3339(one.time_ns),
                _number(one.sent),
                _number(one.stored),
            )
            for one in readings.examples
        ],
    )
    declared = any(one.within is not None for one in energy.flows)
    yield (
        "Energy by meter and local day",
        ("flow", "way", "meters", "days", "exact", "unknown", "metered", "computed", "error",
         "of it", "worst day", *(["within declared uncertainty"] if declared else [])),
        [
            (
                *(one.flow, one.direction, f"{one.meters:,}", f"{one.days:,}"),
                *(share(one.exact, one.days), f"{one.unknown:,}"),
                *(_amount(one.metered, one.unit), _amount(one.computed, one.unit)),
                _amount(one.error, one.unit),
                f"{one.error / one.metered:+.4%}" if one.metered else "–",
                _amount(one.error_worst_day, one.unit),
                *(["–" if one.within is None else f"{one.within:.1%}"] if declared else []),
            )
            for one in energy.flows
        ],
    )  # fmt: skip
    yield (
        "Energy by declared quality",
        ("flow", "way", "quality", "days", "exact", "mean error", "largest error"),
        [
            (
                *(flow.flow, flow.direction, one.quality, f"{one.days:,}"),
                share(one.exact, one.days),
                *(_amount(one.error_mean, flow.unit), _amount(one.error_max, flow.unit)),
            )
            for flow in energy.flows
            for one in flow.qualities
        ],
    )
    yield (
        "Meters with the largest errors",
        ("device", "name", "flow", "way", "days", "exact", "metered", "error", "worst day"),
        [
            (
                *(one.device, one.name, one.flow, one.direction, f"{one.days:,}"),
                share(one.exact, one.days),
                *(_amount(one.metered, one.unit), _amount(one.error, one.unit)),
                _amount(one.error_worst_day, one.unit),
            )
            for one in energy.worst
            if one.exact < one.days
        ],
    )
    yield (
        "Faults by kind",
        ("fault", "found by", "faults", "found", "recall", "median delay", "9 of 10 within"),
        [
            (
                *(one.kind, ", ".join(one.found_by), f"{one.faults:,}", f"{one.found:,}"),
                *(f"{one.recall:.1%}", _minutes(one.delay_s), _minutes(one.delay_late_s)),
            )
            for one in anomalies.kinds
        ],
    )
    yield (
        "Detections by kind",
        ("detection", "all", "right", "beside another fault", "false alarms", "precision",
         "false alarms per device and day"),
        [
            (
                *(one.kind, f"{one.detections:,}", f"{one.right:,}", f"{one.beside:,}"),
                f"{one.false_alarms:,}",
                "–" if one.precision is None else f"{one.precision:.1%}",
                f"{one.false_per_device_day:.4f}",
            )
            for one in anomalies.detections
        ],
    )  # fmt: skip
    refused = anomalies.quarantine
    yield (
        "Unreadable messages",
        ("sent", "in quarantine", "of them from devices that sent some"),
        [(f"{refused.garbage:,}", f"{refused.quarantined:,}", f"{refused.known:,}")],
    )


def share(part: int, whole: int) -> str:
    """Return a part of a whole as people read it."""
    return f"{part:,} ({part / whole:.1%})" if whole else "–"


def _counts(counts: ReadingCounts) -> tuple[str, ...]:
    whole = (
        *(counts.expected, counts.right, counts.lost, counts.duplicated),
        *(counts.wrong_value, counts.wrong_time, counts.unexpected),
    )
    return tuple(f"{count:,}" for count in whole)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.12g}"


def _amount(value: float, unit: str) -> str:
    if unit == "Wh" and abs(value) >= 100_000:
        return f"{value / 1000:,.1f} kWh"
    if unit == "l" and abs(value) >= 100_000:
        return f"{value / 1000:,.2f} m³"
    return f"{value:,.1f} {unit}"


def _minutes(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds / 60:+,.1f} min"


def _table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table that is readable in 80 columns: numbers stay whole, texts are folded."""
    table = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False
    )
    told = [at for at in range(len(head)) if any(row[at] not in _NOTHING for row in rows)]
    for at in told:
        numeric = all(row[at][:1] in "0123456789+-−–" for row in rows)
        width = max(len(row[at]) for row in rows)
        table.add_column(
            head[at],
            justify="right" if numeric else "left",
            overflow="fold",
            min_width=width if numeric else min(width, _TEXT_MIN),
        )
    for row in rows:
        table.add_row(*(row[at].replace("[", r"\[") for at in told))
    return table
