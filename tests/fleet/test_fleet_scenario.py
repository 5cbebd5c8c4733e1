"""Scenarios: those that are shipped, and what is wrong with others, by file, line and key."""

from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import ScenarioError
from fleet.faults import FAULTS, fits
from fleet.kinds import KINDS
from fleet.scenario import after_s, load, parsed, shipped, span_s
from fleet.settle import settled
from fleet.town import town

HEAD = 'title = "x"\nstart = "2026-03-27T00:00:00Z"\nlength = "2d"\n'  # lines 1 to 3
HOME = '[[fleet]]\nkind = "household"\ncount = 2\n'  # lines 4 to 6
ROOM = '[[fleet]]\nkind = "classroom"\ncount = 2\n'
WATER = '[[fleet]]\nkind = "water"\ncount = 2\n'
STATION = '[[fleet]]\nkind = "transformer"\ncount = 1\n'
FAULT = '[[fault]]\nkind = "{}"\non = "{}"\n'
SILENCE = FAULT.format("silence", "household")  # lines 7 to 9
SPAN = 'expected a span such as "90s", "15m" or "1d 6h", found'
WRONG = [
    # text, where, what
    ("", "", "expected `title`, found none"),
    (HEAD, "", "expected `fleet`, found none"),
    ('title = "x"\nfleet = []\nlength = "1d"\n', ", line 2, fleet",
     "expected at least one [[fleet]], found none"),
    (HEAD + "colour = 1\n" + HOME, ", line 4, colour", "expected one of title, length, *, found"
     " colour"),
    (HEAD + HOME + "size = 3\n", ", line 7, fleet 1, size", "expected one of kind, *, found size"),
    (HEAD + HOME + ROOM + "size = 3\n", ", line 10, fleet 2, size", "expected one of *"),
    (HEAD + HOME + SILENCE + "until = 3\n", ", line 10, fault 1, until",
     "expected one of kind, on, device, quantity, at, for, size, count, found until"),
    (HEAD + "[weather]\nwarm = 2\n" + HOME, ", line 5, weather, warm",
     "expected one of warmer, cloud, found warm"),
    (HEAD + HOME.replace("household", "unicorn"), ", line 5, fleet 1, kind",
     "expected one of classroom, *, gas, found unicorn; `emscher sim list --kinds` describes them"),
    (HEAD + HOME + FAULT.format("hail", "household"), ", line 8, fault 1, kind",
     "expected one of spike, *, found hail"),
    (HEAD.replace('"x"', "3") + HOME, ", line 1, title", "expected str, found int"),
    (HEAD + HOME.replace("2", '"2"'), ", line 6, fleet 1, count", "expected int, found str"),
    (HEAD + HOME.replace("2", "1.5"), ", line 6, fleet 1, count", "expected int, found float"),
    (HEAD + "[radio]\nloss = true\n" + HOME, ", line 5, radio, loss", "expected float, found bool"),
    (HEAD + HOME + 'name = "a/#"\n', ", line 7, fleet 1, name",
     "expected at most 64 letters, digits, - and _, found 'a/#'"),
    (HEAD + HOME.replace("2", "-2"), ", line 6, fleet 1, count",
     "expected 1 to 1000000, found -2"),
    (HEAD + HOME + SILENCE + "count = 0\n", ", line 10, fault 1, count",
     "expected 1 to 1000000, found 0"),
    (HEAD + HOME + FAULT.format("spike", "household") + 'quantity = "co2"\n',
     ", line 10, fault 1, quantity",
     "expected a gauge called co2 in household for spike, found active_energy_import, *"),
    (HEAD + ROOM + FAULT.format("rollover", "classroom"), ", line 9, fault 1, on",
     "expected a register in classroom for rollover, found temperature, *"),
    (HEAD + ROOM + FAULT.format("clock_jump", "classroom"), ", line 9, fault 1, on",
     "expected a clock in classroom *"),
    (HEAD + HOME + FAULT.format("battery_death", "household"), ", line 9, fault 1, on",
     "expected a battery in household *"),
    (HEAD + HOME + FAULT.format("water_leak", "household"), ", line 9, fault 1, on",
     "expected a meter in household *"),
    (HEAD + WATER + FAULT.format("glitch", "water"), ", line 9, fault 1, on",
     "expected a register in water that tells no past hours for glitch, found water_volume"),
    (HEAD + HOME + FAULT.format("silence", "school"), ", line 9, fault 1, on",
     "expected one of household, found school"),
    (HEAD + HOME + SILENCE + "device = 3\n", ", line 10, fault 1, device",
     "expected 1 to 2 of household, found 3"),
    (HEAD + HOME + SILENCE + "device = 2\ncount = 2\n", ", line 10, fault 1, device",
     "expected 1 to 2 of household, found 2 and 1 more"),
    (HEAD + HOME + SILENCE + 'at = "2d"\n', ", line 10, fault 1, at",
     "expected a moment within 2d, found 2d"),
    (HEAD + HOME + SILENCE + 'at = "soon"\n', ", line 10, fault 1, at", f'{SPAN} "soon"'),
    (HEAD + ROOM + FAULT.format("spike", "classroom") + 'for = "2h"\n',
     ", line 10, fault 1, for", "expected none, as spike is one message, found 2h"),
    (HEAD + HOME + FAULT.format("rollover", "household") + 'for = "2h"\n',
     ", line 10, fault 1, for", "expected none, as rollover stays, found 2h"),
    (HEAD + HOME + SILENCE + "size = 3.0\n", ", line 10, fault 1, size",
     "expected none for silence, found 3"),
    (HEAD + HOME + SILENCE + 'for = "long"\n', ", line 10, fault 1, for", f'{SPAN} "long"'),
    (HEAD + HOME + SILENCE + SILENCE.replace("on", "at = 'x'\non"), ", line 12, fault 2, at",
     f'{SPAN} "x"'),
    (HEAD + HOME + FAULT.format("energy_theft", "household") + "size = 1.5\n",
     ", line 10, fault 1, size", "expected 0 to 1 (share, 0 to 1), found 1.5"),
    (HEAD + HOME + FAULT.format("unit_mixup", "household") + "size = 0.0\n",
     ", line 10, fault 1, size", "expected 1 to 1e+09 (divided by), found 0"),
    (HEAD.replace("2d", "two days") + HOME, ", line 3, length", f'{SPAN} "two days"'),
    (HEAD.replace("2d", "") + HOME, ", line 3, length", f'{SPAN} ""'),
    (HEAD.replace("00Z", "00") + HOME, ", line 2, start",
     "expected a time such as 2026-03-01T12:00:00Z *, found '2026-03-27T00:00:00'"),
    (HEAD + HOME + 'period = "often"\n', ", line 7, fleet 1, period", f'{SPAN} "often"'),
    (HEAD + 'step = "7m"\n' + HOME, ", line 4, step",
     "expected a part of 15m (1m, 5m, 15m …), found 7m"),
    (HEAD + 'step = "30m"\n' + HOME, ", line 4, step", "expected a part of 15m *"),
    (HEAD + HOME + "[[fleet]] # again\nkind = 'household'\ncount = 9\n", ", line 7, fleet 2, name",
     "expected a name for each alone, found household twice"),
    (HEAD + HOME + 'feeder = "nowhere"\n', ", line 7, fleet 1, feeder",
     "expected a transformer (there is none), found nowhere"),
    (HEAD + HOME + 'feeder = "classroom"\n' + ROOM + STATION, ", line 7, fleet 1, feeder",
     "expected a transformer (transformer), found classroom"),
    (HEAD + STATION + WATER + 'feeder = "transformer"\n', ", line 10, fleet 2, feeder",
     "expected an electricity meter behind transformer, found a home's water *"),
    (HEAD + STATION + 'feeder = "transformer"\n', ", line 7, fleet 1, feeder",
     "expected an electricity meter behind transformer, found *"),
    (HEAD + HOME + "loss = 1.0\n", ", line 7, fleet 1, loss",
     "expected a share from 0 to below 1, found 1.0"),
    (HEAD + "[radio]\nloss = -0.1\n" + HOME, ", line 5, radio, loss",
     "expected a share from 0 to below 1, found -0.1"),
    (HEAD + "[radio]\ngateways = 0\n" + HOME, ", line 5, radio, gateways",
     "expected 1 to 10000, found 0"),
    (HEAD + "[weather]\ncloud = 7\n" + HOME, ", line 5, weather, cloud",
     "expected 0 (clear) to 1 (overcast), found 7*"),
    (HEAD + HOME + 'network = "ttn"\n', ", line 7, fleet 1, network",
     "expected one of chirpstack, chirpstack_protobuf, things_stack, found ttn"),
    (HEAD + HOME + 'city = "Bochum"\n', ", line 7, fleet 1, city",
     "expected Dortmund or Schwerte, found Bochum"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "where", "what"), WRONG, ids=range(len(WRONG)))
