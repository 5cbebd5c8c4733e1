import json
import math
import pickle

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.codecs import CODECS, CODECS_BY_NAME
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import FORMATS
from ingest.reading import Envelope, Measurement, Message, Quality

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
EUI = "a81758fffe04a1b2"
TOPICS = [
    *(f"application/7/device/{EUI}/event/{name}" for name in
      ["up", "join", "status", "ack", "txack", "log", "location", "integration", "new"]),
    *(f"tele/plug/{name}" for name in ["SENSOR", "STATE", "LWT", "INFO1"]),
    "somewhere/else",
]  # fmt: skip


class _Fixed:
    """A format that returns, or raises, what it is given."""

    NAME = "fixed"
    BY_TOPIC = False

    def __init__(self, outcome):
        self.outcome = outcome

    def claims(self, topic, payload, setup):
        return True

    def read(self, envelope, setup):
        if isinstance(self.outcome, Exception):
            raise self.outcome
        return self.outcome


def _decode(outcome, payload: bytes = b"{}") -> Message:
    decoder = Decoder(formats=(_Fixed(outcome),))
    return decoder.decode(Envelope("test", "a/b", payload, NOW))


def _refusal(outcome) -> PayloadError:
    with pytest.raises(PayloadError) as caught:
        _decode(outcome)
    return caught.value


def test_an_unknown_topic_is_refused_with_the_formats_known():
    with pytest.raises(PayloadError) as caught:
        Decoder().decode(Envelope("test", "home/door", b"open", NOW))
    assert str(caught.value) == (
        "format: expected a topic or a content that Emscher knows (docs/formats.md lists them),"
        " found 4 bytes on home/door"
    )


def test_registries_name_each_once():
    assert [codec.NAME for codec in CODECS] == list(CODECS_BY_NAME)
    assert len({one.NAME for one in FORMATS}) == len(FORMATS)


def test_a_codec_that_does_not_exist_is_refused_at_the_start():
    with pytest.raises(
        ValueError, match="codec of 'My profile': expected a name that `emscher codec list` shows"
    ):
        Decoder(codecs_by_name={"My profile": "elsis"})


def test_size_is_limited_before_anything_is_read():
    bomb = _Fixed(AssertionError("was read"))
    decoder = Decoder(formats=(bomb,), payload_bytes_max=10)
    with pytest.raises(PayloadError, match="message size: expected at most 10 bytes"):
        decoder.decode(Envelope("test", "a/b", b"x" * 11, NOW))
    with pytest.raises(PayloadError, match="topic: expected at most 1024 characters"):
        decoder.decode(Envelope("test", "a" * 1025, b"", NOW))


@pytest.mark.parametrize(
    ("raised", "rule"),
    [
        (ValueError("odd"), "payload"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "odd"), "payload"),
        (msgspec.ValidationError("odd"), "payload"),
        (RecursionError("deep"), "nesting"),
        (KeyError("x"), "decoder fault"),
        (ZeroDivisionError("x"), "decoder fault"),
    ],
)
def test_whatever_a_format_raises_becomes_a_payload_error_with_its_cause(raised, rule):
    refusal = _refusal(raised)
    assert refusal.rule == rule
    assert refusal.__cause__ is raised
    assert pickle.loads(pickle.dumps(refusal)).rule == rule


def test_a_payload_error_passes_as_it_is():
    error = PayloadError("colour", "blue", "red")
    assert _refusal(error) is error


@pytest.mark.parametrize(
    ("message", "rule"),
    [
        (Message("", NOW), "device id"),
        (Message("a" * 129, NOW), "device id"),
        (Message("a\x00", NOW), "device id"),
        (Message("a\nb", NOW), "device id"),
        (Message("a", NOW, key=""), "message key"),
        (Message("a", NOW, [Measurement("", 1.0)]), "quantity"),
        (Message("a", NOW, [Measurement("x\ty", 1.0)]), "quantity"),
        (Message("a", NOW, [Measurement("x", 1.0, "\x1b")]), "channel of x"),
        (Message("a", NOW, [Measurement("x", 1.0, "y" * 129)]), "channel of x"),
        (Message("a", NOW, [Measurement("x", math.nan)]), "value of x"),
        (Message("a", NOW, [Measurement("x", -math.inf)]), "value of x"),
        (Message("a", NOW, [Measurement("x", 1.0)] * 4097), "measurements"),
    ],
)
def test_what_is_not_fit_to_be_stored_is_refused(message, rule):
    assert _refusal(message).rule == rule


