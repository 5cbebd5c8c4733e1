import json
import re
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import milesight
from ingest.errors import PayloadError

UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_milesight.jsonl")
    .read_text("utf-8")
    .splitlines()
]

# The maker's name -> our quantity, channel, and the factor to our unit.
PLACES = {
    "battery": ("battery_level", "", 1),
    "light": ("illuminance", "", 1),
    "illumination": ("illuminance", "", 1),
    "activity": ("motion", "", 1),
    "distance": ("distance", "", 1e-3),
    "water": ("water_leak", "", 1),
    "pir": ("motion", "", 1),
    "install": ("uninstalled", "", 1),
    "socket_status": ("switch", "", 1),
    "power_factor": ("power_factor", "", 1e-2),
    "power_consumption": ("active_energy_import", "", 1),
    "target_temperature": ("temperature", "setpoint", 1),
    "current_max": ("current", "max", 1),
    "current_min": ("current", "min", 1),
    "pm1_0": ("pm1", "", 1),
    "people_counter_all": ("people_count", "", 1),
    "temperature_alarm.type": ("temperature_alarm", "", 1),
    "tamper_status": ("tamper", "", 1),
    "chn8": ("modbus", "8", 1),
    "channels.0.reading": ("modbus", "1", 1),
    "modbus_channels.0.reading": ("modbus", "19", 1),
    "current_chn1": ("current", "1", 1),
    "current_chn1_max": ("current", "1.max", 1),
    "current_chn1_min": ("current", "1.min", 1),
}
PLACES_OF = {
    "ws202": {"light": ("light", "", 1)},
    "ws515": {"current": ("current", "", 1e-3)},
    "vs370": {"illuminance": ("illuminance_status", "", 1)},
    "em500-pp": {"pressure": ("pressure", "pipe", 10)},  # kPa
    "em500-smtc": {"humidity": ("soil_moisture", "", 1)},
    "gs601": {"tvoc": ("tvoc_ug_m3", "", 1)},
}
WORDS = {
    "yes": 1, "no": 0, "open": 1, "normal": 0, "leak": 1, "tilt": 1, "occupied": 1, "vacant": 0,
    "dim": 0, "trigger": 1, "dark": 0, "on": 1, "short": 1, "over range error": 2,
}  # fmt: skip
WORDS_OF = {
    ("ws301", "install"): {"no": 1},
    ("vs373", "detection_status"): {"vacant": 1},
    ("wt303", "valve_status"): {"unknown": 1},  # the maker's codec has no word for 1
    ("wt303", "temperature_control_status"): {"heating": 1},
    ("wt303", "temperature_control_mode"): {"cooling": 2},
}
TEXTS = {"device_status", "firmware_version", "hardware_version", "ipso_version", "sn"}
NO_VALUES = {"region_count", "channels.0.index", "modbus_channels.0.index"}  # they are channels
BEYOND = {
    # Milesight documents these; the codec in lorawan-devices stops before them.
    ("em500-smtc", "conductivity", ""): 240.0,
    ("am307", "motion", ""): 73.0,
}


def _flat(tree, path=""):
    if isinstance(tree, dict | list):
        pairs = tree.items() if isinstance(tree, dict) else enumerate(tree)
        for name, branch in pairs:
            yield from _flat(branch, f"{path}.{name}" if path else str(name))
    else:
        yield path, tree


def _wanted(uplink):
    """Return what the maker's codec says, as our places and values."""
    device, wanted = uplink["device"], {}
    for field, value in _flat(uplink["expected"]["data"]):
        if field in TEXTS | NO_VALUES or field.startswith("regions."):
            continue
        line = re.fullmatch(r"line_(\d)\.(\w+)", field)
        region = re.fullmatch(r"region_(\d)_occupancy", field)
        alarm = re.fullmatch(r"current(?:_chn(\d))?_alarm\.(\w+)", field)
        place = PLACES_OF.get(device, {}).get(field) or PLACES.get(field, (field, "", 1))
        if line:
            place = (line[2], f"line{line[1]}", 1)
        elif region:
            place = ("occupancy", f"region{region[1]}", 1)
        elif alarm:
            place = (alarm[2], alarm[1] or "", 1)
        number = WORDS_OF.get((device, field), WORDS)[value] if isinstance(value, str) else value
        wanted[place[:2]] = number * place[2]
    if device == "vs121":
        # Bit n of the mask is region n (user guide); the maker's codec in lorawan-devices
        # compares the mask with n instead, a ">" for a ">>". 0x0002 is someone in region 2 alone.
        wanted |= {("occupancy", f"region{n}"): float(n == 2) for n in (1, 2, 3)}
    return wanted | {tuple(at): value for (of, *at), value in BEYOND.items() if of == device}


