"""Laird Connectivity, now Ezurio: Sentrius RS1xx and RS26x.

Source: "RS1xx LoRa Protocol", application note (Laird Connectivity), and the codecs that the
maker publishes in the LoRaWAN device repository (TheThingsNetwork/lorawan-devices,
`vendor/laird`, `vendor/ezurio`).

RS1xx: the first byte is the message, the second its flags. A number with decimals is its
hundredths and then its whole part, each with its sign: one byte each, or two with an RTD probe. A
backlogged reading has its time in seconds since 2015; a sensor whose clock was never set counts
from its start (`request_server_time` says so), and its readings are suspect. An aggregate has one
time for all its readings and the note does not say how far apart they are, so they are channels
"1", "2" … of that time.
`batteryCapacity` is the maker's class: 0 for 0-5 %, 1 for 5-20 %, then 20 % each up to 5.

RS26x: tags and values after a byte of kind and a byte of status. `batteryStatus` is 0 for critical,
1 for replace, 2 for OK, 3 for good. Texts (names, versions, addresses) are passed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame, cut_short
from ingest.codecs.single_frames import in_decimals
from ingest.errors import PayloadError
from ingest.reading import Measurement, Quality

_SECOND = 1_000_000_000
_EPOCH_2015 = 1_420_070_400
_CLOCK_SET_NS = (_EPOCH_2015 + 365 * 86_400) * _SECOND
_PORT = 1

_FLAGS = """
    u8 _
    .0 request_server_time
    .1 configuration_error
    .2 alarm
    .3 reset
    .4 fault
    .5-7 unknown_flags
"""
_STATUS = "u8 batteryCapacity\n u16 alarmMsgCount\n u16 backlogMsgCount"
_CONFIG = """
    u8 batteryType
    u16 sensorReadPeriod
    u8 sensorAggregate
    u8 tempAlarmsEnabled
"""
_LEDS = "u16 ledBle\n u16 ledLora"

_NARROW = (("humidity", 1), ("temperature", 1))  # what a reading holds, and bytes of half of it
_WIDE = (("temperature", 2),)
Reading = tuple[tuple[str, int], ...]

# The highest number that the maker gives a meaning to.
_HIGHEST = {
    "unknown_flags": 0,
    "batteryCapacity": 5,
    "tempAlarmsEnabled": 1,
    "humidityAlarmsEnabled": 1,
    "operatingMode": 1,
    "open": 1,
    "alertCancellation": 1,
    "batteryType": 2,
    "loraNotificationOptions": 15,
}
_LOWEST = {"batteryType": 1}

_SIMPLE = Frame(_FLAGS + _CONFIG + "u8 humidityAlarmsEnabled")
_ADVANCED = Frame(
    _FLAGS
    + _CONFIG
    + """
    u8 humidityAlarmsEnabled
    s8 tempAlarmLimitLow
    s8 tempAlarmLimitHigh
    u8 humidityAlarmLimitLow
    u8 humidityAlarmLimitHigh
"""
    + _LEDS
)
_VERSION = Frame(_FLAGS + "x9")
_CONTACT_CONFIG = Frame(
    _FLAGS
    + """
    u8 operatingMode
    u8 loraNotificationOptions
    u16 openDwellTime
    u16 closedDwellTime
    u8 resendInterval
    u8 debounceAdjust
