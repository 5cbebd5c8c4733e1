import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import PayloadError
from ingest.meaning import _senses, fields, meaning, measurements, scaled
from ingest.quantity import QUANTITIES
from ingest.reading import Measurement
from ingest.unit import SAME, UNITS

VENDORS_OWN = None


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("temperature", ("temperature", "", 1)),
        ("temp", ("temperature", "", 1)),
        ("TempC_SHT", ("temperature", "", 1)),
        ("Hum_SHT", ("humidity", "", 1)),
        ("temperature_1", ("temperature", "1", 1)),
        ("temperature1", ("temperature", "1", 1)),
        ("externalTemperature", ("temperature", "external", 1)),
        ("soil.temperature", ("temperature", "soil", 1)),
        ("water_temperature", ("temperature", "water", 1)),
        ("temperature.value", ("temperature", "", 1)),
        ("air.co2", ("co2", "", 1)),
        ("air.relativeHumidity", ("humidity", "", 1)),
        ("CarbonDioxide", ("co2", "", 1)),
        ("PM2.5", ("pm2_5", "", 1)),
        ("pm2_5", ("pm2_5", "", 1)),
        ("PM10", ("pm10", "", 1)),
        ("pm1.0", ("pm1", "", 1)),
        ("light", ("illuminance", "", 1)),
        ("soundAvg", ("noise_laeq", "", 1)),
        ("battery_mv", ("battery_voltage", "", 0.001)),
        ("BatV", ("battery_voltage", "", 1)),
        ("bat_percentage", ("battery_level", "", 1)),
        ("pressure_pa", ("pressure", "", 0.01)),
        ("pressurePa", ("pressure", "", 0.01)),
        ("wind_speed_kmh", ("wind_speed", "", 5 / 18)),
        ("current_mA", ("current", "", 0.001)),
        ("power_kW", ("active_power", "", 1000)),
        ("Power_p2", ("active_power", "L2", 1)),
        ("voltage_l3", ("voltage", "L3", 1)),
        ("gas_m3", ("gas_volume", "", 1)),
        ("water_l", ("water_volume", "", 0.001)),
        ("flow_lph", ("flow", "", 0.001)),
        ("energy_kwh", ("active_energy_import", "", 1000)),
        ("energy_MWh", ("active_energy_import", "", 1e6)),
        ("energy_mWh", ("active_energy_import", "", 0.001)),
        ("energyMJ", ("active_energy_import", "", 2500 / 9)),
        ("heat_GJ", ("heat_energy", "", 2.5e6 / 9)),
        # our own names, in our own units
        ("active_energy_import", ("active_energy_import", "", 1)),
        ("active_power.L1", ("active_power", "L1", 1)),
        ("pressure", ("pressure", "", 1)),
        # spelled in ways of their own
        ("PM1_0", ("pm1", "", 1)),
        ("pm.2.5", ("pm2_5", "", 1)),
        ("pm.10", ("pm10", "", 1)),
        ("pm25", ("pm2_5", "", 1)),
        ("flow_temperature", ("temperature", "supply", 1)),
        ("return_temperature", ("temperature", "return", 1)),
        ("Vorlauf_Temperatur", ("temperature", "supply", 1)),
        ("rh", ("humidity", "", 1)),
        ("action.motion.detected", ("motion", "", 1)),
        ("position.latitude", ("latitude", "", 1)),
        ("wind.speed", ("wind_speed", "", 1)),
        ("water.leak", ("water_leak", "", 1)),
        ("distance_cm", ("distance", "", 0.01)),
        ("no2_ugm3", ("no2", "", 1)),
        # codes
        ("1-0:1.8.0*255", ("active_energy_import", "", 1)),
        ("1.8.0", ("active_energy_import", "", 1)),
        ("1_8_0", ("active_energy_import", "", 1)),
        ("1-0:2.8.2", ("active_energy_export", "T2", 1)),
        ("16_7_0", ("active_power", "", 1)),
        ("1-0:2.7.0", ("active_power", "export", -1)),
        ("1-0:56.7.0", ("active_power", "L2", 1)),
        ("1-0:72.7.0", ("voltage", "L3", 1)),
        # not understood in full, or ambiguous: the vendor's
        ("NO2", VENDORS_OWN),
        ("Distance", VENDORS_OWN),
        ("water_level", VENDORS_OWN),
        ("temperature_alarm", VENDORS_OWN),
        ("temperature.high", VENDORS_OWN),
        ("power_max", VENDORS_OWN),
        ("battery", VENDORS_OWN),
        ("vdd", VENDORS_OWN),
        ("energy", VENDORS_OWN),
        ("Total_in", VENDORS_OWN),
        ("energy_mwh", VENDORS_OWN),
        ("power_mw", VENDORS_OWN),
        ("frequency_mhz", VENDORS_OWN),
        ("current_a", VENDORS_OWN),
        ("noise", VENDORS_OWN),
        ("water", VENDORS_OWN),
        ("fports.wifiport", VENDORS_OWN),
        ("version.1.2.3", VENDORS_OWN),
        ("1-0:1.29.0", VENDORS_OWN),
        ("1-0:1.8.0*96", VENDORS_OWN),  # a former billing period
        ("humidity_ppm", VENDORS_OWN),
    ],
)
def test_names(name, wanted):
    """A field name is understood in full, or it stays the vendor's."""
    found = meaning(name)
    if wanted is VENDORS_OWN:
        assert found == (name, "", SAME)
    else:
        assert found[:2] == wanted[:2]
        assert found.scale.num / found.scale.den == pytest.approx(wanted[2], rel=1e-15)


