"""Cayenne LPP against the examples of its document."""

import pytest

from fleet.cayenne import TYPES, encode
from fleet.errors import EncodingError


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        # myDevices, "Cayenne Low Power Payload": two temperatures; temperature and acceleration
        ([(3, "temperature", 27.2), (5, "temperature", 25.5)], "03670110056700ff"),
        ([(1, "temperature", -4.1)], "0167ffd7"),
        ([(6, "accelerometer", (1.234, -1.234, 0.0))], "067104d2fb2e0000"),
        ([(1, "humidity", 52.5)], "016869"),
        ([(2, "illuminance", 65_535)], "0265ffff"),
        ([(4, "analog_input", -3.27)], "0402feb9"),
        ([(0, "digital_input", 1), (255, "digital_output", 0)], "000001ff0100"),
        ([(1, "voltage", 230.15)], "017459e7"),
        ([(1, "current", 12.345)], "01753039"),
        ([(1, "power", 4711)], "01801267"),
        ([(1, "energy", 4_294_967.295)], "0183ffffffff"),
        ([(1, "energy", 139_649.093)], "01830852e045"),
        # the document's example of a position
        ([(1, "gps", (42.3519, -87.9094, 10.0))], "018806765ff2960a0003e8"),
        ([], ""),
    ],
)
def test_known_payloads(values, expected):
    assert encode(values).hex() == expected


def test_every_type_has_its_own_code_and_takes_zero():
    assert len({kind.code for kind in TYPES.values()}) == len(TYPES)
    for name, kind in TYPES.items():
        axes = 3 if name == "gps" else len(kind.layout) - 1
        payload = encode([(7, name, (0.0,) * axes if axes > 1 else 0.0)])
        assert payload[:2] == bytes((7, kind.code))
        assert not any(payload[2:])


@pytest.mark.parametrize(
    "values",
    [
        [(1, "temprature", 1.0)],
        [(256, "temperature", 1.0)],
        [(-1, "temperature", 1.0)],
        [(1, "power", 65_536)],
        [(1, "power", -1)],
        [(1, "accelerometer", 1.0)],
        [(1, "gps", (51.5, 7.5))],
        [(1, "gps", (51.5, 7.5, 83_886.08))],
        [(1, "temperature", float("nan"))],
    ],
)
def test_what_does_not_fit_is_refused(values):
    with pytest.raises(EncodingError, match="Cayenne LPP"):
        encode(values)
