import json
import tomllib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.clock import rfc3339_ns
from ingest.decode import Decoder
from ingest.errors import PayloadError
from ingest.formats.mapped import Mapped, TopicMapping, mappings
from ingest.formats.mapped_path import Tree, path
from ingest.reading import Envelope, Message

NOW = rfc3339_ns("2026-06-01T12:00:00Z")
NOW_S = NOW // 10**9
SECOND = 10**9


def _of(toml: str) -> tuple[TopicMapping, ...]:
    return mappings(tomllib.loads(toml)["mapping"])


def _mapping(readings: dict, topic: str = "#", **keys) -> tuple[TopicMapping, ...]:
    return mappings([{"topic": topic, "readings": readings, **keys}])


def _decode(mapping, payload: object, topic: str = "a/b", notes=None) -> Message:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    decoder = Decoder(formats=(Mapped(mapping),), notes=notes)
    return decoder.decode(Envelope("test", topic, data, NOW))


def _values(message: Message) -> dict[tuple[str, str], float]:
    values = {(one.quantity, one.channel): one.value for one in message.measurements}
    assert len(values) == len(message.measurements)
    return values


EXAMPLE = """
[[mapping]]
topic = "city/{station}/weather/#"
device = "{station}"
time = "meta.ts"
[mapping.readings]
"data.t" = "temperature"
"data.e" = { quantity = "active_energy_import", unit = "kWh", channel = "L1" }
"list[*].v" = { quantity = "co2", channel = "list[*].name" }

[[mapping]]
topic = "bare/+"
[mapping.readings]
"." = { quantity = "temperature", unit = "F" }
"""


def test_the_example_of_the_documentation():
    notes: list[str] = []
    message = _decode(
        _of(EXAMPLE),
        {
            "meta": {"ts": "2026-06-01T12:00:00Z"},
            "data": {"t": "21,5", "e": 1.001, "other": 7},
            "list": [{"name": "hall", "v": 420}, {"name": "yard", "v": 400}],
        },
        "city/s7/weather/now",
        notes,
    )
    assert (message.device, message.format, message.time_ns) == ("s7", "mapped", NOW)
    assert _values(message) == {
        ("temperature", ""): 21.5,
        ("active_energy_import", "L1"): 1001.0,
        ("co2", "hall"): 420.0,
        ("co2", "yard"): 400.0,
    }
    assert "mapping: the one of city/{station}/weather/#" in notes
    bare = _decode(_of(EXAMPLE), b"212", "bare/x")
    assert (bare.device, bare.time_ns) == ("bare/x", None)
    assert _values(bare) == {("temperature", ""): 100.0}


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (21.5, 21.5), (21, 21.0), ("21.5", 21.5), ("21,5", 21.5), (" -3 ", -3.0), ("+1e3", 1000.0),
        (".5", 0.5), (True, 1.0), (False, 0.0), ("ON", 1.0), ("off", 0.0), (0.1, 0.1),
    ],
)  # fmt: skip
def test_numbers_in_all_their_spellings(value, wanted):
    for payload in ({"v": value}, {"v": str(value)}):
        assert _values(_decode(_mapping({"v": "contact"}), payload)) == {("contact", ""): wanted}


@pytest.mark.parametrize("value", [None, "", "null", "NaN", "n/a", "unavailable", "unknown", "--"])
def test_words_for_no_value_are_none(value):
    found = _decode(_mapping({"v": "contact", "w": "motion"}), {"v": value, "w": 1})
    assert _values(found) == {("motion", ""): 1.0}


@pytest.mark.parametrize(
    "value", ["warm", "1.234,5", "1,2,3", "0x10", "٣", "1e99999", {}, [1], "9" * 70]
)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(PayloadError, match="value of v"):
        _decode(_mapping({"v": "contact"}), {"v": value})


def test_bare_payloads():
    for payload in (b"21.5", b"21,5", b" 21.5\n", b"\xef\xbb\xbf21.5", b'"21.5"'):
        found = _decode(_mapping({".": "temperature"}), payload)
        assert _values(found) == {("temperature", ""): 21.5}
    for payload in (b"warm", b'{"a": 1}', b"[1]", b"\xff"):
        with pytest.raises(PayloadError):
            _decode(_mapping({".": "temperature"}), payload)


