"""The truth of a simulated run, as Parquet files in a folder, and the reader of it.

    scenario.toml            the scenario's text
    run.json                 facts of the run, written last: without it the run has not ended
    devices.parquet          a row is a device, its place is the device's number; see DEVICES
    channels.parquet         a row is a channel, its place is the channel's number; see CHANNELS
    samples-00001.parquet …  every value that was sampled; see SAMPLES
    energy-00001.parquet …   what flowed in each quarter of an hour (UTC); see ENERGY
    faults.parquet           what was broken; faults.jsonl holds the same for people; see FAULTS

Times are UTC ns since 1970. Values of samples are in the unit of their quantity, energies in Wh, or
in litres of water and gas.
"""

import csv
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
from numpy.typing import ArrayLike, NDArray

from fleet.errors import TruthError

PART_ROWS = 1_000_000
RUN = "run.json"

# device: the id under which it is known · label: its fleet · flow: "" or household, heat, water …
# feeder: number of the device that feeds it, -1: none · timeless: its messages state no time
DEVICES: dict[str, type[pl.DataType]] = {
    "device": pl.String,
    "name": pl.String,
    "kind": pl.String,
    "label": pl.String,
    "city": pl.String,
    "district": pl.String,
    "flow": pl.String,
    "network": pl.String,
    "feeder": pl.Int32,
    "own_clock": pl.Boolean,
    "timeless": pl.Boolean,
}
# register: "", "import" or "export" · step: of its values, in units of the quantity
CHANNELS: dict[str, type[pl.DataType]] = {
    "label": pl.String,
    "quantity": pl.String,
    "channel": pl.String,
    "register": pl.String,
    "step": pl.Float64,
}
# quantity, channel: "" where it is about the whole device
FAULTS: dict[str, type[pl.DataType]] = {
    "number": pl.Int32,
    "kind": pl.String,
    "device": pl.Int32,
    "device_id": pl.String,
    "quantity": pl.String,
    "channel": pl.String,
    "start_ns": pl.Int64,
    "end_ns": pl.Int64,
    "size": pl.Float64,
    "text": pl.String,
}
# time_ns: when it was sampled · stated_ns: what the message says · true: what it would have told
# without faults · sent: what it told · copies: how often it was delivered, 0 to 2
# fault: number of the fault that changed value, time or delivery; -1: none
SAMPLES: dict[str, type[pl.DataType]] = {
    "device": pl.Int32,
    "channel": pl.Int32,
    "time_ns": pl.Int64,
    "stated_ns": pl.Int64,
    "true": pl.Float64,
    "sent": pl.Float64,
    "copies": pl.Int8,
    "fault": pl.Int32,
}
# direction: 0 import, 1 export · true: what flowed · metered: of it what passed the meter
ENERGY: dict[str, type[pl.DataType]] = {
    "device": pl.Int32,
    "direction": pl.Int8,
    "start_ns": pl.Int64,
    "true": pl.Float64,
    "metered": pl.Float64,
}
_NUMPY: dict[type[pl.DataType], type[np.generic]] = {
    pl.Int8: np.int8,
    pl.Int32: np.int32,
    pl.Int64: np.int64,
    pl.Float64: np.float64,
}