"""
)
_CONTACT = Frame(_FLAGS + "u8 operatingMode\n u8 open\n u8 alertCancellation\n u8 counter")
_RTD_CONFIG = Frame(_FLAGS + _CONFIG + "s16 tempAlarmLimitLow\n s16 tempAlarmLimitHigh\n" + _LEDS)
_HEAD = Frame(_FLAGS)
_COUNTS = Frame(_STATUS)
_AGGREGATE = Frame(_FLAGS + "u8 alarmMsgCount\n u16 backlogMsgCount\n u8 batteryCapacity")

_BATTERY: Reading = (("battery_voltage", 1),)
_COMMON = {5: _SIMPLE, 7: _VERSION}
_CLIMATE = {**_COMMON, 6: _ADVANCED}


def _size(reading: Reading) -> int:
    return sum(2 * half for _, half in reading)


def _read(
    reading: Reading, payload: bytes, at: int, channel: str = "", time_ns: int | None = None
) -> list[Measurement]:
    """Return the numbers of a reading, each as hundredths and whole part."""
    unset = time_ns is not None and time_ns < _CLOCK_SET_NS
    quality = Quality.SUSPECT if unset else Quality.MEASURED
    found: list[Measurement] = []
    for quantity, half in reading:
        hundredths = int.from_bytes(payload[at : at + half], signed=True)
        whole = int.from_bytes(payload[at + half : at + 2 * half], signed=True)
        value = (100 * whole + hundredths) / 100
        found.append(Measurement(quantity, value, channel, time_ns, quality))
        at += 2 * half
    return found


def _time_ns(payload: bytes, at: int) -> int:
    return (_EPOCH_2015 + int.from_bytes(payload[at : at + 4])) * _SECOND


def _sized(payload: bytes, wanted: int) -> None:
    if len(payload) != wanted:
        raise PayloadError(
            f"RS1xx length of message 0x{payload[0]:02x}",
            f"{wanted} bytes",
            f"{len(payload)} bytes: {payload.hex()}",
        )


@dataclass(frozen=True, eq=False)
class Sentrius:
    """RS1xx with one kind of probe.

    live     the message that carries a live reading
    reading  what a reading holds
    frames   the other messages, from their second byte on
    among    words of which one must be there; none: any name
    unless   words of the other kinds
    """

    NAME: str
    live: int
    reading: Reading
    frames: Mapping[int, Frame] = field(repr=False)
    among: frozenset[str] = frozenset()
    unless: frozenset[str] = frozenset()

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the series by its number, and the kind by its probe."""
        if words.isdisjoint(_SERIES) or not words.isdisjoint(self.unless):
            return False
        return not self.among or not words.isdisjoint(self.among)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says.

        Errors  PayloadError for another port, message, size or code than the maker documents.
        """
        if f_port != _PORT:
            raise PayloadError("RS1xx FPort", _PORT, f_port)
        if len(payload) < 2:
            raise cut_short("RS1xx", 0, 2, len(payload))
        return _checked(self._read(payload))

    def _read(self, payload: bytes) -> list[Measurement]:
        kind, size = payload[0], _size(self.reading)
        if kind == self.live:
            _sized(payload, 2 + size + _COUNTS.size)
            found = _HEAD.read(payload, 1) + _read(self.reading, payload, 2)
            return found + _COUNTS.read(payload, 2 + size)
        if kind == 2:
            return self._aggregate(payload)
        if kind == 3:
            _sized(payload, 6 + size)
            when = _time_ns(payload, 2)
            return _HEAD.read(payload, 1) + _read(self.reading, payload, 6, "", when)
        if kind == 4:
            return self._backlog(payload)
        if kind == 10:
            _sized(payload, 4)
            return _HEAD.read(payload, 1) + _read(_BATTERY, payload, 2)
        frame = self.frames.get(kind)
        if frame is None:
            wanted = ", ".join(f"0x{one:02x}" for one in (self.live, 2, 3, 4, 10, *self.frames))
            raise PayloadError(f"{self.NAME} message", f"one of {wanted}", f"0x{kind:02x}")
        return frame.whole(payload, f"{self.NAME} message 0x{kind:02x}", 1)

    def _aggregate(self, payload: bytes) -> list[Measurement]:
        at = 1 + _AGGREGATE.size
        if len(payload) < at + 5:
            raise cut_short("RS1xx aggregate", 0, at + 5, len(payload))
        count, size = payload[at], _size(self.reading)
        _sized(payload, at + 5 + max(count, 1) * size)
        when, found = _time_ns(payload, at + 1), _AGGREGATE.read(payload, 1)
        for number in range(count):
            start = at + 5 + number * size
            found += _read(self.reading, payload, start, str(number + 1), when)
        return found

    def _backlog(self, payload: bytes) -> list[Measurement]:
        if len(payload) < 3:
            raise cut_short("RS1xx backlog", 2, 1, 0)
        count, size = payload[2], 4 + _size(self.reading)
        _sized(payload, 3 + max(count, 1) * size)
        found = _HEAD.read(payload, 1)
        for at in range(3, len(payload), size):
            found += _read(self.reading, payload, at + 4, "", _time_ns(payload, at))
        return found


def _checked(found: list[Measurement]) -> list[Measurement]:
    """Refuse codes without a meaning; tell the contact as ours."""
    told: list[Measurement] = []
    for one in found:
        low, high = _LOWEST.get(one.quantity, 0), _HIGHEST.get(one.quantity)
        if high is not None and not low <= one.value <= high:
            raise PayloadError(f"RS1xx {one.quantity}", f"{low} to {high}", int(one.value))
        if one.quantity == "open":
            told.append(Measurement("contact", 1.0 - one.value))
        elif one.quantity != "unknown_flags":
            told.append(one)
    return told


# RS26x

_RS26_HEAD = Frame("""
    u8 _
    .6-7 batteryStatus
    .0 fault
    .1 bandwidth_limitation
    .2 backlogs_available
    .3 backlog_wraparound
    .4 unsupported_api_version
