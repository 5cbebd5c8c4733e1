"""Every envelope ends as exactly one of stored, duplicate, quarantined; nothing lost, or twice."""

import itertools
import json
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from gateway_events import KEYS, _packet, _phy
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ingest.clock import AHEAD_NS_MAX, SECOND_NS, rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError, StoreUnavailable
from ingest.intake import Intake
from ingest.reading import Envelope, Quality
from ingest.store import Counts, open_store

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
EUI = "a81758fffe04a1b2"


class _Sometimes:
    """A store that can be told to say "not now"."""

    def __init__(self, store):
        self._store, self.away = store, False

    def append(self, commit):
        if self.away:
            raise StoreUnavailable("not now")
        return self._store.append(commit)

    def __getattr__(self, name):
        return getattr(self._store, name)


@pytest.fixture
def store(tmp_path):
    made = open_store("embedded", tmp_path)
    yield made
    made.close()


@pytest.fixture
def intake(store):
    return Intake(store, Decoder())


def _sensor(fields, *, topic="tele/plug/SENSOR", at=NOW, **marks):
    payload = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return Envelope("test", topic, payload, at, **marks)


def _uplink(value, *, time=None, key=None, event="up", at=NOW, **marks):
    told = {"deviceInfo": {"devEui": EUI}, "object": {"temperature": value}}
    told |= {"time": time} if time else {}
    told |= {"deduplicationId": key} if key else {}
    return Envelope(
        "test", f"application/1/device/{EUI}/event/{event}", json.dumps(told).encode(), at, **marks
    )


def _again(envelope, after_s=60):
    return replace(
        envelope, redelivered=True, received_ns=envelope.received_ns + after_s * SECOND_NS
    )


def _values(store):
    return store.scan(None, 0, 2**62).value.tolist()


def _plug(value, time="2026-06-01T13:00:00"):
    told = {"DS18B20": {"Temperature": value}, "TempUnit": "C"}
    return ({"Time": time} if time else {}) | told


def test_a_mixed_batch_ends_in_one_commit_message_by_message(store, intake):
    committed = intake.accept(
        [
            _sensor(_plug(20.5)),
            _sensor(b"{broken"),
            _sensor(b"Online", topic="tele/plug/LWT"),
            _uplink(7.0, time="2026-06-01T11:59:00Z", key="one"),
            _sensor(_plug(20.5)),
            _sensor(b"\xff", topic="nobody/knows"),
        ]
    )
    assert committed.commit == store.last_commit() == 1
    assert committed.counts == store.counts() == Counts(3, 1, 2, 2, 0)
    assert committed.counts.received == 6
    assert committed.refused == 2
    assert sorted(committed.rows.value.tolist()) == sorted(_values(store)) == [7.0, 20.5]
    assert {device.id for device in committed.devices} == {"plug", EUI}
    assert [one.payload for one in store.quarantined()] == [b"\xff", b"{broken"]


def test_what_has_a_time_is_known_by_its_readings(store, intake):
    for after_s in (0, 60):
        intake.accept([_again(_sensor(_plug(20.5)), after_s)])
        intake.accept([_sensor(_plug(20.5))])
    assert store.counts() == Counts(stored=1, duplicate=3, readings=1)


@pytest.mark.parametrize("time", [None, "1970-01-01T00:00:10", "2200-01-01T00:00:00"])
def test_what_has_no_time_that_can_be_is_stored_once_however_often_it_is_sent_again(
    store, intake, time
):
    """Its readings carry the time of receipt, and that is another one each time."""
    one = _sensor(_plug(20.5, time))
    intake.accept([one])
    intake.accept([_again(one), _again(one, 90)])
    assert store.counts() == Counts(stored=1, duplicate=2, readings=1)
    found = store.scan(None, 0, 2**62)
    assert found.time_ns.tolist() == [NOW]
    assert found.quality.tolist() == [Quality.SUSPECT if time else Quality.MEASURED]


def test_a_device_may_say_the_same_thing_twice(store, intake):
    """Without a mark of the broker, equal messages are two."""
    one = _sensor(_plug(20.5, None))
    intake.accept([one, replace(one, received_ns=NOW + 1)])
    intake.accept([replace(one, received_ns=NOW + 2)])
    assert store.counts() == Counts(stored=3, readings=3)


def test_a_key_tells_a_repeat_also_without_a_mark_and_over_a_restart(tmp_path):
    store = open_store("embedded", tmp_path)
    Intake(store, Decoder()).accept([_uplink(7.0, key="one"), _uplink(7.0, key="one", at=NOW + 5)])
    store.close()
    store = open_store("embedded", tmp_path)
    intake = Intake(store, Decoder())
    intake.accept([_uplink(7.0, key="one", at=NOW + 9), _uplink(7.0, key="two", at=NOW + 10)])
    assert store.counts() == Counts(stored=2, duplicate=2, readings=2)
    store.close()


