"""Every kind of device, from its physics over the wire and back through Emscher's decoder."""

import pytest

from fleet.errors import EncodingError
from fleet.faults import FAULTS, fits
from fleet.kinds import KINDS
from fleet.message import SECOND_NS
from fleet.scenario import NETWORKS, parsed
from fleet.simulation import Simulation
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.reading import Envelope

METERS = [name for name, kind in KINDS.items() if kind.flow]
LORAWAN = [name for name, kind in KINDS.items() if kind.payload is not None]
RADIO = {"rssi", "snr"}
SCENARIO = """
title = "One kind"
seed = 3
start = "2026-03-28T20:00:00Z"         # the clocks go forward in the night
length = "{length}"

[radio]
loss = 0.05
confirmed = 0.3

[[fleet]]
kind = "{kind}"
count = 2
{more}
"""


def _run(kind, length="1d", more=""):
    """Return a simulation, its batches, and what a Decoder stores of the messages.

    Stored: (device, quantity, channel, time ns) -> value. Messages are received a second late.
    """
    text = SCENARIO.format(kind=kind, length=length, more=more)
    simulation, decoder = Simulation(parsed(text, "test")), Decoder()
    batches, stored = list(simulation.batches()), {}
    envelopes = [
        Envelope("test", one.topic, one.payload, one.time_ns + SECOND_NS)
        for batch in batches
        for one in batch.messages
    ]
    for envelope, message in zip(envelopes, decoder.decode_all(envelopes), strict=True):
        assert not isinstance(message, PayloadError), message
        for part in (message, *message.others):
            for quantity, value, channel, own_ns, _ in part.measurements:
                time_ns = next(
                    one for one in (own_ns, part.time_ns, envelope.received_ns) if one is not None
                )
                key = (part.device, quantity, channel, time_ns)
                assert stored.setdefault(key, value) == value, f"{key} twice"
    return simulation, batches, stored


def _truth(simulation, batches):
    """Return what should be stored, and what was lost on the air, as (sent value) by key."""
    devices, channels = simulation.devices(), simulation.channels()
    sent, lost = {}, set()
    for batch in batches:
        for rows in batch.samples:
            for row in range(len(rows.device)):
                device, channel = devices[rows.device[row]], channels[rows.channel[row]]
                time_ns = int(rows.stated_ns[row]) + SECOND_NS * device["timeless"]
                key = (device["device"], channel["quantity"], channel["channel"], time_ns)
                assert rows.true[row] == rows.sent[row]
                assert rows.fault[row] == -1
                if rows.copies[row]:
                    assert key not in sent
                    sent[key] = float(rows.sent[row])
                else:
                    lost.add(key)
    return sent, lost


def _check(kind, length="1d", more=""):
    simulation, batches, stored = _run(kind, length, more)
    sent, lost = _truth(simulation, batches)
    assert sent.keys() - stored.keys() == set()
    wrong = {key: (value, stored[key]) for key, value in sent.items()
             if abs(stored[key] - value) > 1e-12 * abs(value)}  # fmt: skip
    assert wrong == {}
    of_the_truth = {key[:3] for key in sent}
    more_of_them = {key for key in stored if key[:3] in of_the_truth} - sent.keys()
    assert more_of_them == set()
    assert not (lost - sent.keys()) & stored.keys()
    assert {key[1:3] for key in of_the_truth} == {
        (channel.quantity, channel.channel) for channel in KINDS[kind].channels
    }
    assert len({key[0] for key in sent}) == 2
    return sent, lost


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_device_measures_is_what_emscher_stores(kind):
    """Every sample that was heard, with its quantity, channel, time and value; and no other."""
    sent, lost = _check(kind, "3d" if KINDS[kind].period_s > 3600 else "1d")
    assert len(sent) >= 40
    assert kind in LORAWAN or not lost


@pytest.mark.parametrize("network", NETWORKS[1:])
@pytest.mark.parametrize("kind", LORAWAN)
def test_whatever_the_network_server(kind, network):
    period = "12h" if kind == "water" else "1h"
    length = "3d" if kind == "water" else "16h"
    _check(kind, length, f'network = "{network}"\nperiod = "{period}"')


@pytest.mark.parametrize("kind", METERS)
def test_registers_and_quarters_tell_the_same(kind):
    """Between two samples, a register grows by the quarters between, and by parts of the edges."""
    simulation, batches, _ = _run(kind, "2d", 'period = "100m"')
    registers = [one for one in KINDS[kind].channels if one.register]
    names = {channel.quantity: channel.register for channel in registers}
    seen, energy = {}, {}
    channels = simulation.channels()
    for batch in batches:
        for rows in batch.samples:
            for device, channel, time_ns, value in zip(
                rows.device, rows.channel, rows.time_ns, rows.true, strict=True
            ):
                side = names.get(channels[channel]["quantity"])
                if side and time_ns >= simulation.start_ns:
                    seen.setdefault((int(device), side), {})[int(time_ns)] = float(value)
        for rows in batch.energy:
            for device, direction, start_ns, true, metered in zip(
                rows.device, rows.direction, rows.start_ns, rows.true, rows.metered, strict=True
            ):
                assert true == metered
                key = (int(device), ("import", "export")[direction])
                energy.setdefault(key, {})[int(start_ns)] = float(true)
    assert seen.keys() == energy.keys()
    unit = 1000.0 if names.keys() & {"water_volume", "gas_volume"} else 1.0  # m3 and litres
    step = max(one["step"] for one in channels if one["register"]) * unit
    for key, readings in seen.items():
        quarters = energy[key]
        assert len(quarters) == 2 * 96
        begin, end = min(readings), max(readings)
        flowed = (readings[end] - readings[begin]) * unit
        quarter_ns = 900 * SECOND_NS
        within = sum(one for at, one in quarters.items() if begin <= at and at + quarter_ns <= end)
        touched = sum(one for at, one in quarters.items() if begin < at + quarter_ns and at < end)
        assert within - step <= flowed <= touched + step
        ordered = [readings[at] for at in sorted(readings)]
        assert ordered == sorted(ordered)


@pytest.mark.parametrize("fault", FAULTS)
def test_no_fault_makes_what_a_kind_cannot_say(fault):
    """Every fault on every kind that can have it: the encoders take every value."""
    text = 'title = "x"\nstart = "2026-03-28T06:00:00Z"\nlength = "20h"\n'
    for name, kind in KINDS.items():
        if fits(kind, fault, "")[1]:
            text += f'[[fleet]]\nkind = "{name}"\ncount = 1\nperiod = "1h"\n'
            text += f'[[fault]]\nkind = "{fault}"\non = "{name}"\nat = "10h"\n'
    try:
        sent = list(Simulation(parsed(text, "test")).messages())
    except EncodingError as error:
        pytest.fail(f"{fault}: {error}")
    assert sent


def test_every_kind_says_what_it_is():
    for name, kind in KINDS.items():
        assert name == kind.name
        assert kind.text
        assert (kind.payload is None) != (kind.messages is None)
        assert len({(one.quantity, one.channel) for one in kind.channels}) == len(kind.channels)
        assert len({one.key for one in kind.channels}) == len(kind.channels)
