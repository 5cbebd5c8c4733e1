"""A whole simulation: order, tables of the truth, feeders, and the radio."""

import base64
import json
from collections import Counter, defaultdict
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pytest

from fleet.chance import key_of
from fleet.kinds import KINDS
from fleet.message import SECOND_NS
from fleet.network import airtime_us
from fleet.radio import DUTY_CYCLE, Radio, local_eui
from fleet.scenario import parsed
from fleet.simulation import Simulation

BEGIN_NS = 1_774_569_600 * SECOND_NS  # 2026-03-27T00:00:00Z
DAY_NS = 86_400 * SECOND_NS
LORAWAN = [name for name, kind in KINDS.items() if kind.payload is not None]
HEAD = 'title = "x"\nstart = "2026-03-27T00:00:00Z"\nlength = "{}"\nseed = 4\n[radio]\nloss = {}\n'
PART = '[[fleet]]\nkind = "{}"\ncount = {}\n{}\n'
TOWN = (
    HEAD.format("1d 7h", 0.05) + PART.format("household", 6, 'feeder = "transformer"')
    + PART.format("prosumer", 4, 'feeder = "transformer"') + PART.format("transformer", 3, "")
    + PART.format("classroom", 5, "") + PART.format("water", 2, "")
    + PART.format("household_vzlogger", 2, "")
    + '[[fault]]\nkind = "late_bulk"\non = "classroom"\nat = "4h"\nfor = "9h"\n'
    + '[[fault]]\nkind = "reordered"\non = "household"\nat = "25h"\nfor = "5h"\n'
    + '[[fault]]\nkind = "duplicate"\non = "household"\nat = "2h"\nfor = "5h"\n'
    + '[[fault]]\nkind = "energy_theft"\non = "household"\nat = "3h"\n'
)  # fmt: skip


@lru_cache(maxsize=8)
def _run(text):
    simulation = Simulation(parsed(text, "test"))
    return simulation, tuple(simulation.batches())


def test_messages_are_in_the_order_of_their_sending_and_of_their_time():
    _, batches = _run(TOWN)
    end_ns, last = BEGIN_NS, BEGIN_NS
    for batch in batches:
        for message in batch.messages:
            assert message.time_ns >= last
            assert message.time_ns >= end_ns
            last = message.time_ns
        if batch is not batches[-1]:
            assert last < batch.end_ns
        assert batch.end_ns > end_ns
        for rows in batch.samples:
            hours = rows.time_ns % (3600 * SECOND_NS) == 0  # of water meters, told again
            assert ((rows.time_ns >= end_ns) | hours).all()
            assert (rows.time_ns < batch.end_ns).all()
        end_ns = batch.end_ns
    assert end_ns == BEGIN_NS + 31 * 3600 * SECOND_NS


def test_slices_end_with_the_day():
    _, batches = _run(TOWN)
    assert BEGIN_NS + DAY_NS in {batch.end_ns for batch in batches}


def test_tables_fit_the_rows():
    simulation, batches = _run(TOWN)
    devices, channels = simulation.devices(), simulation.channels()
    assert len(devices) == len(simulation) == 22
    assert len({one["device"] for one in devices}) == 22
    seen = set()
    for batch in batches:
        for rows in batch.samples:
            shapes = {column.shape for column in vars(rows).values()}
            assert len(shapes) == 1
            for device, channel in set(zip(rows.device, rows.channel, strict=True)):
                assert devices[device]["label"] == channels[channel]["label"]
                seen.add((int(device), int(channel)))
    expected = sum(len(KINDS[one["kind"]].channels) for one in devices)
    assert len(seen) == expected


def test_rows_of_faults_are_told_by_their_start():
    simulation, _ = _run(TOWN)
    rows = simulation.fault_rows()
    assert [row["kind"] for row in rows] == [
        "duplicate", "energy_theft", "late_bulk", "reordered"
    ]  # fmt: skip
    for row in rows:
        assert simulation.devices()[row["device"]]["device"] == row["device_id"]
        assert row["start_ns"] < row["end_ns"] <= simulation.end_ns


def _energy(batches):
    """Return (true, metered) by (device, direction) and start of the quarter."""
    found = defaultdict(dict)
    for batch in batches:
        for rows in batch.energy:
            for row in range(len(rows.device)):
                key = (int(rows.device[row]), int(rows.direction[row]))
                start_ns = int(rows.start_ns[row])
                assert start_ns not in found[key]
                found[key][start_ns] = (float(rows.true[row]), float(rows.metered[row]))
    return found


def test_every_quarter_of_the_run_is_told_once():
    _, batches = _run(TOWN)
    quarters = set(range(BEGIN_NS, BEGIN_NS + 31 * 3600 * SECOND_NS, 900 * SECOND_NS))
    for found in _energy(batches).values():
        assert found.keys() == quarters