@pytest.mark.parametrize(
    ("name", "unit", "register_unit", "value", "wanted"),
    [
        ("Total_in", "", "kWh", 8.41, 8410.0),
        ("Total_in", "MJ", "kWh", 3.6, 1000.0),
        ("1_8_0", "", "kWh", 1.001, 1001.0),
        ("1_8_0", "", "", 1.001, 1.001),
        ("E_out", "", "Wh", 5, 5.0),
        ("energy_kwh", "", "Wh", 1.001, 1001.0),
        ("3_8_0", "", "kWh", 2, 2000.0),
        ("temperature", "°C", "", 21.5, 21.5),
        ("temperature", "F", "", 68, 20.0),
        ("temperature", "K", "", 273.15, 0.0),
        ("pressure", "mmHg", "", 760, 1013.250144354),
        ("pressure", "Pa", "", 101325, 1013.25),
        ("active_power", "kW", "", 1.5, 1500.0),
        ("battery_voltage", "mV", "", 3642, 3.642),
    ],
)
def test_units_that_are_stated(name, unit, register_unit, value, wanted):
    found = meaning(name, unit, register_unit)
    assert found.quantity in QUANTITIES
    assert scaled(value, found.scale) == pytest.approx(wanted, rel=1e-8)


def test_an_unknown_unit_leaves_the_field_to_the_vendor():
    assert meaning("temperature", "furlong") == ("temperature_furlong", "", SAME)
    assert meaning("temp", "furlong") == ("temp", "", SAME)
    assert meaning("1.8.0", "furlong") == ("1.8.0", "", SAME)


@pytest.mark.parametrize(
    ("quantity_unit", "spelled", "value", "wanted"),
    [
        ("Wh", "kwh", 1.001, 1001.0),
        ("Wh", "megawh", 0.57, 570_000.0),
        ("Wh", "mj", 3.6, 1000.0),
        ("Wh", "gj", 0.0036, 1000.0),
        ("Wh", "kj", 3.6, 1.0),
        ("Wh", "j", 3600, 1.0),
        ("Wh", "milliwh", 1, 0.001),
        ("W", "kw", 0.57, 570.0),
        ("Cel", "f", -40, -40.0),
        ("Cel", "f", 212, 100.0),
        ("Cel", "k", 300.15, 27.0),
        ("hPa", "pa", 101325, 1013.25),
        ("hPa", "kpa", 101.325, 1013.25),
        ("hPa", "mbar", 1013.25, 1013.25),
        ("hPa", "bar", 1.01325, 1013.25),
        ("hPa", "inhg", 30, 1015.916592102),
        ("hPa", "mmhg", 750, 999.9179056125),
        ("V", "mv", 3642, 3.642),
        ("A", "ma", 35, 0.035),
        ("m3", "l", 1234, 1.234),
        ("m3/h", "l/min", 100, 6.0),
        ("m", "mm", 1234, 1.234),
        ("m/s", "kmh", 36, 10.0),
        ("ug/m3", "mg_m3", 0.035, 35.0),
    ],
)
def test_conversions_are_exact(quantity_unit, spelled, value, wanted):
    assert scaled(value, UNITS[quantity_unit][spelled]) == wanted