""")
_SETTINGS = {
    **{
        tag: Frame(f"{kind} {name}")
        for tag, kind, name in (
            (1, "u8", "sensorType"),
            (2, "u16", "readPeriod"),
            (5, "u8", "auRegion"),
            (6, "u8", "confirmedPackets"),
            (7, "u8", "confirmedPacketsRetries"),
            (8, "u8", "rfPower"),
            (11, "u8", "connectionState"),
            (12, "u32", "downlinkPacketCount"),
            (13, "s8", "snr:device"),
            (14, "u8", "lorawanState"),
            (15, "u32", "uplinkPacketCount"),
            (16, "u8", "maxTxPower"),
            (17, "u8", "region"),
            (18, "u8", "channelMask"),
            (19, "u8", "aggregateCount"),
            (20, "u8", "aggregationMode"),
            (23, "u8", "deviceType"),
            (35, "u8", "ledFlashPeriod"),
            (36, "s8", "rssi:ble"),
            (37, "s8", "bleTxPower"),
            (39, "u8", "operatingMode"),
            (40, "u8", "networkTime"),
            (41, "s8", "rssi:device"),
            (42, "u8", "dataRate"),
            (48, "f32", "coefficientA"),
            (49, "f32", "coefficientB"),
            (50, "f32", "coefficientC"),
            (51, "u16", "batteryThresholdGood"),
            (52, "u16", "batteryThresholdBad"),
            (53, "u16", "batteryThresholdCritical"),
            (54, "u16", "batteryVoltage"),  # the maker does not say in which unit
        )
    },
    3: Frame("x14"),  # an address, as letters
    **dict.fromkeys((22, 25, 32), Frame("")),  # what was done
    31: Frame("x4"),  # the clock
    33: Frame("f32 calibration560:1\n f32 calibration560:2"),
    34: Frame("f32 calibration330k:1\n f32 calibration330k:2"),
}
_TEXTS = frozenset((0, 26, 27, 30, 38))  # each ends in a byte 0

_NARROW_26, _WIDE_26 = (2, 256), (4, 65536)  # bytes of a temperature, and parts of a degree


def _degrees(payload: bytes, at: int, size: int, parts: int) -> float:
    return in_decimals(int.from_bytes(payload[at : at + size], signed=True) / parts, 2)


def _rs26_values(payload: bytes) -> list[Measurement]:
    found, at = _RS26_HEAD.read(payload, 1), 2
    while at < len(payload):
        tag = payload[at]
        if tag > 5:
            raise PayloadError(f"RS26x at byte {at}", "a tag from 0 to 5", tag)
        size, parts = _WIDE_26 if tag >= 3 else _NARROW_26
        kind, at, count, head = tag % 3, at + 1, 1, 0
        if kind == 1:
            head = 4
        elif kind == 2:
            count, head = (payload[at] if at < len(payload) else 0), 5
        if at + head + count * size > len(payload):
            raise cut_short("RS26x", at, head + count * size, len(payload) - at)
        when = None
        if kind:
            when = int.from_bytes(payload[at + head - 4 : at + head]) * _SECOND
        for number in range(count):
            value = _degrees(payload, at + head + number * size, size, parts)
            channel = str(number + 1) if kind == 2 else ""
            found.append(Measurement("temperature", value, channel, when))
        at += head + count * size
    return found


def _rs26_settings(payload: bytes) -> list[Measurement]:
    found, at = _RS26_HEAD.read(payload, 1), 2
    while at < len(payload):
        tag = payload[at]
        at += 1
        if tag in _TEXTS:
            end = payload.find(0, at)
            if end < 0:
                raise PayloadError(f"RS26x at byte {at}", "a text that ends in 0", payload.hex())
            at = end + 1
            continue
        frame = _SETTINGS.get(tag)
        if frame is None:
            raise PayloadError(f"RS26x at byte {at - 1}", "a tag that the maker documents", tag)
        if at + frame.size > len(payload):
            raise cut_short("RS26x", at, frame.size, len(payload) - at)
        found += frame.read(payload, at)
        at += frame.size
    return found


class Sentrius26:
    """RS26x: a temperature, with what was kept while it could not be sent."""

    NAME = "ezurio-rs26x"

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the series by its number."""
        return not words.isdisjoint(("rs26x", "rs261", "rs262"))

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says.

        Errors  PayloadError for another kind, an unknown tag, or a value cut short.
        """
        if len(payload) < 2:
            raise cut_short("RS26x", 0, 2, len(payload))
        if payload[0] > 1:
            raise PayloadError("RS26x kind", "0 (values) or 1 (settings)", payload[0])
        return _rs26_settings(payload) if payload[0] else _rs26_values(payload)


_SERIES = frozenset(("rs1xx", "rs186", "rs191"))
_RTD = frozenset(("rtd",))
_CLIMATE_ONLY = frozenset(("rh", "1w"))

CODECS: tuple[Sentrius | Sentrius26, ...] = (
    Sentrius("laird-rs1xx-rtd", 11, _WIDE, {**_COMMON, 12: _RTD_CONFIG}, among=_RTD),
    Sentrius("laird-rs1xx-climate", 1, _NARROW, _CLIMATE, among=_CLIMATE_ONLY, unless=_RTD),
    Sentrius(
        "laird-rs1xx",
        1,
        _NARROW,
        {**_CLIMATE, 8: _CONTACT_CONFIG, 9: _CONTACT},
        unless=_RTD | _CLIMATE_ONLY,
    ),
    Sentrius26(),
)
"""In the order in which they are asked; a name is of one of them."""
