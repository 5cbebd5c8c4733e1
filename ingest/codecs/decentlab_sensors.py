"""The sensors of Decentlab's devices: how many words each sends, and what they say.

Source: Decentlab's data sheets and the decoders that it publishes for each device ("Payload
decoders for Decentlab sensor devices"), for the sizes, scales and coefficients. The coefficients
of a sensor's own equation come from its maker, where named below.

MODELS is by the words of a product's name. A device is a row of sensors, in the order of the bits
of its flags; a sensor is a number of 16-bit words and the values that are computed from them.
Units are ours where the quantity is ours; else they are Decentlab's, under Decentlab's name.

Left out: the id of a probe (DL-RHC, DL-DS182), as it is no measurement. Unknown here: DL-AC,
DL-10HS and DL-GS3, which are no longer sold; the first wants constants of each single device.
"""

from ingest.codecs.decentlab_formulas import (
    BAROMETER,
    BATTERY,
    SHT21,
    SHT35,
    Formula,
    Sensor,
    albedo,
    bridge,
    dendrometer_b,
    globe_celsius,
    globe_ohm,
    hertz,
    hydros,
    illuminance,
    keller,
    keller_36,
    keller_36_ctd,
    levels,
    long,
    profile,
    pt100_celsius,
    pt1000_celsius,
    pt1000_ohm,
    pulses,
    s,
    sensor,
    short_ratio,
    teros_moisture,
    teros_permittivity,
    topp,
    u,
    wire,
)

_ROAD = sensor(
    6,
    temperature={"surface": s(0, 100), "": s(1, 100), "sensor": s(5, 100)},
    humidity=s(2, 100),
    dew_point=s(3, 100),
    angle=s(4),
)
_WIND_COMMON = {
    "wind_direction": s(5, 10),
    "vapor_pressure": s(8, 100),
    "pressure": s(9, 10),
    "humidity": s(10, 10),
    "lightning_strike_count": s(2),
    "lightning_average_distance": s(3),
}
_GUSTS: dict[str, Formula] = {"": s(4, 100), "maximum": s(6, 100)}
_INSIDE: dict[str, Formula] = {"": s(7, 10), "sensor": s(11, 10)}
_SOIL_5T: dict[str, Formula | dict[str, Formula]] = {
    "dielectric_permittivity": u(0, 50),
    "soil_moisture": topp,
    "temperature": {"soil": u(1, 10, 400)},
}
_SOIL_TEROS: dict[str, Formula | dict[str, Formula]] = {
    "dielectric_permittivity": teros_permittivity,
    "soil_moisture": teros_moisture,
    "temperature": {"soil": s(1, 10)},
}
_DENDROMETER = sensor(2, dendrometer_position=bridge(20_000))

