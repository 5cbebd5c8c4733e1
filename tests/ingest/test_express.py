"""An uplink of a known device is read a faster way, and what is stored is the same."""

import json
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import SECOND_NS, rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.express import Express, Fast
from ingest.intake import Intake
from ingest.reading import Envelope
from ingest.store import open_store

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
EUI = "a81758fffe04a1b2"
TOPIC = f"application/1/device/{EUI}/event/up"
EVENT = {
    "deduplicationId": "d",
    "time": "2026-06-01T11:59:00.25+00:00",
    "deviceInfo": {"devEui": EUI, "deviceName": "Attic", "deviceProfileName": "ELSYS ERS"},
    "fPort": 5,
    "data": "AQDiAikEACcFBgYDCA0cBw4L",  # temperature, humidity and more of a chain
    "rxInfo": [{"rssi": -80, "snr": 7.5}],
}
INFO = EVENT["deviceInfo"]
CHANGES = {
    "deduplicationId": [None, "", "e", "x" * 129, "\n"],
    "time": [None, "2026-06-01T11:59:30Z", "1970-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "noon"],
    "deviceInfo": [
        None, {**INFO, "deviceName": "Cellar"}, {**INFO, "deviceProfileName": "Decentlab DL-PR26"},
        {**INFO, "devEui": "00" * 8}, {"devEui": 5}, {**INFO, "tags": {"brand": "x"}},
    ],
    "fPort": [0, 6, 256, "5", None],
    "data": ["", "AQDiAg==", "AQDj", "AQDiAikEACcFBgYDCA0cBw4M", "QQEA4g==", "!", None],
    "object": [{}, {"temperature": 1.5}, [1], 7],
    "rxInfo": [
        [], None, [{"snr": 1}], [{"rssi": -90}], [{"rssi": -99, "snr": 1}, {"rssi": -70, "snr": 9}],
        [{"rssi": 99999}], {},
    ],
    "region": ["eu868"],
}  # fmt: skip


def _envelope(event, at_ns=NOW, topic=TOPIC):
    return Envelope("test", topic, json.dumps(event).encode(), at_ns)


def _plain(found):
    if isinstance(found, PayloadError):
        return str(found)
    return found.message() if isinstance(found, Express) else found


@pytest.mark.parametrize("codecs", [{}, {EUI: "elsys"}], ids=["found", "set"])
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_both_ways_say_the_same(codecs, data):
    """Whatever changes in the next uplink of a device: fields that go, come, or are broken."""
    event = dict(EVENT)
    for name in data.draw(st.sets(st.sampled_from(sorted(CHANGES)), max_size=3)):
        event[name] = data.draw(st.sampled_from(CHANGES[name]))
        if event[name] is None and data.draw(st.booleans()):
            del event[name]
    fast = Decoder(codecs_by_name=codecs)
    fast.read_all([_envelope(EVENT)])
    (found,) = fast.read_all([_envelope(event)])
    (expected,) = Decoder(codecs_by_name=codecs).decode_all([_envelope(event)])
    assert _plain(found) == _plain(expected)


@pytest.mark.parametrize(
    ("profile", "data"),
    [
        ("ELSYS ERS", EVENT["data"]),
        ("Milesight EM300", "AXVcA2c0AQRoZQ=="),
        ("Cayenne LPP", "A2cBEAVnAP8="),
    ],
)
def test_the_second_uplink_of_a_device_goes_the_fast_way(profile, data):
    """With and without a plan of the payload's layout."""
    event = {**EVENT, "deviceInfo": {**INFO, "deviceProfileName": profile}, "data": data}
    decoder = Decoder()
    first, second = (decoder.read_all([_envelope(event, NOW + k)])[0] for k in (0, 1))
    assert not isinstance(first, PayloadError | Express), first
    assert isinstance(second, Express)
    assert second.message() == first


def test_a_device_that_changes_its_name_leaves_the_fast_way_and_comes_back():
    decoder = Decoder()
    renamed = {**EVENT, "deviceInfo": {**INFO, "deviceName": "Cellar"}}
    kinds = [
        isinstance(decoder.read_all([_envelope(event)])[0], Express)
        for event in (EVENT, EVENT, renamed, renamed, EVENT)
    ]
    assert kinds == [False, True, False, True, False]


def test_a_mapping_of_the_operator_that_takes_the_topic_goes_first():
    from ingest.formats import formats_with

    rule = {"topic": "application/+/device/{device}/#", "readings": {"fPort": "temperature"}}
    decoder = Decoder(formats=formats_with([rule], None))
    for _ in range(3):
        (found,) = decoder.read_all([_envelope(EVENT)])
        assert not isinstance(found, PayloadError | Express), found
        assert [one.quantity for one in found.measurements] == ["temperature"]


def _day(devices):
    """Return uplinks of a few devices: in order, repeated, renamed, late, ahead, timeless."""
    for k in range(60):
        for n in range(devices):
            eui = f"a81758fffe04a1{n:02x}"
            at_ns = NOW + (60 * k + 1) * SECOND_NS + n
            event = {
                **EVENT,
                "deduplicationId": f"{k}-{n}",
                "time": f"2026-06-01T12:{k:02}:00.{n:03}+00:00",
                "deviceInfo": {**INFO, "devEui": eui, "deviceName": f"{n}{'new' * (k > 30)}"},
                "object": {"temperature": k} if k == 20 else None,
            }
            if k % 17 == 3:
                event["time"] = None
            if k % 19 == 5:
                event["time"] = "2026-06-01T08:00:00Z"
            if k % 23 == 7:
                event["time"] = "2026-06-02T10:00:00Z"
            event = {name: value for name, value in event.items() if value is not None}
            one = _envelope(event, at_ns, TOPIC.replace(EUI, eui))
            yield one
            if k % 11 == 4:
                yield one


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_a_store_holds_the_same_either_way(tmp_path, monkeypatch, batch):
    """Readings, devices and counters, to the bit, in batches of any size."""
    found = []
    taken = 0
    read = Fast.read
    for way in ("fast", "ordinary"):
        if way == "ordinary":
            monkeypatch.setattr(Fast, "read", lambda self, envelope: None)
        else:

            def counted(self, envelope):
                nonlocal taken
                one = read(self, envelope)
                taken += one is not None
                return one

            monkeypatch.setattr(Fast, "read", counted)
        with closing(open_store("embedded", tmp_path / way)) as store:
            intake = Intake(store, Decoder())
            envelopes = list(_day(3))
            for at in range(0, len(envelopes), batch):
                intake.accept(envelopes[at : at + batch])
            rows = store.scan(None, -(2**63), 2**63 - 1)
            names = [store.name_of(number) for number in rows.series.tolist()]
            columns = (rows.time_ns, rows.value, rows.received_ns, rows.quality)
            readings = sorted(zip(names, *(column.tolist() for column in columns), strict=True))
            found.append((readings, store.counts(), store.devices(), store.series()))
    assert taken > 50
    assert found[0] == found[1]
    assert found[0][1].duplicate > 0