@pytest.mark.parametrize(
    ("written", "tree", "wanted"),
    [
        ("a.b", {"a": {"b": 1}}, [((), 1)]),
        ("$.a", {"a": 1}, [((), 1)]),
        ('["a b"].c', {"a b": {"c": 1}}, [((), 1)]),
        ("a['x.y']", {"a": {"x.y": 1}}, [((), 1)]),
        ('a["\\u00e9\\""]', {"a": {'é"': 1}}, [((), 1)]),
        ("a[0]", {"a": [1, 2]}, [((), 1)]),
        ("a[-1]", {"a": [1, 2]}, [((), 2)]),
        ("a[2]", {"a": [1, 2]}, []),
        ("[1][0]", [0, [5]], [((), 5)]),
        ("a[*]", {"a": [1, None, 3]}, [((0,), 1), ((2,), 3)]),
        ("a[*].b[*]", {"a": [{"b": [1]}, {}, {"b": [2, 3]}]},
         [((0, 0), 1), ((2, 0), 2), ((2, 1), 3)]),
        ("a[*]", {"a": {"x": 1, "y": 2}}, [(("x",), 1), (("y",), 2)]),
        ("a.b", {"a": '{"b": [1]}'}, [((), [1])]),
        ("a.b", {"a": "{broken"}, []),
        ("a.b", {"a": [1]}, []),
        ("a[0]", {"a": {"0": 1}}, []),
        ("temp-1.°C", {"temp-1": {"°C": 1}}, [((), 1)]),
        (".", 5, [((), 5)]),
    ],
)  # fmt: skip
def test_paths(written, tree, wanted):
    found = list(Tree(tree).all(path(written)))
    assert found == wanted
    for indices, value in found:
        assert Tree(tree).at(path(written), indices) == value


@pytest.mark.parametrize(
    "written",
    ["", "..", "a.", ".a", "a..b", "a[", "a[x]", "a]", "a b", "[*", "$a", 'a["x]', "a.[0]"],
)
def test_paths_that_can_not_be_understood(written):
    with pytest.raises(ValueError, match=r"path .*expected keys like"):
        path(written)


@pytest.mark.parametrize(
    ("topic", "fits", "not_these"),
    [
        ("a/+/c", {"a/b/c": {}, "a//c": {}}, ["a/c", "a/b/c/d", "a/b"]),
        ("a/#", {"a": {}, "a/b": {}, "a/b/c": {}}, ["ab", "b/a"]),
        ("#", {"a": {}, "a/b": {}}, ["$SYS/x"]),
        ("+/x", {"a/x": {}}, ["$SYS/x"]),
        ("$SYS/#", {"$SYS/x": {}}, ["a"]),
        ("a/{dev}/b", {"a/x/b": {"dev": "x"}}, ["a//b", "a/x/y/b"]),
        ("a/dev-{id}_{n}", {"a/dev-7_8": {"id": "7", "n": "8"}}, ["a/dev-_8"]),
        ("a.b/c", {"a.b/c": {}}, ["axb/c"]),
    ],
)
def test_topic_filters(topic, fits, not_these):
    (mapping,) = _mapping({".": "contact"}, topic)
    for one, levels in fits.items():
        match = mapping.pattern.fullmatch(one)
        assert match is not None
        assert match.groupdict() == levels
    assert not any(mapping.pattern.fullmatch(one) for one in not_these)


def test_devices_and_channels_from_topic_and_payload():
    mapping = _mapping(
        {"v": {"quantity": "contact", "channel": "{line}/{$.line}"}},
        "x/{line}",
        device="{topic}:{id.n}",
    )
    message = _decode(mapping, {"id": {"n": 7}, "v": 1, "line": "B"}, "x/A")
    assert message.device == "x/A:7"
    assert _values(message) == {("contact", "A/B"): 1.0}
    eui = _decode(_mapping({"v": "contact"}, device="{id}"), {"id": "A81758FFFE04A1B2", "v": 1})
    assert eui.device == "a81758fffe04a1b2"
    for missing in ({"v": 1}, {"v": 1, "id": {"n": None}}, {"v": 1, "id": {"n": True}}):
        with pytest.raises(PayloadError, match=r"device: expected a text or a number at id\.n"):
            _decode(mapping, missing, "x/A")


