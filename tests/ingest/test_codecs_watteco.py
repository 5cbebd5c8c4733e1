import json
import re
import struct
from datetime import datetime
from math import isfinite
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.codecs import watteco, watteco_batch
from ingest.codecs.watteco_batch import Tag, Tags
from ingest.errors import PayloadError

UPLINKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "vectors" / "uplinks_watteco.jsonl")
    .read_text("utf-8")
    .splitlines()
]
BATCHES = [uplink for uplink in UPLINKS if "batch" in uplink["description"]]
BY_NAME = {codec.NAME: codec for codec in watteco.CODECS}

# The maker's name, without its phase -> our quantity, channel, and the factor to our unit.
PLACES = {
    "ACCmg": ("acceleration_g", "shock", 1e-3),
    "Irms": ("current", "", 1),
    "Vrms": ("voltage", "", 1),
    "pin_state": ("digital_input", "", 1),
    "output": ("digital_output", "", 1),
    "index": ("pulse_register", "", 1),
    "temperature_1": ("temperature", "", 1),
    "humidity_1": ("humidity", "", 1),
    "CO2": ("co2", "", 1),
    "IAQ": ("iaq", "", 1),
    "positive_active_energy": ("active_energy_import", "", 1),
    "negative_active_energy": ("active_energy_export", "", 1),
    "positive_reactive_energy": ("reactive_energy_import", "", 1),
    "negative_reactive_energy": ("reactive_energy_export", "", 1),
}
PHASES = {"a": "L1", "b": "L2", "c": "L3", "abc": ""}


def _codec(device):
    words = frozenset(re.findall(r"[a-z0-9]+", f"watteco {device}"))
    return next(codec for codec in watteco.CODECS if codec.matches(words, ""))


def _found(device, payload):
    found = {}
    for one in _codec(device).decode(bytes.fromhex(payload), 125):
        place = one.quantity, one.channel, (one.time_ns or 0) // 1_000_000_000
        assert place not in found, "two values in one place"
        found[place] = one.value
    return found


def _now(device, payload):
    found = _found(device, payload)
    assert all(not age_s for *_, age_s in found)
    return {(quantity, channel): value for (quantity, channel, _), value in found.items()}


def _wanted(uplink):
    """Return the samples of the maker's codec by our place and minus their age in s."""
    wanted = {}
    heard = datetime.fromisoformat(uplink["recv_time"][:19])
    for sample in uplink["expected"]["data"]["samples"]:
        phase = re.fullmatch(r"(\w+?)_(abc|a|b|c)", sample["variable"])
        name = phase[1] if phase else sample["variable"]
        quantity, channel, factor = PLACES.get(name, (name, "", 1))
        value = {"ON": 1, "OFF": 0}.get(sample["value"], sample["value"]) * factor
        if uplink["hex"].startswith("110a8010") and value >= 1 << 31:
            # The values of cluster 8010 are signed (Triphas'O, "Energy and power multi metering");
            # the maker's codec in lorawan-devices forgets the size and so the sign.
            value -= 1 << 32
        age_s = (datetime.fromisoformat(sample["date"][:19]) - heard).total_seconds()
        wanted[quantity, PHASES[phase[2]] if phase else channel, age_s] = value
    for quantity, channel, age_s in list(wanted):
        if quantity.startswith("positive_"):
            power = quantity.removeprefix("positive_")
            export = wanted[f"negative_{power}", channel, age_s]
            wanted[power, channel, age_s] = wanted[quantity, channel, age_s] - export
    return wanted


def test_all_uplinks_are_there_and_claimed_by_their_products():
    assert len(UPLINKS) == 23
    assert len(BATCHES) == 5
    assert "watteco" not in {_codec(uplink["device"]).NAME for uplink in UPLINKS}


@pytest.mark.parametrize(
    "uplink", UPLINKS, ids=lambda uplink: f"{uplink['device']}-{uplink['hex']}"
)
def test_values_and_times_are_those_of_the_makers_codec(uplink):
    found = _found(uplink["device"], uplink["hex"])
    assert found == pytest.approx(_wanted(uplink), rel=1e-9)


