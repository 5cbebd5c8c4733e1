"""Small makers whose payload is a run of records, or ends in a list.

Source: the codecs that the makers publish in the LoRaWAN device repository
(TheThingsNetwork/lorawan-devices, `vendor/…`): Atomsenses AS-201, AS-203 and AS-204, ST
STEVAL-ASTRA1B, Tekzitel TekziPark, SmartRural grain probe, and Ellenex with firmware V6 (a map in
CBOR, RFC 8949).

Numbers that have no quantity of ours keep the maker's names. Atomsenses does not say in which unit
it tells TVOC, so that is no quantity of ours either.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from math import isfinite

import cbor2

from ingest.codecs.frames import Frame, Tlv, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

Decode = Callable[[bytes, int], list[Measurement]]


@dataclass(frozen=True, eq=False)
class Model:
    """A codec for a model: the words that recognise it, and the function that reads it."""

    NAME: str
    words: tuple[str, ...]
    decode: Decode = field(repr=False)

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model where all words of one alternative are there."""
        return any(words.issuperset(one.split()) for one in self.words)


def _on_port(name: str, wanted: int, f_port: int) -> None:
    if f_port != wanted:
        raise PayloadError(f"{name} FPort", wanted, f_port)


# Atomsenses: channel, type, value; the models differ in their gases.

_AIR = {
    b"\x01\x75": Frame("u8 battery_level"),
    b"\x03\x67": Frame("s16< temperature /10"),
    b"\x04\x68": Frame("u8 humidity /2"),
    b"\x07\x7d": Frame("u16< co2"),
}


def _atomsenses(model: str, gases: dict[bytes, Frame]) -> Model:
    records = Tlv(f"Atomsenses {model.upper()}", {**_AIR, **gases})

    def decode(payload: bytes, f_port: int) -> list[Measurement]:
        _on_port(records.name, 85, f_port)
        if not payload:
            raise cut_short(records.name, 0, 3, 0)
        return records.decode(payload)

    number = model.removeprefix("as")
    return Model(
        f"atomsenses-{model}", (f"atomsenses as {number}", f"atomsenses as{number}"), decode
    )


# STEVAL-ASTRA1B: channel, type, value, as Cayenne LPP; the type alone says what it is.

_ASTRA = {
    0x00: Frame("x1"),  # the tamper input; the board does not fill it
    0x01: Frame("u8 _\n .0 ledStatus"),
    0x02: Frame("u16 battery_voltage /1000"),
    0x67: Frame("s16 temperature /10"),
    0x68: Frame("u8 humidity /2"),
    0x71: Frame(
        "s16 acceleration_g:x /1000\n s16 acceleration_g:y /1000\n s16 acceleration_g:z /1000"
    ),
    0x73: Frame("u16 pressure /10"),
    0x88: Frame("s24 latitude /10000\n s24 longitude /10000\n s24 altitude /100"),
}
_ASTRA_RECORDS = Tlv(
    "STEVAL-ASTRA1B",
    {bytes((channel, kind)): one for channel in range(256) for kind, one in _ASTRA.items()},
)


def _astra(payload: bytes, f_port: int) -> list[Measurement]:
    """Return the records' values; the port is 99."""
    _on_port(_ASTRA_RECORDS.name, 99, f_port)
    if not payload:
        raise cut_short(_ASTRA_RECORDS.name, 0, 3, 0)
    return _ASTRA_RECORDS.decode(payload)


# TekziPark: a parking place, and the beacons of the vehicle on it.

_PARKING = """
    u8 _
    .7 occupancy
    .0 keepAlive
    .1 reset
    .2 No_Beacon
    .3 Radar
    {}
    .5 Good_Battery
    s8 temperature
    u8 Parking_ID
"""
_PARKED = Frame(_PARKING.format(".4 Obstruction"))
_PARKED_BY = Frame(_PARKING.format(".4 Obstruction") + "s8 Beacon_RSSI")
_PARKING_DEBUG = Frame(
    _PARKING.format("")
    + """
    s8 Deflection_X
    s8 Deflection_Y
    s8 Deflection_Z
    s8 Baseline_X
    s8 Baseline_Y
    s8 Baseline_Z
    u8 Fault_Code
    u8 Obstruction
    u8 D_Reflection
"""
)


