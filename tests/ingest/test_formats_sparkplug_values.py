import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sparkplug_births import PLANT, Plant, _metric, _payload, _table, _values

from ingest.errors import PayloadError
from ingest.formats.sparkplug_metric import TYPES
from ingest.reading import Quality


def test_data_sets():
    row = [{"double_value": 21.5}, {"string_value": "ok"}]
    one = Plant().says("NDATA", _metric("Room", "DataSet", dataset_value=_table([row])))
    assert _values(one) == {("temperature", "Room"): 21.5}
    assert one.state == {"Room/note": "ok"}
    second = [{"double_value": 1}, {}]
    two = Plant().says("NDATA", _metric("Room", "DataSet", dataset_value=_table([row, second])))
    assert _values(two) == {("temperature", "Room.1"): 21.5, ("temperature", "Room.2"): 1.0}
    for broken in (_table([row[:1]]), _table([row], types=(10,))):
        with pytest.raises(PayloadError, match="Sparkplug metric Room"):
            Plant().says("NDATA", _metric("Room", "DataSet", dataset_value=broken))


@pytest.mark.parametrize(
    ("name", "unit", "wanted"),
    [
        ("temperature", "", ("temperature", "", 1.0)),
        ("Boiler/Temperature", "K", ("temperature", "Boiler", -272.15)),
        ("Hall 2/L1/Voltage", "V", ("voltage", "Hall 2.L1", 1.0)),
        ("Hall/Power_L1", "kW", ("active_power", "Hall.L1", 1000.0)),
        ("Hall/energy", "", ("Hall/energy", "", 1.0)),
        ("Hall/energy", "bananas", ("Hall/energy", "", 1.0)),
        ("temperature", "bananas", ("temperature_bananas", "", 1.0)),
        ("Outputs/LED", "", ("Outputs/LED", "", 1.0)),
    ],
)
def test_names_and_units(name, unit, wanted):
    metric = _metric(name, "Int8", {"engUnit": unit}, int_value=1)
    (found,) = Plant().says("NDATA", metric).measurements
    assert (found.quantity, found.channel, found.value) == wanted


def test_bad_and_stale_values_are_suspect():
    for code, quality in ((0, Quality.SUSPECT), (500, Quality.SUSPECT), (192, Quality.MEASURED)):
        metric = _metric("temp", "Int8", {"Quality": code}, int_value=1)
        (found,) = Plant().says("NDATA", metric).measurements
        assert found.quality is quality


def test_two_metrics_of_one_meaning_are_told_apart_for_ever():
    plant = Plant()
    both = _metric("temp", 1, int_value=1), _metric("temperature", 1, int_value=2)
    wanted = {("temp", ""): 1.0, ("temperature", ""): 2.0}
    assert _values(plant.says("NBIRTH", *both, seq=0)) == wanted
    assert _values(plant.says("NDATA", both[0], seq=1)) == {("temp", ""): 1.0}
    assert _values(plant.says("NDATA", both[1], seq=2)) == {("temperature", ""): 2.0}
    without_birth = Plant().says("NDATA", *both)
    assert len(_values(without_birth)) == 2


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress])
def test_compressed_payloads(pack):
    inner = _payload(_metric("temp", 1, int_value=1), seq=4)
    outer = _payload(uuid="SPBV1.0_COMPRESSED", body=pack(inner), timestamp=None)
    assert _values(Plant().raw(f"{PLANT}/NDATA/n", outer)) == {("temperature", ""): 1.0}
    for body in (b"junk", pack(inner)[:-6], pack(bytes(5 << 20))):
        with pytest.raises(PayloadError, match="Sparkplug body"):
            Plant().raw(f"{PLANT}/NDATA/n", _payload(uuid="SPBV1.0_COMPRESSED", body=body))


@pytest.mark.parametrize(
    ("topic", "payload", "rule"),
    [
        ("spBv1.0/g/NDATA", b"", "Sparkplug topic"),
        ("spBv1.0/g/NBIRTH/n/d", b"", "Sparkplug topic"),
        ("spBv1.0/g/XDATA/n", b"", "Sparkplug topic"),
        ("spBv1.0/g/NDATA/n", b"\xff\xff", "protobuf"),
        ("spBv1.0/g/NDATA/n", b'{"a": 1}', "protobuf"),
        ("spBv1.0/g/NDATA/n", _payload(_metric(alias=None, int_value=1)), "Sparkplug metric"),
        ("spBv1.0/g/NDATA/n", _payload(seq=256), "Sparkplug seq"),
        ("spBv1.0/g/NBIRTH/n", _payload(_metric("x", int_value=1)), "Sparkplug metric x"),
        ("spBv1.0/g/NBIRTH/n",
         _payload(_metric("x", 1, alias=1, int_value=1), _metric("y", 1, alias=1, int_value=1)),
         "Sparkplug birth"),
    ],
)  # fmt: skip
def test_what_is_none_of_sparkplug_is_refused(topic, payload, rule):
    with pytest.raises(PayloadError, match=rule):
        Plant().raw(topic, payload)


def test_templates_end_somewhere():
    metric = _metric("x", "Int8", int_value=1)
    for _ in range(30):
        metric = _metric("t", "Template", template_value=TYPES["Template"](metrics=[metric]))
    with pytest.raises(PayloadError, match="nesting"):
        Plant().says("NDATA", metric)


METRICS = st.builds(
    lambda name, kind, fields: _metric(name, kind, **fields),
    st.sampled_from(["", "temp", "bdSeq", "a/power", "é"]),
    st.integers(0, 36),
    st.fixed_dictionaries(
        {},
        optional={
            "alias": st.integers(0, 3),
            "timestamp": st.integers(0, 2**64 - 1),
            "is_null": st.booleans(),
            "is_historical": st.booleans(),
            "int_value": st.integers(0, 2**32 - 1),
            "long_value": st.integers(0, 2**64 - 1),
            "float_value": st.floats(width=32),
            "double_value": st.floats(),
            "boolean_value": st.booleans(),
            "string_value": st.text(max_size=3),
            "bytes_value": st.binary(max_size=12),
            "dataset_value": st.just(_table([[{"double_value": 1}, {}]])),
        },
    ),
)
KINDS = ("NBIRTH", "NDATA", "NDEATH", "NCMD", "DBIRTH", "DDATA", "DDEATH", "DCMD")


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS),
            st.lists(METRICS, max_size=3),
            st.none() | st.integers(0, 300),
            st.none() | st.binary(max_size=20),
        ),
        max_size=4,
    )
)
def test_any_payload_is_a_message_or_refused(messages):
    plant = Plant()
    for kind, metrics, seq, junk in messages:
        topic = f"{PLANT}/{kind}/node1" + ("/dev" if kind.startswith("D") else "")
        try:
            plant.raw(topic, _payload(*metrics, seq=seq) if junk is None else junk)
        except PayloadError as error:
            rule = error.rule
        else:
            rule = ""
        assert rule != "decoder fault"