def test_a_station_carries_what_its_meters_take_and_something_for_itself():
    simulation, batches = _run(TOWN)
    devices, energy = simulation.devices(), _energy(batches)
    stations = [at for at, one in enumerate(devices) if one["kind"] == "transformer"]
    behind = {at: [n for n, one in enumerate(devices) if one["feeder"] == at] for at in stations}
    assert sorted(map(len, behind.values())) == [3, 3, 4]
    for station in stations:
        for start_ns, (taken, _) in energy[station, 0].items():
            through = sum(
                energy[one, 0][start_ns][0] - energy.get((one, 1), {}).get(start_ns, (0, 0))[0]
                for one in behind[station]
            )
            given = through + 400_000 // 600 / 4  # Wh of a quarter
            if through >= 0:
                assert given <= taken < given * 1.01 + 1


def test_a_run_can_start_in_the_middle_of_a_day():
    text = TOWN.replace("00:00:00Z", "13:37:11Z")
    simulation, batches = _run(text)
    starts = {at for found in _energy(batches).values() for at in found}
    assert min(starts) == BEGIN_NS + (13 * 3600 + 45 * 60) * SECOND_NS
    assert max(starts) + 900 * SECOND_NS <= simulation.end_ns
    assert batches[-1].end_ns - simulation.start_ns == 31 * 3600 * SECOND_NS


def test_a_device_more_changes_no_other():
    few = HEAD.format("5h", 0.05) + PART.format("classroom", 3, "")
    many = HEAD.format("5h", 0.05) + PART.format("soil", 2, "") + PART.format("classroom", 4, "")
    sent = {message for batch in _run(few)[1] for message in batch.messages}
    assert sent
    assert sent < {message for batch in _run(many)[1] for message in batch.messages}


@pytest.mark.parametrize("fault", ["late_bulk", "reordered"])
@pytest.mark.parametrize("kind", ["household_sml", "gas"])
def test_what_states_no_time_is_of_when_it_came(kind, fault):
    """The truth of such a device says the time of sending, as nobody can know another."""
    text = HEAD.format("1d", 0.0) + PART.format(kind, 2, "")
    text += f'[[fault]]\nkind = "{fault}"\non = "{kind}"\nat = "5h"\nfor = "6h"\n'
    simulation, batches = _run(text)
    sent = sorted(message.time_ns for batch in batches for message in batch.messages)
    rows = [rows for batch in batches for rows in batch.samples if rows.channel[0] == 0]
    stated = np.concatenate([one.stated_ns for one in rows])
    sampled = np.concatenate([one.time_ns for one in rows])
    assert np.sort(stated).tolist() == sent
    (fault,) = simulation.faults
    late = stated != sampled
    assert late.sum() > 12
    assert ((sampled >= fault.start_ns) & (sampled < fault.end_ns))[late].all()


# -- radio ---------------------------------------------------------------------------------------


def _uplinks(batches):
    """Return the events of each device in the order of their frame counters."""
    found = defaultdict(list)
    for batch in batches:
        for message in batch.messages:
            if message.topic.endswith("/event/up"):
                event = json.loads(message.payload)
                found[event["deviceInfo"]["devEui"]].append((message.time_ns, event))
    return found


@pytest.mark.parametrize("kind", LORAWAN)
def test_the_duty_cycle_is_kept_by_all_who_want_more(kind):
    text = HEAD.format("5m", 0.0) + PART.format(kind, 60, 'period = "3s"')
    rates = Counter()
    for events in _uplinks(_run(text)[1]).values():
        for (begin_ns, event), (end_ns, after) in pairwise(events):
            size = len(base64.b64decode(event["data"]))
            air_ns = airtime_us(event["dr"], size) * 1000
            assert after["fCnt"] == event["fCnt"] + 1
            assert DUTY_CYCLE * air_ns <= end_ns - begin_ns
            rates[event["dr"]] += 1
    assert len(rates) > 1
    assert min(rates) < 5


def test_frame_counters_go_on_over_what_is_lost():
    text = HEAD.format("1d", 0.3) + PART.format("parking", 12, "")
    _, batches = _run(text)
    lost = sent = 0
    found = _uplinks(batches)
    assert len(found) == 12
    for events in found.values():
        counters = [event["fCnt"] for _, event in events]
        assert counters == sorted(set(counters))
        periods = np.diff([at for at, _ in events]) / (600 * SECOND_NS)
        assert np.rint(periods).tolist() == np.diff(counters).tolist()
        lost += counters[-1] - counters[0] + 1 - len(counters)
        sent += len(counters)
    assert lost / (lost + sent) == pytest.approx(0.3, abs=0.04)
    copies = np.concatenate([rows.copies for batch in batches for rows in batch.samples])
    assert float((copies == 0).mean()) == pytest.approx(0.3, abs=0.04)


