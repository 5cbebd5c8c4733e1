"""The inbox holds what has arrived, within its bounds, and loses nothing."""

import threading

from gateway_brokers import until

from gateway.inbox import Inbox, Parcel
from ingest.reading import Envelope


def _parcel(*payloads: bytes) -> Parcel:
    return Parcel([Envelope("test", "t", payload, 0) for payload in payloads], lambda: None)


def _payloads(taken):
    return [one.payload for parcel in taken for one in parcel.envelopes]


def _putting(inbox, *payloads):
    """Put in a thread of its own; return it with the list of what the puts returned."""
    done: list[bool] = []

    def put_all():
        done.extend(inbox.put(_parcel(payload)) for payload in payloads)

    thread = threading.Thread(target=put_all)
    thread.start()
    return thread, done


def test_all_that_came_is_taken_oldest_first():
    inbox = Inbox()
    for k in range(5):
        assert inbox.put(_parcel(b"%d" % k))
    assert len(inbox) == 5
    assert _payloads(inbox.take(3, 10**6)) == [b"0", b"1", b"2"]
    assert _payloads(inbox.take(3, 10**6)) == [b"3", b"4"]


def test_a_batch_is_bounded_in_bytes_but_one_message_always_goes():
    inbox = Inbox()
    for size in (10, 10, 10, 99, 1):
        inbox.put(_parcel(b"x" * size))
    sizes = [[len(payload) for payload in _payloads(inbox.take(100, 25))] for _ in range(4)]
    assert sizes == [[10, 10], [10], [99], [1]]


def test_what_came_together_stays_together_and_counts_by_the_message():
    inbox = Inbox(messages_max=4)
    inbox.put(_parcel(b"0", b"1", b"2"))
    inbox.put(_parcel(b"3", b"4"))
    assert len(inbox) == 5
    assert not inbox.await_room(0.01)
    assert _payloads(inbox.take(4, 99)) == [b"0", b"1", b"2"]
    assert inbox.await_room(0)
    assert _payloads(inbox.take(1, 99)) == [b"3", b"4"], "one parcel always goes"
    assert len(inbox) == 0


def test_who_waits_for_room_is_woken_by_the_end():
    inbox = Inbox(messages_max=1)
    inbox.put(_parcel(b"0"))
    woken: list[bool] = []
    thread = threading.Thread(target=lambda: woken.append(inbox.await_room(60)))
    thread.start()
    inbox.close()
    thread.join(10)
    assert woken == [True]


def test_a_full_inbox_lets_its_source_wait_until_there_is_room():
    """Full in messages, or in bytes: either way the socket is not read any further."""
    for inbox, size in ((Inbox(messages_max=2), 1), (Inbox(bytes_max=20), 10)):
        thread, done = _putting(inbox, *(b"%d" % k * size for k in range(4)))
        until("two are in", lambda box=inbox: len(box) == 2)
        thread.join(0.05)
        assert thread.is_alive()
        assert len(done) == 2
        assert len(inbox.take(1, 10**6)) == 1
        until("the third is in", lambda ended=done: len(ended) == 3)
        assert len(inbox) == 2
        inbox.take(2, 10**6)
        thread.join(10)
        assert done == [True] * 4


def test_take_waits_for_the_first_message():
    inbox = Inbox()
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.extend(_payloads(inbox.take(9, 99))))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    inbox.put(_parcel(b"first"))
    thread.join(10)
    assert found == [b"first"]


def test_closing_takes_nothing_more_in_and_gives_everything_out():
    inbox = Inbox(messages_max=2)
    thread, done = _putting(inbox, b"0", b"1", b"2")
    until("two are in", lambda: len(inbox) == 2)
    inbox.close()
    thread.join(10)
    assert done == [True, True, False], "who waits for room is sent away"
    assert not inbox.put(_parcel(b"late"))
    assert _payloads(inbox.take(1, 99)) == [b"0"]
    assert _payloads(inbox.take(1, 99)) == [b"1"]
    assert inbox.take(1, 99) == []


def test_many_sources_at_once_lose_nothing_and_keep_each_its_order():
    inbox = Inbox(messages_max=7)
    threads = [_putting(inbox, *(b"%d %03d" % (s, k) for k in range(200)))[0] for s in range(4)]
    taken: list[bytes] = []
    while len(taken) < 800:
        part = _payloads(inbox.take(5, 10**6))
        assert len(part) <= 5
        taken += part
    for thread in threads:
        thread.join(10)
    for source in range(4):
        of_it = [one for one in taken if one.startswith(b"%d " % source)]
        assert of_it == sorted(of_it)
        assert len(of_it) == 200
