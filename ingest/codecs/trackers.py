"""Trackers: MOKO LW001-BG PRO, and the generic protocol of IoT Factory's trackers and nodes.

Source: the decoders that the makers publish (TheThingsNetwork/lorawan-devices, `vendor/moko`
lw001-bgpro.js, `vendor/iot-factory` generic-decoder.js). IoT Factory's M-Bus gateway: `mbus.py`.

MOKO, big-endian: three bytes of state, then what the FPort says. FPort 12 has its battery in the
state's second byte (the maker's decoder takes it from the latitude). A position has the time that
the device states, where that is UTC; else, and for alarms, the message's own.

IoT Factory, FPort 10, little-endian: the battery, a byte that says what the head holds, then
frames: a type with a reason in its upper four bits, a time, values. Every value has the time of
its frame. `…_reason` is the maker's number, told where it is not 0, "regular". A voltage whose
input reports a fault is suspect. Names, texts, addresses of Modbus and answers of RS-485 are left
out; what a receiver heard is `rssi`, its channel the address of the sender.

Both: access points and beacons are told by their address, as sent.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ingest.codecs.frames import Frame, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement, Quality

_SECOND_NS = 1_000_000_000
_HEARD = 7  # bytes: an address, and how strong it was

# MOKO LW001-BG PRO

_MOKO = "MOKO LW001-BG PRO"
_STATES = """
    u8 _
    .0-1 work_mode
    .2 low_power_state
    .3 demolish_state
    .4 idle_state
    .5 motion_state
    {}
"""
_CELL = "u8 _\n.0-3 lorawan_downlink_count\n.4-7 battery_voltage +22 /10\n"
_HEAD = _STATES.format("") + "s8 temperature:device\n" + _CELL
_FIX_HEAD = Frame(_STATES.format(".6 fix_type") + "s8 temperature:device\n" + _CELL)
_POSITION = "s32 latitude /10000000\ns32 longitude /10000000\nu8 pdop /10"
_MOKO_FRAMES = {
    1: Frame(_HEAD + "u8 last_restart_reason\nx1\nu32 motion_count"),
    4: Frame(_HEAD + "u8 sys_close_reason"),
    5: Frame(_HEAD + "u16 shake_num"),
    6: Frame(_HEAD + "u16 idle_time"),
    7: Frame(_HEAD + "x8"),
    8: Frame(_HEAD + "u8 event_info"),
    9: Frame(
        _HEAD + "u32 gps_work_time\nu32 wifi_work_time\nu32 ble_scan_work_time\n"
        "u32 ble_adv_work_time\nu32 lorawan_work_time"
    ),
    12: Frame(_STATES.format(".6 fix_type") + _CELL + _POSITION),
}
_MOKO_HEAD, _MOKO_POSITION = Frame(_HEAD), Frame(_POSITION)
_ANSWERS, _STORED, _FIXED, _NOT_FIXED = 10, 11, 2, 3
_BY_ADDRESS, _BY_GPS = (0, 1), 2
_REASONS_HEARD, _REASONS_GPS, _REASONS = 5, 11, 14
_SATELLITES = Frame("u8 pdop /10 !255\nu8 gps_cn:1\nu8 gps_cn:2\nu8 gps_cn:3\nu8 gps_cn:4")


def _moko(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what a message says; FPort 11 repeats what was stored, in a way that nobody tells."""
    if f_port == _STORED:
        return []
    frame = _MOKO_FRAMES.get(f_port)
    if frame is not None:
        return frame.whole(payload, f"{_MOKO} FPort {f_port}")
    if f_port not in (_FIXED, _NOT_FIXED, _ANSWERS):
        raise PayloadError(f"{_MOKO} FPort", "1 to 12", f_port)
    found = _part(_MOKO, _MOKO_HEAD if f_port == _ANSWERS else _FIX_HEAD, payload, 0)
    if f_port == _FIXED:
        return found + _fix(payload)
    return found if f_port == _ANSWERS else found + _no_fix(payload)


def _fix(payload: bytes) -> list[Measurement]:
    at = _FIX_HEAD.size
    how = _part(_MOKO, Frame("u8 fix_tech\nx8\nu8 length"), payload, at)
    technology, length = int(how[0].value), int(how[1].value)
    time_ns = _stated(payload[at + 1 : at + 9])
    at += 10
    if at + length != len(payload):
        raise PayloadError(f"{_MOKO} position", f"{length} bytes", payload[at:].hex())
    if technology in _BY_ADDRESS:
        found = _heard(_MOKO, payload[at:])
    elif technology == _BY_GPS:
        found = _MOKO_POSITION.whole(payload, f"{_MOKO} position", at)
    else:
        raise PayloadError(f"{_MOKO} fix", "0 (Wi-Fi), 1 (BLE) or 2 (GPS)", technology)
    return [how[0], *(one._replace(time_ns=time_ns) for one in found)]


