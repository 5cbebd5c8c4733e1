"""Small makers whose payload is a run of records, or ends in a list.

Source: the codecs that the makers publish in the LoRaWAN device repository
(TheThingsNetwork/lorawan-devices, `vendor/…`): Atomsenses AS-201, AS-203 and AS-204, ST
STEVAL-ASTRA1B, Tekzitel TekziPark, SmartRural grain probe, and Ellenex with firmware V6 (a map in
CBOR, RFC 8949), uRADMonitor A3 and Industrial, and Tinovi PM-IO-5-SM.

Numbers that have no quantity of ours keep the maker's names. Atomsenses does not say in which unit
it tells TVOC, so that is no quantity of ours either; nor are Tinovi's `vwc`, `ec` and `press`.
uRADMonitor tells gases in ppm or ppb (`o3_ppb`); its index of air is computed by its decoder from
two of these values, and so is not sent.
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


# uRADMonitor: the first byte is the model; numbers with a sign have it in their highest bit.

_URAD_AIR = """
    m16 temperature /100
    u16 pressure +65535 /100
    u8 humidity /2
    u24 gas_resistance
    u8 sound /2
"""
_URAD_A3 = Frame(
    f"""
    x10
    {_URAD_AIR}
    u16 co2
    u16 ch20
    u16 o3_ppb
    u16 pm1
    u16 pm2_5
    u16 pm10
    x1
    """
)
_URAD_INDUSTRIAL = Frame(f"x20\n {_URAD_AIR} x16\n u8 below\n u16 pm2_5\n u8 above\n x1")
_URAD_MODELS = {0x82: _URAD_A3, 0x14: _URAD_INDUSTRIAL}
_URAD_GASES = {
    code: Frame(f"m24 {name} /1000")
    for code, name in {
        **{0x2A: "o3_ppm", 0x2B: "so2", 0x2C: "no2_ppm", 0x04: "co"},
        **{0x03: "h2s", 0x02: "nh3", 0x31: "cl2"},
    }.items()
}
_URAD_GASES_AT = range(29, 45, 4)


def _uradmonitor(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what a model A3 or Industrial measured; gases that the maker does not name are not."""
    frame = _URAD_MODELS.get(payload[0]) if payload else None
    if frame is None:
        raise PayloadError(
            "uRADMonitor model", "0x82 (A3) or 0x14 (Industrial)", payload[:1].hex() or "no bytes"
        )
    found = frame.whole(payload, "uRADMonitor")
    if frame is _URAD_A3:
        return found
    values = {one.quantity: one.value for one in found}
    told = [one for one in found if one.quantity not in ("below", "above")]
    told.append(Measurement("pm1", values["pm2_5"] - values["below"]))
    told.append(Measurement("pm10", values["pm2_5"] + values["above"]))
    for at in _URAD_GASES_AT:
        gas = _URAD_GASES.get(payload[at])
        if gas:
            told += gas.read(payload, at + 1)
    return told


# Tinovi PM-IO-5-SM: a byte says which probes follow, in this order of its bits.

_TINOVI_SOIL = """
    u16 e25{0} /100
    u16 ec{0} /10
    s16 temperature:soil{0} /100
    u16 vwc{0}
"""
_TINOVI_HEAD = Frame("u8 _\n .7 valv\n .6 water_leak\n u8 battery_level")
_TINOVI_PROBES = (
    (0x01, Frame(_TINOVI_SOIL.format(""))),
    (0x02, Frame("s16 temperature:air /100\n u16 humidity /100\n u16 pressure +50000 /100 !15536")),
    (0x04, Frame("u32 illuminance /100")),
    (0x10, Frame("u32 pulse")),
    (0x08, Frame(_TINOVI_SOIL.format("_1"))),
    (0x20, Frame("u16 press /100")),
)
_TINOVI_LEAF = (0x02, Frame("u16 leafHum /100\n s16 temperature:leaf /100"))


def _tinovi(payload: bytes, f_port: int) -> list[Measurement]:
    """Return the values of the probes; a second byte of probes may follow them."""
    name = "Tinovi PM-IO-5-SM"
    if len(payload) < _TINOVI_HEAD.size:
        raise cut_short(name, 0, _TINOVI_HEAD.size, len(payload))
    found, at = _TINOVI_HEAD.read(payload), _TINOVI_HEAD.size
    parts = [frame for bit, frame in _TINOVI_PROBES if payload[0] & bit]
    for frame in parts:
        if at + frame.size > len(payload):
            raise cut_short(name, at, frame.size, len(payload) - at)
        found += frame.read(payload, at)
        at += frame.size
    if at == len(payload):
        return found
    bit, leaf = _TINOVI_LEAF
    if payload[at] & bit:
        return found + leaf.whole(payload, name, at + 1)
    if at + 1 != len(payload):
        raise PayloadError(f"{name} length", f"{at + 1} bytes", payload.hex())
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
    Model("uradmonitor", ("uradmonitor",), _uradmonitor),
    Model("tinovi-pm-io-5", ("tinovi pm io",), _tinovi),
    Model("smartrural-grain-probe", ("smartrural grain",), _grain_probe),
    Model("ellenex-v6", ("ellenex v6", "ellenex ver6"), _ellenex_map),
)
"""In the order in which they are asked."""
