"""What is found is a function of what is stored, whatever came late, was cut off or failed."""

import threading

import numpy as np
import pytest
from derived_rows import (
    DAY,
    EPOCH,
    MINUTE,
    NS,
    Announced,
    append,
    listed,
    live,
    memory_store,
    sensor,
    stored,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics import grouping
from analytics import live as live_module
from ingest.errors import StoreUnavailable
from ingest.reading import Series
from kernels import spike

NAMES = (("a", "hoerde-schule"),)
SERIES = (
    sensor("a"),
    sensor("a", "co2"),
    sensor("b", "humidity"),
    Series("b", "active_energy_import"),
)


def troubled(seed, length=160):
    """Return {Series: {time: value}} with spikes, stuck values, new levels and silences."""
    draw = np.random.default_rng(seed)
    times = EPOCH + np.cumsum(np.where(draw.random(length) < 0.02, 40 * MINUTE, MINUTE))
    made = {}
    for series in SERIES:
        values = draw.normal(20, 0.3, length).round(1)
        for at in draw.integers(30, length - 20, 3).tolist():
            kind = draw.integers(3)
            values[at : at + [2, 18, 9][kind]] = [90.0, values[at], 200.0][kind]
        own = times + draw.choice([0, 5 * NS])
        made[series] = dict(zip(own.tolist(), values.tolist(), strict=True))
    return made


def undisturbed(series):
    """Return the anomalies of one run that gets every reading in order, in few batches."""
    readings = listed(series)
    with memory_store() as store:
        with live(store) as running:
            for at in range(0, len(readings), 50):
                running.offer(append(store, readings[at : at + 50], EPOCH, NAMES))
        return stored(store)


def late(draw, readings, far):
    """Return the readings with some of them up to `far` places too late."""
    places = np.arange(len(readings)) + draw.integers(0, far, len(readings)) * (
        draw.random(len(readings)) < 0.1
    )
    return [readings[i] for i in np.argsort(places, kind="stable").tolist()]


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 4), st.sampled_from([1, 10, 400]))
def test_anomalies_do_not_depend_on_order_batches_or_restarts(seed, restarts, far):
    """They are those of an undisturbed run, with late and corrected readings and lost offers."""
    series, draw = troubled(seed), np.random.default_rng(seed)
    readings = late(draw, listed(series), far)
    for i in draw.integers(0, len(readings), 5).tolist():  # said wrongly at first
        readings.insert(draw.integers(0, i + 1), (*readings[i][:2], 77.7))
    cuts = sorted(draw.integers(0, len(readings), restarts).tolist())
    with memory_store() as store:
        for first, last in zip([0, *cuts], [*cuts, len(readings)], strict=True):
            at = min(first + int(draw.integers(0, 30)), last)
            append(store, readings[first:at], EPOCH, NAMES)  # Emscher's analysis was down
            with live(store) as running:
                while at < last:
                    size = min(int(draw.integers(1, 60)), last - at)
                    told = append(store, readings[at : at + size], EPOCH, NAMES)
                    running.offer(told)
                    at += size
        assert stored(store) == undisturbed(series)


def test_there_is_something_to_find():
    """The troubled series hold every kind, ended and open."""
    kinds = {(a.kind, a.end_ns is None) for seed in range(12) for a in undisturbed(troubled(seed))}
    assert kinds >= {("spike", False), ("flatline", False), ("silence", False)}