@pytest.mark.parametrize(
    ("device", "payload", "wanted"),
    [
        ("th", "110a04020000290b89", {("temperature", ""): 29.53}),
        ("th", "110a0402000029fe0c", {("temperature", ""): -5.0}),
        ("th", "310a04020000290b89", {("temperature", "2"): 29.53}),
        ("th", "110a0402000129f060", {("min_temperature", ""): -40.0}),
        ("press", "110a04030000290 3f5".replace(" ", ""), {("pressure", ""): 1013}),
        ("celso", "110a040000002101f4", {("illuminance", ""): 500}),
        ("flasho", "110a000f04022300012345", {("pulse_register", ""): 0x12345}),
        ("pulse senso", "510a000f04022300012345", {("pulse_register", "3"): 0x12345}),
        ("pulse senso", "110a000f00551001", {("digital_input", "1"): 1}),
        ("senso", "110a8005000019 0205".replace(" ", ""), {
            ("digital_input", str(n)): int(n in (1, 3, 10)) for n in range(1, 11)}),
        ("tempo", "110a000f00551001", {("violation_detection", ""): 1}),
        ("presso", "310a000c005539 41200000".replace(" ", ""), {
            ("analog_input", "0_10_V"): 10.0}),
        ("presso", "110a000c005539 7fc00000".replace(" ", ""), {}),  # no number
        ("vaqao", "310a800c00002101f4", {("co2", ""): 500}),
        ("ventilo", "110a8008000029fffe", {("differential_pressure", ""): -2}),
        ("th", "110a005000064107 0405 0ce4 0e10 04".replace(" ", ""), {
            ("voltage", "external"): 3.3, ("battery_voltage", ""): 3.6}),
        ("smart plug", "110a00520000410c 000064 fffff6 0010 0032 fffb".replace(" ", ""), {
            ("active_energy", ""): 100, ("reactive_energy", ""): -10,  # signed, so no registers
            ("nb_samples", ""): 16, ("active_power", ""): 50, ("reactive_power", ""): -5}),
        ("smart plug", "110a8052000041 16 6c78 6c6e 6c82 08fc 08f2 0906 0cb2 0ca8 0cbc 0001 0002"
            .replace(" ", ""), {
            ("frequency", ""): 50.0, ("frequency", "min"): 49.99, ("frequency", "max"): 50.01,
            ("voltage", ""): 230.0, ("voltage", "min"): 229.0, ("voltage", "max"): 231.0,
            ("Vpeak", ""): 325.0, ("Vpeak", "min"): 324.0, ("Vpeak", "max"): 326.0,
            ("over_voltage", ""): 1, ("sag_voltage", ""): 2}),
        # answers to a read, with a status before the type
        ("th", "110104020000 00 29 0b89".replace(" ", ""), {("temperature", ""): 29.53}),
        ("th", "110104020000 86 29".replace(" ", ""), {}),
        # texts, settings and answers about settings
        ("th", "110a000000054205 68656c6c6f".replace(" ", ""), {}),
        ("th", "110a000f04002003", {}),
        ("th", "110704020000 0000".replace(" ", ""), {}),
        ("th", "11090402000080000029000a800afff6", {}),
        # causes: short; long by threshold, with two counts; long by difference
        ("th", "118a04020000290b89 90 50".replace(" ", ""), {("temperature", ""): 29.53}),
        ("th", "118a04020000290b89 a0 d0 0bb8 0064 81 0001 0002".replace(" ", ""), {
            ("temperature", ""): 29.53}),
        ("th", "118a04020000290b89 a0 88 0032".replace(" ", ""), {("temperature", ""): 29.53}),
    ],
)  # fmt: skip
def test_each_cluster(device, payload, wanted):
    # 8052 tells frequencies in mHz, less 22.232 Hz
    assert _now(device, payload) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("device", "payload", "f_port", "rule"),
    [
        ("th", "110a04020000290b89", 1, "FPort"),
        ("th", "11", 125, "byte 0"),
        ("th", "110b04020000290b89", 125, "command"),
        ("th", "110a0402000029", 125, "byte 7"),
        ("th", "110a04020000290b", 125, "byte 7"),
        ("th", "110a04020000ee0b89", 125, "type"),
        ("th", "110a0402000028 0b".replace(" ", ""), 125, "cluster 0402"),
        ("th", "110a04020000290b8900", 125, "cause"),
        ("th", "110a04020000290b89a0d00bb8", 125, "cause"),
        ("th", "118a04020000290b89a0d00bb800648100", 125, "cause"),
        ("th", "110104020000 00 29 0b89 00".replace(" ", ""), 125, "cluster 0402"),
        ("ticso", "110a0053000041020000", 125, "cluster 0053"),  # French meters that are not read
        ("ticso", "110a0055000041020000", 125, "cluster 0055"),
        ("ticso", "110a005400012301020304", 125, "cluster 0054"),
        ("th", "110a005000064105 0405 0ce4 04".replace(" ", ""), 125, "cluster 0050"),
        ("triphaso", "910a800b00004106094c030e0163", 125, "cluster 800b"),
        ("celso", "30b200b6e7c7004d8887202fda75b914", 125, "batch"),  # of a product not known
        ("vaqao", "1002", 125, "byte 2"),
        ("ventilo", "20ff00000000", 125, "watteco batch"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(device, payload, f_port, rule):
    with pytest.raises(PayloadError) as refused:
        _codec(device).decode(bytes.fromhex(payload), f_port)
    assert rule in refused.value.rule


class _Writer:
    """A plain writer of batches, the twin of the reader."""

    def __init__(self):
        self.bits = ""

    def number(self, value, size):
        text = f"{value:0{size}b}" if size else ""
        first = size % 8 or 8
        for chunk in [text[:first], *(text[n : n + 8] for n in range(first, size, 8))]:
            self.bits += chunk[::-1]
        return self

    def code(self, table, code):
        self.bits += watteco_batch._CODES[table].split()[code]
        return self

    def payload(self):
        whole = self.bits + "0" * (-len(self.bits) % 8)
        return bytes(int(whole[n : n + 8][::-1], 2) for n in range(0, len(whole), 8))


TAGS = Tags(2, {0: Tag("a", "", 1, 7, 10.0), 1: Tag("b", "", 0.5, 12), 2: Tag("c", "", 2, 10)})


@st.composite
def _batch(draw):
    """Draw a batch with times of its own for each series, and the samples that it says."""
    labels = draw(st.lists(st.sampled_from([0, 2]), unique=True, max_size=2))
    writer = _Writer().number(len(labels) << 4, 8).number(0, 4)
    newest, now, series = 0, 0, []
    for label in labels:
        first = draw(st.integers(-0x8000, 0x7FFF) if label == 0 else st.integers(0, 1 << 31))
        later = draw(st.integers(1, 200))
        writer.number(label, 2)
        if now:
            bits = (later + 1).bit_length() - 1
            writer.code(1, bits).number(later + 1 - (1 << bits), bits)
            now += later
        else:
            writer.number(later, 32)
            now = later
        writer.number(first % (1 << 16 if label == 0 else 1 << 32), 16 if label == 0 else 32)
        table = draw(st.integers(0, 2))
        writer.number(0, 2).number(table, 2)
        series.append((label, table, now, first))
        newest = now
    wanted = []
    for label, table, first_s, first in series:
        step, divisor = TAGS.known[label].step, TAGS.known[label].divisor
        time_s, value = first_s, first
        wanted.append((label, time_s, value / divisor))
        count = draw(st.integers(0, 5))
        writer.number(label, 2).number(count, 8)
        times = draw(st.integers(0, 2)) if count else 0
        if count:
            writer.number(times, 2)
        for _ in range(count):
            bits = draw(st.integers(0, 14))
            raw = draw(st.integers(0, (1 << bits) - 1))
            writer.code(times, bits).number(raw, bits)
            time_s += raw + (1 << bits) - 1 if bits else 0
            bits = draw(st.integers(0, 14))
            raw = draw(st.integers(0, (1 << bits) - 1))
            writer.code(table, bits).number(raw, bits)
            if bits:
                value += (raw if raw >= 1 << bits - 1 else raw + 1 - (1 << bits)) * step
            wanted.append((label, time_s, value / divisor))
            newest = max(newest, time_s)
    later = draw(st.integers(1, 200))
    if newest:
        bits = (later + 1).bit_length() - 1
        writer.code(1, bits).number(later + 1 - (1 << bits), bits)
        newest += later
    else:
        writer.number(later, 32)
        newest = later
    return writer.payload(), sorted((one[0], newest - one[1], one[2]) for one in wanted)


@given(_batch())
def test_a_batch_says_what_was_written_into_it(batch):
    payload, wanted = batch
    found = [
        ("a?c".index(one.quantity), -(one.time_ns or 0) // 1_000_000_000, one.value)
        for one in watteco_batch.decode(payload, TAGS)
    ]
    assert sorted(found) == wanted


def test_a_float_told_whole_is_a_float():
    """The maker's JavaScript reads these bits as a whole number; its document says a float."""
    writer = _Writer().number(0x10, 8).number(0, 4).number(1, 2).number(100, 32)
    for nth, value in enumerate((1.5, -2.25)):
        bits = int.from_bytes(struct.pack(">f", value), "big")
        if nth:
            writer.number(1, 2).number(1, 8).number(0, 2).code(0, 3).number(3, 3).code(0, 15)
        writer.number(bits, 32)
        if not nth:
            writer.number(0, 2).number(0, 2)
    writer.code(1, 0)
    found = watteco_batch.decode(writer.payload(), TAGS)
    assert [(one.value, one.time_ns) for one in found] == [(1.5, -10_000_000_000), (-2.25, None)]


@pytest.mark.parametrize(
    ("words", "dev_eui", "name"),
    [
        ("watteco vaqao lite", "", "watteco-vaqao"),
        ("vaqao", "", "watteco-vaqao"),
        ("nke press o", "", "watteco-presso"),
        ("watteco pulse sens o", "", "watteco-pulse-senso"),
        ("watteco tempo", "", "watteco-tempo"),
        ("watteco temp o", "", "watteco-tempo"),
        ("watteco tempo remote 2 probes", "", "watteco-tempo-remote-2-probes"),
        ("watteco tempo remote 1 probe", "", "watteco-tempo-remote"),
        ("watteco tempo outdoor", "", "watteco-tempo-outdoor"),
        ("watteco hygrotempo", "", "watteco-hygrotempo"),
        ("watteco hygrotempo remote", "", "watteco-hygrotempo"),
        ("nke watteco th", "", "watteco-hygrotempo"),
        ("watteco clim o", "", "watteco-hygrotempo"),
        ("watteco indoor temperature humidity", "", "watteco-indoor-temperature"),
        ("watteco smartplug", "", "watteco-smartplug"),
        ("watteco smart plug", "", "watteco-smartplug"),
        ("watteco triphaso", "", "watteco-triphaso"),
        ("watteco triphas o kwh", "", "watteco-triphaso-kwh"),
        ("watteco tic s o", "", "watteco"),
        ("smart plug", "", None),
        ("hall", "70b3d5e75e01b2c3", "watteco"),
        ("tempo", "", None),
        ("flash", "", None),
        ("ers", "a81758fffe03cf7b", None),
    ],
)
def test_products_are_known_by_their_names(words, dev_eui, name):
    claims = (one for one in watteco.CODECS if one.matches(frozenset(words.split()), dev_eui))
    assert getattr(next(claims, None), "NAME", None) == name


@pytest.mark.parametrize(
    "uplink", UPLINKS, ids=lambda uplink: f"{uplink['device']}-{uplink['hex']}"
)
def test_a_payload_cut_anywhere_is_shorter_or_refused(uplink):
    whole = _found(uplink["device"], uplink["hex"])
    for end in range(0, len(uplink["hex"]), 2):
        try:
            part = _found(uplink["device"], uplink["hex"][:end])
        except PayloadError:
            continue
        assert part.items() == whole.items()  # what was cut is the causes, or nothing


@given(st.sampled_from(watteco.CODECS), st.binary(max_size=60), st.sampled_from([125, 125, 1]))
def test_any_bytes_are_read_or_refused(codec, payload, f_port):
    try:
        found = codec.decode(payload, f_port)
    except PayloadError:
        return
    assert all(isfinite(one.value) and (one.time_ns or 0) <= 0 for one in found)


@given(st.sampled_from(watteco.CODECS), st.sampled_from(UPLINKS), st.data())
def test_a_real_payload_with_changed_bits_is_read_or_refused(codec, uplink, data):
    payload = bytearray.fromhex(uplink["hex"])
    for _ in range(data.draw(st.integers(1, 3))):
        payload[data.draw(st.integers(0, len(payload) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = codec.decode(bytes(payload), 125)
    except PayloadError:
        return
    assert all(isfinite(one.value) for one in found)
