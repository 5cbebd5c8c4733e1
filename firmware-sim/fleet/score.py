"""How well did a running Emscher do? What it stored, computed and found, against the truth.

The store should hold the scored run and nothing else of its devices: what it held of them before
counts as unexpected. Devices that the truth doesn't know are only counted.
"""

import time
from collections.abc import Callable, Iterator

import msgspec
import polars as pl

from fleet.errors import ScoreError
from fleet.score_anomalies import GRACE_NS, AnomalyScore, score_anomalies
from fleet.score_energy import EnergyScore, ask_energy, corrections_of, registers_of, score_energy
from fleet.score_readings import WHAT, Compared, ReadingCounts, compare
from fleet.score_source import Emscher
from fleet.truth import Truth

BATCH_ROWS = 1_000_000
_WORST = 20


class Counted(msgspec.Struct):
    """What became of the readings of one fleet's quantity, or of one device (quantity "")."""

    name: str
    quantity: str
    counts: ReadingCounts


class Example(msgspec.Struct):
    """One reading that is not as it should be; time in UTC ns."""

    what: str
    device: str
    quantity: str
    channel: str
    time_ns: int
    sent: float | None
    stored: float | None


class ReadingScore(msgspec.Struct):
    """The readings of a run.

    quantities  by fleet and quantity · worst: devices with the most faults, where there are some
    missing_devices  devices that sent something and that Emscher does not know
    strange_series, strange_readings, strange_quantities  of known devices, but not in the truth:
                     not judged
    """

    total: ReadingCounts
    quantities: list[Counted]
    worst: list[Counted]
    examples: list[Example]
    missing_devices: int
    strange_series: int
    strange_readings: int
    strange_quantities: list[str]


class Score(msgspec.Struct):
    """The whole comparison.

    url, folder  what was compared · facts: of the run
    counters     of Emscher, over the whole life of its store
    behind       commits by which its search for anomalies was behind when it was asked
    """

    url: str
    folder: str
    facts: dict[str, object]
    counters: dict[str, int]
    behind: int
    readings: ReadingScore
    energy: EnergyScore
    anomalies: AnomalyScore

    @property
    def verdict(self) -> str:
        """The headline."""
        total = self.readings.total
        told = f"lost {total.lost:,}, duplicated {total.duplicated:,}"
        more = [
            f"{count:,} {word}"
            for count, word in (
                (total.wrong_value, "with a wrong value"),
                (total.wrong_time, "at a wrong time"),
                (total.unexpected, "unexpected"),
            )
            if count
        ]
        return "; ".join([told, *more])

    @property
    def faultless(self) -> bool:
        """Whether every reading is there, once, with its value and time."""
        return self.readings.total.faults == 0

    @property
    def notes(self) -> list[str]:
        """What a reader should know before trusting the figures, in sentences."""
        sent, received = self.facts.get("messages"), self.counters.get("received", 0)
        notes = []
        if isinstance(sent, int) and received < sent:
            notes.append(
                f"{sent:,} messages were sent and {received:,} received: if Emscher is still taking"
                " them in, score again when it has them all"
            )
        if self.behind:
            notes.append(
                f"the search for anomalies is {self.behind:,} commits behind the readings: score"
                " again when it has caught up"
            )
        if self.readings.missing_devices:
            notes.append(
                f"{self.readings.missing_devices:,} devices of the run are unknown to Emscher"
            )
        if self.readings.total.same_instant:
            notes.append(
                f"{self.readings.total.same_instant:,} readings state an instant that another one"
                " of their series states as well; one of each is expected"
            )
        if self.readings.strange_series:
            notes.append(
                f"{self.readings.strange_readings:,} readings in {self.readings.strange_series:,}"
                " series are of devices of the run and not in its truth"
                f" ({', '.join(self.readings.strange_quantities)}): they are not judged"
            )
        if self.energy.without_register:
            notes.append(
                f"{self.energy.without_register:,} meters sent no register, so that no energy can"
                " be computed of them"
            )
        return notes


def score_run(
    truth: Truth,
    source: Emscher,
    *,
    grace_ns: int = GRACE_NS,
    batch_rows: int = BATCH_ROWS,
    progress: Callable[[str, int, int], None] = lambda what, done, total: None,
) -> Score:
    """Compare what Emscher has with the truth.

    batch_rows  samples in memory at once, about
    progress    told what is done now, how much of it is done, and how much there is
    Errors      ScoreError: nobody answers, nothing is stored, or nothing of this run is
    """
    counters = source.counters()
    devices = {item["id"] for item in source.devices()}
    if not counters.get("readings") or not devices:
        raise ScoreError(
            f"Emscher at {source.url} has stored no reading yet: send it the run, then score it"
        )
    names = truth.devices["device"].to_list()
    if devices.isdisjoint(names):
        raise ScoreError(
            f"expected some of the {len(names)} devices of {truth.folder} at {source.url}, found"
            f" {len(devices)} others: is this the Emscher that the run was sent to?"
        )
    channels = truth.channels.with_row_index("number").with_columns(pl.col("number").cast(pl.Int32))
    sent = truth.samples.filter(pl.col("copies") >= 1)
    series = (
        truth.samples.select("device", "channel")
        .unique()
        .collect()
        .sort("device", "channel")
        .rename({"channel": "number"})
        .join(channels, on="number", how="left", validate="m:1")
    )
    heard = sent.select("device").unique().collect()["device"].to_list()
    if not heard:
        raise ScoreError(f"{truth.folder}: expected samples that were delivered, found none")
    readings = _Readings(truth, source, series, devices)
    compared = []
    done = 0
    for batch in _batches(sent, len(names), batch_rows):
        compared.append(readings.compared(sent, batch))
        done += len(batch)
        progress("readings", done, len(names))
    progress("energy", 0, 1)
    days = ask_energy(truth, source, registers_of(series))
    progress("energy", 1, 1)
    behind = source.behind()
    anomalies = score_anomalies(
        truth, source.anomalies(), corrections_of(truth, days), source.quarantine(), grace_ns
    )
    return Score(
        source.url,
        str(truth.folder),
        truth.facts,
        counters,
        behind,
        readings.scored(Compared.joined(compared), sum(names[n] not in devices for n in heard)),
        score_energy(truth, days),
        anomalies,
    )


