"""What was here is known, the oldest is forgotten first, and little memory is held."""

import tracemalloc

from hypothesis import given
from hypothesis import strategies as st

from ingest.store.keys import Keys

COMMITS = st.lists(st.lists(st.integers(0, 10**6), max_size=8, unique=True), max_size=40)


def _key(number):
    return b"%016d" % number


@given(commits=COMMITS, most=st.integers(1, 60))
def test_as_a_list_would_remember_them(commits, most):
    """Everything new is known; what is forgotten is the oldest, by whole commits."""
    keys, listed = Keys(most), []
    for commit, numbers in enumerate(commits, 1):
        fresh = [number for number in numbers if _key(number) not in keys]
        gone = keys.forgetting(len(fresh))
        if gone is not None:
            keys.forget(gone)
            listed = [one for one in listed if one[0] > gone]
        keys.add(map(_key, fresh), commit)
        listed += [(commit, number) for number in fresh]
        assert len(keys) == len(listed)
        assert all(_key(number) in keys for _, number in listed)
        known = {number for _, number in listed}
        assert not any(_key(number) in keys for number in range(2, 50) if number not in known)
        assert len(keys) <= most + max(1, most // 10) + 8
    if len(listed) > 8:
        assert len(keys) > 0


def test_two_million_take_less_than_what_a_hundredth_would_as_objects():
    tracemalloc.start()
    keys = Keys(2_000_000)
    for commit in range(1, 101):
        keys.add((b"%08d%08d" % (commit, k) for k in range(20_000)), commit)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(keys) == 2_000_000
    assert held < 20 * 2**20
    assert b"%08d%08d" % (1, 0) in keys
    assert b"%08d%08d" % (100, 19_999) in keys
    assert b"%08d%08d" % (101, 0) not in keys
