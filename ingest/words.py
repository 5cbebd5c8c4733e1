"""The words of vendors' field names: what `ingest.meaning` takes for what.

A noun names a quantity; a channel says which one of several; a word without weight says nothing
that matters. A name is understood only when all its words are here.
"""

_NOUNS_OF = {
    "temperature": "temperature temp tempc temperatur air_temperature",
    "dew_point": "dew_point dewpoint taupunkt",
    "humidity": "humidity hum relative_humidity rel_humidity humi rh feuchte luftfeuchte",
    "co2": "co2 carbon_dioxide e_co2 eco2 co2_concentration",
    "tvoc": "tvoc voc",
    "pm1": "pm1",
    "pm2_5": "pm25 pm2_5",
    "pm10": "pm10",
    "no2": "no2",
    "o3": "o3 ozone",
    "noise_laeq": "noise_laeq noise laeq leq sound_avg sound_average",
    "noise_peak": "noise_peak sound_peak peak_noise",
    "pressure": "pressure air_pressure barometric_pressure barometer atmospheric_pressure",
    "illuminance": "illuminance light lux luminosity illumination light_intensity light_level",
    "soil_moisture": "soil_moisture moisture",
    "level": "level water_level fill_height",
    "distance": "distance",
    "rainfall": "rainfall rain",
    "wind_speed": "wind_speed windspeed",
    "wind_direction": "wind_direction wind_dir",
    "battery_voltage": "battery_voltage bat_v batt_v battery_v voltage_battery vbat vbatt"
    " bat_voltage batt_voltage battery_mv bat_mv batt_mv vdd_mv vdd_v",
    "battery_level": "battery_level battery_percent battery_percentage bat_percentage"
    " battery_pct bat_pct battery_soc batt_percent",
    "active_energy_import": "energy total_in e_in energy_in energy_import import_energy"
    " total_energy energy_total active_energy energy_consumed total_consumed total_import"
    " import_active verbrauch gesamtverbrauch bezug netzbezug zaehlerstand energie",
    "active_energy_export": "total_out e_out energy_out energy_export export_energy"
    " energy_produced total_export export_active export_total einspeisung netzeinspeisung"
    " gesamteinspeisung",
    "reactive_energy_import": "reactive_energy import_reactive",
    "reactive_energy_export": "export_reactive",
    "active_power": "power power_curr power_current active_power p_total leistung wirkleistung"
    " power_act power_in_out current_power",
    "reactive_power": "reactive_power blindleistung",
    "apparent_power": "apparent_power scheinleistung",
    "power_factor": "power_factor factor cos_phi cosphi pf",
    "voltage": "voltage volt volts spannung",
    "current": "current amperage curr amps ampere strom",
    "frequency": "frequency freq frequenz",
    "gas_volume": "gas gas_volume",
    "water_volume": "water water_volume",
    "heat_energy": "heat heat_energy waerme",
    "cooling_energy": "cooling_energy cooling",
    "heat_power": "heat_power thermal_power waermeleistung",
    "temperature_difference": "temperature_difference delta_t",
    "flow": "flow flow_rate volume_flow",
    "differential_pressure": "differential_pressure diff_pressure pressure_difference",
    "conductivity": "conductivity electrical_conductivity ec soil_ec soil_conductivity",
    "ph": "ph ph_value",
    "turbidity": "turbidity ntu",
    "solar_irradiance": "solar_irradiance solar_radiation irradiance",
    "uv_index": "uv_index uvi",
    "people_count": "people_count",
    "occupancy": "occupancy presence occupied",
    "motion": "motion_detected",
    "water_leak": "water_leak waterleak",
    "latitude": "latitude",
    "longitude": "longitude",
    "altitude": "altitude",
}
NOUNS = {words: quantity for quantity, names in _NOUNS_OF.items() for words in names.split()}
NOUN_WORDS = frozenset(word for noun in NOUNS for word in noun.split("_"))
_SEVERAL_UNITS = (
    "noise gas water flow flow_rate volume_flow heat waerme no2 o3 ozone distance level water_level"
    " fill_height differential_pressure diff_pressure pressure_difference conductivity"
    " electrical_conductivity ec soil_ec soil_conductivity cooling cooling_energy"
    " temperature_difference delta_t heat_power thermal_power waermeleistung on_time"
    " operating_time heat_volume mass_flow irradiance solar_radiation solar_irradiance"
)
NEEDS_UNIT = frozenset(_SEVERAL_UNITS.split())
"""Nouns that makers give in different units (mm, cm and m; ppb and µg/m³): one must be stated."""

ENERGY_UNITS = frozenset(("Wh", "var.h", "VA.h"))

CHANNELS = {
    **{f"{letter}{n}": f"L{n}" for letter in ("l", "p", "phase", "ph") for n in (1, 2, 3)},
    **{f"t{n}": f"T{n}" for n in range(1, 10)},
    **{str(n): str(n) for n in range(100)},
    **{word: word for word in ("internal", "indoor", "outdoor", "soil", "probe", "surface")},
    **dict.fromkeys(("external", "ext"), "external"),
    **{word: word for word in ("water", "board", "chip", "supply", "return")},
    **dict.fromkeys(("vorlauf",), "supply"),
    **dict.fromkeys(("ruecklauf", "rücklauf"), "return"),
}
_NEUTRAL = (
    "air ambient value val sensor sensors measured sht now inst instantaneous actual data decoded"
    " payload measurements values uplink object channel ch input port action detected position gps"
)
WEIGHTLESS = frozenset(_NEUTRAL.split())
NUMBERABLE = NOUN_WORDS | WEIGHTLESS | {"external", "ext"}