class _Readings:
    """Compares the readings, some devices at a time."""

    def __init__(
        self, truth: Truth, source: Emscher, series: pl.DataFrame, known: set[str]
    ) -> None:
        self._truth, self._source, self._known = truth, source, known
        self._names = truth.devices["device"].to_list()
        timeless = truth.devices.with_row_index("device_number").select(
            pl.col("device_number").cast(pl.Int32).alias("device"), "timeless"
        )
        steps = series.select("device", pl.col("number").alias("channel"), "step")
        self._about = steps.join(timeless, on="device", how="left")
        self._series = series.select(
            "device", "quantity", pl.col("channel"), pl.col("number").alias("of")
        )
        self._strange: list[pl.DataFrame] = []

    def compared(self, sent: pl.LazyFrame, batch: list[int]) -> Compared:
        """Return the comparison of these devices."""
        expected = sent.filter(pl.col("device").is_in(batch)).collect()
        expected = expected.join(self._about, on=["device", "channel"], how="left")
        empty = {"device": pl.Int32, "quantity": pl.String, "channel": pl.String}
        frames = [pl.DataFrame(schema={**empty, "time_ns": pl.Int64, "value": pl.Float64})]
        for device in batch:
            if self._names[device] in self._known:
                own = self._source.readings(self._names[device])
                frames.append(own.select(pl.lit(device, dtype=pl.Int32).alias("device"), pl.all()))
        told = pl.concat(frames).join(
            self._series, on=["device", "quantity", "channel"], how="left"
        )
        strange = told.filter(pl.col("of").is_null())
        self._strange.append(strange.group_by("device", "quantity", "channel").len())
        stored = told.filter(pl.col("of").is_not_null()).select(
            "device", pl.col("of").alias("channel"), "time_ns", "value"
        )
        return compare(expected, stored, time.time_ns())

    def scored(self, compared: Compared, missing_devices: int) -> ReadingScore:
        """Return the score of all comparisons together."""
        counts = compared.counts.rename({"channel": "of"}).join(
            self._series, on=["device", "of"], how="left"
        )
        counts = counts.with_columns(
            id=pl.col("device").replace_strict(
                range(len(self._names)), self._names, return_dtype=pl.String
            ),
            label=pl.col("device").replace_strict(
                range(len(self._names)), self._truth.devices["label"], return_dtype=pl.String
            ),
        )
        sums = [pl.col(what).sum() for what in WHAT]
        by_quantity = counts.group_by("label", "quantity").agg(sums).sort("label", "quantity")
        faults = pl.sum_horizontal("lost", "duplicated", "wrong_value", "wrong_time", "unexpected")
        by_device = counts.group_by("id").agg(sums).filter(faults > 0)
        by_device = by_device.sort(faults, "id", descending=[True, False]).head(_WORST)
        strange = pl.concat(self._strange)
        return ReadingScore(
            ReadingCounts(**counts.select(sums).to_dicts()[0]),
            [
                Counted(row.pop("label"), row.pop("quantity"), ReadingCounts(**row))
                for row in by_quantity.to_dicts()
            ],
            [Counted(row.pop("id"), "", ReadingCounts(**row)) for row in by_device.to_dicts()],
            list(self._examples(compared.examples)),
            missing_devices,
            len(strange),
            int(strange["len"].sum()),
            strange["quantity"].unique().sort().to_list(),
        )

    def _examples(self, examples: pl.DataFrame) -> Iterator[Example]:
        channels = self._truth.channels.select("quantity", "channel").rows()
        for what, device, of, time_ns, sent, stored in examples.iter_rows():
            quantity, channel = channels[of]
            yield Example(what, self._names[device], quantity, channel, time_ns, sent, stored)


def _batches(sent: pl.LazyFrame, devices: int, rows: int) -> Iterator[list[int]]:
    """Yield all devices in their order, in groups of about so many samples."""
    counts = dict(sent.group_by("device").len().collect().iter_rows())
    batch: list[int] = []
    waiting = 0
    for device in range(devices):
        batch.append(device)
        waiting += counts.get(device, 0)
        if waiting >= rows:
            yield batch
            batch, waiting = [], 0
    if batch:
        yield batch
