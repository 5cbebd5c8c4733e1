"""Examples of Watteco's products and French meters, as the maker's codecs document them.

Source: TheThingsNetwork/lorawan-devices, vendor/watteco (Apache-2.0), the examples of its codecs.
"""

import re
import struct
from datetime import datetime
from math import isfinite

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import watteco, watteco_tic
from ingest.errors import PayloadError
from ingest.quantity import Kind, quantity


def _codec(device):
    words = frozenset(re.findall(r"[a-z0-9]+", f"watteco {device}"))
    return next(codec for codec in watteco.CODECS if codec.matches(words, ""))


def _found(device, payload):
    found = _codec(device).decode(bytes.fromhex(payload.replace(" ", "")), 125)
    told = {
        (one.quantity, one.channel, (one.time_ns or 0) // 1_000_000_000): one.value for one in found
    }
    assert len(told) == len(found)
    return told


def _now(device, payload):
    return {place[:2]: value for place, value in _found(device, payload).items() if not place[2]}


def _linky(content):
    return f"110a0056000041{len(bytes.fromhex(content)):02x}{content}"


def _ages(sent, *times):
    at = [datetime.fromisoformat(one) for one in (sent, *times)]
    return [(one - at[0]).total_seconds() for one in at[1:]]


@pytest.mark.parametrize(
    ("device", "payload", "wanted"),
    [
        ("hygrotempo", "362100808098c31ecb824d7b07ba3d", {
            ("temperature", "", 0): 28.7, ("humidity", "", 0): 37,
            ("battery_voltage", "", -1): 3.707}),
        ("climo", "362100808098c31ecb824d7b07ba3d", {
            ("temperature", "", 0): 28.7, ("humidity", "", 0): 37,
            ("battery_voltage", "", -1): 3.707}),
        ("tempo remote 2 probes", "26020000803606A2FC11E4F7", {
            ("temperature", "1", -30): 31.4, ("temperature", "2", 0): 22.9}),
        ("tempo remote 1 probe", "1000a062bfecc11715b45b96dd2d8b76cb12bb65c5b35bd67705", {
            ("temperature", "", -25 - 600 * (5 - nth)): value
            for nth, value in enumerate((40.3, 40.8, 40.6, 39.9, 37.5, 36.7))}),
        ("tempo outdoor", "20010000017D0585A8E9401708F07703FCD903", {
            ("temperature", "", -41): 25.7, ("temperature", "", -11): 25.9,
            ("battery_voltage", "", -30): 3.7, ("battery_voltage", "", 0): 3.7}),
        ("monito", "3620000000230708EC7DD60B3DB20F4204005800", {
            ("analog_input", "0_100_mV", -1): 0.46, ("analog_input", "0_70_V", -1): 17,
            ("battery_voltage", "", -1): 3.6}),
        ("smartplug", "100180e3c61800202614b45b16bb65b15b16bb65b15b1613", {
            ("active_energy", "", age): 49 for age in _ages(
                "2024-12-27T18:35:54", "2024-12-27T17:45:50", "2024-12-27T17:55:50",
                "2024-12-27T18:05:50", "2024-12-27T18:15:50", "2024-12-27T18:25:50",
                "2024-12-27T18:35:50")}),
    ],
)  # fmt: skip
def test_batches(device, payload, wanted):
    assert _found(device, payload) == pytest.approx(wanted, rel=1e-7)  # a float of the device


@pytest.mark.parametrize(
    ("device", "payload", "wanted"),
    [
        ("smartplug", "310a00520000410c000047ffffbe0063002fffd6", {
            ("active_energy", "2"): 71, ("reactive_energy", "2"): -66, ("nb_samples", "2"): 99,
            ("active_power", "2"): 47, ("reactive_power", "2"): -42}),
        ("smartplug", "310a80520000411822221111ffff000100000003001100002222000100020003", {
            ("frequency", "2"): 30.97, ("frequency", "2.min"): 26.601,
            ("frequency", "2.max"): 22.231, ("voltage", "2"): 0.1,
            ("voltage", "2.min"): 0, ("voltage", "2.max"): 0.3,
            ("Vpeak", "2"): 1.7, ("Vpeak", "2.min"): 0, ("Vpeak", "2.max"): 873.8,
            ("over_voltage", "2"): 1, ("sag_voltage", "2"): 2, ("brownout", "2"): 3}),
        ("smartplug", "110a000600001601", {("digital_output", ""): 1}),
        ("smartplug", "110a000600001000", {("digital_output", ""): 0}),
        ("smartplug", "110100000002000d0305020015e2", {}),  # its firmware
        ("smartplug", "110180040000000800", {}),
        ("hygrotempo", "110a000f00551001", {("violation_detection", ""): 1}),
        ("hygrotempo", "118a0402000029010ea0b008fc000001b10834000001b207d0000001", {
            ("temperature", ""): 2.7}),
        ("hygrotempo", "1107040200800000", {}),
        ("hygrotempo", "11010402000000290992", {("temperature", ""): 24.5}),
        ("tempo remote 2 probes", "110a04020000290b89", {("temperature", "1"): 29.53}),
        ("tempo remote 2 probes", "310a04020000290b89", {("temperature", "2"): 29.53}),
        ("torano atex", "310a000c00553941500000", {("analog_input", "0_5_V_1"): 13}),
        ("torano atex", "910a000c00553941500000", {("analog_input", "ratiometric_0_5_V_2"): 13}),
        ("torano atex", "110a000f04022300000007", {("pulse_register", "1"): 7}),
        ("monito", "310a000c00553941500000", {("analog_input", "0_70_V"): 13}),
        ("levo", "110a000c00553941500000", {("analog_input", "4_20_mA"): 13}),
        ("closo", "310a000f00551001", {("open", ""): 1}),
        ("ino", "b10a000f04022300000007", {("pulse_register", "6"): 7}),
        ("moveo lite", "110a04000000210745", {("illuminance", ""): 1861}),
        ("fissuro", "310a000c0055393f000000", {("distance", ""): 0.5}),
    ],
)  # fmt: skip
def test_reports(device, payload, wanted):
    assert _now(device, payload) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("payload", "wanted"),
    [
        ("110a005601004113240205144515040c0a09210001968200f17fc5", {
            ("active_energy_import", ""): 104_066, ("active_energy_export", ""): 15_826_885}),
        ("110a0056010041170410003445140a0313000283494e440000462c00233f4c", {
            ("active_energy_import", ""): 17_964, ("active_energy_export", ""): 2_309_964}),
        ("110a0056010041132402051445140a180525190001a81401cd4593", {
            ("active_energy_import", ""): 108_564, ("active_energy_export", ""): 30_229_907}),
        ("110a00540000410c0000000000000040242d0e6a", {
            ("active_energy_import", ""): 606_932_586}),
        ("110a005700004115650328292a0c0415093b3527f7e5a0000004064410", {
            ("EAP_s", ""): 4, ("EAP_i", ""): 410_640}),
        ("110a005700004125488007000000100e06041636028464040c0415093b1a0e27f7e5a0"
            "00000003f2be0000420b", {("EAP_s", ""): 0, ("EAP_i", ""): 258_750, ("PS", ""): 66}),
        # a list of Linky's fields: indexes, phases, and a maximum with its date
        (_linky("29 06 21 22 19 1c 17 18 2a 000186a0 001194 00012c 0005 00e6 00000007 00000008"
            " 45 1504 0c0a0921 000d80"), {
            ("active_energy_import", "EASF01"): 100_000, ("apparent_power", ""): 4500,
            ("apparent_power", "L1"): 300, ("current", "L1"): 5, ("voltage", "L1"): 230,
            ("reactive_energy_export", "Q3"): 7, ("reactive_energy_export", "Q4"): 8,
            ("SMAXSN1-1", ""): 3456}),
        # the times of day of a tariff, two of eleven in use
        (_linky("23 45 44 06008002 16008003 ffffffffffffffffff 05"), {("NJOURF+1", ""): 5}),
    ],
)  # fmt: skip
def test_french_meters(payload, wanted):
    assert _now("ticso", payload) == wanted