def _no_fix(payload: bytes) -> list[Measurement]:
    at = _FIX_HEAD.size
    why = _part(_MOKO, Frame("u8 fix_false_reason\nu8 length"), payload, at)
    reason, length = int(why[0].value), int(why[1].value)
    at += 2
    if reason > _REASONS or at + length != len(payload):
        raise PayloadError(f"{_MOKO} failed fix", f"{length} bytes, 0 to 14", payload.hex())
    if reason <= _REASONS_HEARD:
        return [why[0], *_heard(_MOKO, payload[at:])]
    if reason <= _REASONS_GPS:
        return [why[0], *_SATELLITES.whole(payload, f"{_MOKO} satellites", at)]
    return why[:1]


def _stated(raw: bytes) -> int | None:
    """Return a stated time, UTC ns; None where it is none, or in another zone."""
    if raw[7]:
        return None
    try:
        year, month, day, hour, minute, second = int.from_bytes(raw[:2]), *raw[2:7]
        time = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return max(int(time.timestamp()), 0) * _SECOND_NS or None


def _heard(name: str, raw: bytes) -> list[Measurement]:
    """Return what was heard of addresses, each with a byte that is 256 less in dBm."""
    if len(raw) % _HEARD:
        raise PayloadError(f"{name} addresses", f"{_HEARD} bytes each", raw.hex())
    return [
        Measurement("rssi", float(raw[at + 6] - 256), raw[at : at + 6].hex(":"))
        for at in range(0, len(raw), _HEARD)
    ]


def _part(name: str, frame: Frame, payload: bytes, at: int) -> list[Measurement]:
    if at + frame.size > len(payload):
        raise cut_short(name, at, frame.size, len(payload) - at)
    return frame.read(payload, at)


# IoT Factory

_IOT = "IoT Factory"
_IOT_PORT = 10
_RESISTANCES = ("current", "min", "max", "middle")
_TYPES = {
    number: (name, Frame(layout.replace(";", "\n"), "little"))
    for number, name, layout in (
        (0x00, "device_info", "x3"),
        (
            0x03,
            "gnss",
            "s32 latitude /100000; s32 longitude /100000; u16 altitude; u16 speed_kmh;"
            "u8 hdop /10; u8 _; .0-4 used_sat; .5 geofence1; .6 geofence2; .7 in_movement",
        ),
        (0x04, "wifi", "x21; u8 _; .4 in_movement"),
        (0x05, "motion_activity", "u8 period_duration_min; u8 avg_index"),
        (0x06, "shock", ""),
        (
            0x07,
            "waste_sensor",
            "u8 position; u16 distance:upper /100; u16 distance:side /100; s8 temperature;"
            "u8 waste_pct",
        ),
        (0x08, "modbus", "x8; u8 @; u16 @; x2; u8 signed_flag; u64 register_value"),
        (0x09, "ibeacon", "x15; u8 _; .7 in_movement"),
        (0x0B, "digital_input", "u8 @; u8 digital_input"),
        (0x0C, "analog_input", "u8 @; u32 voltage /1000; u8 input_status"),
        (0x0D, "pulse_counter", "u8 @; u32 pulse_register"),
        (0x0E, "lbs_geolocation", "x36"),
        (0x0F, "temperature", "u8 @; s16 temperature /10"),
        (0x11, "sos", ""),
        (0x12, "turn", ""),
        (0x13, "movement", "u8 is_movement"),
        (0x14, "IMU", "s16 roll; s16 pith; s16 yaw"),
        (
            0x15,
            "ODK",
            "u8 @; u8 state;"
            + "".join(f"u32 {one}_resistance;" for one in _RESISTANCES)
            + "u32 current_conduct_resistance",
        ),
        (0x17, "modern_state", "x20; s16 rssi:device; x15"),
        (0x18, "humidity", "u16 humidity /10"),
        (0x19, "illuminance", "u16 illuminance"),
        (
            0x20,
            "acceleration",
            "s16 acceleration_g:x /1000; s16 acceleration_g:y /1000; s16 acceleration_g:z /1000",
        ),
        (0x21, "guard", "u8 @; u8 contact"),
        (
            0x22,
            "inclination",
            "u16 x_axis_angle_pct /10; u16 y_axis_angle_pct /10; u16 z_axis_angle_pct /10",
        ),
    )
}
_CURRENT_LOOP, _RS485 = 0x0A, 0x10
_MOST = {"distance": 3.0, "humidity": 100.0, "digital_input": 1.0, "is_movement": 1.0, "contact": 1}
"""Beyond these, the maker tells "unknown"."""
_CELL_ID = Frame("u16 @\nu16 @\nu16 @\nu32 @\ns16 rssi", "little")
_BEACON = Frame("u16 @\nu16 @\ns8 rssi", "little")