def test_errors_name_file_line_key_and_what_was_expected_and_found(text, where, what):
    with pytest.raises(ScenarioError) as caught:
        parsed(text, "my.toml")
    found = str(caught.value)
    assert found.startswith(f"my.toml{where}: ")
    begin, *more = what.split("*")
    assert found.removeprefix(f"my.toml{where}: ").startswith(begin)
    if more and more[-1]:
        assert found.endswith(more[-1])
    elif not more:
        assert found == f"my.toml{where}: {what}"


def test_what_is_no_toml_is_refused_with_its_line():
    with pytest.raises(ScenarioError, match=r"^my\.toml: expected TOML, found .*line 2"):
        parsed('title = "x"\nlength = ?\n', "my.toml")


@pytest.mark.parametrize("name", ["billing-year", "chaos", "city", "district"])
def test_shipped_scenarios_load(name):
    assert name in shipped()
    scenario = load(name)
    assert scenario.title
    assert scenario.start_ns(None) > 0


def test_nothing_else_is_shipped_but_the_demonstration_which_starts_whenever_it_is_asked_to():
    assert list(shipped()) == ["billing-year", "chaos", "city", "demo", "district"]
    with pytest.raises(ScenarioError, match="expected --from TIME"):
        load("demo").start_ns(None)


