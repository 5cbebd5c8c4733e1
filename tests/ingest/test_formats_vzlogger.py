import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import vzlogger
from ingest.reading import Envelope, Message

RECEIVED_NS = rfc3339_ns("2026-11-01T12:00:00Z")


class _Wire:
    """A decoder that remembers, and what is sent to it."""

    def __init__(self) -> None:
        self.decoder = Decoder(formats=(vzlogger,))

    def send(self, topic: str, payload: str | bytes, *, retained: bool = False) -> Message:
        data = payload.encode() if isinstance(payload, str) else payload
        return self.decoder.decode(Envelope("test", topic, data, RECEIVED_NS, retained=retained))

    def only(self, topic: str, payload: str) -> tuple[str, str, float]:
        (one,) = self.send(topic, payload).measurements
        return one.quantity, one.channel, one.value


@pytest.fixture
def wire() -> _Wire:
    return _Wire()


def test_a_value_is_what_its_channel_announced_and_registers_are_wh(wire):
    assert wire.send("vzlogger/chn0/id", "1-0:1.8.0*255").state == {"chn0.id": "1-0:1.8.0*255"}
    message = wire.send("vzlogger/chn0/raw", "12345678.900000")
    assert (message.device, message.time_ns, message.format) == ("vzlogger", None, "vzlogger")
    assert message.measurements[0][:3] == ("active_energy_import", 12345678.9, "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("1-0:2.8.0*255", ("active_energy_export", "", 7.5)),
        ("1-0:1.8.1*255", ("active_energy_import", "T1", 7.5)),
        ("1-0:16.7.0*255", ("active_power", "", 7.5)),
        ("255-255:16.7.0*255", ("active_power", "", 7.5)),
        ("1-0:36.7.0*255", ("active_power", "L1", 7.5)),
        ("1-0:96.5.5*255", ("1-0:96.5.5*255", "", 7.5)),
        ("Impulse", ("Impulse", "", 7.5)),
        ("temperature", ("temperature", "", 7.5)),
    ],
)
def test_identifiers(wire, name, expected):
    wire.send("home/meter/chn3/id", name)
    assert wire.only("home/meter/chn3/raw", "7.500000") == expected


def test_a_timestamp_is_read_exactly(wire):
    wire.send("vzlogger/chn0/id", "1-0:16.7.0*255")
    message = wire.send("vzlogger/chn0/raw", '{"timestamp": 1771064815123, "value": -12.5}')
    assert message.time_ns == 1_771_064_815_123_000_000
    assert message.measurements[0].value == -12.5


def test_a_value_before_its_announcement_waits_and_says_what_to_do(wire):
    with pytest.raises(PayloadError) as refused:
        wire.send("my house/chn1/raw", "5.0")
    assert refused.value.rule == "announcement"
    assert "mosquitto_pub -r -t 'my house/chn1/id' -m '1-0:1.8.0*255'" in refused.value.expected
    wire.send("my house/chn1/id", "1-0:1.8.0*255")
    assert wire.only("my house/chn1/raw", "5.0") == ("active_energy_import", "", 5.0)


def test_an_operator_says_that_a_meter_counts_in_kwh(wire):
    wire.send("vzlogger/chn0/id", "1-0:1.8.0*255 kWh")
    assert wire.only("vzlogger/chn0/raw", "1.001") == ("active_energy_import", "", 1001.0)
    wire.send("vzlogger/chn0/id", "1-0:1.8.0*255")  # vzlogger, restarted
    assert wire.only("vzlogger/chn0/raw", "1.002") == ("active_energy_import", "", 1002.0)
    wire.send("vzlogger/chn0/id", "1-0:1.8.0*255 Wh")
    assert wire.only("vzlogger/chn0/raw", "1003") == ("active_energy_import", "", 1003.0)
    with pytest.raises(PayloadError, match="unit of a channel"):
        wire.send("vzlogger/chn0/id", "1-0:1.8.0*255 barrels")


def test_a_restart_forgets_nothing(wire):
    wire.send("vzlogger/chn0/id", "1-0:1.8.0*255")
    wire.send("vzlogger/chn4/id", "1-0:1.8.0*255")
    wire.decoder = Decoder(formats=(vzlogger,), facts=wire.decoder.memory.unsaved())
    assert wire.only("vzlogger/chn4/raw", "1.0") == ("active_energy_import", "chn4", 1.0)


