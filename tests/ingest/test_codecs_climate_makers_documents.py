"""Arwin, Laird and Ezurio: what their documents and the examples of their codecs say, beyond the
vectors, and what is refused.
"""

import pytest

from ingest.codecs import CODECS_BY_NAME
from ingest.errors import PayloadError
from ingest.reading import Quality

_HOUR = 3600 * 10**9


def _found(codec: str, payload: str, f_port: int):
    return CODECS_BY_NAME[codec].decode(bytes.fromhex(payload), f_port)


def _values(codec: str, payload: str, f_port: int) -> dict[tuple[str, str], float]:
    found = _found(codec, payload, f_port)
    values = {(one.quantity, one.channel): one.value for one in found}
    assert len(values) == len(found)
    return values


def _holds(values: dict[tuple[str, str], float], expected: dict[str, float]) -> None:
    for place, value in expected.items():
        quantity, _, channel = place.partition(":")
        assert values[quantity, channel] == pytest.approx(value), place


# Arwin: the examples of its codec files.


def test_arwin_later_meters_tell_hundredths_of_a_hertz():
    found = _values("arwin-lrs2m001", "0a089807bb0975" + "4e1c19" + "50", 10)
    _holds(
        found,
        {
            "voltage:L1": 220,
            "voltage:L2": 197.9,
            "voltage:L3": 242.1,
            "frequency": 49.99,
            "event_heartbeat": 1,
            "event_over_voltage:L3": 1,
            "event_under_voltage:L2": 1,
            "event_over_voltage:L1": 0,
            "battery_level": 80,
        },
    )


@pytest.mark.parametrize(
    ("codec", "payload", "f_port", "expected"),
    [
        (
            "arwin-lrs2m001",
            "0ae1ce60b0d39d0008aa54",
            60,
            {
                "current:4.L2": 865.4,
                "active_power:4.L2": 158418,
                "power_factor:4.L2": 0.925,
                "active_energy_import:4.L2": 56_789_200,
                "event_over_current:4.L2": 1,
            },
        ),
        (
            "arwin-lrs2m001",
            "010000010dde6400010203",
            9,
            {"battery_voltage": 3.55, "battery_level": 100, "uplinkCount": 66051},
        ),
        ("arwin-lrs2m001", "0a000f00cd00eb01f4", 16, {"overCurrentLimit": 500}),
        ("arwin-lrs2m001", "0a000f00cd00eb81f4", 16, {"overCurrentLimit": 50}),
        ("arwin-lrs2m001", "0a000f001401", 17, {"normalCurrentLatency": 20}),
        (
            "arwin-lrs20200",
            "02015a00e6000a0c22",
            10,
            {"temperature": 23, "battery_level": 90, "uplinkCount": 3106, "event_heartbeat": 1},
        ),
        ("arwin-lrs20200", "02015afff6", 10, {"temperature": -1}),
        ("arwin-lrs20200", "02001e0001000102", 16, {"deltaTemperature": 0.1, "repeat": 2}),
        ("arwin-lrs20ld0", "0b015a007b01", 10, {"distance": 0.123, "state": 1}),
        ("arwin-lrs20ld0", "0b00640005000a", 13, {"distanceThreshold": 10, "negativeDelta": 0.5}),
        ("arwin-lrs20u00", "0c055a01c801", 10, {"distance": 0.456, "event_distance_hi": 1}),
        ("arwin-lrs20ud0", "0c00d200be", 13, {"distanceHighThreshold": 21}),
        ("arwin-lrs20600", "04015a020000", 10, {"contact": 1}),  # any number but 0 is "close"
    ],
)
def test_arwin_reads_the_examples_of_its_codecs(codec, payload, f_port, expected):
    _holds(_values(codec, payload, f_port), expected)


@pytest.mark.parametrize(
    ("codec", "payload", "f_port"),
    [
        ("arwin-lrs20100", "02015a00e602440000", 10),  # another kind of sensor
        ("arwin-lrs20100", "01015a00e602440000", 11),
        ("arwin-lrs10701", "0305dc01b307d007d0", 13),  # no such message of thresholds
        ("arwin-lrs2m001", "0a0898", 10),
        ("arwin-lrs20600", "", 10),
    ],
)
def test_arwin_refuses_what_its_codecs_call_unknown(codec, payload, f_port):
    with pytest.raises(PayloadError):
        _found(codec, payload, f_port)


# Laird RS1xx, Ezurio RS26x