@pytest.mark.parametrize("first", ["1970-01-01T00:00:00Z", "2200-01-01T00:00:00Z"])
def test_the_same_key_with_another_impossible_time_is_the_same_message(store, intake, first):
    intake.accept([_uplink(7.0, time=first, key="one")])
    intake.accept([_uplink(7.0, time="2199-01-01T00:00:00Z", key="one", at=NOW + 5)])
    assert store.counts() == Counts(stored=1, duplicate=1, readings=1)


def test_a_time_that_becomes_possible_while_the_message_waits_makes_no_second_reading(
    store, intake
):
    """A day and ten seconds ahead is refused; a minute later it would be believed."""
    ahead = rfc3339_ns("2026-06-02T12:00:10Z")
    assert ahead - NOW > AHEAD_NS_MAX
    for one in (
        _uplink(7.0, time="2026-06-02T12:00:10Z", key="one"),
        _sensor(_plug(20.5, "2026-06-02T14:00:10")),
    ):
        intake.accept([one])
        intake.accept([_again(one)])
    assert store.counts() == Counts(stored=2, duplicate=2, readings=2)
    assert set(store.scan(None, 0, 2**62).time_ns.tolist()) == {NOW}


def test_a_frame_that_several_gateways_heard_is_stored_once(store):
    intake = Intake(store, Decoder(keys=KEYS))

    def heard(gateway, after_s, *frames):
        packets = [
            _packet(frame, time=f"2026-06-01T11:{place}:0{after_s}Z", rssi=-30 - after_s)
            for place, frame in enumerate(frames, 50)
        ]
        topic = f"gateway/{gateway}/event/raw"
        return Envelope("test", topic, json.dumps({"rxpk": packets}).encode(), NOW)

    first, second, third = (_phy(f_cnt=count) for count in (7, 8, 9))
    intake.accept([heard("0016c001f153a14c", 1, first), heard("0016c001f153a14d", 2, first)])
    assert store.counts() == Counts(1, 1, readings=4)
    assert sorted(_values(store)) == [-31, 10.5, 22.6, 41]
    # The next envelope brings that frame again, beside others; only those are new.
    intake.accept([heard("0016c001f153a14e", 3, first, second, third)])
    assert store.counts() == Counts(2, 1, readings=12)
    assert sorted(_values(store)).count(22.6) == 3
    intake.accept([heard("0016c001f153a14d", 4, third, second)])
    assert store.counts() == Counts(2, 2, readings=12)
    assert len(_values(store)) == 12


def test_what_the_network_says_of_an_uplink_does_not_hide_the_uplink(store, intake):
    """ChirpStack's ack and status bear the identity of the uplink that they came with."""
    intake.accept([_uplink(7.0, key="one", event="ack"), _uplink(7.0, key="one")])
    intake.accept([_uplink(7.0, key="one", event="ack"), _uplink(7.0, key="one", at=NOW + 1)])
    assert store.counts() == Counts(stored=2, duplicate=2, readings=1)


def test_what_a_broker_keeps_for_new_subscribers_is_stored_once(store, intake):
    """It comes again at every connection, and is not measured again by that."""
    kept = [_sensor(_plug(20.5, None), retained=True), _sensor(b"{broken", retained=True)]
    intake.accept(kept)
    intake.accept([replace(one, received_ns=NOW + 5) for one in kept])
    assert store.counts() == Counts(stored=1, duplicate=2, quarantined=1, readings=1)


def test_garbage_that_is_sent_again_lies_in_quarantine_once(store, intake):
    garbage = _sensor(b"{broken")
    intake.accept([garbage, _again(garbage)])
    intake.accept([_again(garbage)])
    intake.accept([garbage])
    assert store.counts() == Counts(duplicate=2, quarantined=2)
    assert len(store.quarantined()) == 2


def test_messages_of_state_alone_are_counted_and_keep_the_newest_of_each_fact(tmp_path):
    store = open_store("embedded", tmp_path)
    intake = Intake(store, Decoder())
    intake.accept([_sensor(b"Online", topic="tele/plug/LWT")])
    intake.accept([_sensor(b"7", topic="tele/plug/INFO1")])
    one = _sensor(b"Offline", topic="tele/plug/LWT", at=NOW + 9)
    intake.accept([one, _again(one)])
    assert store.counts() == Counts(stored=3, duplicate=1)
    before = store.device("plug")
    store.close()
    store = open_store("embedded", tmp_path)
    device = store.device("plug")
    assert device == before
    assert device.state == {"lwt": "Offline", "info1": 7}
    assert (device.first_ns, device.last_ns) == (NOW, NOW + 9)
    store.close()