def _codec(device):
    words = frozenset(re.findall(r"[a-z0-9]+", f"milesight {device}"))
    return next(codec for codec in milesight.CODECS if codec.matches(words, ""))


def _decode(device, payload):
    found = _codec(device).decode(bytes.fromhex(payload), 85)
    values = {(one.quantity, one.channel): one.value for one in found if one.time_ns is None}
    assert len(values) == sum(one.time_ns is None for one in found), "two values in one place"
    return values


def _past(device, payload):
    return {
        (one.quantity, one.channel, one.time_ns): one.value
        for one in _codec(device).decode(bytes.fromhex(payload), 85)
        if one.time_ns is not None
    }


@pytest.mark.parametrize(
    "uplink", UPLINKS, ids=lambda uplink: f"{uplink['device']}-{uplink['hex']}"
)
def test_values_are_those_of_the_makers_codec(uplink):
    found = _decode(uplink["device"], uplink["hex"])
    assert found == pytest.approx(_wanted(uplink), rel=1e-9)


def test_every_uplink_is_claimed_by_a_series_of_its_own():
    assert len(UPLINKS) == 39
    assert "milesight" not in {_codec(uplink["device"]).NAME for uplink in UPLINKS}


@pytest.mark.parametrize(
    ("device", "payload", "wanted"),
    [
        # the examples of the maker's tables
        ("uc300", "03C80A00000004C814000000050000060000070101080101", {
            ("pulse_register", "1"): 10, ("pulse_register", "2"): 20, ("digital_input", "3"): 0,
            ("digital_input", "4"): 0, ("digital_output", "1"): 1, ("digital_output", "2"): 1}),
        ("uc300", "0B02900100000E0249010000", {
            ("analog_input", "adc1"): 4, ("analog_input", "adv2"): 3.29}),
        ("uc300", "0967020109670201", {("temperature", "pt100_1"): 25.8}),
        ("uc300", "0DE28F425C428F428D42", {
            ("analog_input", "adv1"): 3.279296875, ("analog_input", "adv1.max"): 3.1796875,
            ("analog_input", "adv1.min"): 3.279296875, ("analog_input", "adv1.avg"): 3.275390625}),
        ("uc300", "ff190002020b00ff191f02820080", {("modbus", "1"): 11, ("modbus", "32"): -32768}),
        ("uc300", "ff190025cdcccc3dff1500", {("modbus", "1"): pytest.approx(0.1),
                                             ("modbus_fault", "1"): 1}),
        ("uc50x", "0502983A000000000000", {
            ("analog_input", "1"): 15, ("analog_input", "1.min"): 0, ("analog_input", "1.max"): 0,
            ("analog_input", "1.avg"): 0}),
        ("uc50x", "FF0E092610270000FF1507", {("modbus", "3"): 10000, ("modbus_fault", "1"): 1}),
        ("uc50x", "800e0713e80301", {("modbus", "1"): 1000, ("modbus_alarm", "1"): 1}),
        ("uc50x", "08DB02612B312E362B302B32352E370D0A" + "00" * 22, {}),
        ("vs121", "04C9030800A106CD05", {
            ("people_count", ""): 3, ("people_count_max", ""): 5,
            **{("occupancy", f"region{n}"): int(n in (1, 6, 8)) for n in range(1, 9)}}),
        ("vs121", "05CC02000100", {("people_in", ""): 2, ("people_out", ""): 1}),
        ("vs121", "0BDA0000000000000012", {
            ("flow_to_a", "from3"): 0, ("flow_to_b", "from3"): 0, ("flow_to_c", "from3"): 0,
            ("flow_to_d", "from3"): 4608}),
        ("em500-smtc", "01756403671901046873057FF000", {
            ("battery_level", ""): 100, ("temperature", ""): 28.1, ("soil_moisture", ""): 57.5,
            ("conductivity", ""): 240}),
        # one of each kind that the vectors lack
        ("em300-th", "0367ffff", {("temperature", ""): -0.1}),
        ("ct101", "0967ffff0498ffff0397d2040000", {("total_current", ""): 12.34}),
        ("ct305", "0699d2040797d2040000", {("current", "2"): 123.4, ("total_current", "3"): 12.34}),
        ("em300-di", "05c80001000006e10a000a000000c03f", {
            ("pulse_register", "1"): 256, ("water_conv", ""): 1, ("pulse_conv", ""): 1,
            ("water", ""): 1.5}),
        ("ws501", "ff2931", {("switch", "1"): 1, ("switch", "2"): 0, ("switch", "3"): 0,
                             ("switch_change", "1"): 1, ("switch_change", "2"): 1,
                             ("switch_change", "3"): 0}),
        ("vs135", "10e4020a001e00", {("avg_dwell", "region2"): 10, ("max_dwell", "region2"): 30}),
        ("vs373", "0ab30205000000", {("occupancy", "region1"): 1, ("occupancy", "region2"): 0}),
        ("at101", "048840 420f00c0bdf0ff21".replace(" ", ""), {
            ("latitude", ""): 1.0, ("longitude", ""): -1.0, ("motion_status", ""): 1,
            ("geofence_status", ""): 2}),
        ("ts302", "0367ceff040001", {("temperature", "1"): -5, ("magnet_status", "2"): 1}),
        ("am319", "087dc8000a7d0500", {("tvoc_level", ""): 2, ("hcho", ""): 0.05}),
        ("am308", "08e62c01", {("tvoc_ug_m3", ""): 300}),
        ("gs301", "047dfeff057d6400067d6400", {("h2s", ""): 0.1}),
        ("gs601", "0a11f4ff", {("temperature_alarm", ""): 17, ("temperature", ""): -1.2}),
        ("wt303", "0910280a0801", {("temperature_alarm", ""): 16, ("temperature", ""): 26.0,
                                   ("plan_id", ""): 1}),
        # a pair that comes twice counts once, the last; settings and facts give nothing
        ("em300-th", "0367010083670a0001", {("temperature", ""): 1.0,
                                            ("temperature_alarm", ""): 1}),
        ("em300-th", "fe033c00ff0b01ff0a0102fe1a02f401fe1a00f8393c0000f9393c00", {}),
    ],
)  # fmt: skip
def test_each_channel(device, payload, wanted):
    assert _decode(device, payload) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("device", "payload", "wanted"),
    [
        ("em300-di", "20CE9E74466310015D020000010000", {
            ("temperature", ""): 27.2, ("humidity", ""): 46.5, ("pulse_register", "1"): 256}),
        ("em300-di", "20CE9E74466310015D010100000000", {
            ("temperature", ""): 27.2, ("humidity", ""): 46.5, ("digital_input", "1"): 1}),
        ("em300-th", "20CE9E74466310015D", {("temperature", ""): 27.2, ("humidity", ""): 46.5}),
        ("em300-th", "20CE9E74466310015D00", {("temperature", ""): 27.2, ("humidity", ""): 46.5}),
        ("am307", "20CE9E7446631001 5D00 01 03 F401 6400 5C27".replace(" ", ""), {
            ("temperature", ""): 27.2, ("humidity", ""): 46.5, ("motion", ""): 1,
            ("light_level", ""): 3, ("co2", ""): 500, ("tvoc_level", ""): 1,
            ("pressure", ""): 1007.6}),
        ("am319", "21CE9E744663 1001 5D00 01 03 F401 6400 5C27 0100 0200 0300".replace(" ", ""), {
            ("temperature", ""): 27.2, ("humidity", ""): 46.5, ("motion", ""): 1,
            ("light_level", ""): 3, ("co2", ""): 500, ("tvoc_ug_m3", ""): 100,
            ("pressure", ""): 1007.6, ("pm2_5", ""): 1, ("pm10", ""): 2, ("hcho", ""): 0.03}),
        ("vs135", "20CE9E744663 06 0a000000".replace(" ", ""), {("total_in", "line2"): 10}),
        ("vs135", "20CE9E744663 10 03 0a00".replace(" ", ""), {("avg_dwell", "region3"): 10}),
        ("vs350", "20CE9E744663 01 0100 0200 0300 0400".replace(" ", ""), {
            ("period_in", ""): 1, ("period_out", ""): 2, ("total_in", ""): 3,
            ("total_out", ""): 4}),
        ("ts302", "20CE9E744663 46 ceff 0100".replace(" ", ""), {
            ("temperature", "1"): -5, ("magnet_status", "2"): 1}),
        ("ts201 v2", "20CE9E744663 02 1001 5D 00".replace(" ", ""), {
            ("temperature", ""): 27.2, ("humidity", ""): 46.5, ("event", ""): 0}),
        ("ts201v2", "20CE9E744663 01 1001 5D 00".replace(" ", ""), {
            ("temperature", ""): 27.2, ("event", ""): 0}),
        ("em410-rdl", "20CE9E744663 fdff 1001 0000 00".replace(" ", ""), {
            ("temperature", ""): 27.2, ("event", ""): 0}),
    ],
)  # fmt: skip
def test_values_of_the_past_have_the_devices_own_time(device, payload, wanted):
    then_ns = 0x6346749E * 1_000_000_000
    assert _past(device, payload) == pytest.approx(
        {(*place, then_ns): value for place, value in wanted.items()}
    )
    assert _decode(device, payload) == {}


