import json
import math
import re
import time
from contextlib import suppress
from pathlib import Path

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import senml
from ingest.formats.senml_pack import from_cbor, from_json, resolved
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
PACKS = json.loads((Path(__file__).parents[1] / "vectors" / "senml.json").read_text("utf-8"))
CBOR_LABELS = {
    "bver": -1, "bn": -2, "bt": -3, "bu": -4, "bv": -5, "bs": -6,
    "n": 0, "u": 1, "v": 2, "vs": 3, "vb": 4, "s": 5, "t": 6, "ut": 7, "vd": 8,
}  # fmt: skip
URN = "urn:dev:ow:10e2073a01080063"


def _decode(pack: object, topic: str = "plant/senml") -> Message:
    payload = pack if isinstance(pack, bytes) else json.dumps(pack).encode()
    return Decoder(formats=(senml,)).decode(Envelope("test", topic, payload, NOW))


def _values(message: Message) -> dict[tuple[str, str], float]:
    values = {(one.quantity, one.channel): one.value for one in message.measurements}
    assert len(values) == len(message.measurements)
    return values


def _rule(payload: bytes) -> str:
    """Return the rule that refuses a payload, or nothing."""
    try:
        _decode(payload)
    except PayloadError as refusal:
        return refusal.rule
    return ""


def _cbor(pack: list[dict]) -> bytes:
    return cbor2.dumps([{CBOR_LABELS.get(k, k): v for k, v in record.items()} for record in pack])


def _as_resolved(records) -> list[dict]:
    found = []
    for one in records:
        record = {"n": one.name, "t": one.time_ns / 1e9}
        if one.unit:
            record["u"] = one.unit
        kind = "vb" if isinstance(one.value, bool) else "vs" if isinstance(one.value, str) else "v"
        record[kind] = one.value
        if not one.is_data:  # the resolved pack of the RFC leaves data out
            found.append(record)
    return found


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: str(pack["n"]))
@pytest.mark.parametrize("form", ["json", "cbor"])
def test_the_packs_of_the_rfc_are_resolved(pack, form):
    """Packs without a time are of the moment that the RFC's resolved pack names."""
    now_ns = round(max(record["t"] for record in pack["resolved"]) * 10**9)
    if form == "json":
        records = from_json(json.dumps(pack["input"]).encode())
    else:
        records = from_cbor(_cbor(pack["input"]))
    found = _as_resolved(
        one._replace(time_ns=now_ns) if one.time_ns is None else one
        for one in resolved(records, now_ns)
    )
    wanted = [{k: v for k, v in one.items() if k not in {"l", "vd"}} for one in pack["resolved"]]
    assert found == wanted


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: str(pack["n"]))
def test_the_packs_of_the_rfc_become_readings(pack):
    message = _decode(pack["input"])
    count = sum(len(one.measurements) for one in (message, *message.others))
    wanted = sum(1 for record in pack["resolved"] if "v" in record or "vb" in record)
    assert count == wanted


def test_the_cbor_of_the_rfc_is_the_pack_of_the_rfc():
    (dump,) = [pack["cbor"] for pack in PACKS if pack["cbor"]]
    lines = re.findall(r"(?:^|\|)[0-9a-f]{4} ((?:[0-9a-f]{2} )+)", dump)
    payload = bytes.fromhex("".join(lines))
    pack = next(pack["input"] for pack in PACKS if pack["cbor"])
    read = resolved(from_cbor(payload), NOW)
    assert read == resolved(from_json(json.dumps(pack).encode()), NOW)
    message = _decode(payload)
    assert message.device == "urn:dev:ow:10e2073a0108006"
    assert [one.time_ns for one in message.measurements[:2]] == [
        1276020076_001_000_000,
        1276020071_001_000_000,
    ]


