"""vzlogger's topics and numbers, and Emscher's reading of them."""

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet import vzlogger
from fleet.errors import EncodingError
from ingest.decode import Decoder
from ingest.formats import vzlogger as reader
from ingest.reading import Envelope

CHANNEL = vzlogger.Channel(
    "keller/strom", 3, "1-0:1.8.0*255", "fd3cb1c0-0b5c-8f2e-a1d0-5f6d2f0a9b11"
)
STAMPED = dataclasses.replace(CHANNEL, timestamp=True, retain=True, qos=1)
TIME_NS = 1_771_064_815_123_999_999


def test_a_channel_announces_itself_and_then_sends_bare_numbers():
    first, second = vzlogger.announcement(CHANNEL, time_ns=TIME_NS)
    value = vzlogger.value(CHANNEL, time_ns=TIME_NS, steps=123_456_789, places=1)
    assert first == (TIME_NS, "keller/strom/chn3/id", b"1-0:1.8.0*255", 0, False)
    assert second[1:3] == ("keller/strom/chn3/uuid", CHANNEL.uuid.encode())
    assert value == (TIME_NS, "keller/strom/chn3/raw", b"12345678.900000", 0, False)


@pytest.mark.parametrize(
    ("steps", "places", "text"),
    [
        (0, 0, b"0.000000"),
        (-7, 0, b"-7.000000"),
        (-1, 6, b"-0.000001"),
        (2**63, 1, b"922337203685477580.800000"),
    ],
)
def test_bare_numbers_have_six_decimals(steps, places, text):
    assert vzlogger.value(CHANNEL, time_ns=0, steps=steps, places=places).payload == text


@pytest.mark.parametrize(
    ("steps", "places", "number"),
    [(7, 0, "7.0"), (123, 1, "12.300000000000001"), (-5, 1, "-0.5"), (10**17, 0, "1e+17")],
)
def test_objects_are_spelled_as_json_c_does(steps, places, number):
    message = vzlogger.value(STAMPED, time_ns=TIME_NS, steps=steps, places=places, aggregated=True)
    text = f'{{ "timestamp": 1771064815123, "value": {number} }}'
    assert message == (TIME_NS, "keller/strom/chn3/agg", text.encode(), 1, True)


@settings(max_examples=200, deadline=None)
@given(st.integers(-(2**53), 2**53), st.integers(0, 6), st.booleans())
def test_emscher_reads_the_nearest_number(steps, places, stamped):
    channel = STAMPED if stamped else CHANNEL
    decoder = Decoder(formats=(reader,))
    messages = [
        *vzlogger.announcement(channel, time_ns=TIME_NS),
        vzlogger.value(channel, time_ns=TIME_NS, steps=steps, places=places),
    ]
    *_, told = [
        decoder.decode(Envelope("test", one.topic, one.payload, one.time_ns)) for one in messages
    ]
    (measured,) = told.measurements
    assert measured[:2] == ("active_energy_import", steps / 10**places)
    assert told.device == "keller/strom"
    assert told.time_ns == (TIME_NS // 10**6 * 10**6 if stamped else None)


def test_an_object_is_json():
    message = vzlogger.value(STAMPED, time_ns=TIME_NS, steps=3)
    assert json.loads(message.payload) == {"timestamp": 1_771_064_815_123, "value": 3.0}


@pytest.mark.parametrize("places", [-1, 7])
def test_more_places_than_are_printed_are_refused(places):
    with pytest.raises(EncodingError, match="0 to 6 places"):
        vzlogger.value(CHANNEL, time_ns=0, steps=1, places=places)
