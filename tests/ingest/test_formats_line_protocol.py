import base64
import gzip
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats import line_protocol
from ingest.formats.epoch import exact_ns, sized_ns
from ingest.formats.line_protocol_text import Point, Unsigned, encoded, points
from ingest.formats.setup import Setup
from ingest.reading import Envelope, Message

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
VECTORS = Path(__file__).parents[1] / "vectors" / "line_protocol.json.gz"
CORPUS = json.loads(gzip.decompress(VECTORS.read_bytes()))
UNIT_NS = {"1ns": 1, "1µs": 1000, "1ms": 10**6, "1s": 10**9}
KINDS = {"float": float, "int": int, "uint": Unsigned, "string": str, "bool": bool}


def _decode(text: str | bytes, topic: str = "telegraf/a/cpu") -> Message:
    payload = text.encode() if isinstance(text, str) else text
    decoder = Decoder(formats=(line_protocol,))
    return decoder.decode(Envelope("test", topic, payload, NOW))


def _values(message: Message) -> dict[tuple[str, str], float]:
    values = {(one.quantity, one.channel): one.value for one in message.measurements}
    assert len(values) == len(message.measurements)
    return values


def _bytes(text: str | dict) -> bytes:
    return text.encode() if isinstance(text, str) else base64.b64decode(text["binary"])


def _value(told: dict):
    ((kind, value),) = told.items()
    return KINDS[kind](value)


@pytest.mark.parametrize(
    "case",
    [case for case in CORPUS["decode"] if "error" in case["output"]],
    ids=lambda case: case["input"]["key"][:8],
)
def test_the_corpus_is_refused_where_it_is_wrong(case):
    with pytest.raises(PayloadError, match="line protocol"):
        points(_bytes(case["input"]["text"]))


@pytest.mark.parametrize(
    "case",
    [case for case in CORPUS["decode"] if "error" not in case["output"]],
    ids=lambda case: case["input"]["key"][:8],
)
def test_the_corpus_is_read_where_it_is_right(case):
    unit_ns = UNIT_NS[case["input"]["precision"]]
    default_ns = case["input"]["defaultTime"] // unit_ns * unit_ns
    found = [
        {
            "time": default_ns if point.time is None else point.time * unit_ns,
            "name": point.measurement,
            "tags": [{"key": key, "value": value} for key, value in sorted(point.tags)],
            "fields": [(key, type(value), value) for key, value in point.fields],
        }
        for point in points(_bytes(case["input"]["text"]))
    ]
    for wanted in case["output"]["result"]:
        wanted["tags"].sort(key=lambda tag: tag["key"])
        wanted["fields"] = [
            (one["key"], type(_value(one["value"])), _value(one["value"]))
            for one in wanted["fields"]
        ]
    assert found == case["output"]["result"]


@pytest.mark.parametrize("case", CORPUS["encode"], ids=lambda case: case["input"]["key"][:8])
def test_the_corpus_is_written_to_the_letter(case):
    told = case["input"]["point"]
    point = Point(
        told["name"],
        tuple((tag["key"], tag["value"]) for tag in told["tags"]),
        tuple((one["key"], _value(one["value"])) for one in told["fields"]),
        told["time"],
    )
    assert encoded(point) == case["output"]["result"]


NAMES = st.text(
    st.characters(blacklist_categories=("Cs", "Cc")) | st.sampled_from(",= \\"), min_size=1
).filter(lambda name: not name.endswith("\\") and not name.startswith("#"))
VALUES = (
    st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(-(2**63), 2**63 - 1)
    | st.integers(0, 2**64 - 1).map(Unsigned)
    | st.booleans()
    | st.text(st.characters(blacklist_categories=("Cs",)))
)
POINTS = st.builds(
    Point,
    NAMES,
    st.dictionaries(NAMES, NAMES, max_size=3).map(lambda tags: tuple(tags.items())),
    st.lists(st.tuples(NAMES, VALUES), min_size=1, max_size=3).map(tuple),
    st.none() | st.integers(-(2**63), 2**63 - 1),
)