def test_elements_without_a_channel_are_numbered():
    found = _decode(_mapping({"l[*].v": "co2"}), {"l": [{"v": 1}, {}, {"v": 3}]})
    assert _values(found) == {("co2", "1"): 1.0, ("co2", "3"): 3.0}
    found = _decode(_mapping({"l[*]": "co2"}), {"l": {"hall": 1, "yard": 3}})
    assert _values(found) == {("co2", "hall"): 1.0, ("co2", "yard"): 3.0}


def test_several_devices_with_times_of_their_own():
    mapping = _mapping(
        {"d[*].t": "temperature", "d[*].h": "humidity"}, device="{d[*].id}", time="d[*].at"
    )
    message = _decode(
        mapping,
        {"d": [{"id": "a", "t": 1, "h": 2, "at": NOW_S}, {"id": "b", "t": 3, "at": NOW_S - 1},
               {"id": "a", "t": 4, "at": NOW_S - 2}]},
    )  # fmt: skip
    assert (message.device, message.time_ns) == ("a", None)
    assert [(one.value, one.time_ns) for one in message.measurements] == [
        (1.0, NOW), (4.0, NOW - 2 * SECOND), (2.0, NOW),
    ]  # fmt: skip
    (other,) = message.others
    assert (other.device, other.time_ns, other.measurements[0].value) == ("b", NOW - SECOND, 3.0)


@pytest.mark.parametrize(
    ("stated", "unit", "wanted"),
    [
        ("2026-06-01T12:00:00Z", "", NOW), ("2026-06-01 14:00:00", "", NOW),
        ("2026-06-01T14:00:00+02:00", "", NOW), (NOW_S, "", NOW), (NOW_S * 1000, "", NOW),
        (NOW_S * 10**6, "", NOW), (NOW, "", NOW), (str(NOW_S), "", NOW), (NOW_S, "s", NOW),
        (NOW_S * 1000, "ms", NOW), (NOW_S * 10**6, "us", NOW), (NOW, "ns", NOW), (None, "", None),
    ],
)  # fmt: skip
def test_times(stated, unit, wanted):
    mapping = _mapping({"v": "contact"}, time="t", time_unit=unit)
    assert _decode(mapping, {"v": 1, "t": stated}).time_ns == wanted


def test_times_are_exact_and_a_missing_or_wrong_one_shows():
    mapping = _mapping({"v": "contact"}, time="t")
    exact = f'{{"v": 1, "t": {NOW_S - 1}.123456789}}'.encode()
    assert _decode(mapping, exact).time_ns == NOW - SECOND + 123_456_789
    assert _decode(mapping, {"v": 1}).time_ns is None
    for wrong in ("noon", True, {}, "1" * 50, 1e300):
        with pytest.raises(PayloadError, match="time"):
            _decode(mapping, {"v": 1, "t": wrong})
    own = _mapping({"v": {"quantity": "contact", "time": "u"}, "w": "motion"}, time="t")
    message = _decode(own, {"v": 1, "w": 1, "t": NOW_S, "u": NOW_S - 1})
    assert [one.time_ns for one in message.measurements] == [NOW - SECOND, NOW]


@pytest.mark.parametrize(
    ("told", "value", "wanted"),
    [
        ({"quantity": "temperature", "unit": "°F"}, 212, 100.0),
        ({"quantity": "temperature", "factor": 0.1}, 215, 21.5),
        ({"quantity": "temperature", "factor": 0.1, "unit": "K"}, 2946, 21.45),
        ({"quantity": "active_power", "unit": "kW", "factor": -1}, 1.001, -1001.0),
        ({"quantity": "active_energy_import", "unit": "kWh"}, "1,001", 1001.0),
        ({"quantity": "water_volume", "unit": "l"}, 1500, 1.5),
        ({"quantity": "valve_position"}, 7, 7.0),
    ],
)
def test_units_and_factors_are_exact(told, value, wanted):
    (found,) = _decode(_mapping({"v": told}), {"v": value}).measurements
    assert (found.quantity, found.value) == (told["quantity"], wanted)