@pytest.mark.parametrize("name", ["chaos", "district"])
def test_shipped_scenarios_settle(name):
    scenario = load(name)
    start_ns = scenario.start_ns(None)
    _, groups = town(scenario, start_ns)
    found = [one for faults in settled(scenario, groups, start_ns).values() for one in faults]
    assert len(found) == sum(one.count for one in scenario.fault)
    assert [one.number for one in sorted(found)] == list(range(len(found)))
    for one in found:
        assert start_ns <= one.start_ns < one.end_ns <= start_ns + scenario.length_ns
    if name == "chaos":
        assert {one.kind for one in found} == FAULTS.keys()


def test_scenarios_load_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + HOME, encoding="utf-8")
    assert load(str(path)) == parsed(HEAD + HOME, "x")
    path.write_text(HEAD + HOME.replace("2", "0"), encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"mine\.toml, line 6, fleet 1, count: expected 1 to"):
        load(str(path))
    path.write_bytes(b'title = "\xff"')
    with pytest.raises(ScenarioError, match=r"mine\.toml: expected a text file in UTF-8, found"):
        load(str(path))


def test_a_scenario_that_is_none_lists_those_that_are():
    with pytest.raises(
        ScenarioError, match="one of billing-year, chaos, city, demo, district, found"
    ):
        load("nothing-of-the-kind")


def test_the_start_is_the_scenarios_unless_given():
    scenario = parsed(HEAD + HOME, "x")
    assert scenario.start_ns(None) == 1_774_569_600 * 10**9
    later_ns = 1_774_569_605 * 10**9
    assert scenario.start_ns(later_ns) == later_ns
    assert scenario.start_ns(later_ns + 999_999_999) == later_ns  # clocks of meters have seconds
    with pytest.raises(ScenarioError, match="expected --from TIME"):
        parsed('title = "x"\nlength = "1d"\n' + HOME, "x").start_ns(None)