def test_a_part_can_be_heard_worse():
    text = HEAD.format("12h", 0.0) + PART.format("parking", 8, "loss = 0.5")
    _, batches = _run(text + PART.format("soil", 8, ""))
    sent = Counter()
    for batch in batches:
        for rows in batch.samples:
            sent[bool(rows.device[0] < 8), "rows"] += len(rows.copies)
            sent[bool(rows.device[0] < 8), "sent"] += int(rows.copies.sum())
    assert sent[True, "sent"] / sent[True, "rows"] == pytest.approx(0.5, abs=0.07)
    assert sent[False, "sent"] == sent[False, "rows"]


def _radio(count=4000, gateways=12, loss=0.1, confirmed=0.25):
    keys = np.array([key_of("device", n) for n in range(count)], np.uint64)
    return Radio(keys, seed=1, gateways=gateways, loss=loss, confirmed=confirmed)


@pytest.mark.parametrize("frame", [0, 1, 17, 40_000])
def test_losses_are_as_many_as_asked_and_confirmed_uplinks_are_tried_again(frame):
    radio = _radio(20_000)
    which = np.arange(20_000)
    lost = radio.lost(which, np.full(20_000, frame))
    assert float(radio.confirmed.mean()) == pytest.approx(0.25, abs=0.02)
    assert float(lost[~radio.confirmed].mean()) == pytest.approx(0.1, abs=0.01)
    assert float(lost[radio.confirmed].mean()) == pytest.approx(0.01, abs=0.006)


def test_several_gateways_hear_an_uplink_the_best_first():
    radio = _radio()
    which, frame = np.arange(4000), np.arange(4000) % 50
    told = radio.heard(which, frame)
    gateways = {local_eui("gateway", 1, number) for number in range(12)}
    for heard in told:
        assert 1 <= len(heard) <= 4
        assert len({one.gateway_id for one in heard}) == len(heard)
        strengths = [one.rssi for one in heard]
        assert strengths == sorted(strengths, reverse=True)
        assert [one.snr for one in heard] == sorted((one.snr for one in heard), reverse=True)
        assert len({one.channel for one in heard}) == 1
        assert all(0 <= one.channel < 8 and -130 <= one.rssi <= -60 for one in heard)
    assert {one.gateway_id for heard in told for one in heard} == gateways
    assert sum(len(heard) > 1 for heard in told) > 2000
    assert {heard[0].channel for heard in told} == set(range(8))


def test_who_hears_what_is_decided_by_device_and_frame():
    radio, fresh = _radio(), _radio()
    which, frame = np.array([7, 3, 7, 900]), np.array([1, 1, 2, 77])
    together = radio.heard(which, frame)
    for row in (3, 1, 0, 2):
        assert fresh.heard(which[row : row + 1], frame[row : row + 1]) == [together[row]]
        alone = fresh.lost(which[row : row + 1], frame[row : row + 1])
        assert alone[0] == radio.lost(which, frame)[row]


def test_the_weaker_the_slower():
    reach = _radio(20_000).reach
    best = reach.dbm.max(axis=1)
    rates = [float(best[reach.dr == rate].mean()) for rate in sorted(set(reach.dr))]
    assert rates == sorted(rates)
    assert len(rates) >= 4


def test_one_gateway_is_enough():
    for heard in _radio(200, gateways=1).heard(np.arange(200), np.arange(200)):
        assert [one.gateway_id for one in heard] == [local_eui("gateway", 1, 0)]


def test_local_euis_are_local_and_of_single_devices():
    for number in range(100):
        first = int(local_eui("gateway", 9, number)[:2], 16)
        assert first & 2
        assert not first & 1


def test_no_two_devices_have_the_same_number():
    """Of 30,000 draws out of 90 million some five are the same."""
    text = 'title = "x"\nlength = "1h"\nstart = "2026-01-01T00:00:00Z"\n' + "".join(
        f'[[fleet]]\nkind = "household_sml"\nname = "{name}"\ncount = 10000\n' for name in "abc"
    )
    simulation = Simulation(parsed(text, "x"))
    drawn = [key % 89_999_999 for one in simulation.groups.values() for key in one.key_list]
    assert len(set(drawn)) < len(drawn)
    devices = [row["device"] for row in simulation.devices()]
    assert len(set(devices)) == len(devices)


def test_a_fault_of_one_message_is_heard_however_bad_the_radio_is():
    text = HEAD.format("1d", 0.9) + PART.format("classroom", 12, "")
    text += '[[fault]]\nkind = "spike"\non = "classroom"\ncount = 12\n'
    simulation, batches = _run(text)
    rows = [row for batch in batches for samples in batch.samples
            for row in zip(samples.fault, samples.copies, strict=True)]  # fmt: skip
    assert sorted(fault for fault, _ in rows if fault >= 0) == list(range(12))
    assert all(copies == 1 for fault, copies in rows if fault >= 0)
    assert len(simulation.faults) == 12
    assert np.mean([copies for _, copies in rows]) < 0.2