def test_csv():
    mapping = _mapping(
        {"[1]": "temperature", "[2]": "humidity"}, separator=";", time="[0]", device="x"
    )
    message = _decode(
        mapping, b'2026-06-01T11:59:00Z;21,5;48.2\r\n\r\n"2026-06-01T12:00:00Z";22,5;\r\n'
    )
    assert [(one.quantity, one.value, one.time_ns) for one in message.measurements] == [
        ("temperature", 21.5, NOW - 60 * SECOND),
        ("humidity", 48.2, NOW - 60 * SECOND),
        ("temperature", 22.5, NOW),
    ]
    with pytest.raises(PayloadError, match=r"a value at \[1\], \[2\], found an array of 1"):
        _decode(mapping, b"hello")
    with pytest.raises(PayloadError, match="nothing"):
        _decode(mapping, b"\n")


def test_nothing_found_says_what_was_wanted_and_what_was_there():
    with pytest.raises(PayloadError) as caught:
        _decode(_mapping({"a.t": "temperature", "b": "humidity"}), {"x": 1, "y": {"t": 2}})
    assert str(caught.value) == ("mapping: expected a value at a.t, b, found an object of x, y")
    with pytest.raises(PayloadError, match="JSON"):
        _decode(_mapping({"a": "temperature"}), b"21.5 C")


def test_the_same_place_twice_in_a_message_is_refused():
    mapping = _mapping({"l[*].v": {"quantity": "co2", "channel": "{l[*].n}"}})
    with pytest.raises(PayloadError, match="each quantity and channel once"):
        _decode(mapping, {"l": [{"n": "a", "v": 1}, {"n": "a", "v": 2}]})


def test_the_first_mapping_that_fits_reads():
    both = _mapping({"v": "contact"}, "a/+") + _mapping({"v": "motion"}, "a/#")
    assert _values(_decode(both, {"v": 1}, "a/b")) == {("contact", ""): 1.0}
    assert _values(_decode(both, {"v": 1}, "a/b/c")) == {("motion", ""): 1.0}
    with pytest.raises(PayloadError, match="format"):
        _decode(both, {"v": 1}, "b")


def test_too_many_readings_are_refused():
    with pytest.raises(PayloadError, match="measurements"):
        _decode(_mapping({"[*]": "co2"}), list(range(5000)))


OK = {"v": "contact"}