class TruthWriter:
    """Writes the truth of a run as it goes; in memory there is never more than a part."""

    def __init__(self, folder: Path, scenario_text: str, facts: Mapping[str, object]) -> None:
        """Begin a folder, which must be new or empty. Errors: TruthError."""
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise TruthError(f"{folder}: expected a new or empty folder for the truth, found more")
        self._is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._facts = folder, dict(facts)
        self._tables: set[str] = set()
        self._samples = _Parts(folder, "samples", SAMPLES)
        self._energy = _Parts(folder, "energy", ENERGY)
        self._closed = False
        (folder / "scenario.toml").write_text(scenario_text, encoding="utf-8")

    def devices(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Take all devices, by number, before their samples.

        Which station feeds which is also written for `emscher catalog import`.
        """
        self._table("devices", rows, DEVICES)
        fed = [(row["device"], rows[int(str(row["feeder"]))]["device"]) for row in rows
               if int(str(row["feeder"])) >= 0]  # fmt: skip
        if fed:
            folder = self._folder / "catalog"
            folder.mkdir()
            with (folder / "devices.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([("id", "feeder"), *fed])

    def channels(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Take all channels, by number, before their samples."""
        self._table("channels", rows, CHANNELS)

    def faults(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Take all faults; their starts and ends are known."""
        self._table("faults", rows, FAULTS)
        lines = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        _replaced(self._folder / "faults.jsonl", lines)

    def samples(
        self,
        device: ArrayLike,
        channel: ArrayLike,
        time_ns: ArrayLike,
        stated_ns: ArrayLike,
        true: ArrayLike,
        sent: ArrayLike,
        copies: ArrayLike,
        fault: ArrayLike,
    ) -> None:
        """Take sampled values, columns (n,) as in SAMPLES. Errors: TruthError."""
        if not {"devices", "channels"} <= self._tables:
            raise TruthError("samples: expected devices and channels to be told before, found none")
        self._samples.add(device, channel, time_ns, stated_ns, true, sent, copies, fault)

    def energy(
        self,
        device: ArrayLike,
        direction: ArrayLike,
        start_ns: ArrayLike,
        true: ArrayLike,
        metered: ArrayLike,
    ) -> None:
        """Take what flowed in quarters of an hour, columns (n,) as in ENERGY."""
        self._energy.add(device, direction, start_ns, true, metered)

    def close(self, facts: Mapping[str, object]) -> None:
        """Write what is left, then run.json with the facts of the start and of the end.

        Errors  TruthError when a table was never told; nothing is closed twice
        """
        missing = {"devices", "channels", "faults"} - self._tables
        if missing or self._closed:
            what = f"to be told {', '.join(sorted(missing))}" if missing else "to be open"
            raise TruthError(f"{self._folder}: expected {what} before it is closed")
        self._closed = True
        rows = {"samples": self._samples.close(), "energy": self._energy.close()}
        whole = {"samples": rows["samples"], **self._facts, **facts, "rows": rows}
        text = msgspec.json.format(msgspec.json.encode(whole), indent=2)
        _replaced(self._folder / RUN, text + b"\n")

    def discard(self) -> None:
        """Remove what was written of a run that has not begun, and the folder if it was new."""
        for name in ("scenario.toml", "faults.jsonl", "*.parquet"):
            for path in self._folder.glob(name):
                path.unlink()
        if self._is_new and not any(self._folder.iterdir()):
            self._folder.rmdir()

    def _table(
        self,
        name: str,
        rows: Sequence[Mapping[str, object]],
        schema: Mapping[str, type[pl.DataType]],
    ) -> None:
        if name in self._tables:
            raise TruthError(f"{name}: expected to be told once, found a second time")
        for number, row in enumerate(rows):
            if missing := schema.keys() - row.keys():
                raise TruthError(f"{name}, row {number}: expected {sorted(missing)}, found none")
        more = {key: None for row in rows for key in row if key not in schema}
        columns = {**schema, **more}
        try:
            frame = pl.DataFrame([dict(row) for row in rows], schema=columns, strict=True)
        except (TypeError, pl.exceptions.PolarsError) as error:
            raise TruthError(f"{name}: expected {schema}, found {error}") from error
        _written(self._folder / f"{name}.parquet", frame)
        self._tables.add(name)


class _Parts:
    """Rows that go into numbered files of PART_ROWS each."""

    def __init__(self, folder: Path, name: str, schema: Mapping[str, type[pl.DataType]]) -> None:
        self._folder, self._name, self._schema = folder, name, schema
        self._waiting: list[list[NDArray[np.generic]]] = []
        self._count = self._parts = self._rows = 0

    def add(self, *columns: ArrayLike) -> None:
        arrays: list[NDArray[np.generic]] = []
        for (name, kind), column in zip(self._schema.items(), columns, strict=True):
            array = np.array(column, dtype=_NUMPY[kind])  # a copy: the caller may fill its own anew
            if array.ndim != 1 or (arrays and len(array) != len(arrays[0])):
                raise TruthError(
                    f"{self._name}: expected columns (n,) of one length, "
                    f"found {name} of shape {array.shape}"
                )
            arrays.append(array)
        self._waiting.append(arrays)
        self._count += len(arrays[0])
        while self._count >= PART_ROWS:
            self._write(PART_ROWS)

    def close(self) -> int:
        """Write the rest, at least one part, and return how many rows there are in all."""
        if self._count or not self._parts:
            self._write(self._count)
        return self._rows

    def _write(self, rows: int) -> None:
        empty = [np.empty(0, dtype=_NUMPY[kind]) for kind in self._schema.values()]
        whole = [np.concatenate(column) for column in zip(empty, *self._waiting, strict=True)]
        frame = pl.DataFrame(
            dict(zip(self._schema, (column[:rows] for column in whole), strict=True)),
            schema=dict(self._schema),
        )
        self._parts += 1
        _written(self._folder / f"{self._name}-{self._parts:05d}.parquet", frame)
        self._rows += rows
        self._count -= rows
        # A copy, or a few rows that are left would keep the whole part in memory.
        self._waiting = [[column[rows:].copy() for column in whole]] if self._count else []


class Truth:
    """The truth of a run that has ended.

    facts  of run.json · devices, channels, faults: frames · samples, energy: lazy frames
    """

    def __init__(self, folder: Path) -> None:
        """Open a folder. Errors: TruthError with what is missing."""
        self.folder = folder
        if not folder.is_dir():
            raise TruthError(f"{folder}: expected the folder of a simulated run, found none")
        self.facts = self._read_facts()
        self.devices = self._table("devices", DEVICES)
        self.channels = self._table("channels", CHANNELS)
        self.faults = self._table("faults", FAULTS)
        self.samples = self._parts("samples", SAMPLES)
        self.energy = self._parts("energy", ENERGY)

    @property
    def start_ns(self) -> int:
        """When the run begins."""
        return self._number("start_ns")

    @property
    def end_ns(self) -> int:
        """When it ends."""
        return self._number("end_ns")

    def _number(self, name: str) -> int:
        value = self.facts.get(name)
        if not isinstance(value, int):
            raise TruthError(f"{self.folder / RUN}: expected {name} as an integer, found {value!r}")
        return value

    def _read_facts(self) -> dict[str, object]:
        path = self.folder / RUN
        if not path.exists():
            begun = (self.folder / "scenario.toml").exists()
            raise TruthError(
                f"{self.folder}: this run has not ended: expected {RUN}, which is written last; "
                "wait for its end, or let it run again"
                if begun
                else f"{self.folder}: expected the truth of a simulated run, found no {RUN}"
            )
        try:
            return msgspec.json.decode(path.read_bytes(), type=dict[str, object])
        except msgspec.DecodeError as error:
            raise TruthError(f"{path}: expected an object of JSON, found {error}") from error

    def _table(self, name: str, schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            raise TruthError(f"{self.folder}: expected {path.name}, found none")
        try:
            frame = pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise TruthError(f"{path}: expected a Parquet file, found {error}") from error
        self._has(path, frame.schema, schema)
        return frame

    def _parts(self, name: str, schema: Mapping[str, type[pl.DataType]]) -> pl.LazyFrame:
        paths = sorted(self.folder.glob(f"{name}-*.parquet"))
        if not paths:
            raise TruthError(f"{self.folder}: expected {name}-00001.parquet, found none")
        try:
            frame = pl.scan_parquet(paths)
            self._has(paths[0], frame.collect_schema(), schema)
            found = frame.select(pl.len()).collect().item()
        except (OSError, pl.exceptions.PolarsError) as error:
            raise TruthError(f"{self.folder}: expected {name} in Parquet, found {error}") from error
        rows = self.facts.get("rows")
        expected = rows.get(name) if isinstance(rows, dict) else None
        if expected is not None and expected != found:
            raise TruthError(f"{self.folder}: expected {expected} rows of {name}, found {found}")
        return frame

    @staticmethod
    def _has(path: Path, found: pl.Schema, schema: Mapping[str, type[pl.DataType]]) -> None:
        wrong = {name: kind for name, kind in schema.items() if found.get(name) != kind}
        if wrong:
            raise TruthError(f"{path}: expected the columns {wrong}, found {dict(found)}")


def _written(path: Path, frame: pl.DataFrame) -> None:
    """Write a file under another name first, so that none is ever there in part."""
    fresh = path.with_name(f".{path.name}.new")
    frame.write_parquet(fresh, compression="zstd", statistics=True)
    os.replace(fresh, path)


def _replaced(path: Path, data: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    os.replace(fresh, path)
