"""Every fault's truth: what it touches is as documented, and nothing else is touched.

Each fault runs beside the same scenario without it, which tells what would have been.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pytest

from fleet.faults import AT_ONCE, CLOCKS, FAULTS, JUMPS, fits, spread
from fleet.kinds import KINDS
from fleet.message import SECOND_NS
from fleet.scenario import parsed
from fleet.simulation import Simulation
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.reading import Envelope

HOUR_NS = 3600 * SECOND_NS
BEGIN_NS = 1_774_569_600 * SECOND_NS  # 2026-03-27T00:00:00Z
START_NS = BEGIN_NS + 26 * HOUR_NS
SICK = 1
"""The second of three devices has the fault."""
ON = {"gauge": "classroom", "register": "household", "clock": "household", "": "household",
      "battery": "soil", "meter": "household"}  # fmt: skip
CASES = [(name, "water" if name == "water_leak" else ON[fault.on])
         for name, fault in FAULTS.items()]  # fmt: skip
REFUSED = -1
DELIVERY = ("duplicate", "reordered", "late_bulk")


class Rows(NamedTuple):
    """The truth of one channel of one device, by time; every array is (n,)."""

    time_ns: np.ndarray
    stated_ns: np.ndarray
    true: np.ndarray
    sent: np.ndarray
    copies: np.ndarray
    fault: np.ndarray


class Run(NamedTuple):
    """A simulation at its end: rows by (device, place of the channel), messages, energy."""

    simulation: Simulation
    rows: dict[tuple[int, int], Rows]
    messages: list
    energy: dict[tuple[int, int], tuple[np.ndarray, np.ndarray, np.ndarray]]

    def sick(self):
        """Return the rows of the sick device's channel that its fault is of, else its first."""
        kind = next(iter(self.simulation.groups.values())).kind
        (fault,) = self.simulation.faults
        place = kind.channels.index(fault.channel) if fault.channel else 0
        return fault, place, self.rows[SICK, place]


@lru_cache(maxsize=128)
def _run(kind, fault="", more="", length="3d"):
    """Run three devices, the second with a fault after 26 hours."""
    text = f'title = "x"\nstart = "2026-03-27T00:00:00Z"\nlength = "{length}"\nseed = 8\n'
    text += "[weather]\ncloud = 0.3\n[radio]\nloss = 0.0\n"
    text += f'[[fleet]]\nkind = "{kind}"\ncount = 3\n'
    if fault:
        text += f'[[fault]]\nkind = "{fault}"\non = "{kind}"\ndevice = 2\nat = "26h"\n{more}'
    simulation = Simulation(parsed(text, "test"))
    parts, energy, messages = {}, {}, []
    count = len(simulation.channels())
    for batch in simulation.batches():
        messages += batch.messages
        for one in batch.samples:
            for device in np.unique(one.device):
                mine = one.device == device
                key = (int(device), int(one.channel[0]) % count)
                parts.setdefault(key, []).append(
                    [column[mine] for column in (one.time_ns, one.stated_ns, one.true, one.sent,
                                                 one.copies, one.fault)]
                )  # fmt: skip
        for one in batch.energy:
            for device in np.unique(one.device):
                mine = one.device == device
                key = (int(device), int(one.direction[0]))
                energy.setdefault(key, []).append(
                    [one.start_ns[mine], one.true[mine], one.metered[mine]]
                )
    rows = {}
    for key, found in parts.items():
        columns = [np.concatenate(one) for one in zip(*found, strict=True)]
        order = np.argsort(columns[0], kind="stable")
        rows[key] = Rows(*(one[order] for one in columns))
    sums = {key: tuple(np.concatenate(one) for one in zip(*found, strict=True))
            for key, found in energy.items()}  # fmt: skip
    return Run(simulation, rows, messages, sums)


def _inside(fault, rows):
    return (rows.time_ns >= fault.start_ns) & (rows.time_ns < fault.end_ns)


def _both(fault, kind="", more=""):
    """Return (fault, inside, rows, rows without it, channel's step) of the sick device."""
    kind = kind or dict(CASES)[fault]
    run = _run(kind, fault, more)
    one, place, rows = run.sick()
    well = _run(kind).rows[SICK, place]
    assert np.array_equal(rows.time_ns, well.time_ns)
    inside = _inside(one, rows)
    assert inside.sum() == 1 if fault in AT_ONCE else inside.sum() >= 3
    return one, inside, rows, well, run.simulation.channels()[place]["step"]