def test_no_store_means_nothing_happened(store):
    """The same envelopes are taken later as if for the first time."""
    sometimes = _Sometimes(store)
    told = []
    intake = Intake(sometimes, Decoder(), [told.append])
    batch = [_sensor(_plug(20.5, None)), _sensor(b"{broken"), _uplink(7.0, key="one")]
    sometimes.away = True
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            intake.accept(batch)
    assert told == []
    assert store.counts() == Counts()
    assert store.devices() == []
    sometimes.away = False
    intake.accept(batch)
    assert store.counts() == Counts(2, 0, 1, 2, 0)
    assert [one.counts for one in told] == [store.counts()]


def test_a_watcher_that_fails_does_not_make_the_intake_fail(store):
    """Else the messages would be offered again, and those without a time be stored twice."""
    told = []

    def fails(committed):
        raise RuntimeError("no")

    intake = Intake(store, Decoder(), [fails, told.append])
    intake.accept([_sensor(_plug(20.5, None))])
    assert store.counts() == Counts(stored=1, readings=1)
    assert len(told) == 1


def test_a_refused_envelope_is_kept_with_its_reason(store, intake):
    error = PayloadError("x" * 900, {"much": "y" * 900}, 7)
    intake.refuse(_sensor(b"bytes", at=5), error)
    (kept,) = store.quarantined()
    assert (kept.payload, kept.received_ns, kept.found) == (b"bytes", 5, "7")
    assert len(kept.expected) == 500
    assert kept.expected.endswith("…")


@st.composite
def _streams(draw):
    """Envelopes of every kind, each without time or key unlike every other, in order of receipt."""
    kinds = draw(st.lists(st.integers(0, 6), min_size=1, max_size=14))
    made = []
    for k, kind in enumerate(kinds):
        at, value = NOW + k * SECOND_NS, float(k)
        slot = draw(st.integers(0, 2))
        made.append(
            [
                _sensor(_plug(float(slot), f"2026-06-01T13:00:0{slot}"), at=at),
                _uplink(value, time=f"2026-06-01T11:00:0{slot}Z", key=f"k{slot}", at=at),
                _uplink(value, key=f"k{k}", at=at),
                _uplink(value, time="1970-01-01T00:00:00Z", key=f"k{k}", at=at),
                _sensor(_plug(value, None), at=at),
                _sensor(b"{broken %d" % k, at=at),
                _sensor(b'"%d"' % k, topic="tele/plug/LWT", at=at),
            ][kind]
        )
    return made


@settings(max_examples=40, deadline=None)
@given(
    stream=_streams(),
    sizes=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    fates=st.lists(
        st.sampled_from(["ok", "not now", "killed before", "killed after", "ack lost"]), max_size=9
    ),
)
def test_any_batches_and_any_crashes_store_what_an_undisturbed_run_stores(stream, sizes, fates):
    """What was not acknowledged is offered again, marked, and received later."""
    with TemporaryDirectory() as calm, TemporaryDirectory() as rough:
        expected = _run(Path(calm), stream, itertools.repeat(1), iter(()))
        assert _run(Path(rough), stream, itertools.cycle(sizes), iter(fates)) == expected


def _run(folder, stream, sizes, fates):
    """Offer a stream as a broker does; return what is stored then, but for times of receipt."""
    store = open_store("embedded", folder)
    gate = _Sometimes(store)
    intake = Intake(gate, Decoder())
    offered = 0
    pending = list(stream)
    while pending:
        batch = pending[: next(sizes)]
        fate = next(fates, "ok")
        gate.away = fate in ("not now", "killed before")
        try:
            counts = intake.accept(batch).counts
            offered += len(batch)
            assert counts == store.counts()
            assert counts.received == counts.stored + counts.duplicate + counts.quarantined
            assert counts.received == offered, "a message has no end, or two"
        except StoreUnavailable:
            assert gate.away
            assert store.counts().received == offered
        if fate.startswith("killed"):
            store.close()
            store = open_store("embedded", folder)
            gate = _Sometimes(store)
            intake = Intake(gate, Decoder())
        if fate == "ok":
            del pending[: len(batch)]
        elif fate != "not now":  # which is offered again as it is; the rest comes from the broker
            pending = [_again(one) for one in pending]
    counts = store.counts()
    last = {device.id: device.state for device in store.devices()}
    garbage = Counter(one.payload for one in store.quarantined())
    found = store.scan(None, 0, 2**62)
    readings = Counter(
        (store.name_of(series), at if at < received else "receipt", value, quality)
        for series, at, value, received, quality in zip(
            *(getattr(found, name).tolist() for name in
              ("series", "time_ns", "value", "received_ns", "quality")),
            strict=True,
        )
    )  # fmt: skip
    assert max(Counter(zip(found.series.tolist(), found.time_ns.tolist(), strict=True)).values(),
               default=1) == 1  # fmt: skip
    store.close()
    return readings, counts.readings, counts.quarantined, garbage, last
