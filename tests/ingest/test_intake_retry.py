"""What was refused is understood later: after an announcement, or after a codec was added."""

import contextlib
from unittest import mock

import duckdb
import pytest

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError, StoreUnavailable
from ingest.intake import Intake, Retried
from ingest.memory import Fact, Memory
from ingest.reading import Envelope, Measurement, Message
from ingest.store import Counts, open_store

NOW = rfc3339_ns("2026-06-01T12:00:00Z")


def _envelope(topic: str, payload: bytes, at: int) -> Envelope:
    return Envelope("test", topic, payload, at)


class _Announced:
    """A format whose values are understood only once their unit was announced."""

    NAME = "announced"
    BY_TOPIC = True

    def claims(self, topic, payload, setup):
        return topic.startswith("a/")

    def read(self, envelope, setup):
        if envelope.topic == "a/unit":
            setup.memory.learn("announced", "unit", envelope.payload.decode())
            return Message("a", None, [], {"unit": envelope.payload.decode()})
        if setup.memory.get("announced", "unit") is None:
            raise PayloadError("announcement", "a unit on a/unit before", envelope.topic)
        value = float(envelope.payload)
        if value == 13:
            raise PayloadError("value", "another number", value)
        return Message("a", None, [Measurement("temperature", value)])


def _announcing(store) -> Intake:
    return Intake(store, Decoder(formats=(_Announced(),), facts=store.facts()))


def test_what_waited_for_an_announcement_is_taken_in_when_it_comes(tmp_path):
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        intake = _announcing(store)
        intake.accept([_envelope("a/value", b"21.5", NOW), _envelope("a/value", b"13", NOW + 1)])
        assert store.counts() == Counts(quarantined=2)
        intake.accept([_envelope("a/unit", b"Cel", NOW + 2)])
        assert store.counts() == Counts(stored=2, quarantined=1, readings=1)
        assert store.counts().received == 3
        (row,) = zip(store.latest().time_ns, store.latest().value, strict=True)
        assert row == (NOW, 21.5)
        assert [one.found for one in store.quarantined()] == ["a/value"]
    with contextlib.closing(open_store("embedded", tmp_path)) as store:  # known after a start
        _announcing(store).accept([_envelope("a/value", b"22", NOW + 3)])
        assert store.counts() == Counts(stored=3, quarantined=1, readings=2)
        assert store.quarantined()[0].id == 2  # numbers go on


def test_refused_messages_are_tried_again_on_demand_and_leave_in_one_commit(tmp_path):
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        codec_missing = Intake(store, Decoder(formats=()))
        codec_missing.accept([_envelope("a/unit", b"Cel", NOW), _envelope("a/value", b"1", NOW)])
        codec_missing.accept([_envelope("b", b"?", NOW)])
        assert codec_missing.retry() == Retried(3, 0)
        assert _announcing(store).retry(rule="payload codec") == Retried(0, 0)
        assert _announcing(store).retry() == Retried(3, 2)
        assert store.counts() == Counts(stored=2, quarantined=1, readings=1)
        assert [one.topic for one in store.quarantined()] == ["b"]
        codec_missing.accept([_envelope("c", b"?", NOW)])
        assert [one.id for one in store.quarantined()] == [4, 3]


def test_a_fact_is_told_again_until_it_is_stored(tmp_path):
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        decoder = Decoder(formats=(_Announced(),))
        intake = Intake(store, decoder)
        full = mock.patch.object(store, "append", side_effect=StoreUnavailable("full"))
        with full, pytest.raises(StoreUnavailable):
            intake.accept([_envelope("a/unit", b"Cel", NOW)])
        assert store.facts() == []
        intake.accept([_envelope("a/unit", b"Cel", NOW)])
        assert store.facts() == [Fact("announced", "unit", "Cel")]
        assert decoder.memory.unsaved() == []


def test_many_that_wait_in_vain_are_tried_less_often(tmp_path, monkeypatch):
    monkeypatch.setattr("ingest.intake._TRIED_ALWAYS", 0)
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        intake = _announcing(store)
        intake.accept([_envelope("a/value", b"13", NOW)])
        tries = mock.Mock(wraps=intake.retry)
        monkeypatch.setattr(intake, "retry", tries)
        for n in range(40):
            intake.accept([_envelope("a/unit", f"unit {n}".encode(), NOW + n)])
        assert tries.call_count == 5  # after 0, 2, 4, 8 and 16 more announcements
        assert store.counts().received == 41


def test_memory_is_bounded_and_forgets_what_it_learned_first():
    memory = Memory(facts_max=3)
    for n in range(5):
        memory.learn("f", f"n{n}", n)
    assert dict(memory.of("f")) == {"n2": 2, "n3": 3, "n4": 4}
    memory.learn("f", "n3", None)
    assert memory.get("f", "n3") is None
    memory.learn("g", "n", 1)
    assert memory.get("f", "n2") == 2
    assert [fact.name for fact in memory.unsaved()] == ["n0", "n1", "n2", "n3", "n4", "n"]


def test_a_forgotten_fact_leaves_the_store(tmp_path):
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        intake = _announcing(store)
        intake.accept([_envelope("a/unit", b"Cel", NOW)])
        intake._decoder.memory.learn("announced", "unit", None)
        intake.accept([_envelope("else", b"", NOW + 1)])
        assert store.facts() == []


def test_a_store_of_the_first_layout_is_brought_up(tmp_path):
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        Intake(store, Decoder(formats=())).accept([_envelope("b", b"?", NOW)])
    with duckdb.connect(str(tmp_path / "emscher.duckdb")) as con:
        con.execute("ALTER TABLE quarantine DROP COLUMN retained")
        con.execute("ALTER TABLE counts DROP COLUMN refused")
        con.execute("ALTER TABLE windows DROP COLUMN revision")
        con.execute("DROP TABLE facts; UPDATE about SET version = 1")
    with contextlib.closing(open_store("embedded", tmp_path)) as store:
        assert [(one.id, one.retained) for one in store.quarantined()] == [(1, False)]
        Intake(store, Decoder(formats=())).accept([_envelope("c", b"?", NOW)])
        assert [one.id for one in store.quarantined()] == [2, 1]
        assert store.facts() == []