MODELS: dict[str, tuple[Sensor, ...]] = {
    "5te": (sensor(3, **_SOIL_5T, conductivity=u(2, mul=10)), BATTERY),
    "5tm": (sensor(2, **_SOIL_5T), BATTERY),
    "alb": (
        sensor(2, solar_irradiance={"incoming": s(0, 10), "reflected": s(1, 10)}, albedo=albedo),
        BATTERY,
    ),
    "atm22": (
        sensor(
            8,
            wind_speed={
                "": s(0, 100),
                "maximum": s(2, 100),
                "north": s(6, 100),
                "east": s(7, 100),
            },
            wind_direction=s(1, 10),
            temperature=s(3, 10),
            x_orientation_angle=s(4, 10),
            y_orientation_angle=s(5, 10),
        ),
        BATTERY,
    ),
    "atm41": (
        sensor(
            17,
            **_WIND_COMMON,
            solar_irradiance=s(0),
            rainfall=s(1, 1000),
            wind_speed={**_GUSTS, "north": s(15, 100), "east": s(16, 100)},
            temperature=_INSIDE,
            x_orientation_angle=s(12, 10),
            y_orientation_angle=s(13, 10),
            compass_heading=s(14),
        ),
        BATTERY,
    ),
    "atm41g2": (
        sensor(
            17,
            **_WIND_COMMON,
            solar_irradiance=s(0, 10),
            rainfall=u(1, 1000),
            wind_speed=_GUSTS,
            temperature=_INSIDE,
            tilt_angle_x_orientation=s(12, 10),
            tilt_angle_y_orientation=s(13, 10),
            conductivity={"precipitation": s(14)},
            cumulative_precipitation=long(15, 1000),
        ),
        BATTERY,
    ),
    "blg": (
        sensor(
            2,
            voltage_ratio=bridge(1, 2),
            thermistor_resistance=globe_ohm,
            temperature=globe_celsius,
        ),
        BATTERY,
    ),
    "ctd10": (hydros(1), BATTERY),
    "ctd10b": (hydros(2), BATTERY),
    "cws": (_ROAD, BATTERY),
    "cws2": (
        sensor(
            2,
            temperature={"radiation_shield": SHT35.values[0].of},
            humidity={"radiation_shield": SHT35.values[1].of},
        ),
        _ROAD,
        BATTERY,
    ),
    "dlr2 002": (pulses(), BATTERY),
    "dlr2 003": (sensor(1, digital_input=u(0)), BATTERY),
    "dlr2 004": (sensor(1, current=short_ratio(0.15)), BATTERY),  # 3 V over 2 · 10 ohms
    "dlr2 005": (sensor(2, voltage=bridge(3)), BATTERY),
    "dlr2 006": (sensor(2, potentiometer_position=bridge(1)), BATTERY),
    "dlr2 008": (sensor(2, temperature=pt100_celsius), BATTERY),
    "dlr2 009": (
        sensor(2, thermistor_resistance=pt1000_ohm, temperature=pt1000_celsius),
        BATTERY,
    ),
    "dlr2 010": (pulses("0"), pulses("1"), BATTERY),
    "dlr2 011": (
        sensor(1, digital_input={"0": u(0)}),
        sensor(1, digital_input={"1": u(0)}),
        BATTERY,
    ),
    "dlr2 012": (sensor(2, strain_gauge=bridge(4_000_000, 64 * 2.02)), BATTERY),
    "ds18": (sensor(1, temperature=s(0, 16)), BATTERY),
    "ds182": (
        sensor(2, temperature={"0": s(0, 16)}),
        sensor(2, temperature={"1": s(0, 16)}),
        BATTERY,
    ),
    "dws": (sensor(3, frequency={"wire": hertz}), BATTERY),
    "epar": (
        sensor(1, photosynthetically_active_radiation=short_ratio(3 / 64 * 100_000)),
        BATTERY,
    ),
    "gmm": (
        sensor(
            7,
            photosynthetically_active_radiation=s(0, 10),
            temperature=s(1, 100),
            humidity=s(2, 10),
            co2=s(3),
            pressure=s(4, 10),
            vapor_pressure_deficit=s(5, 100),
            dew_point=s(6, 100),
        ),
        BATTERY,
    ),
    "iam": (
        BATTERY,
        SHT35,
        BAROMETER,
        sensor(
            2,
            ambient_light_visible_infrared=u(0),
            ambient_light_infrared=u(1),
            illuminance=illuminance,
        ),
        sensor(3, co2=s(0), co2_sensor_status=u(1), raw_ir_reading=u(2)),
        sensor(1, motion=u(0)),
        sensor(1, tvoc=u(0)),
    ),
    "ifd": (sensor(1, fruit_size=u(0, 100)), BATTERY),
    "ilt": (sensor(1, temperature={"leaf": s(0, 100)}), BATTERY),
    "isd": (sensor(1, stem_size=u(0, 1000)), BATTERY),
    "isf": (
        sensor(
            16,
            sap_flow=u(0, 1000, 50_000 / 16, 16),
            heat_velocity_outer=u(1, 1000, 50_000 / 16, 16),
            heat_velocity_inner=u(2, 1000, 50_000 / 16, 16),
            alpha_outer=u(3, 100_000, 1_000_000 / 32, 32),
            alpha_inner=u(4, 100_000, 1_000_000 / 32, 32),
            beta_outer=u(5, 100_000, 1_000_000 / 32, 32),
            beta_inner=u(6, 100_000, 1_000_000 / 32, 32),
            tmax_outer=u(7, 500),
            tmax_inner=u(8, 500),
            temperature={"outer": s(9, 100)},
            voltage={"maximum": s(10, 1000), "minimum": s(11, 1000)},
            diagnostic=long(12),
            upstream_tmax_outer=u(14, 500),
            upstream_tmax_inner=u(15, 500),
        ),
        BATTERY,
    ),
    "itst": (
        sensor(2, temperature={"target": u(0, 10, 1000), "head": u(1, 10, 1000)}),
        BATTERY,
    ),
    "kl66": (wire(), BATTERY),
    "lid": (
        sensor(
            11,
            distance={
                "average": u(0, 1000),
                "minimum": u(1, 1000),
                "maximum": u(2, 1000),
                "median": u(3, 1000),
                "10th_percentile": u(4, 1000),
                "25th_percentile": u(5, 1000),
                "75th_percentile": u(6, 1000),
                "90th_percentile": u(7, 1000),
                "most_frequent_value": u(8, 1000),
            },
            number_of_samples=u(9),
            total_acquisition_time=u(10, 1.024),
        ),
        BATTERY,
    ),
    "lp8p": (
        SHT21,
        sensor(2, temperature={"barometer": u(0, 100, 5000)}, pressure=u(1, 100, 0, 2)),
        sensor(
            8,
            co2={"": s(0), "lpf": s(1)},
            temperature={"co2": s(2, 100)},
            voltage={"capacitor1": u(3, 1000), "capacitor2": u(4, 1000)},
            co2_sensor_status=u(5),
            raw_ir_reading=u(6),
            raw_ir_reading_lpf=u(7),
        ),
        BATTERY,
    ),
    "lpw": (sensor(2, potentiometer_position=bridge(100)), BATTERY),
    "lws": (sensor(2, leaf_wetness_index=bridge(1)), BATTERY),
    "mbx": (sensor(2, distance=u(0, 1000), number_of_valid_samples=u(1)), BATTERY),
    "mes5": (
        sensor(
            5,
            status=u(0),
            temperature=s(1, 100),
            sludge_blanket=u(2, 100),
            suspended_solid=u(3, 100),
            turbidity_in_fau=u(4, 10),  # attenuation: not what our turbidity in NTU measures
        ),
        BATTERY,
    ),
    "ntu": (
        sensor(
            5,
            status=u(0),
            temperature=s(1, 100),
            turbidity=u(2, 10),
            turbidity_in_fnu=u(3, 10),
            turbidity_in_mg_l=u(4, 10),
        ),
        BATTERY,
    ),
    "optod": (
        sensor(
            5,
            status=u(0),
            temperature=s(1, 100),
            oxygen_saturation=s(2, 100),
            oxygen_concentration=s(3, 100),
            oxygen_concentration_alt=s(4, 100),
        ),
        BATTERY,
    ),
    "par": (sensor(1, photosynthetically_active_radiation=short_ratio(15_000)), BATTERY),
    "pheht": (
        sensor(
            5,
            status=u(0),
            temperature=s(1, 100),
            ph=s(2, 100),
            redox=s(3, 10),
            ph_mv=s(4, 10),
        ),
        BATTERY,
    ),
    "pm": (
        BATTERY,
        sensor(
            10,
            pm1=u(0, 10),
            pm2_5=u(1, 10),
            pm4_mass_concentration=u(2, 10),
            pm10=u(3, 10),
            typical_particle_size=u(4),
            pm0_5_number_concentration=u(5, 10),
            pm1_0_number_concentration=u(6, 10),
            pm2_5_number_concentration=u(7, 10),
            pm4_number_concentration=u(8, 10),
            pm10_number_concentration=u(9, 10),
        ),
        SHT21,
        BAROMETER,
    ),
    "pr21": (keller(-1, 10), BATTERY),
    "pr26": (keller(0, 1), BATTERY),
    "pr36": (keller_36(8192), BATTERY),
    "pr36ctd": (keller_36_ctd(8192, 1024), BATTERY),
    "pyr": (sensor(1, solar_irradiance=short_ratio(15_000)), BATTERY),
    "rad": (
        sensor(
            4,
            distance=u(0, 1000),
            temperature=s(1, 100),
            reliability=s(2, 100),
            status=u(3),
        ),
        BATTERY,
    ),
    "rhc": (sensor(4, humidity=u(2, 100), temperature=s(3, 100)), BATTERY),
    "sdd": (profile(0), profile(6), BATTERY),
    "sht21": (SHT21, BATTERY),
    "sht35": (SHT35, BATTERY),
    "smtp": (
        # The moisture is a scaled count of the probe, no part of the volume.
        sensor(
            16,
            soil_moisture_at_depth=levels(8, 0, lambda n: u(2 * n, 500, 2500)),
            temperature=levels(8, 0, lambda n: s(2 * n + 1, 100)),
        ),
        BATTERY,
    ),
    "tbrg": (
        sensor(
            4,
            rainfall=u(0, 10),
            precipitation_interval=u(1),
            cumulative_precipitation=long(2, 10),
        ),
        BATTERY,
    ),
    "tp": (sensor(16, temperature=levels(16, 0, lambda n: s(n, 100))), BATTERY),
    "trs11": (sensor(2, **_SOIL_TEROS), BATTERY),
    "trs12": (sensor(3, **_SOIL_TEROS, conductivity=u(2)), BATTERY),
    "trs21": (
        sensor(2, water_potential=u(0, -10), temperature={"soil": s(1, 10)}),
        BATTERY,
    ),
    "wrm": (
        SHT35,
        sensor(2, temperature={"surface": u(0, 10, 1000), "head": u(1, 10, 1000)}),
        BATTERY,
    ),
    "zn1": (_DENDROMETER, BATTERY),
    "zn11o": (_DENDROMETER, BATTERY),
    "zn2": (
        sensor(4, dendrometer_a_position=bridge(20_000), dendrometer_b_position=dendrometer_b),
        BATTERY,
    ),
}