def test_a_spike_is_told_at_once_and_ends():
    """Open with its first reading, ended by the next, one id; both are announced and stored."""
    heard = Announced()
    readings = [(SERIES[0], EPOCH + i * MINUTE, 20 + i % 3 / 10) for i in range(40)]
    with memory_store() as store, live(store, announce=heard) as running:
        running.offer(append(store, readings, EPOCH, NAMES))
        running.offer(append(store, [(SERIES[0], EPOCH + 40 * MINUTE, 95.0)], EPOCH))
        heard.wait_for(lambda: heard.changed)
        (open_one,) = store.anomalies(open_only=True)
        assert open_one == heard.changed[0]
        assert (open_one.kind, open_one.value, open_one.start_ns) == (
            *("spike", 95.0),
            EPOCH + 40 * MINUTE,
        )
        assert open_one.text == (
            "temperature of hoerde-schule jumped to 95 °C at 2026-03-01 01:40;"
            " usual is about 20.1 °C."
        )
        running.offer(append(store, [(SERIES[0], EPOCH + 41 * MINUTE, 20.0)], EPOCH))
        heard.wait_for(lambda: len(heard.changed) == 2)
        assert heard.changed[1].id == open_one.id
        assert heard.changed[1].end_ns == EPOCH + 41 * MINUTE
        assert store.anomalies() == heard.changed[1:]
        assert heard.retracted == []


@pytest.mark.parametrize("restarted", [False, True])
def test_a_spike_that_stays_is_retracted(restarted):
    """It was a change of level; also when that shows only after a restart."""
    heard = Announced()
    values = [*(20 + np.arange(40) % 3 / 10), *[95.0] * 5]
    readings = [(SERIES[0], EPOCH + i * MINUTE, v) for i, v in enumerate(values)]
    with memory_store() as store:
        with live(store, announce=heard) as running:
            running.offer(append(store, readings[:-1], EPOCH))
            heard.wait_for(lambda: heard.changed)
            if not restarted:
                running.offer(append(store, readings[-1:], EPOCH))
                heard.wait_for(lambda: heard.retracted)
        if restarted:
            append(store, readings[-1:], EPOCH)
            with live(store, announce=heard):
                heard.wait_for(lambda: heard.retracted)
        assert store.anomalies() == []
        assert heard.retracted == [heard.changed[0].id]


def test_a_late_reading_can_take_a_flatline_back():
    """Sixteen equal values are one, until a value from between them arrives."""
    values = [*np.arange(30.0), *[7.0] * 16]
    readings = [(SERIES[0], EPOCH + i * MINUTE, v) for i, v in enumerate(values)]
    heard = Announced()
    with memory_store() as store, live(store, announce=heard) as running:
        running.offer(append(store, readings, EPOCH))
        heard.wait_for(lambda: heard.changed)
        assert [a.kind for a in store.anomalies()] == ["flatline"]
        running.offer(append(store, [(SERIES[0], EPOCH + 40 * MINUTE + NS, 8.0)], EPOCH))
        heard.wait_for(lambda: heard.retracted)
        assert store.anomalies() == []


class Log:
    """The log of faults."""

    def __init__(self):
        self.faults = []

    def exception(self, text):
        """Take note."""
        self.faults.append(text)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, at_ns):
        self.at_ns = at_ns

    def __call__(self):
        """Return the time."""
        return self.at_ns


def beats(count, first=0, device="a"):
    """Return readings of a device that speaks once a minute."""
    return [(sensor(device), EPOCH + i * MINUTE, 20 + i % 7 / 10) for i in range(first, count)]


def test_a_device_is_silent_after_five_of_its_own_gaps():
    """By the clock; its return ends the silence; one alarm for all that it measures."""
    clock, heard = Clock(EPOCH + 28 * MINUTE), Announced()  # a start, and its minute of grace
    both = [(s, t, v) for _, t, v in beats(30) for s in SERIES[:2]]
    with memory_store() as store, live(store, clock, heard) as running:
        clock.at_ns = EPOCH + 30 * MINUTE
        running.offer(append(store, both, clock.at_ns, NAMES))
        store.settled()
        clock.at_ns = EPOCH + 34 * MINUTE  # the last was at 29, heard at 30
        running.offer(append(store, beats(30, device="b"), clock.at_ns))
        store.settled()
        clock.at_ns = EPOCH + 35 * MINUTE + NS
        heard.wait_for(lambda: heard.changed)
        (silence,) = heard.changed
        assert (silence.device, silence.kind, silence.quantity) == ("a", "silence", "")
        assert (silence.start_ns, silence.end_ns) == (EPOCH + 29 * MINUTE, None)
        assert silence.text == (
            "hoerde-schule is silent since 2026-03-01 01:29; it usually speaks every 1 min."
        )
        assert running.silent() == {"a"}
        clock.at_ns += MINUTE
        running.offer(append(store, beats(37, 36), clock.at_ns))
        heard.wait_for(lambda: len(heard.changed) == 2)
        assert running.silent() == set()
        (ended,) = store.anomalies()
        assert (ended.id, ended.end_ns) == (silence.id, EPOCH + 36 * MINUTE)
        assert "was silent for 7 min" in ended.text