@pytest.mark.parametrize(("fault", "kind"), CASES)
def test_a_fault_touches_its_device_its_channel_and_its_time_only(fault, kind):
    run, well = _run(kind, fault), _run(kind)
    one, its_place, _ = run.sick()
    assert (one.start_ns, one.member) == (START_NS, SICK)
    assert run.rows.keys() == well.rows.keys()
    for (device, place), rows in run.rows.items():
        right = well.rows[device, place]
        inside = _inside(one, rows) & (device == SICK)
        if KINDS[kind].history_hours:  # a leak's hours are told by later messages
            assert np.array_equal(rows.true, rows.sent)
            continue
        own = one.channel is None or place == its_place
        touched = inside if own else inside & (rows.copies == 0)  # an empty battery ends them all
        assert (rows.fault == np.where(touched, one.number, -1)).all()
        names = Rows._fields[:-1]
        if fault == "rollover" and device == SICK and place == its_place:
            names = ("stated_ns", "copies")  # its register has been another from the beginning
            assert np.array_equal(rows.true, rows.sent)
        for name in names:
            same = getattr(rows, name) == getattr(right, name)
            assert same[~inside].all(), name
        if fault not in CLOCKS:
            assert np.array_equal(rows.stated_ns, rows.time_ns)
        if device == SICK and place != its_place and one.channel is not None:
            for name in ("true", "sent"):
                assert np.array_equal(getattr(rows, name), getattr(right, name))
        if fault not in JUMPS | {"energy_theft"}:
            assert np.array_equal(rows.true, right.true)


def test_without_faults_what_is_true_is_told():
    for kind in set(ON.values()) | {"water"}:
        for rows in _run(kind).rows.values():
            assert np.array_equal(rows.true, rows.sent)
            assert np.array_equal(rows.time_ns, rows.stated_ns)
            assert (rows.copies == 1).all()
            assert (rows.fault == -1).all()


def test_a_spike_is_one_value():
    one, inside, rows, _, step = _both("spike")
    first = np.flatnonzero(rows.time_ns >= START_NS)[0]
    assert np.flatnonzero(inside).tolist() == [first]
    off = rows.sent - rows.true
    assert off[first] == pytest.approx(25 * spread(one.channel), abs=step)
    assert np.flatnonzero(off).tolist() == [first]


def test_a_stuck_value_is_the_first_one():
    one, inside, rows, _, _ = _both("stuck")
    assert one.end_ns - one.start_ns == 6 * HOUR_NS
    assert set(rows.sent[inside]) == {rows.true[inside][0]}
    assert len(set(rows.true[inside])) > 3


def test_drift_grows_evenly_to_its_size():
    one, inside, rows, _, step = _both("drift", more='for = "20h"\nsize = 8.0\n')
    share = (rows.time_ns[inside] - one.start_ns) / (one.end_ns - one.start_ns)
    off = (rows.sent - rows.true)[inside]
    assert off == pytest.approx(8.0 * spread(one.channel) * share, abs=step * 1.01)
    assert off[-1] > 7.5 * spread(one.channel)


@pytest.mark.parametrize("size", [10.0, -4.0])
def test_a_level_shift_is_even(size):
    one, inside, rows, _, step = _both("level_shift", more=f'for = "5h"\nsize = {size}\n')
    off = (rows.sent - rows.true)[inside]
    assert off == pytest.approx(size * spread(one.channel), abs=step * 1.01)


def test_a_value_that_is_pushed_beyond_its_field_stops_there():
    _, inside, rows, _, _ = _both("level_shift", more='quantity = "co2"\nsize = 1000.0\n')
    assert set(rows.sent[inside]) == {10_000.0}


def test_a_noise_burst_flutters_about_the_truth():
    one, inside, rows, _, _ = _both("noise_burst", more='for = "40h"\n')
    off = (rows.sent - rows.true)[inside] / (6 * spread(one.channel))
    assert abs(float(off.mean())) < 0.35
    assert 0.7 < float(off.std()) < 1.3


@pytest.mark.parametrize(("fault", "shows"), [("register_reset", 0), ("meter_exchange", 12_000)])
@pytest.mark.parametrize("kind", ["household", "school", "heat_pump", "gas"])
def test_a_register_goes_on_from_elsewhere(fault, shows, kind):
    one, inside, rows, well, step = _both(fault, kind)
    assert one.end_ns == BEGIN_NS + 72 * HOUR_NS
    assert np.array_equal(rows.true, rows.sent)
    away = np.rint((well.true - rows.true)[inside] / step).astype(np.int64)
    assert len(set(away)) == 1
    per_unit, of = one.channel.per_base
    first = shows * per_unit // of
    steps = np.rint(well.true / step).astype(np.int64)
    # what it showed when the fault came lies between the readings before and after
    assert steps[~inside][-1] <= away[0] + first <= steps[inside][0]


