"""Milesight payloads against the maker's examples, and read back by Emscher."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import EncodingError
from fleet.milesight import F_PORT, encode, encode_past, products
from ingest.codecs import milesight

VECTORS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_milesight.jsonl")
    .read_text()
    .splitlines()
]
# Uplinks of products that we encode and whose expectation names all that they hold.
WHOLE = [
    ("am103", "AM103", 1),
    ("am107", "AM107", 1),
    ("em300-mcs", "EM300-MCS", 1),
    ("em300-sld", "EM300-SLD", 2),
    ("ws301", "WS301", 3),
    ("vs133", "VS133", 1),
]


def _read(product, payload):
    words = frozenset(re.findall(r"[a-z0-9]+", f"milesight {product.lower()}"))
    codec = next(one for one in milesight.CODECS if one.matches(words, ""))
    return codec.decode(payload, F_PORT)


def _values(product, payload):
    return {(one.quantity, one.channel): one.value for one in _read(product, payload)}


def _flat(data):
    """Return (name, value) with a line's values named after it, in wire order."""
    for name, value in data.items():
        if isinstance(value, dict):
            yield from ((f"{name}_{inner}", one) for inner, one in value.items())
        else:
            yield name, value


@pytest.mark.parametrize(("device", "product", "count"), WHOLE)
def test_the_makers_uplinks_encode_to_their_bytes(device, product, count):
    cases = [one for one in VECTORS if one["device"] == device]
    assert len(cases) == count
    for case in cases:
        pairs = list(_flat(case["expected"]["data"]))
        if device == "vs133":  # on the wire the totals of all lines come first
            pairs.sort(key=lambda pair: "period" in pair[0])
        assert encode(product, pairs).hex() == case["hex"]


@pytest.mark.parametrize(
    ("product", "values", "expected"),
    [
        # the examples of the maker's payload definitions
        (
            "AM107",
            {
                "battery": 92, "temperature": 30.8, "humidity": 50.5, "activity": 73,
                "illumination": 28, "infrared_and_visible": 121, "infrared": 20,
                "co2": 1255, "tvoc": 7, "pressure": 1004.7,
            },
            "01755c 03673401 046865 056a4900 06651c0079001400 077de704 087d0700 09733f27",
        ),
        (
            "AM319",
            {
                "temperature": 23.8, "humidity": 62, "pir": "trigger", "light_level": 2,
                "co2": 936, "tvoc": 0.37, "pressure": 1008.6, "hcho": 0.04, "pm2_5": 32,
                "pm10": 48,
            },
            "0367ee00 04687c 050001 06cb02 077da803 087d2500 09736627 0a7d0400 0b7d2000 0c7d3000",
        ),
        (
            "EM500-SMTC",
            {"battery": 92, "temperature": -0.1, "moisture": 28.81, "ec": 240},
            "01755c 0367ffff 04ca410b 057ff000",
        ),
        (
            "EM500-SMT",
            {"battery": 100, "temperature": 28.1, "moisture": 57.5, "ec": 240},
            "017564 03671901 046873 057ff000",
        ),
        (
            "EM310-UDL",
            {"battery": 92, "distance": 2116, "position": "tilt"},
            "01755c 03824408 040001",
        ),
        ("WS301", {"battery": 100, "door": "open", "install": "no"}, "017564 030001 040001"),
        (
            "VS133",
            {"line_4_total_in": 5300, "line_4_total_out": 6797, "line_4_period_in": 5,
             "line_4_period_out": 7},
            "0cd2b4140000 0dd28d1a0000 0ecc05000700",
        ),
        (
            "VS133",
            {"region_1_count": 2, "region_2_count": 16, "region_3_count": 7, "region_4_count": 9},
            "0fe302100709",
        ),
        ("EM300-TH", {"temperature": -3276.8, "humidity": 0}, "03670080 046800"),
        ("AM308", {"tvoc_ug_m3": 310, "pm2_5": 0}, "08e63601 0b7d0000"),
        ("AM308", {}, ""),
    ],
)  # fmt: skip
def test_the_makers_examples(product, values, expected):
    assert encode(product, values) == bytes.fromhex(expected)


@pytest.mark.parametrize(
    ("product", "expected"),
    [("EM300-TH", "20ce9e74466310015d00"), ("EM320-TH", "20ce9e74466310015d")],
)
def test_values_of_the_past_as_in_the_makers_examples(product, expected):
    rows = [(1_665_561_758, {"temperature": 27.2, "humidity": 46.5})]
    assert encode_past(product, rows).hex() == expected
    assert encode_past(product, rows * 2).hex() == expected * 2