@pytest.mark.parametrize(
    ("table", "wrong"),
    [
        ({"topic": "a"}, "mapping 1 (a): expected the key readings"),
        ({"readings": OK}, "mapping 1 (no topic): expected the key topic"),
        ({"topic": "a", "readings": OK, "devcie": "x"}, "found 'devcie'"),
        ({"topic": "a", "readings": {}}, "readings: expected paths and quantities"),
        ({"topic": "a", "readings": 5}, "readings: expected paths and quantities"),
        ({"topic": 5, "readings": OK}, "topic: expected a text"),
        ({"topic": "", "readings": OK}, "topic: expected an MQTT topic filter"),
        ({"topic": "a/#/b", "readings": OK}, "topic: expected"),
        ({"topic": "a/b+", "readings": OK}, "topic: expected"),
        ({"topic": "{a}/{a}", "readings": OK}, "names that are used once"),
        ({"topic": "{topic}", "readings": OK}, "not topic"),
        ({"topic": "a/{b", "readings": OK}, "topic: expected"),
        ({"topic": "a", "readings": OK, "device": ""}, "device: expected"),
        ({"topic": "a", "readings": OK, "device": "{x"}, "device: text"),
        ({"topic": "a", "readings": OK, "device": "{l[*].id}"}, "each [*] of the device"),
        ({"topic": "a", "readings": OK, "time": "a..b"}, "time: path"),
        ({"topic": "a", "readings": OK, "time": "l[*].t"}, "each [*] of the time"),
        ({"topic": "a", "readings": OK, "time_unit": "min"}, "time_unit: expected one of s, ms"),
        ({"topic": "a", "readings": OK, "separator": "."}, "separator: expected"),
        ({"topic": "a", "readings": {"v": "temprature"}},
         "readings.\"v\": quantity: unknown quantity 'temprature'; did you mean 'temperature'?"),
        ({"topic": "a", "readings": {"v": "power"}}, "did you mean 'active_power'?"),
        ({"topic": "a", "readings": {"v": "energy"}}, "did you mean 'active_energy_import'?"),
        ({"topic": "a", "readings": {"v": ""}}, "quantity: expected a name"),
        ({"topic": "a", "readings": {"v": 5}}, "expected a quantity, or a table"),
        ({"topic": "a", "readings": {"v": {"unit": "C"}}}, "quantity: expected a name"),
        ({"topic": "a", "readings": {"v": {"quantity": "co2", "uint": "C"}}}, "found 'uint'"),
        ({"topic": "a", "readings": {"v": {"quantity": "temperature", "unit": "kW"}}},
         "unit: expected one of Cel, c, cel"),
        ({"topic": "a", "readings": {"v": {"quantity": "my_thing", "unit": "kW"}}},
         "no quantity of ours"),
        ({"topic": "a", "readings": {"v": {"quantity": "co2", "factor": 0}}}, "factor: expected"),
        ({"topic": "a", "readings": {"v": {"quantity": "co2", "factor": "2"}}}, "factor"),
        ({"topic": "a", "readings": {"v": {"quantity": "co2", "factor": True}}}, "factor"),
        ({"topic": "a", "readings": {"v": {"quantity": "co2", "factor": 1e-320}}}, "factor"),
        ({"topic": "a", "readings": {"v": {"quantity": "co2", "channel": 1}}}, "channel: expected"),
        ({"topic": "a", "readings": {"v": {"quantity": "co2", "channel": "l[*].n"}}},
         "each [*] of the channel"),
        ({"topic": "a", "readings": {"a[*].v": {"quantity": "co2", "channel": "b[*].n"}}},
         "each [*] of the channel"),
        ({"topic": "a", "readings": {"v": "co2", "w": "co2"}}, 'as readings."v" is co2 too'),
        ({"topic": "a", "readings": {"a b": "co2"}}, 'readings."a b": path'),
    ],
)  # fmt: skip
def test_a_wrong_mapping_is_told_by_its_key(table, wrong):
    with pytest.raises(ValueError, match="mapping 1") as caught:
        mappings([table])
    assert wrong in str(caught.value)


KEYS = st.sampled_from(["a", "b", "v", "x y", "[*]", "."])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6)
    | st.sampled_from(["21,5", '{"v": 1}', "2026-06-01T12:00:00Z", "on", "1e400"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)  # fmt: skip
RULES = (
    _mapping({"a[*].v": "co2", "b": "contact", "v": "temperature"}, time="b")
    + _mapping({"a[*].v": {"quantity": "co2", "channel": "a[*].b"}}, device="{a[*].x}")
)  # fmt: skip


@settings(max_examples=300)
@given(VALUES, st.binary(max_size=20), st.integers(0, 1))
def test_any_payload_is_a_message_or_refused(tree, junk, which):
    for payload in (json.dumps(tree).encode(), junk):
        for mapping in (RULES[which : which + 1], _mapping({"[0]": "co2"}, separator=";")):
            rule = ""
            try:
                _decode(mapping, payload)
            except PayloadError as refusal:
                rule = refusal.rule
            assert rule != "decoder fault"


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8) | st.integers() | st.none()))
def test_any_table_is_a_mapping_or_a_value_error(readings):
    topic = str(readings)
    for table in ({"topic": "a/{b}", "readings": readings}, {"topic": topic, "readings": OK}):
        with suppress(ValueError):
            mappings([table])
    for text in readings:
        with suppress(ValueError):
            assert path(text).text == text
