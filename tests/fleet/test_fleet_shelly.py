"""Shelly's notifications and status against its documentation's examples, and Emscher."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import shelly
from fleet.errors import EncodingError
from fleet.message import SECOND_NS
from ingest.decode import Decoder
from ingest.formats import shelly as reader
from ingest.reading import Envelope

PRO_3EM = "shellypro3em-a0dd6c9ef474"
PLUG = "shellyplusplugs-0123456789ab"
TIME_NS = 1_771_064_815_129_999_999


def _read(message):
    """Return device, time and values as Emscher has them."""
    told = Decoder(formats=(reader,)).decode(
        Envelope("test", message.topic, message.payload, message.time_ns + SECOND_NS)
    )
    return told, {(one.quantity, one.channel): one.value for one in told.measurements}


def test_registers_of_a_three_phase_meter_as_devices_print_them():
    """The registers of a Pro 3EM whose notification is published; it sums its own fractions."""
    text = shelly.emdata((6, 6, 2_628_944), (0, 1, 13_188_185))
    message = shelly.notify(PRO_3EM, time_ns=TIME_NS, components={"emdata:0": text})
    assert message.topic == f"{PRO_3EM}/events/rpc"
    assert message.time_ns == 1_771_064_815_120_000_000
    assert message.payload.decode() == (
        '{"src":"shellypro3em-a0dd6c9ef474","dst":"shellypro3em-a0dd6c9ef474/events",'
        '"method":"NotifyStatus","params":{"ts":1771064815.12,"emdata:0":{"id":0,'
        '"a_total_act_energy":0.06,"a_total_act_ret_energy":0.00,'
        '"b_total_act_energy":0.06,"b_total_act_ret_energy":0.01,'
        '"c_total_act_energy":26289.44,"c_total_act_ret_energy":131881.85,'
        '"total_act":26289.56,"total_act_ret":131881.86}}}'
    )


def test_the_status_of_a_switch():
    load = shelly.Load(power=89, voltage=2375, current=38, factor=98)
    text = shelly.switch(
        0, is_on=True, load=load, energy_mwh=1_654_873, time_ns=TIME_NS,
        minutes_mwh=(105, 103, 88), temperature_tenths=235,
    )  # fmt: skip
    assert json.loads(text) == {
        "id": 0,
        "source": "init",
        "output": True,
        "apower": 8.9,
        "voltage": 237.5,
        "freq": 50.0,
        "current": 0.038,
        "pf": 0.98,
        "aenergy": {
            "total": 1654.873,
            "by_minute": [105.0, 103.0, 88.0],
            "minute_ts": 1_771_064_760,
        },
        "temperature": {"tC": 23.5, "tF": 74.3},
    }
    told, values = _read(shelly.status(PLUG, "switch:0", text, time_ns=TIME_NS))
    assert (told.device, told.time_ns) == (PLUG, None)
    assert values["active_energy_import", "0"] == 1654.873
    assert values["digital_output", "0"] == 1


phase = st.builds(
    shelly.Load,
    st.integers(-200_000, 200_000),
    st.integers(0, 2_600),
    st.integers(0, 120_000),
    st.integers(-100, 100),
    st.integers(0, 200_000),
    st.integers(490, 510),
)
three = st.tuples(*[st.integers(0, 10**12)] * 3)


@settings(max_examples=100, deadline=None)
@given(st.tuples(phase, phase, phase), three, three, st.integers(10**18, 2 * 10**18))
def test_emscher_reads_three_phases(loads, used, returned, time_ns):
    message = shelly.notify(
        PRO_3EM,
        time_ns=time_ns,
        components={"em:0": shelly.em(loads), "emdata:0": shelly.emdata(used, returned)},
    )
    told, values = _read(message)
    assert (told.device, told.time_ns) == (PRO_3EM, time_ns // 10**7 * 10**7)
    assert values["active_energy_import", ""] == sum(used) / 100
    assert values["active_energy_export", ""] == sum(returned) / 100
    assert values["active_power", ""] == sum(load.power for load in loads) / 10
    assert values["current", ""] == sum(load.current for load in loads) / 1000
    for nth, load in enumerate(loads):
        channel = f"L{nth + 1}"
        assert values["active_energy_import", channel] == used[nth] / 100
        assert values["active_energy_export", channel] == returned[nth] / 100
        assert values["active_power", channel] == load.power / 10
        assert values["voltage", channel] == load.voltage / 10
        assert values["current", channel] == load.current / 1000
        assert values["power_factor", channel] == load.factor / 100
        assert values["frequency", channel] == load.frequency / 10


@settings(max_examples=50, deadline=None)
@given(phase, st.integers(0, 10**15), st.none() | st.integers(0, 10**15), st.booleans())
def test_emscher_reads_a_switch_of_a_device_with_its_own_prefix(load, used, returned, is_on):
    text = shelly.switch(
        2, is_on=is_on, load=load, energy_mwh=used, returned_mwh=returned, time_ns=TIME_NS
    )
    message = shelly.notify(
        PLUG, time_ns=TIME_NS, components={"switch:2": text}, prefix="halle/steckdose"
    )
    told, values = _read(message)
    assert message.topic == "halle/steckdose/events/rpc"
    assert told.device == PLUG
    assert values["active_energy_import", "2"] == used / 1000
    assert values.get(("active_energy_export", "2")) == (
        None if returned is None else returned / 1000
    )
    assert values["active_power", "2"] == load.power / 10
    assert values["digital_output", "2"] == is_on


def test_the_neutral_conductor_is_null_or_measured():
    loads = [shelly.Load(0, 2300, 0)] * 3
    assert json.loads(shelly.em(loads))["n_current"] is None
    assert json.loads(shelly.em(loads, neutral_ma=28))["n_current"] == 0.028


def test_online_is_kept_by_the_broker():
    first, last = (shelly.online(PLUG, word, time_ns=1) for word in (True, False))
    assert first[1:] == (f"{PLUG}/online", b"true", 1, True)
    assert last.payload == b"false"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: shelly.emdata((1, 2), (1, 2, 3)), "three phases, found 2"),
        (lambda: shelly.emdata((1, 2, 3), (1, 2, -3)), "0 or more"),
        (lambda: shelly.em([shelly.Load(1, 2, 3)]), "three phases, found 1"),
        (
            lambda: shelly.switch(
                0, is_on=True, load=shelly.Load(1, 2, 3), energy_mwh=-1, time_ns=0
            ),
            "switch:0: expected registers of 0 or more",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, says):
    with pytest.raises(EncodingError, match=says):
        make()