def test_times_are_exact_relative_or_now():
    records = [{"bn": URN, "bt": 1276020076.001000001, "v": 1}, {"t": -0.000000001, "v": 2}]
    text = json.dumps(records).replace("1276020076.001", "1276020076.001000001")
    assert [one.time_ns for one in resolved(from_json(text.encode()), NOW)] == [
        1276020076_001_000_001,
        1276020076_001_000_000,
    ]
    relative = _decode([{"n": URN, "v": 1, "u": "Cel", "t": -5}])
    assert relative.time_ns == NOW - 5 * 10**9
    assert _decode([{"n": URN, "v": 1}]).time_ns is None
    several = _decode([{"bn": URN, "v": 1, "t": -5}, {"v": 2}])
    assert (several.time_ns, [one.time_ns for one in several.measurements]) == (
        None,
        [NOW - 5 * 10**9, None],
    )


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        ({"u": "Cel", "v": 21.5}, ("temperature", "", 21.5)),
        ({"u": "K", "v": 294.65}, ("temperature", "", 21.5)),
        ({"n": ":outside", "u": "Cel", "v": 1}, ("temperature", "outside", 1.0)),
        ({"n": ":temp", "u": "Cel", "v": 1}, ("temperature", "", 1.0)),
        ({"u": "%RH", "v": 40}, ("humidity", "", 40.0)),
        ({"n": ":humidity", "u": "/", "v": 0.4}, ("humidity", "", 40.0)),
        ({"n": ":humidity", "u": "/1000", "v": 405}, ("humidity", "", 40.5)),
        ({"n": ":power_factor", "u": "/", "v": 0.9}, ("power_factor", "", 0.9)),
        ({"u": "%EL", "v": 98}, ("battery_level", "", 98.0)),
        ({"u": "W", "v": 500}, ("active_power", "", 500.0)),
        ({"n": ":power_l1", "u": "kW", "v": 1.001}, ("active_power", "L1", 1001.0)),
        ({"u": "V", "v": 230.1}, ("voltage", "", 230.1)),
        ({"u": "mV", "v": 3600}, ("voltage", "", 3.6)),
        ({"u": "A", "v": 1.2}, ("current", "", 1.2)),
        ({"u": "lx", "v": 300}, ("illuminance", "", 300.0)),
        ({"u": "Pa", "v": 101325}, ("pressure", "", 1013.25)),
        ({"u": "hPa", "v": 1013.25}, ("pressure", "", 1013.25)),
        ({"u": "l/s", "v": 1}, ("flow", "", 3.6)),
        ({"u": "m3/s", "v": 0.001}, ("flow", "", 3.6)),
        ({"u": "lat", "v": 51.45}, ("latitude", "", 51.45)),
        ({"u": "lon", "v": 7.01}, ("longitude", "", 7.01)),
        ({"n": ":energy", "u": "kWh", "v": 1.001}, ("active_energy_import", "", 1001.0)),
        ({"n": ":energy", "u": "J", "v": 3600}, ("active_energy_import", "", 1.0)),
        ({"n": ":reactive_energy", "u": "vars", "v": 3600}, ("reactive_energy_import", "", 1.0)),
        ({"u": "Wh", "v": 5}, ("value_Wh", "", 5.0)),
        ({"n": ":wind_speed", "u": "km/h", "v": 36}, ("wind_speed", "", 10.0)),
        ({"n": ":pm10", "u": "kg/m3", "v": 2.5e-8}, ("pm10", "", 25.0)),
        ({"n": ":rssi", "u": "dBW", "v": -120}, ("rssi", "", -90.0)),
        ({"n": ":temperature", "u": "C", "v": 3}, ("temperature_C", "", 3.0)),
        ({"n": ":open", "vb": True}, ("open", "", 1.0)),
        ({"n": ":occupancy", "vb": False}, ("occupancy", "", 0.0)),
        ({"n": ":heat", "u": "/", "v": 1}, ("heat", "", 1.0)),
        ({"u": "W", "s": 3600}, ("active_energy_import", "", 1.0)),
        ({"u": "kW", "s": 3600}, ("active_energy_import", "", 1000.0)),
        ({"n": ":rain", "u": "m", "s": 7}, ("rain.sum", "", 7.0)),
    ],
)  # fmt: skip
def test_units_and_names(record, wanted):
    message = _decode([{"bn": URN, **record}])
    assert message.device == URN
    (found,) = message.measurements
    assert (found.quantity, found.channel, found.value) == wanted