def test_readings_that_were_only_delayed_disprove_a_silence():
    """The device measured all the time and delivers its buffer: nothing was silent but the way."""
    clock, heard = Clock(EPOCH + 30 * MINUTE), Announced()
    with memory_store() as store, live(store, clock, heard) as running:
        running.offer(append(store, beats(30), clock.at_ns))
        store.settled()
        clock.at_ns = EPOCH + 60 * MINUTE
        heard.wait_for(lambda: heard.changed)
        running.offer(append(store, beats(60, 30), clock.at_ns))
        heard.wait_for(lambda: heard.retracted)
        assert heard.retracted == [heard.changed[0].id]
        assert store.anomalies() == []
        assert running.silent() == set()


def test_a_pause_of_emscher_is_no_silence_of_the_devices():
    """After a night without Emscher each device has a minute and its usual time again."""
    clock, heard = Clock(EPOCH + 30 * MINUTE), Announced()
    with memory_store() as store:
        with live(store, clock) as running:
            running.offer(append(store, beats(30), clock.at_ns))
            running.offer(append(store, beats(30, device="b"), clock.at_ns))
        clock.at_ns += DAY
        with live(store, clock, heard) as running:
            clock.at_ns += 4 * MINUTE
            running.offer(append(store, [(sensor("b"), clock.at_ns, 20.0)], clock.at_ns))
            heard.wait_for(lambda: heard.changed)  # of b it is known now for how long
            assert [(a.device, a.end_ns) for a in heard.changed] == [("b", clock.at_ns)]
            clock.at_ns += 3 * MINUTE
            heard.wait_for(lambda: len(heard.changed) == 2)
            assert [(a.device, a.end_ns) for a in heard.changed[1:]] == [("a", None)]


def test_a_silence_outlives_a_restart_and_is_told_once():
    """The device that was silent before is so after; the list names it once."""
    clock, heard = Clock(EPOCH + 30 * MINUTE), Announced()
    with memory_store() as store:
        with live(store, clock, heard) as running:
            running.offer(append(store, beats(30), clock.at_ns))
            store.settled()
            clock.at_ns += 10 * MINUTE
            heard.wait_for(lambda: heard.changed)
        with live(store, clock, heard) as running:
            assert running.silent() == {"a"}
            running.offer(append(store, beats(60, 40), clock.at_ns + 20 * MINUTE))
            heard.wait_for(lambda: len(heard.changed) == 2)
        assert heard.changed[0].id == heard.changed[1].id
        assert len(store.anomalies()) == 1


def test_history_is_read_in_parts(monkeypatch):
    """However much there is, a bounded part of it is in memory, and the result is the same."""
    monkeypatch.setattr(grouping, "ROWS_AT_ONCE", 100)
    monkeypatch.setattr(live_module, "ROWS_AT_ONCE", 100)
    series = troubled(4)
    readings = listed(series)
    with memory_store() as store:
        append(store, readings[:500], EPOCH, NAMES)
        with live(store):
            pass
        real, sizes = store.within, []

        def within(numbers, start_ns, end_ns):
            found = real(numbers, start_ns, end_ns)
            if start_ns.min() < 0:  # all that there is of these series
                sizes.append(len(found))
            return found

        monkeypatch.setattr(store, "within", within)
        with live(store) as running:
            running.offer(append(store, readings[500:], EPOCH, NAMES))
        assert stored(store) == undisturbed(series)
    assert len(sizes) > 4
    assert max(sizes) <= 320  # a device of two series has more than the bound


