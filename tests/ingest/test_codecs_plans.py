"""A layout that was seen before is read in one go, with the same result as field by field."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.codecs import cayenne, elsys
from ingest.codecs.plans import Part, Plans
from ingest.errors import PayloadError
from ingest.reading import Measurement


def test_a_plan_reads_what_is_laid_out_alike_and_nothing_else():
    plans = Plans(">")
    assert plans.read(b"\x01\x00\xe2\x02\x29") is None
    parts = [Part(1, "h", [("temperature", "", 10)]), Part(1, "B", [("humidity", "x", 1)])]
    plans.learn(b"\x01\x00\xe2\x02\x29", parts)
    assert plans.read(b"\x01\xff\xe2\x02\x2a") == [
        Measurement("temperature", -3.0), Measurement("humidity", 42.0, "x"),
    ]  # fmt: skip
    assert plans.read(b"\x01\xff\xe2\x03\x2a") is None
    assert plans.read(b"\x01\xff\xe2\x02") is None


def test_a_layout_with_a_part_missing_is_not_kept():
    plans = Plans(">")
    plans.learn(b"\x01\x00\xe2\x02\x29", [Part(1, "h", [("temperature", "", 10)])])
    assert plans.read(b"\x01\x00\xe2\x02\x29") is None


def test_plans_are_bounded():
    plans = Plans(">")
    for kind in range(3000):
        payload = (kind % 250).to_bytes(1, "big") + bytes(1 + kind // 250) + b"\x02\x00"
        parts = [Part(1, f"{1 + kind // 250}x", []), Part(1, "B", [("a", "", 1)])]
        plans.learn(payload, parts)
    assert sum(map(len, plans._by_size.values())) <= 512
    assert all(len(alike) <= 8 for alike in plans._by_size.values())


def _either(codec, payload):
    try:
        return codec.decode(payload, 1)
    except PayloadError as error:
        return str(error)


ELSYS = st.lists(
    st.tuples(st.sampled_from([1, 2, 4, 5, 6, 7, 9, 0x0F, 0x14, 0x19, 0x41, 0x3D]), st.binary(
        min_size=1, max_size=4)), min_size=1, max_size=5,
).map(lambda parts: b"".join(bytes([kind]) + value for kind, value in parts))  # fmt: skip
CAYENNE = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0, 103, 104, 115, 121, 131, 136]), st.binary(
        min_size=1, max_size=4)), min_size=1, max_size=5,
).map(lambda parts: b"".join(bytes(part[:2]) + part[2] for part in parts))  # fmt: skip


@pytest.mark.parametrize(("codec", "order"), [(elsys, ELSYS), (cayenne, CAYENNE)])
@settings(max_examples=300)
@given(data=st.data())
def test_both_ways_agree(codec, order, data):
    payload = data.draw(order)
    slow, codec.PLANS = codec.PLANS, Plans(">")
    first = _either(codec, payload)
    codec.PLANS = slow
    assert _either(codec, payload) == first
    assert _either(codec, payload) == first
    changed = bytes([payload[0], *(byte ^ 1 for byte in payload[1:])])
    assert _either(codec, changed) == _either(codec, changed)