@given(st.decimals(0, 10**8, places=3))
def test_kilowatt_hours_of_three_places_are_exact_watt_hours(register):
    wanted = float(register * 1000)
    assert scaled(float(register), UNITS["Wh"]["kwh"]) == wanted
    assert Decimal(wanted) == register * 1000


def test_an_object_is_read_in_its_order():
    tree = {
        "air": {"temperature": 21.5, "co2": 612},
        "battery": 3.6,
        "door": True,
        "name": "hall",
        "serial": "0012",
        "nothing": None,
        "distances": [1, None, 2.5],
        "pressure": {"value": 101325, "unit": "Pa"},
        "mode": {"value": "eco", "unit": ""},
    }
    assert measurements(tree) == [
        Measurement("temperature", 21.5),
        Measurement("co2", 612.0),
        Measurement("battery", 3.6),
        Measurement("door", 1.0),
        Measurement("distances.1", 1.0),
        Measurement("distances.3", 2.5),
        Measurement("pressure", 1013.25),
    ]


def test_of_two_fields_of_one_meaning_our_own_name_keeps_it():
    tree = {"temp": 20.0, "temperature": 20.5, "TempC": 21}
    assert measurements(tree) == [
        Measurement("temp", 20.0),
        Measurement("temperature", 20.5),
        Measurement("TempC", 21.0),
    ]
    assert {one.quantity for one in measurements({"Temp_F": 68, "TempC": 21})} == {
        "temperature",
        "Temp_F",
    }


@pytest.mark.parametrize(
    ("tree", "rule"),
    [
        ({"a": 10**400}, "number a"),
        ({"a" * 129: 1}, "field name"),
        ({str(n): n for n in range(4097)}, "number of fields"),
        ({"a": math.inf}, "number a"),
        ({"a": math.nan}, "number a"),
    ],
)
def test_what_has_no_measure_is_refused(tree, rule):
    with pytest.raises(PayloadError) as caught:
        list(fields(tree))
    assert caught.value.rule == rule


def test_two_fields_of_one_dotted_name_are_refused():
    with pytest.raises(PayloadError, match=r"a\.b twice"):
        measurements({"a.b": 1, "a": {"b": 2}})


def test_depth_is_limited():
    tree: dict[str, object] = {"a": 1}
    for _ in range(40):
        tree = {"a": tree}
    with pytest.raises(PayloadError, match="nesting"):
        list(fields(tree))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8) | st.sampled_from(["temperature", "value", "unit", "Total_in"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.text(max_size=12), JSON, max_size=5))
def test_any_object_becomes_distinct_finite_measurements(tree):
    try:
        found = measurements(tree)
    except PayloadError:
        return
    assert all(math.isfinite(one.value) for one in found)
    ours = [(one.quantity, one.channel) for one in found if one.quantity in QUANTITIES]
    assert len(ours) == len(set(ours))


@given(st.text(max_size=60), st.text(max_size=10), st.sampled_from(["", "kWh", "Wh"]))
def test_any_name_has_a_meaning(name, unit, register_unit):
    found = meaning(name, unit, register_unit)
    own = f"{name}_{unit or 'as_sent'}" if name in QUANTITIES else name
    assert found.quantity in QUANTITIES or found == (own, "", SAME)


@pytest.mark.parametrize("name", ["distance", "level", "no2", "o3", "flow", "on_time"])
def test_our_names_that_makers_use_with_several_units_need_one(name):
    assert meaning(name) == (f"{name}_as_sent", "", SAME)
    assert meaning(name, QUANTITIES[name].unit) == (name, "", SAME)


def test_objects_of_very_many_fields_are_understood_and_not_kept():
    before = _senses.cache_info().currsize
    found = measurements({f"field {n}": n for n in range(1000)} | {"temperature": 21.5})
    assert len(found) == 1001
    assert Measurement("temperature", 21.5) in found
    assert _senses.cache_info().currsize == before