@pytest.mark.parametrize(
    ("device", "payload", "rule"),
    [
        ("em300-th", "20ce00000000100 15d".replace(" ", ""), "history"),  # no clock
        ("em300-th", "017564f0", "at byte 3"),
        ("em300-th", "0f0f01", "at byte 0"),
        ("em300-th", "fe1a", "at byte 0"),
        ("uc100", "ff19000203", "at byte 5"),
        ("uc100", "ff1900040315000000", "Modbus"),
        ("uc100", "ff1900020c1500", "Modbus"),
        ("vs373", "0ab32105000000", "regions"),
        ("em300-di", "20CE9E74466310015D030000010000", "at byte 2"),
        ("gs601", "0304", "at byte 1"),
        ("gs601", "0a", "at byte 1"),
        ("gs601", "ff", "at byte 0"),
    ],
)
def test_what_is_wrong_is_refused(device, payload, rule):
    with pytest.raises(PayloadError) as refused:
        _codec(device).decode(bytes.fromhex(payload), 85)
    assert rule in refused.value.rule


@pytest.mark.parametrize(
    ("words", "dev_eui", "name"),
    [
        ("milesight em300 th", "", "milesight-em300-th"),
        ("em300 th 868m", "", "milesight-em300-th"),
        ("em320 th", "", "milesight-em300-th"),
        ("am319 o3", "", "milesight-am319-o3"),
        ("am319 hcho", "", "milesight-am319"),
        ("ursalink uc501", "", "milesight-uc50x"),
        ("hall sensor", "24e124136b502217", "milesight"),
        ("ct101 hall", "24e124136b502217", "milesight-ct10x"),
        ("milesight", "", "milesight"),
        ("ct101", "", None),  # too plain without the maker
        ("em2101", "", None),  # of Yobiiq
        ("em300s", "", None),
        ("ers", "a81758fffe03cf7b", None),
    ],
)
def test_series_are_known_by_their_products(words, dev_eui, name):
    claims = (one for one in milesight.CODECS if one.matches(frozenset(words.split()), dev_eui))
    assert getattr(next(claims, None), "NAME", None) == name


@pytest.mark.parametrize(
    "uplink", UPLINKS, ids=lambda uplink: f"{uplink['device']}-{uplink['hex']}"
)
def test_a_payload_cut_anywhere_is_shorter_or_refused(uplink):
    whole = _decode(uplink["device"], uplink["hex"])
    for end in range(0, len(uplink["hex"]), 2):
        try:
            part = _decode(uplink["device"], uplink["hex"][:end])
        except PayloadError:
            continue
        assert part.items() <= whole.items()


@given(st.sampled_from(milesight.CODECS), st.binary(max_size=48), st.integers(0, 255))
def test_any_bytes_are_read_or_refused(codec, payload, f_port):
    try:
        found = codec.decode(payload, f_port)
    except PayloadError:
        return
    for one in found:
        assert one.time_ns is None or one.time_ns > 0


@given(st.data())
def test_any_value_of_a_known_channel_is_read_or_refused(data):
    codec = data.draw(st.sampled_from(milesight.CODECS))
    key = data.draw(st.sampled_from(sorted(codec.table)))
    payload = key + data.draw(st.binary(max_size=24))
    try:
        found = codec.decode(payload, 85)
    except PayloadError:
        return
    assert all(isfinite(one.value) for one in found)