def test_names_stay_checked_when_many_were_seen():
    decoder = Decoder(formats=())
    for n in range(9000):
        decoder._check(Message("a", NOW, [Measurement(f"q{n}", 1.0, f"c{n}")]))
    assert len(decoder._quantities) + len(decoder._channels) < 9000
    with pytest.raises(PayloadError, match="quantity"):
        decoder._check(Message("a", NOW, [Measurement("\x00", 1.0)]))


def test_4096_measurements_and_state_alone_are_legal():
    assert len(_decode(Message("a", NOW, [Measurement("x", 1.0)] * 4096)).measurements) == 4096
    assert _decode(Message("a", None, [], {"lwt": "Online"})).measurements == []


def test_a_possible_message_is_returned_as_it_is():
    message = Message("a", NOW - 10**17, [Measurement("x", 1.0)])
    assert _decode(message) is message


def test_no_time_stays_no_time():
    assert _decode(Message("a", None, [Measurement("x", 1.0)])).time_ns is None


def test_times_are_judged_one_by_one():
    message = _decode(
        Message(
            "a",
            0,
            [
                Measurement("x", 1.0),
                Measurement("y", 1.0, "", NOW - 5),
                Measurement("z", 1.0, "", 2 * NOW),
                Measurement("w", 1.0, quality=Quality.REJECTED),
            ],
        )
    )
    assert message.time_ns == NOW
    assert [(one.time_ns, one.quality) for one in message.measurements] == [
        (None, Quality.SUSPECT),
        (NOW - 5, Quality.MEASURED),
        (NOW, Quality.SUSPECT),
        (None, Quality.REJECTED),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=12,
)
KEYS = [
    "deviceInfo", "devEui", "deviceProfileName", "deviceName", "tags", "time", "deduplicationId",
    "fPort", "data", "object", "rxInfo", "rssi", "snr", "margin", "batteryLevel", "location",
    "Time", "ENERGY", "Total", "Power", "SML", "DS18B20-1", "Temperature", "TempUnit", "COUNTER",
]  # fmt: skip
LEAVES = st.sampled_from([EUI, "2026-06-01T12:00:00Z", "AQDiAik=", "ERS", "C", -3, 5.5, "ZzI="])
SHAPED = st.recursive(
    LEAVES | JSON,
    lambda inner: st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=30,
)
DECODER = Decoder(codecs_by_name={"cayenne profile": "cayenne"})


def _message_or_refusal(topic: str, payload: bytes) -> Message | None:
    refusal: PayloadError | None = None
    try:
        message = DECODER.decode(Envelope("test", topic, payload, NOW))
    except PayloadError as error:
        refusal = error
    if refusal is not None:
        assert refusal.rule != "decoder fault", refusal
        return None
    assert isinstance(message, Message)
    assert all(math.isfinite(one.value) for one in message.measurements)
    return message


@given(st.sampled_from(TOPICS) | st.text(max_size=50), st.binary(max_size=200))
def test_any_bytes_on_any_topic(topic, payload):
    _message_or_refusal(topic, payload)


@given(st.sampled_from(TOPICS), SHAPED)
def test_any_json_on_any_topic(topic, tree):
    _message_or_refusal(topic, json.dumps(tree).encode())


@given(
    st.sampled_from(TOPICS),
    st.dictionaries(st.sampled_from(KEYS), SHAPED, max_size=6),
    st.sampled_from(["", "Cayenne", "ERS", "cayenne profile"]),
)
def test_any_event_of_a_known_device(topic, tree, profile):
    event = tree | {"deviceInfo": {"devEui": EUI, "deviceProfileName": profile}}
    _message_or_refusal(topic, json.dumps(event).encode())


@given(st.binary(max_size=60), st.sampled_from(["Cayenne", "ERS"]))
def test_any_payload_of_a_known_codec(payload, profile):
    event = {
        "deviceInfo": {"devEui": EUI, "deviceProfileName": profile},
        "data": msgspec.to_builtins(payload),
        "time": "2026-06-01T11:59:58.123456789Z",
    }
    message = _message_or_refusal(TOPICS[0], json.dumps(event).encode())
    assert message is None or message.time_ns == NOW - 1_876_543_211