@given(st.lists(POINTS, max_size=3))
@example([Point("m", (), (("a", 1e22), ("b", 1e-5), ("c", 123456.0), ("d", 0.00012)), 0)])
def test_what_is_written_is_read_back(many):
    found = points("\n".join(map(encoded, many)).encode())
    assert found == many
    kinds = [[type(value) for _, value in point.fields] for point in found]
    assert kinds == [[type(value) for _, value in point.fields] for point in many]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, "0.30000000000000004"), (100000.0, "100000"), (1000000.0, "1e+06"),
        (0.0001, "0.0001"), (0.00001, "1e-05"), (-0.0, "-0"), (1.5e300, "1.5e+300"),
        (Unsigned(2**64 - 1), "18446744073709551615u"), (-(2**63), "-9223372036854775808i"),
    ],
)  # fmt: skip
def test_numbers_as_they_are_written(value, text):
    assert encoded(Point("m", (), (("v", value),))) == f"m v={text}"


@pytest.mark.parametrize(
    "point",
    [
        Point("", (), (("v", 1.0),)),
        Point("m", (), ()),
        Point("#m", (), (("v", 1.0),)),
        Point("m\n", (), (("v", 1.0),)),
        Point("m", (("a", ""),), (("v", 1.0),)),
        Point("m", (("a", "b\\"),), (("v", 1.0),)),
        Point("m", (("a", "b"), ("a", "c")), (("v", 1.0),)),
        Point("m", (), (("v", float("nan")),)),
        Point("m", (), (("v", 2**63),)),
        Point("m", (), (("v", Unsigned(2**64)),)),
        Point("m", (), (("v", 1.0),), 2**63),
    ],
)
def test_what_the_protocol_can_not_say_is_not_written(point):
    with pytest.raises(ValueError, match=r"expected|only once|no finite number|skipped"):
        encoded(point)


def test_an_error_names_the_line_and_what_was_there():
    with pytest.raises(PayloadError) as caught:
        points(b"m v=1\n\nm v=1,\nm v=2")
    assert str(caught.value) == "line protocol, line 3: expected the name of a field, found m v=2"


def test_telegraf_of_a_machine():
    message = _decode(
        "cpu,cpu=cpu0,host=web1 usage_idle=97.5,usage_user=2i 1780315200000000000\n"
        'system,host=web1 load1=0.5,uptime_format="3 days",ok=true 1780315200000000000\n'
    )
    assert (message.device, message.format) == ("web1", "line_protocol")
    assert message.time_ns == NOW
    assert _values(message) == {
        ("cpu.usage_idle", "cpu=cpu0"): 97.5,
        ("cpu.usage_user", "cpu=cpu0"): 2.0,
        ("system.load1", ""): 0.5,
        ("system.ok", ""): 1.0,
    }
    assert message.state == {"system.uptime_format": "3 days"}


@pytest.mark.parametrize(
    ("line", "device", "wanted"),
    [
        ("temperature,sensor=a value=21.5", "a", {("temperature", ""): 21.5}),
        ("weather,device=roof temp=21.5,humidity=40", "roof",
         {("temperature", ""): 21.5, ("humidity", ""): 40.0}),
        ("battery,device=x voltage=3.6", "x", {("battery_voltage", ""): 3.6}),
        ("soil,dev_eui=A81758FFFE04A1B2 temperature=9", "a81758fffe04a1b2",
         {("temperature", "soil"): 9.0}),
        ("meter,meter_id=7,phase=L1 power=230.5,energy_kwh=1.001", "7",
         {("active_power", "L1"): 230.5, ("active_energy_import", "L1"): 1001.0}),
        ("energy,meter=7,unit=kWh value=1.001", "7", {("active_energy_import", ""): 1001.0}),
        ("energy,meter=7 value=1.001", "7", {("energy.value", ""): 1.001}),
        ("mqtt_consumer,host=relay,topic=a/b temperature=1", "a/b", {("temperature", ""): 1.0}),
        ("m,host=relay,topic=a/b,id=9 temperature=1", "9", {("temperature", ""): 1.0}),
        ("m,device=gw,sensor=3,region=west temperature=1", "gw",
         {("temperature", "region=west.sensor=3"): 1.0}),
        ("weather,city=Essen temperature=1", "weather,city=Essen", {("temperature", ""): 1.0}),
        ("weather temperature=1", "weather", {("temperature", ""): 1.0}),
        ("m,device=x temp=1,temperature=2", "x", {("temperature", ""): 2.0, ("m.temp", ""): 1.0}),
        ("m,device=x door_open=t", "x", {("m.door_open", ""): 1.0}),
        ("m,device=x occupancy=F", "x", {("occupancy", ""): 0.0}),
    ],
)  # fmt: skip
def test_devices_quantities_and_channels(line, device, wanted):
    message = _decode(line)
    assert message.device == device
    assert message.time_ns is None
    assert _values(message) == wanted