@pytest.mark.parametrize(
    ("records", "devices"),
    [
        ([{"n": "kitchen/temp", "v": 1}], ["kitchen"]),
        ([{"n": "house/1/kitchen/temp", "v": 1}], ["house/1/kitchen"]),
        ([{"bn": "house/", "n": "kitchen/temp", "v": 1}], ["house/kitchen"]),
        ([{"bn": "2001:db8::2/", "n": "temperature", "v": 1}], ["2001:db8::2"]),
        ([{"n": "2001:db8::3", "u": "/", "v": 1}], ["2001:db8::3"]),
        ([{"bn": "node7:", "n": "odd", "v": 1}], ["node7"]),
        ([{"n": "node7.temperature", "v": 1}], ["node7"]),
        ([{"n": "temperature", "v": 1}], ["plant/senml"]),
        ([{"n": "node7", "u": "Cel", "v": 1}], ["node7"]),
        ([{"bn": "urn:dev:mac:0024befffe804ff1_", "n": "temp", "v": 1}],
         ["urn:dev:mac:0024befffe804ff1"]),
        ([{"n": "a/temp", "v": 1}, {"n": "b/temp", "v": 2}], ["a", "b"]),
    ],
)  # fmt: skip
def test_devices(records, devices):
    message = _decode(records)
    assert [one.device for one in (message, *message.others)] == devices


def test_sums_and_base_values():
    message = _decode(
        [
            {"bn": URN + ":", "bu": "W", "bv": 100, "bs": 7200, "n": "power", "v": 0.1, "s": 3600},
            {"n": "power_l2", "v": -1},
        ]
    )
    assert _values(message) == {
        ("active_power", ""): 100.1,
        ("active_energy_import", ""): 3.0,
        ("active_power", "L2"): 99.0,
    }


def test_texts_and_data_are_state_in_both_forms():
    pack = [{"bn": URN + ":", "n": "label", "vs": "Machine Room"}, {"n": "nfc", "vd": "aGkgCg"}]
    wanted = {"label": "Machine Room", "nfc": "aGkgCg"}
    assert _decode(pack).state == wanted
    pack[1]["vd"] = b"hi \n"
    assert _decode(_cbor(pack)).state == wanted


def test_a_single_object_is_a_record_if_it_is_nothing_else():
    assert _decode({"n": URN, "u": "Cel", "v": 21.5}).device == URN
    assert not senml.claims("a", b'{"n": "x", "v": 1, "colour": 2}', Setup())


def test_the_same_meaning_twice_keeps_both():
    values = _values(_decode([{"bn": URN, "n": ":temp", "v": 1}, {"n": ":temperature", "v": 2}]))
    assert values == {("temperature", ""): 2.0, ("temp", ""): 1.0}


@pytest.mark.parametrize(
    ("pack", "rule"),
    [
        ([{"n": URN, "v": 1, "must_": 2}], "must be understood"),
        ([{"n": URN, "v": "1"}], "SenML v"),
        ([{"n": URN, "v": True}], "SenML v"),
        ([{"n": URN, "v": None}], "SenML v"),
        ([{"n": URN, "vb": 1}], "SenML vb"),
        ([{"n": URN, "vs": 1}], "SenML vs"),
        ([{"n": URN, "vd": "a b"}], "SenML vd"),
        ([{"n": URN, "v": 1, "vs": "x"}], "one value"),
        ([{"n": URN, "v": 1, "t": "now"}], "SenML t"),
        ([{"n": 7, "v": 1}], "SenML n"),
        ([{"n": "", "v": 1}], "SenML name"),
        ([{"n": "-a", "v": 1}], "SenML name"),
        ([{"n": "a b", "v": 1}], "SenML name"),
        ([{"n": URN, "v": 1, "bver": 11}], "SenML version"),
        ([{"n": URN, "v": 1, "bver": 5}, {"n": URN, "v": 1, "bver": 6}], "SenML version"),
        ([{"bn": URN, "bu": "Cel", "bv": 1}, {"n": "x", "s": "1"}], "SenML s"),
        ([{"bn": URN, "s": 1}, {"n": "x", "t": 1}], ""),
        ([{"n": URN, "v": 1, "t": 1e300}], "time"),
        (b'[{"n":"a","v":1e999}]', "SenML v"),
        (b'[{"n":"a","v":1', "JSON"),
        (b'[{"n":"a","v":1,"bt":1e99999999999999999999}]', "JSON"),
        (b'[{"n":"a","v":' + b"9" * 5000 + b"}]", "JSON"),
        (b'[{"n":"a","v":' + b"9" * 400 + b"}]", "SenML v"),
    ],
)  # fmt: skip
def test_what_breaks_a_rule_is_refused(pack, rule):
    if not rule:
        assert len(_decode(pack).measurements) == 1
        return
    with pytest.raises(PayloadError, match=re.escape(rule)):
        _decode(pack)