def test_raw_and_agg_are_two_series(wire):
    wire.send("vzlogger/chn0/id", "1-0:1.8.1*255")
    assert wire.only("vzlogger/chn0/raw", "1.0") == ("active_energy_import", "T1", 1.0)
    assert wire.only("vzlogger/chn0/agg", "1.0") == ("active_energy_import", "T1.agg", 1.0)


def test_two_meters_with_one_code_keep_their_own_series_for_good(wire):
    for channel in ("chn0", "chn4", "chn4", "chn0"):
        wire.send(f"vzlogger/{channel}/id", "1-0:1.8.0*255")
    assert wire.only("vzlogger/chn0/raw", "1.0") == ("active_energy_import", "", 1.0)
    assert wire.only("vzlogger/chn4/raw", "2.0") == ("active_energy_import", "chn4", 2.0)
    wire.send("vzlogger/chn0/id", "1-0:2.8.0*255")
    assert wire.only("vzlogger/chn0/raw", "3.0") == ("active_energy_export", "", 3.0)
    wire.send("vzlogger/chn4/id", "1-0:1.8.0*255")
    assert wire.only("vzlogger/chn4/raw", "4.0") == ("active_energy_import", "chn4", 4.0)
    wire.send("other/chn4/id", "1-0:1.8.0*255")
    assert wire.only("other/chn4/raw", "5.0") == ("active_energy_import", "", 5.0)


def test_a_cleared_identifier_changes_nothing(wire):
    wire.send("vzlogger/chn0/id", "1-0:1.8.0*255")
    assert not wire.send("vzlogger/chn0/id", "").measurements
    assert wire.only("vzlogger/chn0/raw", "1.0") == ("active_energy_import", "", 1.0)


def test_a_retained_value_without_a_time_is_not_news(wire):
    wire.send("vzlogger/chn0/id", "1-0:1.8.0*255", retained=True)
    old = wire.send("vzlogger/chn0/raw", "5.0", retained=True)
    assert (old.measurements, dict(old.state)) == ([], {"retained active_energy_import": 5.0})
    dated = wire.send("vzlogger/chn0/raw", '{"timestamp":1771064815123,"value":5}', retained=True)
    assert [one.value for one in dated.measurements] == [5.0]


def test_a_uuid_is_state(wire):
    message = wire.send("vzlogger/chn0/uuid", "1e5b6d10-aaaa-bbbb-cccc-2d5a4e9a1f10")
    assert (message.measurements, list(message.state)) == ([], ["chn0.uuid"])


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        ("nan", "number"),
        ("", "number"),
        ("12,5", "number"),
        ("1e999", "number"),
        ('{"value":1}', "JSON"),
        ('{"timestamp":"now","value":1}', "timestamp"),
        ('{"timestamp":1e99,"value":1}', "timestamp"),
        ('{"timestamp":-1,"value":1}', "timestamp"),
        ('{"timestamp":1,"value":null}', "JSON"),
    ],
)
def test_wrong_values_say_why(wire, payload, rule):
    wire.send("vzlogger/chn0/id", "1-0:1.8.0*255")
    with pytest.raises(PayloadError) as refused:
        wire.send("vzlogger/chn0/raw", payload)
    assert refused.value.rule == rule


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["v/chn0/raw", "v/chn0/agg", "v/chn0/id", "v/chn0/uuid", "v/chn1/raw"]),
    st.binary(max_size=60)
    | st.from_regex(r'\{"timestamp":[0-9e.]+,"value":[-0-9e.]+\}').map(str.encode),
    st.booleans(),
)
def test_any_bytes_are_a_message_or_refused(topic, payload, retained):
    wire = _Wire()
    wire.send("v/chn0/id", "1-0:1.8.0*255")
    envelope = Envelope("test", topic, payload, RECEIVED_NS, retained=retained)
    (found,) = wire.decoder.decode_all([envelope])
    if isinstance(found, PayloadError):
        assert found.rule != "decoder fault"
    else:
        assert found.device == "v"