@pytest.mark.parametrize("kind", ["household", "school", "heat", "gas", "transformer"])
def test_a_register_rolls_over_at_its_start(kind):
    one, inside, rows, well, step = _both("rollover", kind)
    width = one.channel.width
    assert np.array_equal(rows.true, rows.sent)
    steps, right = (np.rint(of.true / step).astype(np.int64) for of in (rows, well))
    assert np.array_equal(np.diff(steps) % width, np.diff(right))
    falls = np.flatnonzero(np.diff(steps) < 0)
    assert len(falls) == 1
    # it wraps with the last step before the start, which is the last but where nothing flowed
    assert steps[inside].max() < width // 2
    assert (steps[falls[0] + 1 :][~inside[falls[0] + 1 :]] == 0).all()
    assert steps[: falls[0] + 1].min() > width // 2


def test_a_register_that_feeds_in_rolls_over_too():
    one, _, rows, _, _ = _both("rollover", "prosumer", 'quantity = "active_energy_export"\n')
    assert one.channel.key == "Total_out"
    falls = np.flatnonzero(np.diff(rows.true) < 0)
    assert len(falls) == 1
    assert rows.time_ns[falls[0]] < START_NS


def test_zero_after_boot_is_one_value():
    _, inside, rows, well, _ = _both("zero_after_boot")
    first = np.flatnonzero(rows.time_ns >= START_NS)[0]
    assert np.flatnonzero(inside).tolist() == [first]
    assert rows.sent[first] == 0.0
    assert np.flatnonzero(rows.sent != well.sent).tolist() == [first]


@pytest.mark.parametrize("kind", ["household", "household_dsmr", "school"])
def test_a_glitch_is_far_off_and_comes_back(kind):
    one, inside, rows, _, step = _both("glitch", kind, 'for = "2h"\n')
    steps = np.rint(rows.true[inside] / step).astype(np.int64)
    most = min(one.channel.high, one.channel.width - 1)
    assert np.rint(rows.sent[inside] / step).tolist() == np.minimum(steps * 1000, most).tolist()