@pytest.mark.parametrize(
    ("product", "values"),
    [
        ("AM307", {"temperature": -4.2, "humidity": 99.5, "pir": 1, "light_level": 5, "co2": 455,
                   "tvoc": 1.23, "pressure": 1004.7}),
        ("AM308", {"temperature": 21.0, "humidity": 40.0, "pir": 0, "light_level": 0, "co2": 900,
                   "tvoc": 0.5, "pressure": 990.0, "pm2_5": 12, "pm10": 30}),
        ("EM320-TH", {"temperature": 20.0, "humidity": 50.5}),
        ("EM500-SMTC", {"ec": 240, "temperature": 8.8, "moisture": 28.81}),
        ("EM500-UDL", {"distance": 2116}),
    ],
)  # fmt: skip
def test_values_of_the_past_are_read_at_their_times(product, values):
    start = 1_774_958_400
    rows = [(start + at * 600, values) for at in range(3)]
    found = _read(product, encode_past(product, rows))
    assert sorted({one.time_ns for one in found}) == [
        (start + at * 600) * 1_000_000_000 for at in range(3)
    ]
    first = sorted(one.value for one in found if one.time_ns == start * 1_000_000_000)
    wanted = [value / 1000 if name == "distance" else value for name, value in values.items()]
    assert first == pytest.approx(sorted(wanted))


def _steps(low, high, per_unit):
    return st.integers(low, high).map(lambda step: step / per_unit)


@given(
    battery=st.integers(0, 100),
    temperature=_steps(-400, 800, 10),
    humidity=_steps(0, 200, 2),
    co2=st.integers(0, 65_535),
    pressure=_steps(3000, 11_000, 10),
    dust=st.integers(0, 65_535),
    pir=st.sampled_from(["idle", "trigger"]),
)
def test_emscher_reads_an_am308(battery, temperature, humidity, co2, pressure, dust, pir):
    payload = encode(
        "AM308",
        {"battery": battery, "temperature": temperature, "humidity": humidity, "pir": pir,
         "co2": co2, "pressure": pressure, "pm2_5": dust, "pm10": 3},
    )  # fmt: skip
    found = _values("AM308", payload)
    assert found["battery_level", ""] == battery
    assert found["temperature", ""] == temperature
    assert found["humidity", ""] == humidity
    assert found["co2", ""] == co2
    assert found["pressure", ""] == pressure
    assert found["pm2_5", ""] == dust
    assert found["motion", ""] == (pir == "trigger")


@given(
    temperature=_steps(-400, 800, 10), moisture=_steps(0, 10_000, 100), ec=st.integers(0, 20_000)
)
def test_emscher_reads_the_soil(temperature, moisture, ec):
    payload = encode("EM500-SMTC", {"temperature": temperature, "moisture": moisture, "ec": ec})
    found = _values("EM500-SMTC", payload)
    assert found["temperature", ""] == temperature
    assert found["soil_moisture", ""] == moisture
    assert found["conductivity", ""] == ec


@given(counts=st.lists(st.integers(0, 0xFFFFFFFF), min_size=8, max_size=8))
def test_emscher_reads_people_on_four_lines(counts):
    totals = [f"line_{line}_total_{way}" for line in (1, 2, 3, 4) for way in ("in", "out")]
    found = _values("VS133", encode("VS133", zip(totals, counts, strict=True)))
    for name, count in zip(totals, counts, strict=True):
        _, line, total, way = name.split("_")
        assert found[f"{total}_{way}", f"line{line}"] == count


@given(distance=st.integers(0, 4999), tilted=st.booleans())
def test_emscher_reads_a_level_and_a_door(distance, tilted):
    words = {"distance": distance, "position": "tilt" if tilted else "normal"}
    found = _values("EM310-UDL", encode("EM310-UDL", words))
    assert found["distance", ""] == distance / 1000
    door = _values("WS301", encode("WS301", {"door": "open" if tilted else "close"}))
    assert door == {("door", ""): float(tilted)}


def test_every_product_has_values_of_their_own_names():
    for product, names in products().items():
        assert len(set(names)) == len(names), product


@pytest.mark.parametrize(
    ("product", "values", "says"),
    [
        ("AM999", {}, "found 'AM999'"),
        ("AM107", {"pm2_5": 3}, "found 'pm2_5'"),
        ("EM300-TH", {"temperature": 3276.8}, "temperature"),
        ("EM300-TH", {"humidity": -0.5}, "humidity"),
        ("EM300-TH", {"humidity": 128}, "humidity"),
        ("EM300-TH", {"humidity": "wet"}, "humidity"),
        ("EM300-TH", {"battery": 5, "humidity": "5"}, "humidity"),
        ("AM103", {"co2": float("nan")}, "co2"),
        ("AM103", {"co2": float("inf")}, "co2"),
        ("WS301", {"door": "ajar"}, "close or open, found 'ajar'"),
        ("WS301", {"door": 1}, "close or open, found 1"),
        ("AM107", {"illumination": 5, "infrared": 1, "infrared_and_visible": 2}, "one after"),
        ("AM107", {"infrared": 5}, "found 'infrared'"),
        ("VS133", {"line_1_period_in": 5}, "line_1_period_out"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(product, values, says):
    with pytest.raises(EncodingError, match=says):
        encode(product, values)


@pytest.mark.parametrize(
    ("product", "rows", "says"),
    [
        ("WS301", [], "found 'WS301'"),
        ("EM300-TH", [(1, {"temperature": 20.0})], "expected temperature, humidity"),
        ("EM300-TH", [(-1, {"temperature": 20.0, "humidity": 50.0})], "at -1"),
        ("EM300-TH", [(1, {"temperature": 20.0, "humidity": 500.0})], "expected what fits"),
    ],
)
def test_a_past_that_does_not_fit_is_refused(product, rows, says):
    with pytest.raises(EncodingError, match=says):
        encode_past(product, rows)