def test_several_devices_and_times():
    message = _decode(
        "temperature,sensor=a value=1 1780315100000000000\r\n"
        "temperature,sensor=b value=2 1780315100000000000\r\n"
        "# a comment\r\n\r\n"
        "temperature,sensor=a value=3 1780315200000000000\r\n"
    )
    assert (message.device, message.time_ns) == ("a", None)
    assert [(one.value, one.time_ns) for one in message.measurements] == [
        (1.0, NOW - 100 * 10**9),
        (3.0, NOW),
    ]
    (other,) = message.others
    assert (other.device, other.time_ns) == ("b", NOW - 100 * 10**9)


def test_a_message_of_too_many_lines_is_refused_before_they_are_read():
    assert len(points(b"m v=1\n" * 4096)) == 4096
    with pytest.raises(PayloadError, match="at most 4096 lines"):
        points(b"m v=1\n" * 4096 + b"this is no line")


@pytest.mark.parametrize("unit_ns", [1, 1000, 10**6, 10**9])
@given(time_s=st.integers(946_684_800, 16_725_225_600))
def test_the_unit_of_a_time_is_told_by_its_size(unit_ns, time_s):
    assert sized_ns(time_s * 10**9 // unit_ns) == time_s * 10**9
    assert exact_ns(time_s * 10**9 // unit_ns) == time_s * 10**9


def test_times_in_other_precisions_and_impossible_ones():
    assert _decode("m,id=1 v=1 1780315200").time_ns == NOW
    assert _decode("m,id=1 v=1 1780315200123").time_ns == NOW + 123_000_000
    early = _decode("m,id=1 v=1 42")
    assert early.time_ns == NOW
    assert early.measurements[0].quality.word == "suspect"
    assert exact_ns(1276020076.001) == 1276020076_001_000_000
    with pytest.raises(PayloadError):
        exact_ns(float("inf"))


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"21.5", b"ON", b"Online", b"hello world", b'{"a": 1}', b'{"a": "x v=1 "}', b"[1, 2]",
        b'"m v=1"', b"<a href=1>", b"temp=21.5", b"temp=21.5 hum=40", b"temp=21.5,hum=40",
        b"1-0:1.8.0*255(00123.4*kWh)", b"/ISK5\\2M550T-1012\r\n\r\n1-0:1.8.0(1*kWh)\r\n!",
        b"21.5;48.2", b"hello x=1 y=2", b"a b", b"m v=", b"m v=abc", b"\x01\x02 \x03=1", b"a,b c=1",
        b"level=info msg=\"a b\"", b"2026-06-01 12:00:00 temp=1 ok",
    ],
)  # fmt: skip
def test_other_payloads_are_not_claimed(payload):
    assert not line_protocol.claims("a/b", payload, Setup())


@pytest.mark.parametrize(
    "payload",
    [
        b"m v=1", b"m,a=b v=1i 17", b'm v="x y"', b"# hello\n\nm v=t\n", b"a\\ b,c=d\\,e v=1,w=2",
        b"m v=1\nbroken", b"m v=-.5e3\r\n",
    ],
)  # fmt: skip
def test_lines_are_claimed(payload):
    assert line_protocol.claims("a/b", payload, Setup())


@pytest.mark.parametrize(
    "payload", [b"m v=1\nbroken", b"m v=1,v=2", b"m v=1 x", b"m v=1e999", b"m v=1 \xff", b"#only"]
)
def test_broken_lines_are_refused(payload):
    with pytest.raises(PayloadError, match=r"line protocol|format"):
        _decode(payload)


@settings(max_examples=200)
@given(
    st.binary(max_size=60)
    | st.text('mv=1,i" \\\n\r#.-te', max_size=60).map(str.encode)
    | st.lists(POINTS, max_size=2).map(lambda many: "\n".join(map(encoded, many)).encode())
)
def test_any_bytes_are_a_message_or_refused(payload):
    with suppress(PayloadError):
        line_protocol.read(Envelope("test", "a", payload, NOW), Setup())
    rule = ""
    try:
        _decode(payload)
    except PayloadError as refusal:
        rule = refusal.rule
    assert rule != "decoder fault"