def test_a_unit_mixup_tells_a_thousandth():
    _, inside, rows, _, step = _both("unit_mixup")
    steps = np.rint(rows.true[inside] / step).astype(np.int64)
    assert np.rint(rows.sent[inside] / step).tolist() == (steps // 1000).tolist()


def test_theft_flows_past_the_meter():
    run, well = _run("household", "energy_theft", 'for = "10h"\n'), _run("household")
    for key, (starts, true, metered) in run.energy.items():
        _, right, _ = well.energy[key]
        stolen = (starts >= START_NS) & (starts < START_NS + 10 * HOUR_NS) & (key[0] == SICK)
        assert np.array_equal(true, right)
        assert np.array_equal(metered[~stolen], right[~stolen])
        if stolen.any():
            # whole watts are stolen: up to one less in each quarter than the share says
            assert metered[stolen] == pytest.approx(right[stolen] * 0.4, abs=0.26)
            gone = float((right - metered).sum())
    rows, right = run.rows[SICK, 0], well.rows[SICK, 0]
    assert np.array_equal(rows.true, rows.sent)  # the meter tells what it counted
    assert right.sent[-1] - rows.sent[-1] == pytest.approx(gone, abs=0.2)


def test_a_leak_flows_and_is_metered():
    run, well = _run("water", "water_leak", 'for = "10h"\n'), _run("water")
    starts, true, metered = run.energy[SICK, 0]
    leaks = (starts >= START_NS) & (starts < START_NS + 10 * HOUR_NS)
    assert np.array_equal(true, metered)
    assert (true - well.energy[SICK, 0][1]).tolist() == np.where(leaks, 10.0, 0.0).tolist()
    rows, right = run.rows[SICK, 0], well.rows[SICK, 0]
    assert rows.sent[-1] - right.sent[-1] == pytest.approx(0.4)
    before = rows.time_ns <= START_NS
    assert np.array_equal(rows.sent[before], right.sent[before])


def _decoded(run):
    """Return (time of sending, time that it states or REFUSED) of the sick one."""
    names = {run.simulation.devices()[SICK][key] for key in ("name", "device")}
    mine = [one for one in run.messages if any(name in one.topic for name in names)]
    read = Decoder().decode_all(
        [Envelope("test", one.topic, one.payload, BEGIN_NS + 99 * HOUR_NS) for one in mine]
    )
    return [(message.time_ns, REFUSED if isinstance(one, PayloadError) else one.time_ns)
            for message, one in zip(mine, read, strict=True)]  # fmt: skip


@pytest.mark.parametrize("kind", ["household", "parking"])
def test_silence_is_silence(kind):
    run = _run(kind, "silence")
    one, _, rows = run.sick()
    inside = _inside(one, rows)
    assert one.end_ns - one.start_ns == 6 * HOUR_NS
    assert (rows.copies == ~inside).all()
    sent = [at for at, _ in _decoded(run)]
    assert not any(one.start_ns <= at < one.end_ns for at in sent)
    assert set(rows.time_ns[~inside]) <= set(sent)


def test_a_battery_runs_down_and_out():
    run, well = _run("soil", "battery_death", "size = 20.0\n"), _run("soil")
    one, place, rows = run.sick()
    dead_ns = START_NS + 20 * HOUR_NS
    dying = (rows.time_ns >= START_NS) & (rows.time_ns < dead_ns)
    gone = (rows.time_ns[dying] - START_NS) / (20 * HOUR_NS)
    assert (rows.sent - rows.true)[dying] == pytest.approx(-0.9 * gone * gone, abs=0.0011)
    assert (rows.copies == (rows.time_ns < dead_ns)).all()
    assert max(at for at, _ in _decoded(run)) < dead_ns + 2 * SECOND_NS
    assert np.array_equal(rows.true, well.rows[SICK, place].true)
    assert one.end_ns == BEGIN_NS + 72 * HOUR_NS


@pytest.mark.parametrize(
    ("fault", "ahead_s"), [("clock_jump", 5400), ("dst_mistake", 3600), ("clock_1970", None)]
)
def test_a_clock_is_wrong_by_as_much_as_it_says(fault, ahead_s):
    one, inside, rows, _, _ = _both(fault)
    away = rows.stated_ns[inside] - rows.time_ns[inside]
    expected = 40 * SECOND_NS - one.start_ns if ahead_s is None else ahead_s * SECOND_NS
    assert set(away) == {expected}
    assert (rows.copies == 1).all()
    # what the device says is what the truth says that it says
    stated = {at for _, at in _decoded(_run("household", fault))}
    if ahead_s is not None:
        assert stated == set(rows.stated_ns)
    assert np.array_equal(rows.true, rows.sent)


@pytest.mark.parametrize("fault", DELIVERY)
@pytest.mark.parametrize("kind", ["household", "parking"])
def test_whatever_the_delivery_everything_comes(fault, kind):
    run = _run(kind, fault)
    one, _, rows = run.sick()
    sampled = [at for _, at in _decoded(run)]
    inside = set(rows.time_ns[_inside(one, rows)])
    for at, copies in zip(rows.time_ns, rows.copies, strict=True):
        assert copies == (2 if fault == "duplicate" and at in inside else 1)
        assert sampled.count(at) == copies
    times = [message.time_ns for message in run.messages]
    assert times == sorted(times)
    assert all(sent >= at for sent, at in _decoded(run) if at in inside)


def test_a_duplicate_comes_seconds_later():
    run = _run("household", "duplicate", "size = 7.0\n")
    one, _, _ = run.sick()
    for sent, at in _decoded(run):
        late = {0, 7 * SECOND_NS} if one.start_ns <= at < one.end_ns else {0}
        assert sent - at in late


def test_reordered_messages_come_last_first_in_blocks():
    run = _run("household", "reordered", 'for = "6h"\n')
    one, _, _ = run.sick()
    told = [(sent, at) for sent, at in _decoded(run) if one.start_ns <= at < one.end_ns]
    late = {(sent - at) // SECOND_NS // 450 for sent, at in told}
    assert {round(x / 2) for x in late} == {0, 2, 4, 6}  # periods of 15 minutes
    falls = sum(later < earlier for (_, earlier), (_, later) in pairwise(told))
    assert falls == pytest.approx(len(told) * 3 / 4, abs=3)


def test_late_messages_come_all_at_once_in_order_after_the_end():
    for kind in ("household", "parking"):
        run = _run(kind, "late_bulk", 'for = "30h"\n')
        one, _, _ = run.sick()
        told = [(sent, at) for sent, at in _decoded(run) if one.start_ns <= at < one.end_ns]
        assert len(told) >= 115
        assert [at for _, at in sorted(told)] == sorted(at for _, at in told)
        sent = np.array([sent for sent, _ in told])
        assert (np.diff(np.unique(sent)) == 40_000_000).all()
        assert sent[0] - one.end_ns in {0, 40_000_000}
        assert sent[-1] < one.end_ns + 60 * SECOND_NS


@pytest.mark.parametrize("kind", KINDS)
def test_garbage_is_refused(kind):
    run = _run(kind, "garbage", 'for = "13h"\n', "2d")
    one, _, rows = run.sick()
    inside = _inside(one, rows)
    if not KINDS[kind].history_hours:  # rows of hours are of messages that came
        assert (rows.copies == ~inside).all()
    told = [at for sent, at in _decoded(run) if one.start_ns <= sent < one.end_ns]
    assert set(told) == {REFUSED}
    assert any(at != REFUSED for _, at in _decoded(run))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_can_happen_to_some_kind(fault):
    assert any(fits(kind, fault, "")[1] for kind in KINDS.values())
