"""KELLER transmitters (ADT1, ARC1): floats, one for each bit of a word.

Source: KELLER, "LoRa data communication protocol" and "KELLER LoRa payload", and the decoder that
KELLER publishes. Function code 1 brings measured channels: the kind of connection, sixteen bits,
and a float (big-endian) for each bit that is set, the lowest first. Function code 12 brings the
state of the device; its serial number, version and local clock are no measurements.

Pressures and differences of pressure are in bar. A value that is infinite or no number was not
measured. Conductivity, SDI-12 and counter inputs keep KELLER's names.
"""

import struct
from math import isfinite

from ingest.codecs.frames import Frame, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement
from ingest.unit import Scale, scaled

NAME = "keller"

_BAR_IN_HPA, _BAR_IN_PA = Scale(0.0, 1000.0), Scale(0.0, 100_000.0)
_DIFFERENCES = {"Pd (P1-P2)": "P1-P2", "Pd (P1-PBaro)": "P1-PBaro"}
_VOLTS = {"Volt Inp. 1": "1", "Volt Inp. 2": "2"}
_FIRST = "P1|P2|T|TOB1|TOB2"
_BARO = "PBaro|TBaro"
_INPUTS = "Volt Inp. 1|Volt Inp. 2"
_SDI = "|".join(f"SDI12 CH{number}" for number in range(1, 11))
_CONNECTIONS = {
    kind: names.split("|")
    for kind, names in {
        0: f"Pd (P1-P2)|{_FIRST}",
        1: f"Pd (P1-P2)|{_FIRST}",
        2: f"Pd (P1-PBaro)|{_FIRST}|{_BARO}",
        3: f"Pd (P1-PBaro)|{_FIRST}|{_BARO}",
        4: f"Pd (P1-P2)|{_FIRST}|{_BARO}|{_INPUTS}",
        5: f"Pd (P1-PBaro)|{_FIRST}|{_BARO}|{_INPUTS}",
        6: f"Pd (P1-P2)|{_FIRST}|{_BARO}|{_INPUTS}|P1 (2)|P1 (3)|P1 (4)|P1 (5)|Counter input",
        7: f"{_BARO}|{_INPUTS}|{_SDI}",
        8: "P1|TOB1|P1 (2)|TOB1 (2)|P1 (3)|TOB1 (3)|P1 (4)|TOB1 (4)|P1 (5)|TOB1 (5)"
        f"|{_INPUTS}|{_BARO}|Counter input",
        9: f"Pd (P1-P2)|P1|P2|T (Conductivity)|TOB1|TOB2|{_BARO}|{_INPUTS}"
        "|Conductivity Tc|Conductivity raw",
        10: f"Pd (P1-PBaro)|P1|P2|T (Conductivity)|TOB1|TOB2|{_BARO}|{_INPUTS}"
        "|Conductivity Tc|Conductivity raw",
        11: "P1|TOB1|Conductivity Tc|T (Conductivity)|P1 (2)|TOB1 (2)|Conductivity Tc (2)"
        "|T (Conductivity) (2)|P1 (3)|TOB1 (3)|Conductivity Tc (3)|T (Conductivity) (3)"
        f"|{_BARO}|Counter input",
        13: f"P1|P2|TOB1|TOB2|P1 (2)|P2 (2)|TOB1 (2)|TOB2 (2)|{_BARO}|{_INPUTS}|Counter input",
    }.items()
}
_STATE = Frame("x14\n f32 battery_voltage\n u8 battery_level\n u8 humidity")
_MEASURED, _INFO = 1, 12


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise a model; the maker's name alone is a cellar in German."""
    return "adt1" in words or words.issuperset(("keller", "arc1"))


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return the measured channels, or the state of the device; the first byte says which.

    Errors  PayloadError for another function code, kind of connection, channel or length.
    """
    if payload[:1] == bytes((_INFO,)):
        return _STATE.whole(payload, "KELLER information")
    if payload[:1] != bytes((_MEASURED,)):
        raise PayloadError(
            "KELLER function code", "1 (measured) or 12 (information)", payload[:1].hex()
        )
    if len(payload) < 4:
        raise cut_short("KELLER", 0, 4, len(payload))
    bits = int.from_bytes(payload[2:4])
    names = _CONNECTIONS.get(payload[1])
    if names is None or bits >> len(names):
        raise PayloadError(
            "KELLER channels",
            "a kind of connection, and channels, that the maker documents",
            f"kind {payload[1]}, channels 0x{bits:04x}",
        )
    told = [name for bit, name in enumerate(names) if bits >> bit & 1]
    if len(payload) != 4 + 4 * len(told):
        raise PayloadError(
            "KELLER length", f"{4 + 4 * len(told)} bytes", f"{len(payload)}: {payload.hex()}"
        )
    values = struct.unpack_from(f">{len(told)}f", payload, 4)
    return [
        _value(name, value) for name, value in zip(told, values, strict=True) if isfinite(value)
    ]


def _value(name: str, value: float) -> Measurement:
    if name in _DIFFERENCES:
        pressure = scaled(value, _BAR_IN_PA)
        return Measurement("differential_pressure", pressure, _DIFFERENCES[name])
    if name in _VOLTS:
        return Measurement("voltage", value, _VOLTS[name])
    if name.startswith("P"):
        return Measurement("pressure", scaled(value, _BAR_IN_HPA), name)
    if name.startswith("T"):
        return Measurement("temperature", value, name)
    return Measurement(name, value)