def _tekzipark(payload: bytes, f_port: int) -> list[Measurement]:
    """Return a report (FPort 1) or one with the sensor's own values (FPort 2)."""
    if f_port == 2:
        return _PARKING_DEBUG.whole(payload, "TekziPark")
    if f_port != 1:
        raise PayloadError("TekziPark FPort", "1 or 2", f_port)
    if len(payload) <= _PARKED.size:
        return _PARKED.whole(payload, "TekziPark")
    beacons, rest = divmod(len(payload) - _PARKED_BY.size, 2)
    if rest:
        raise PayloadError("TekziPark beacons", "two bytes each", payload.hex())
    found = _PARKED_BY.read(payload)
    for number in range(beacons):
        at = _PARKED_BY.size + 2 * number
        beacon = int.from_bytes(payload[at : at + 2])
        found.append(Measurement("Beacons", float(beacon), str(number + 1)))
    return found


# SmartRural's grain probe: what the second and third number are, is in the third byte.

_PROBE_HEAD = "u16 _\n .0-13 battery_voltage /1000\n u8 _\n .0-3 Ext\n"
_PROBE = {
    1: "s16 temperature:1 /100 !0x7fff\n s16 temperature:2 /100 !0x7fff\n",
    2: "s16 temperature:1 /10 !0x7fff\n s16 temperature:2 /10 !0x7fff\n",
    3: "u16 Res_Channel1 /100\n u16 Res_Channel2 /100\n",
}
_PROBES = {kind: Frame(_PROBE_HEAD + fields + "x4") for kind, fields in _PROBE.items()}
_PROBE_SIZE = 11
_POLLED = 0x40


def _grain_probe(payload: bytes, f_port: int) -> list[Measurement]:
    """Return a live report; the device's clock in its last four bytes is left out."""
    _on_port("Grain probe", 2, f_port)
    if len(payload) != _PROBE_SIZE:
        raise PayloadError(
            "Grain probe length", f"{_PROBE_SIZE} bytes", f"{len(payload)} bytes: {payload.hex()}"
        )
    frame = _PROBES.get(payload[2] & 0x0F)
    if frame is None or payload[2] & _POLLED:
        raise PayloadError(
            "Grain probe report", "a live one with Ext 1, 2 or 3", f"0x{payload[2]:02x}"
        )
    return frame.read(payload)


# Ellenex, firmware V6: one CBOR map of letters and numbers.

_LETTERS = {"L": ("level", 1.0), "v": ("battery_voltage", 1000.0)}
_DEPTH_MAX = 2


def _ellenex_map(payload: bytes, f_port: int) -> list[Measurement]:
    """Return the map's numbers; letters that the maker does not explain keep their names."""
    _on_port("Ellenex V6", 15, f_port)
    stream = io.BytesIO(payload)
    try:
        tree = cbor2.CBORDecoder(stream, max_depth=_DEPTH_MAX, allow_duplicate_keys=False).decode()
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, LookupError) as error:
        raise PayloadError("Ellenex V6", "one map in CBOR", f"{error}: {payload.hex()}") from error
    if not isinstance(tree, dict) or stream.tell() != len(payload):
        raise PayloadError("Ellenex V6", "one map in CBOR, and nothing after it", payload.hex())
    found: list[Measurement] = []
    for letter, value in tree.items():
        if not isinstance(letter, str) or isinstance(value, bool) or value is None:
            raise PayloadError("Ellenex V6", "letters and numbers", payload.hex())
        if not isinstance(value, int | float):
            raise PayloadError("Ellenex V6", f"a number for {letter}", payload.hex())
        number = float(value)
        if isfinite(number):
            name, divisor = _LETTERS.get(letter, (f"Ellenex.{letter}", 1.0))
            found.append(Measurement(name, number / divisor))
    return found


_GAS = "u16< {}"
CODECS: tuple[Model, ...] = (
    _atomsenses("as201", {}),
    _atomsenses(
        "as203",
        {b"\x08\x7d": Frame(_GAS.format("tvoc_as_sent")), b"\x0a\x7d": Frame(_GAS.format("hcho"))},
    ),
    _atomsenses(
        "as204",
        {b"\x08\x7d": Frame(_GAS.format("nh3 /100")), b"\x09\x7d": Frame(_GAS.format("h2s /100"))},
    ),
    Model("st-astra1b", ("astra1b",), _astra),
    Model("tekzitel-tekzipark", ("tekzipark",), _tekzipark),
    Model("smartrural-grain-probe", ("smartrural grain",), _grain_probe),
    Model("ellenex-v6", ("ellenex v6", "ellenex ver6"), _ellenex_map),
)
"""In the order in which they are asked."""