@pytest.mark.parametrize(
    ("payload", "rule"),
    [
        ("110a0056000041 00", "TIC 0056"),
        ("110a0056000041 02 2405", "TIC 0056"),  # the descriptor is cut short
        ("110a0056000041 05 22050000 01", "TIC 0056"),  # so is a number
        ("110a0056000041 07 22050000 0001 00", "TIC 0056"),  # and here a byte is left
        ("110a0056000041 02 22ff", "field"),
        ("110a0056000041 04 22003132", "TIC 0056"),  # a text without an end
        ("110a0056000041 03 220483", "TIC 0056"),
    ],
)
def test_french_meters_that_are_wrong_are_refused(payload, rule):
    with pytest.raises(PayloadError) as refused:
        _now("ticso", payload)
    assert rule in refused.value.rule


def test_only_what_counts_up_is_a_register():
    for fields in watteco_tic.METERS.values():
        for field in fields:
            if quantity(field.quantity).kind is Kind.REGISTER:
                assert field.kinds == ("u32",)
    signed = {"active_energy", "reactive_energy"}
    assert all(quantity(one).kind is Kind.STATE for one in signed)
    out = struct.pack(">8i", -100, 1, 2, 3, 4, 5, 6, 7).hex()
    found = _now("triphaso", f"110a801000004120{out}")
    assert found["active_energy", "L1"] == -100
    assert {one for one, _ in found} == signed


def test_a_three_phase_meter_in_kwh():
    out = struct.pack(">8i", 1200, 3, 40, 5, 700, 0, 8, 0).hex()
    report = f"110a800a00004120{out}"
    found = _now("triphaso kwh", report)
    assert found["active_energy_import", "L1"] == 1_200_000
    assert found["reactive_energy_export", "L1"] == 5_000
    assert found["active_power", "L1"] == 700
    assert _now("triphaso", report)["active_energy_import", "L1"] == 1200


@given(st.sampled_from(sorted(watteco_tic.METERS)), st.binary(max_size=120))
def test_any_frame_of_a_meter_is_read_or_refused(cluster, content):
    try:
        found = watteco_tic.read(content, cluster)
    except PayloadError:
        return
    assert all(isfinite(one.value) for one in found)