HOSTILE = [
    "9affffffff", "9bffffffffffffffff", "81a1005b7fffffffffffffff", "81a20061610281" * 4,
    "81a200616102c4821a3b9aca0001", "81a200616102c5821a3b9aca0001", "d81c81d81d00",
    "81a2006161 02 fb7ff0000000000000", "81a2006161 02 fb7ff8000000000000", "81a2006161 02 f7",
    "81a2006161 0201 00", "81a3006161 0201 006162", "81a2006161 02 c249" + "ff" * 9,
    "81a2006161 02 c25a00010000" + "ff" * 65536, "81" * 1000, "81a1" * 500 + "00",
    "81a2006161 06c4821bffffffffffffffff01", "81a2 8100 01 02 01", "81a2 f5 01 02 01",
    "81a20061610281d81c00", "81a2 f97e00 01 f97e00 01",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_cbor_ends_in_a_refusal_or_a_number(text):
    payload = bytes.fromhex(text)
    values = [0.0]
    with suppress(PayloadError):
        values = [one.value for one in resolved(from_cbor(payload), NOW)]
    assert all(math.isfinite(value) for value in values)
    assert _rule(payload) != "decoder fault"


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"21.5", b"ON", b"{}", b"[]", b"[1, 2]", b'{"temperature": 21.5}', b'{"v": 1}',
        b'[{"id": 1, "value": 2}]', b'{"n": 1}', b'[[{"n":"a","v":1}]]', b'{"n":"a","v":1',
        b"\x81", b"\x81\xa2", b"\x82\xa3\x00", b"m v=1", b"\x81\xa1\x00\x01\x02",
    ],
)  # fmt: skip
def test_other_payloads_are_not_claimed(payload):
    assert not senml.claims("a/b", payload, Setup())


@pytest.mark.parametrize("start", [b"", b"["])
def test_a_megabyte_of_spaces_is_told_at_once(start):
    """The first pattern tried every way to share the spaces out, which took hours."""
    began = time.perf_counter()
    assert not senml.claims("a/b", start + b" " * (1 << 20), Setup())
    assert time.perf_counter() - began < 1


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
    | st.sampled_from([URN, "a/temp", "W", "Cel", 1e9, -1])
)  # fmt: skip
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*CBOR_LABELS, "x_"]) | st.text(max_size=3), inner)
    ),
    max_leaves=8,
)
RECORDS = st.lists(st.dictionaries(st.sampled_from([*CBOR_LABELS]), SCALARS, max_size=5))


@settings(max_examples=250)
@given(tree=TREES | RECORDS, cut=st.integers(0, 3), tail=st.binary(max_size=2))
def test_any_json_and_any_cbor_is_a_message_or_refused(tree, cut, tail):
    cbor = _cbor(tree) if isinstance(tree, list) and all(
        isinstance(one, dict) for one in tree
    ) else cbor2.dumps(tree)  # fmt: skip
    for payload in (json.dumps(tree).encode(), cbor, cbor[: len(cbor) - cut] + tail):
        assert _rule(payload) != "decoder fault"
        with suppress(PayloadError):
            senml.read(Envelope("test", "a", payload, NOW), Setup())


@settings(max_examples=250)
@given(st.binary(max_size=40) | st.binary(max_size=20).map(lambda rest: b"\x81\xa2\x00" + rest))
def test_any_bytes_are_a_message_or_refused(payload):
    assert _rule(payload) != "decoder fault"
    for read in (from_cbor, from_json):
        with suppress(PayloadError):
            read(payload)
