"""The truth of a run goes into a folder and comes back as it was."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fleet import truth as truth_module
from fleet.errors import TruthError
from fleet.truth import CHANNELS, DEVICES, ENERGY, SAMPLES, Truth, TruthWriter

FACTS = {"emscher": "0.1.0", "scenario": "test", "seed": 7, "start_ns": 0, "end_ns": 10**15}
DEVICE: dict[str, object] = {
    "device": "a81758fffe0546b2", "name": "school", "kind": "ers", "label": "rooms",
    "city": "Schwerte", "district": "Mitte", "flow": "", "network": "chirpstack", "feeder": -1,
    "own_clock": False, "timeless": False,
}  # fmt: skip
CHANNEL: dict[str, object] = {
    "label": "rooms", "quantity": "temperature", "channel": "", "register": "", "step": 0.1
}  # fmt: skip
FAULT: dict[str, object] = {
    "number": 0, "kind": "spike", "device": 0, "device_id": "a81758fffe0546b2",
    "quantity": "temperature", "channel": "", "start_ns": 5, "end_ns": 6, "size": 2, "text": "far",
}  # fmt: skip


def begun(folder: Path) -> TruthWriter:
    writer = TruthWriter(folder, "[city]\n", FACTS)
    writer.devices([DEVICE])
    writer.channels([CHANNEL])
    writer.faults([FAULT])
    return writer


def samples(count: int, first: int = 0) -> tuple[Any, ...]:
    """Return columns of samples that are all different."""
    at = np.arange(first, first + count)
    zero = np.zeros(count, dtype=np.int64)
    return zero, zero, at, at + 1, at / 10, at / 10 + 0.1, zero + 1, zero - 1


def written(folder: Path, count: int = 3) -> Path:
    writer = begun(folder)
    writer.samples(*samples(count))
    writer.energy([0], [1], [900 * 10**9], [12.5], [12.25])
    writer.close({"messages": 3})
    return folder


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Facts, tables and rows, in the types of the specification."""
    truth = Truth(written(tmp_path / "run"))
    assert truth.facts["scenario"] == "test"
    assert truth.facts["messages"] == truth.facts["samples"] == 3
    assert (truth.start_ns, truth.end_ns) == (0, 10**15)
    assert truth.devices.to_dicts() == [DEVICE]
    assert truth.channels.to_dicts() == [CHANNEL]
    assert truth.faults.to_dicts() == [FAULT]
    read = truth.samples.collect()
    assert dict(read.schema) == {name: kind() for name, kind in SAMPLES.items()}
    assert [column.to_list() for column in read] == [list(column) for column in samples(3)]
    assert truth.energy.collect().rows() == [(0, 1, 900 * 10**9, 12.5, 12.25)]
    assert dict(truth.energy.collect_schema()) == {name: kind() for name, kind in ENERGY.items()}
    lines = (tmp_path / "run" / "faults.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [FAULT]
    assert (tmp_path / "run" / "scenario.toml").read_text() == "[city]\n"


def test_rows_go_into_parts_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of equal size, in order, and no more than a part is kept in memory."""
    monkeypatch.setattr(truth_module, "PART_ROWS", 1000)
    writer = begun(tmp_path / "run")
    first = 0
    reused = np.empty(700, dtype=np.int64)
    for count in (700, 1, 2500, 99):
        columns = list(samples(count, first))
        if count == 700:
            reused[:] = columns[2]
            columns[2] = reused
        writer.samples(*columns)
        reused[:] = -1  # the caller fills its array anew
        first += count
        assert writer._samples._count < 1000
    writer.close({})
    parts = sorted((tmp_path / "run").glob("samples-*.parquet"))
    assert [pl.read_parquet(part).height for part in parts] == [1000, 1000, 1000, 300]
    assert Truth(tmp_path / "run").samples.collect()["time_ns"].to_list() == list(range(first))


def test_the_same_run_makes_the_same_bytes(tmp_path: Path) -> None:
    """So that a truth can be compared by a checksum."""
    for name in ("a", "b"):
        written(tmp_path / name, 50_000)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_a_run_without_samples_is_a_run(tmp_path: Path) -> None:
    """The columns are there, and no row."""
    begun(tmp_path / "run").close({})
    assert Truth(tmp_path / "run").samples.collect().shape == (0, len(SAMPLES))


def test_a_run_killed_in_the_middle_is_told(tmp_path: Path) -> None:
    """Without run.json the folder is no whole truth, whatever else it holds."""
    writer = begun(tmp_path / "run")
    writer.samples(*samples(3))
    with pytest.raises(TruthError, match="has not ended"):
        Truth(tmp_path / "run")


def test_what_was_begun_in_vain_is_removed_and_nothing_else(tmp_path: Path) -> None:
    begun(tmp_path / "run").discard()
    assert not (tmp_path / "run").exists()
    (tmp_path / "old").mkdir()
    writer = begun(tmp_path / "old")
    (tmp_path / "old" / "notes.txt").write_text("mine")
    writer.discard()
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["notes.txt"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    """A folder that is none, a part that is gone, a table that is gone, facts that are broken."""
    with pytest.raises(TruthError, match="found none"):
        Truth(tmp_path / "nowhere")
    with pytest.raises(TruthError, match=r"found no run\.json"):
        Truth(tmp_path)
    run = written(tmp_path / "run")
    (run / "energy-00001.parquet").unlink()
    with pytest.raises(TruthError, match=r"energy-00001\.parquet"):
        Truth(run)
    run = written(tmp_path / "other")
    (run / "faults.parquet").unlink()
    with pytest.raises(TruthError, match=r"faults\.parquet"):
        Truth(run)
    run = written(tmp_path / "third")
    (run / "run.json").write_text("{")
    with pytest.raises(TruthError, match="JSON"):
        Truth(run)
    (run / "run.json").write_text("{}")
    with pytest.raises(TruthError, match="start_ns"):
        _ = Truth(run).start_ns


def test_a_lost_part_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer rows than run.json says are no whole truth."""
    monkeypatch.setattr(truth_module, "PART_ROWS", 2)
    run = written(tmp_path / "run", 5)
    (run / "samples-00002.parquet").unlink()
    with pytest.raises(TruthError, match="expected 5 rows of samples, found 3"):
        Truth(run)


def test_the_wrong_columns_are_named(tmp_path: Path) -> None:
    """A table of another version doesn't pass for one of this."""
    run = written(tmp_path / "run")
    pl.DataFrame({"device": ["x"]}).write_parquet(run / "devices.parquet")
    with pytest.raises(TruthError, match="timeless"):
        Truth(run)


def test_what_does_not_belong_is_refused(tmp_path: Path) -> None:
    """A folder in use, a row without a column, columns of two lengths, samples without devices."""
    used = written(tmp_path / "run")
    with pytest.raises(TruthError, match="new or empty"):
        TruthWriter(used, "", FACTS)
    writer = TruthWriter(tmp_path / "new", "", FACTS)
    with pytest.raises(TruthError, match="devices and channels"):
        writer.samples(*samples(1))
    with pytest.raises(TruthError, match="'city'"):
        writer.devices([{name: value for name, value in DEVICE.items() if name != "city"}])
    with pytest.raises(TruthError, match="devices"):
        writer.devices([{**DEVICE, "feeder": "none"}])
    with pytest.raises(TruthError, match="expected to be told"):
        writer.close({})
    writer = begun(tmp_path / "third")
    with pytest.raises(TruthError, match="one length"):
        writer.energy([0, 1], [1], [0], [1.0], [1.0])
    with pytest.raises(TruthError, match="second time"):
        writer.devices([DEVICE])
    writer.close({})
    with pytest.raises(TruthError, match="to be open"):
        writer.close({})


def test_further_columns_are_kept(tmp_path: Path) -> None:
    """What the specification does not name may stand beside what it does."""
    writer = TruthWriter(tmp_path / "run", "", FACTS)
    writer.devices([{**DEVICE, "feeder": np.int32(-1), "timeless": np.bool_(False), "height": 2.5}])
    writer.channels([CHANNEL])
    writer.faults([])
    writer.close({})
    truth = Truth(tmp_path / "run")
    assert truth.devices["height"].to_list() == [2.5]
    assert list(truth.channels.schema) == list(CHANNELS)
    assert list(truth.devices.schema)[:-1] == list(DEVICES)