def test_what_does_not_speak_is_learnt_after_a_start():
    """A device that never returns is found silent, though it says nothing after the start."""
    clock, heard = Clock(EPOCH + 30 * MINUTE), Announced()
    with memory_store() as store:
        with live(store, clock) as running:
            running.offer(append(store, beats(30), clock.at_ns))
        with live(store, clock, heard):
            clock.at_ns += 7 * MINUTE
            heard.wait_for(lambda: heard.changed)
        assert [a.device for a in store.anomalies(open_only=True)] == ["a"]


def test_too_much_at_once_is_read_back_from_the_store(monkeypatch):
    """Beyond the bound nothing is kept waiting, and nothing is lost."""
    monkeypatch.setattr(live_module, "_ROWS_WAITING_MAX", 5)
    monkeypatch.setattr(live_module, "_COMMITS_AT_ONCE", 7)
    series = troubled(5)
    with memory_store() as store:
        with live(store) as running:
            readings = listed(series)
            for at in range(0, len(readings), 3):
                running.offer(append(store, readings[at : at + 3], EPOCH, NAMES))
                assert running._rows_waiting <= 5
        assert stored(store) == undisturbed(series)


@pytest.mark.parametrize("failing", ["put_derived", "since", "within", "derived_through", "fold"])
@pytest.mark.parametrize("times", [1, 3])
def test_it_starts_again_after_a_failure(monkeypatch, failing, times):
    """A store that says "not now", also while starting again, and a fault in a kernel."""
    monkeypatch.setattr(live_module, "_PAUSES_S", (0.0,))
    log = Log()
    monkeypatch.setattr(live_module, "log", log)
    series = troubled(6)
    readings = late(np.random.default_rng(1), listed(series), 9)
    with memory_store() as store:
        left = [times]
        target = spike if failing == "fold" else store
        real = getattr(target, failing)

        def fails(*args, **kwargs):
            if left[0]:
                left[0] -= 1
                raise (ValueError if failing == "fold" else StoreUnavailable)("not now")
            return real(*args, **kwargs)

        with live(store) as running:
            monkeypatch.setattr(target, failing, fails)
            if failing in {"derived_through", "since"}:  # they are asked when starting again
                first = [True]
                put = store.put_derived

                def once(derived):
                    if first and first.pop():
                        raise StoreUnavailable("not now")
                    put(derived)

                monkeypatch.setattr(store, "put_derived", once)
            for at in range(0, len(readings), 40):
                running.offer(append(store, readings[at : at + 40], EPOCH, NAMES))
            store.settled()  # a stop would leave what has failed for the next time
        assert left == [0]
        assert running.fault is None
        assert len(log.faults) == (times if failing == "fold" else 0)  # a busy store is no mistake
        monkeypatch.undo()
        assert stored(store) == undisturbed(series)


def test_a_fault_is_told_while_it_lasts(monkeypatch):
    """And how far behind the analysis is."""
    monkeypatch.setattr(live_module, "_PAUSES_S", (0.0, 60.0))
    tried = threading.Semaphore(0)
    with memory_store() as store:
        put = store.put_derived

        def refuse(derived):
            tried.release()
            raise StoreUnavailable("the disk is full")

        monkeypatch.setattr(store, "put_derived", refuse)
        clock = Clock(EPOCH)
        running = live_module.Live(store, None, lambda found: None, now_ns=clock)
        running.start()
        running.offer(append(store, beats(5)))
        assert tried.acquire(timeout=60)
        assert tried.acquire(timeout=60)
        assert running.fault == "the disk is full"
        assert running.lag() == 1
        clock.at_ns += 3 * NS
        assert running.lag_s() == 3
        monkeypatch.setattr(store, "put_derived", put)
        running.stop(60)  # gives up the pause; the rest comes next time
        assert store.derived_through() == 0
        with live(store):
            pass
        assert store.derived_through() == 1


def test_stop_finishes_what_was_committed():
    """Before the start too."""
    with memory_store() as store:
        append(store, beats(100))
        with live(store) as running:
            running.offer(append(store, beats(200, 100)))
        assert store.derived_through() == 2
