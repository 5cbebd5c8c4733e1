"""Receive, make durable, acknowledge: in that order, whatever the store or a message does."""

import threading

import pytest
from gateway_brokers import Ledger, until
from hypothesis import given
from hypothesis import strategies as st

from gateway.inbox import Inbox, Parcel
from gateway.pump import Pump
from ingest.errors import StoreUnavailable
from ingest.reading import Envelope


class _Desk:
    """A pump over a ledger, with what was acknowledged, in order."""

    def __init__(self, ledger, **marks):
        self.ledger, self.inbox = ledger, Inbox()
        self.acknowledged: list[bytes] = []
        self.pump = Pump(self.inbox, ledger, **marks)

    def put(self, *payloads):
        for payload in payloads:
            envelope = Envelope("test", "t", payload, 0)
            self.inbox.put(Parcel([envelope], lambda p=payload: self._told(p)))

    def _told(self, payload):
        safe = [one.payload for one in self.ledger.taken + self.ledger.refused]
        assert payload in safe, "acknowledged before it was safe"
        self.acknowledged.append(payload)

    def run(self):
        """Do all that is in the inbox, and end."""
        self.pump.start()
        assert self.pump.drain(10)
        return self


MANY = [b"%03d" % k for k in range(50)]


def test_messages_are_acknowledged_in_order_of_arrival_once_they_are_safe():
    desk = _Desk(Ledger())
    desk.put(*MANY)
    desk.run()
    assert desk.ledger.payloads == desk.acknowledged == MANY
    assert desk.ledger.batches == [50], "what has arrived is one commit"


def test_while_the_store_says_not_now_the_pump_holds_and_says_why():
    ledger, pauses = Ledger(), []
    ledger.closed = True
    asked = threading.Semaphore(0)

    def wait(pause_s):
        pauses.append(pause_s)
        asked.acquire(timeout=10)

    desk = _Desk(ledger, pauses_s=(1, 2, 3), wait=wait)
    desk.put(b"a", b"b")
    desk.pump.start()
    for k in range(1, 6):
        until("it waits", lambda k=k: len(pauses) == k)
        assert desk.pump.fault == "the disk is full"
        assert desk.acknowledged == []
        if k == 5:
            ledger.closed = False
        asked.release()
    assert desk.pump.drain(10)
    assert pauses == [1, 2, 3, 3, 3], "ever longer, up to the last"
    assert desk.acknowledged == ledger.payloads == [b"a", b"b"]
    assert desk.pump.fault is None


@given(st.sets(st.integers(0, 20)), st.integers(1, 21))
def test_messages_that_break_the_intake_are_put_aside_and_all_others_stored_once(bad, size):
    ledger = Ledger()
    payloads = [b"%d" % k for k in range(size)]
    ledger.poison = frozenset(b"%d" % k for k in bad)
    desk = _Desk(ledger)
    desk.put(*payloads)
    desk.run()
    assert ledger.payloads == [one for one in payloads if one not in ledger.poison]
    assert [one.payload for one in ledger.refused] == [p for p in payloads if p in ledger.poison]
    assert desk.acknowledged == payloads


class _Stumbles(Ledger):
    """Says "not now" at some of the calls."""

    def __init__(self, at):
        super().__init__()
        self.calls, self.at = 0, at

    def accept(self, envelopes):
        self._stumble()
        super().accept(envelopes)

    def refuse(self, envelope, error):
        self._stumble()
        super().refuse(envelope, error)

    def _stumble(self):
        self.calls += 1
        if self.calls in self.at:
            raise StoreUnavailable("not now")


@given(st.sets(st.integers(0, 9)), st.sets(st.integers(1, 40)))
def test_what_of_a_split_batch_is_stored_is_not_offered_again(bad, faults):
    """However the store comes and goes meanwhile: each message exactly once."""
    ledger = _Stumbles(faults)
    payloads = [b"%d" % k for k in range(10)]
    ledger.poison = frozenset(b"%d" % k for k in bad)
    desk = _Desk(ledger, wait=lambda pause_s: None)
    desk.put(*payloads)
    desk.run()
    assert ledger.payloads == [one for one in payloads if one not in ledger.poison]
    assert [one.payload for one in ledger.refused] == [p for p in payloads if p in ledger.poison]
    assert desk.acknowledged == payloads


def test_a_store_that_fails_in_an_unknown_way_is_held_for_too_and_told():
    """The pump must not end in silence: then nothing would ever be stored again."""

    class Broken(Ledger):
        faults = 3

        def accept(self, envelopes):
            raise RuntimeError("no idea")

        def refuse(self, envelope, error):
            self.faults -= 1
            if self.faults:
                raise RuntimeError("no idea either")
            super().refuse(envelope, error)

    faults = []
    desk = _Desk(Broken(), wait=lambda pause_s: faults.append(desk.pump.fault))
    desk.put(b"a")
    desk.run()
    assert faults == ["no idea either"] * 2
    assert desk.acknowledged == [b"a"]


def test_a_drain_stores_what_came_and_takes_nothing_more():
    desk = _Desk(Ledger())
    desk.put(*MANY)
    desk.run()
    assert not desk.inbox.put(Parcel([Envelope("test", "t", b"late", 0)], lambda: None))
    assert desk.pump.drain(0), "again is harmless"


@pytest.mark.parametrize("poison", [frozenset(), frozenset([b"007"])])
def test_giving_up_leaves_what_is_not_stored_unacknowledged(poison):
    """Nothing of the batch: part of it may be safe, but the broker sends all of it again."""
    ledger = Ledger()
    ledger.closed, ledger.poison = True, poison
    desk = _Desk(ledger)
    desk.put(*MANY)
    desk.pump.start()
    until("it holds", lambda: desk.pump.fault)
    desk.put(b"behind")
    assert not desk.pump.drain(0.05)
    assert desk.acknowledged == ledger.taken == []
    assert len(desk.inbox) >= 1


def test_a_batch_that_was_taken_and_is_not_stored_is_left_over_too():
    """The inbox is empty then, and yet not all is done."""
    ledger = Ledger()
    ledger.closed = True
    desk = _Desk(ledger)
    desk.put(*MANY)
    desk.pump.start()
    until("it holds", lambda: desk.pump.fault and not len(desk.inbox))
    assert not desk.pump.drain(0.05)
    assert desk.acknowledged == ledger.taken == []