def test_rs1xx_tells_numbers_below_zero_as_its_note_says():
    # -15.87 is -87 hundredths and -15; -0.5 has its sign in the hundredths alone
    assert _values("laird-rs1xx", "0100" + "0034" + "a9f1" + "0500000000", 1)[
        "temperature", ""
    ] == pytest.approx(-15.87)
    assert _values("laird-rs1xx", "0100" + "0034" + "ce00" + "0500000000", 1)[
        "temperature", ""
    ] == pytest.approx(-0.5)


def test_rs1xx_gives_a_backlog_its_own_times():
    found = _found("laird-rs1xx-climate", "040002" + "00000e10" + "0a14050a" + "00001c20" * 2, 1)
    times = [one.time_ns for one in found if one.quantity == "temperature"]
    assert times == [1_420_070_400 * 10**9 + _HOUR, 1_420_070_400 * 10**9 + 2 * _HOUR]
    # Hours after 2015 began: the clock was never set.
    assert {one.quality for one in found if one.time_ns} == {Quality.SUSPECT}
    found = _found("laird-rs1xx-climate", "040001" + "17e0c2c0" + "0a14050a", 1)
    assert {one.quality for one in found if one.time_ns} == {Quality.MEASURED}


@pytest.mark.parametrize(
    ("codec", "payload", "f_port"),
    [
        ("laird-rs1xx", "0120213443620501000001", 1),  # a flag without a meaning
        ("laird-rs1xx", "0100213443620601000001", 1),  # a class of the battery without one
        ("laird-rs1xx", "0100213443620501000001", 2),
        ("laird-rs1xx", "02000000000503000000002134436222354463", 1),  # three are said, two there
        ("laird-rs1xx", "040103000000002a3d4c6b000000002a3d4c6b", 1),
        ("laird-rs1xx", "0200000000050000000000", 1),  # an aggregate of nothing
        ("laird-rs1xx", "090000020101", 1),
        ("laird-rs1xx", "0500030100000100", 1),  # a battery of neither kind
        ("laird-rs1xx", "0b00ff9ffefe0500011000", 1),  # an RTD's message
        ("laird-rs1xx-rtd", "0100213443620501000001", 1),  # a message without an RTD
        ("laird-rs1xx-climate", "090000010101", 1),  # a contact's message
        ("laird-rs1xx", "0d00", 1),
        ("ezurio-rs26x", "02c0", 1),
        ("ezurio-rs26x", "00c006", 1),
        ("ezurio-rs26x", "00c00014", 1),
        ("ezurio-rs26x", "00c0020a687e3537", 1),
        ("ezurio-rs26x", "01c00041", 1),  # a text without an end
    ],
)
def test_laird_refuses_what_its_codecs_call_invalid(codec, payload, f_port):
    with pytest.raises(PayloadError):
        _found(codec, payload, f_port)


def test_rs26x_reads_the_examples_of_its_codec():
    found = _values("ezurio-rs26x", "00c0001480", 1)
    _holds(found, {"temperature": 20.5, "batteryStatus": 3, "fault": 0})
    assert _values("ezurio-rs26x", "00c000875a", 1)["temperature", ""] == -120.65
    assert _values("ezurio-rs26x", "00df001900", 1)["unsupported_api_version", ""] == 1


def test_rs26x_gives_kept_temperatures_their_times():
    found = _found("ezurio-rs26x", "00c0" + "001480" + "01687e48b60519" + "01687e494cff9a", 1)
    assert [(one.value, one.time_ns) for one in found if one.quantity == "temperature"] == [
        (20.5, None),
        (5.1, 1_753_106_614 * 10**9),
        (-0.4, 1_753_106_764 * 10**9),
    ]


def test_rs26x_reads_aggregates_of_both_widths():
    narrow = _found("ezurio-rs26x", "00c0" + "0202" + "687e3537" + "1400" + "1519", 1)
    wide = _found("ezurio-rs26x", "00c0" + "0501" + "687e3537" + "ffff8000", 1)
    told = [(one.channel, one.value) for one in narrow + wide if one.quantity == "temperature"]
    assert told == [("1", 20.0), ("2", 21.1), ("1", -0.5)]
    assert {one.time_ns for one in narrow if one.channel} == {1_753_101_623 * 10**9}


def test_rs26x_passes_over_texts_and_tells_settings():
    group = "01c0" + "0053656e7472697573205253323678" + "00" + "0101" + "02012c"
    group += (
        "034141424243434444454546463030" + "0705" + "0816" + "0c01000000" + "0dff" + "1f687e6ec8"
    )
    _holds(
        _values("ezurio-rs26x", group, 1),
        {"readPeriod": 300, "downlinkPacketCount": 16777216, "snr:device": -1, "rfPower": 22},
    )