def _iot(payload: bytes, f_port: int) -> list[Measurement]:
    """Return the battery's level, and all frames with their times."""
    if f_port != _IOT_PORT:
        raise PayloadError(f"{_IOT} FPort", _IOT_PORT, f_port)
    if len(payload) < 2:
        raise cut_short(_IOT, 0, 2, len(payload))
    battery = payload[0] >> 1
    found = [Measurement("external_power", float(payload[0] & 1))]
    if battery <= 100:
        found.append(Measurement("battery_level", float(battery)))
    at = 2 + (4 if payload[1] & 0x01 else 0) + (2 if payload[1] & 0x10 else 0)
    if at > len(payload):
        raise cut_short(_IOT, 2, at - 2, len(payload) - 2)
    while at < len(payload):
        part, at = _frame(payload, at)
        found += part
    return found


def _frame(payload: bytes, at: int) -> tuple[list[Measurement], int]:
    """Return the values of the frame that begins at a byte, and where it ends."""
    begin = at
    word = int.from_bytes(_bytes(payload, at, 2), "little")
    kind, reason = word & 0xFFF, word >> 12
    at += 2
    before: list[Measurement] = []
    if kind == _CURRENT_LOOP:
        sensor = str(_bytes(payload, at, 1)[0])
        time_ns = _seconds(payload, at + 1)
        amps = int.from_bytes(_bytes(payload, at + 5, 4), "little")
        name, found, at = "4_20mA", [Measurement("mA", float(amps), sensor)], at + 9
    elif kind == _RS485:
        time_ns = _seconds(payload, at)
        size = _bytes(payload, at + 4, 3)[2]
        _bytes(payload, at + 7, size)
        name, found, at = "rs485", [], at + 7 + size
    else:
        known = _TYPES.get(kind)
        if known is None:
            raise PayloadError(
                f"{_IOT} frame at byte {begin}", "a type that the maker knows", f"{kind:03x}h"
            )
        name, frame = known
        time_ns = _seconds(payload, at)
        raw = _bytes(payload, at + 4, frame.size)
        before = _senders(kind, raw)
        found, at = _channelled(frame.read(raw)), at + 4 + frame.size
    told = [_judged(one, found) for one in found if one.value <= _MOST.get(one.quantity, one.value)]
    if reason:
        told.append(Measurement(f"{name}_reason", float(reason)))
    return [one._replace(time_ns=time_ns) for one in (*before, *told)], at


def _judged(one: Measurement, others: list[Measurement]) -> Measurement:
    """Turn an open contact round, and suspect a voltage whose input reports a fault."""
    if one.quantity == "contact":
        return one._replace(value=1.0 - one.value)
    faulty = any(other.quantity == "input_status" and other.value for other in others)
    if one.quantity == "voltage" and faulty:
        return one._replace(quality=Quality.SUSPECT)
    return one


def _channelled(values: list[Measurement]) -> list[Measurement]:
    """Give values the channel that the fields before them name."""
    channel = ".".join(str(int(one.value)) for one in values if one.quantity == "@")
    return [
        one._replace(channel=channel) if channel else one for one in values if one.quantity != "@"
    ]


def _senders(kind: int, raw: bytes) -> list[Measurement]:
    """Return what was heard of access points, beacons or cells."""
    name = _TYPES[kind][0]
    found: list[Measurement] = []
    if name == "wifi":
        for place in range(3):
            one = raw[place * _HEARD : (place + 1) * _HEARD]
            if one[:6] in (bytes(6), b"\xff" * 6):
                continue
            address = one[:6].hex(":")
            found += [
                *_heard_signed(one[6], address),
                Measurement("is_home_network", float(raw[21] >> 5 + place & 1), address),
            ]
    elif name in ("ibeacon", "lbs_geolocation"):
        frame = _BEACON if name == "ibeacon" else _CELL_ID
        for at in range(0, 3 * frame.size, frame.size):
            found += _channelled(frame.read(raw, at))
        found = [one for one in found if name != "ibeacon" or one.value <= 0]
    return found


def _heard_signed(raw: int, address: str) -> list[Measurement]:
    return [Measurement("rssi", float((raw ^ 0x80) - 0x80), address)]


def _seconds(payload: bytes, at: int) -> int | None:
    return int.from_bytes(_bytes(payload, at, 4), "little") * _SECOND_NS or None


def _bytes(payload: bytes, at: int, size: int) -> bytes:
    if at + size > len(payload):
        raise cut_short(_IOT, at, size, len(payload) - at)
    return payload[at : at + size]


@dataclass(frozen=True, eq=False)
class Model:
    """A codec for a maker's trackers: the words that recognise it, and what reads it."""

    NAME: str
    words: tuple[str, ...]
    decode: Callable[[bytes, int], list[Measurement]] = field(repr=False)
    unless: frozenset[str] = frozenset()

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the product where all words of one alternative are there."""
        del dev_eui
        named = any(words.issuperset(one.split()) for one in self.words)
        return named and words.isdisjoint(self.unless)


CODECS: tuple[Model, ...] = (
    Model("moko-lw001-bgpro", ("lw001 bgpro", "lw001 bg pro"), _moko),
    Model("iot-factory", ("iot factory",), _iot, frozenset(("bus", "mbus"))),
)
"""In the order in which they are asked."""