@pytest.mark.parametrize(
    "start", ["1969-12-31T23:00:00Z", "1999-12-31T23:00:00Z", "2099-12-31T00:00:00Z",
              "2300-01-01T00:00:00Z", "9999-12-31T00:00:00Z"],
)  # fmt: skip
def test_a_year_that_no_meter_can_tell_is_refused(start):
    scenario = parsed(f'title = "x"\nlength = "2d"\nstart = "{start}"\n' + HOME, "x")
    with pytest.raises(ScenarioError, match=f"2000 to 2099, found one of 2d from {start[:10]}"):
        scenario.start_ns(None)


def test_faults_choose_other_devices_while_there_are_some():
    text = HEAD + HOME.replace("2", "6") + (SILENCE + "count = 3\n") * 2
    scenario = parsed(text, "x")
    _, groups = town(scenario, 0)
    members = [one.member for one in settled(scenario, groups, 0)["household"]]
    assert sorted(members) == list(range(6))


def test_a_fault_is_where_and_when_it_is_said():
    text = HEAD + HOME + SILENCE + 'device = 2\nat = "1d 10:30"\nfor = "90m"\n'
    scenario = parsed(text, "x")
    _, groups = town(scenario, 0)
    (fault,) = settled(scenario, groups, 0)["household"]
    assert (fault.member, fault.start_ns) == (1, (34 * 3600 + 1800) * 10**9)
    assert fault.end_ns == fault.start_ns + 5400 * 10**9


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_fits_some_kind_and_none_that_lacks_what_it_is_of(fault):
    able = {name for name, kind in KINDS.items() if fits(kind, fault, "")[1]}
    assert able
    need = FAULTS[fault].on
    for name in able:
        channel, _ = fits(KINDS[name], fault, "")
        if need in {"gauge", "register"}:
            assert (channel.register is not None) == (need == "register")
        elif need == "battery":
            assert channel.quantity == "battery_voltage"
        else:
            assert channel is None
        assert need != "clock" or KINDS[name].own_clock


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("15m", 900), ("1d 6h", 108_000), ("1d6h", 108_000), ("2w", 1_209_600),
        ("1.5h", 5400), ("4.35h", 15_660), ("0.5m", 30), (" 3 h ", 10_800), ("1h 1h", 7200),
    ],
)  # fmt: skip
def test_spans(text, seconds):
    assert span_s(text) == after_s(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "1", "h", "-1h", "1h -5m", "1 hour", "0s", "0.5s", "1.0001m", "1h,5m", "٣h", "1e3s",
     "9999999w"],
)  # fmt: skip
def test_spans_that_are_none(text):
    with pytest.raises(ValueError, match="expected a span such as"):
        span_s(text)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("12:30", 45_000), ("1d 12:30", 131_400), ("0d 00:00", 0), ("36:00", 129_600),
     ("2d 01:02:03", 176_523), ("36h", 129_600)],
)  # fmt: skip
def test_moments_after_the_start(text, seconds):
    assert after_s(text) == seconds


@pytest.mark.parametrize("text", ["12:60", "1d 12", "1:5", "12:30:61", "-1d 10:00", "noon", ""])
def test_moments_that_are_none(text):
    with pytest.raises(ValueError, match="expected a span such as"):
        after_s(text)


@given(st.dictionaries(st.sampled_from("smhdw"), st.integers(0, 400), min_size=1))
def test_whole_spans_are_read_back(parts):
    seconds = sum({"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}[unit] * number
                  for unit, number in parts.items())  # fmt: skip
    text = " ".join(f"{number}{unit}" for unit, number in parts.items())
    if seconds:
        assert span_s(text) == seconds
    else:
        with pytest.raises(ValueError, match="expected a span"):
            span_s(text)


@given(st.decimals("0.01", "900", places=2))
def test_decimals_are_exact(hours):
    seconds = Fraction(hours) * 3600
    assert span_s(f"{hours}h") == seconds


@given(st.integers(0, 99), st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_moments_are_read_back(days, hours, minutes, seconds):
    expected = ((days * 24 + hours) * 60 + minutes) * 60 + seconds
    assert after_s(f"{days}d {hours:02d}:{minutes:02d}:{seconds:02d}") == expected


@pytest.mark.parametrize("read", [span_s, after_s])
@given(text=st.text("0123456789.smhdw: -", max_size=12))
def test_any_other_text_is_refused_and_nothing_worse(read, text):
    with suppress(ValueError):
        assert read(text) >= 0
