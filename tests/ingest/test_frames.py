"""Gaps of frame counters are what was lost, whatever order the rest comes in."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.frames import FrameBook, Frames

S = 10**9


def _heard(numbers, at_ns=0):
    book = FrameBook()
    for number in numbers:
        book.note([("d", number)], at_ns)
    return book.of("d")


@pytest.mark.parametrize(
    ("numbers", "frames"),
    [
        ([5], (1, 0)),
        ([5, 6, 7], (3, 0)),
        ([5, 8], (2, 2)),
        ([5, 5, 6, 5], (2, 0)),
        ([5, 8, 7, 6, 7], (4, 0)),
        ([65_534, 65_535, 1], (3, 1)),  # sixteen bits go round
        ([70_000, 70_001, 70_003], (3, 1)),  # thirty-two do not
        ([900, 0, 1, 3], (4, 1)),  # a counter that began anew
        ([3, 30_000, 30_001], (3, 0)),  # a leap that no radio makes
        ([500, 430, 431], (3, 0)),  # further back than anything comes late
        ([0, 100, 37, 36], (4, 98)),
    ],
)
def test_what_is_counted(numbers, frames):
    assert _heard(numbers) == frames


@given(
    lost=st.sets(st.integers(1, 299), max_size=80),
    seed=st.integers(0, 99),
    start=st.integers(0, 70_000),
)
def test_frames_that_are_lost_late_or_twice_add_up(lost, seed, start):
    """Everything comes at most 20 places late, some of it twice."""
    chance = random.Random(seed)
    sent = [k for k in range(301) if k not in lost or k in (0, 300)]
    come = sorted(sent, key=lambda k: k + (chance.random() * 20 if 0 < k < 300 else 0))
    come += [k for k in come[-30:] if chance.random() < 0.3]
    numbers = [(start + k) % (1 << 16) if start < 1 << 16 else start + k for k in come]
    assert _heard(numbers) == (len(sent), 301 - len(sent))


def test_accounts_are_saved_now_and_then_and_go_on_without_a_gap():
    """What came between the last saving and a kill is not taken for lost."""
    book = FrameBook()
    saved = dict(book.note([("a", 1), ("b", 7)], 1000 * S))
    assert saved == {"a": [1, 0], "b": [1, 0]}
    assert book.note([("a", 4)], 1500 * S) == []
    assert dict(book.note([("a", 5)], 1700 * S)) == {"a": [3, 2]}
    again = FrameBook({"a": [3, 2], "b": [1, 0], "c": "broken", "d": [1]})
    again.note([("a", 90), ("a", 92)], 0)
    assert again.of("a") == Frames(5, 3)
    assert again.of("b") == Frames(1, 0)
    assert again.of("c") is again.of("d") is None
    assert again.total() == Frames(6, 3)


def test_the_book_is_bounded(monkeypatch):
    monkeypatch.setattr("ingest.frames._DEVICES_MAX", 3)
    book = FrameBook()
    book.note([(name, 1) for name in "abcde"], 0)
    assert [name for name in "abcde" if book.of(name)] == ["c", "d", "e"]
