"""Adeunis: a frame for each code in the first byte; the second is the status.

Source: the codecs that the maker publishes (TheThingsNetwork/lorawan-devices, `vendor/adeunis`:
Motion, Temp V4; and sln-nc/adeunis-codecs-lib, `src/products`: Analog, Comfort, Delta P, Dry
Contacts, Pulse and Temp of the versions before). FPort 1 carries all of them.

A periodic frame ends in a history: now, one period ago, two … The period is a setting that the
frame does not tell, so earlier values can't be given a time of their own; their channels are
"t-1", "t-2" … ("1.t-1" for a probe's). A device whose status says so puts the time of its newest
value at the end, in seconds since 2013. The status has a counter of frames, which is left out, and
its error of the hardware is never set by the maker's decoder.

A probe of Temp that is not connected says -3276.8, which is no measurement; so is an input of
Analog that is switched off.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame, cut_short
from ingest.codecs.single_frames import in_decimals
from ingest.errors import PayloadError
from ingest.reading import Measurement

Found = list[Measurement]
Read = Callable[[bytes], Found]

_PORT = 1
_EPOCH_2013 = 1_356_998_400
_SECOND = 1_000_000_000
_STAMPED, _TWO_PROBES = 0x04, 0x10

_STATUS = "u8 _\n .1 low_battery\n .0 configurationDone\n"
_STATUS_MORE = _STATUS + ".3 configurationInconsistency\n"


@dataclass(frozen=True, eq=False)
class Product:
    """A product: how to read each of its frames.

    words   alternatives, each the words that must all be there
    frames  by code; each reads the payload from the status on
    """

    NAME: str
    words: tuple[str, ...]
    frames: Mapping[int, Read] = field(repr=False)
    unless: frozenset[str] = frozenset()

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the product by its words; the DevEUI says nothing."""
        named = any(words.issuperset(one.split()) for one in self.words)
        return named and words.isdisjoint(self.unless)

    def decode(self, payload: bytes, f_port: int) -> Found:
        """Return what the payload says.

        Errors  PayloadError for another FPort, an unknown code, or a size that is not the frame's.
        """
        if f_port != _PORT:
            raise PayloadError(f"{self.NAME} FPort", _PORT, f_port)
        if len(payload) < 2:
            raise cut_short(self.NAME, 0, 2, len(payload))
        read = self.frames.get(payload[0])
        if read is None:
            wanted = ", ".join(f"0x{code:02x}" for code in self.frames)
            raise PayloadError(f"{self.NAME} frame", f"one of {wanted}", f"0x{payload[0]:02x}")
        return [
            one._replace(value=float(bool(one.value))) if one.quantity in _STATES else one
            for one in read(payload)
        ]


# Sent as a byte: any number but 0 is a yes.
_STATES = frozenset(("occupancy", "alarmLuminosity", "alarmPresence", "alarmTemperature", "alarm"))


def _one(table: str, status: str = _STATUS_MORE) -> Read:
    """Return the reader of a frame of one size."""
    frame = Frame(status + table)

    def read(payload: bytes) -> Found:
        return frame.whole(payload, f"Adeunis frame 0x{payload[0]:02x}", 1)

    return read


def _history(head: str, row: str, status: str = _STATUS_MORE) -> Read:
    """Return the reader of a frame that ends in rows: now, one period ago, two …"""
    first, every = Frame(status + head), Frame(row)

    def read(payload: bytes) -> Found:
        at = 1 + first.size
        rows, rest = divmod(len(payload) - at, every.size)
        if rows < 1 or rest:
            raise PayloadError(
                f"Adeunis frame 0x{payload[0]:02x}",
                f"rows of {every.size} bytes from byte {at} on",
                f"{len(payload)} bytes: {payload.hex()}",
            )
        found = first.read(payload, 1)
        for number in range(rows):
            found += _aged(every.read(payload, at + number * every.size), number)
        return found

    return read


def _aged(found: Found, periods: int) -> Found:
    """Name the values of some periods ago as such."""
    if not periods:
        return found
    return [
        one._replace(channel=f"{one.channel}.t-{periods}" if one.channel else f"t-{periods}")
        for one in found
    ]


def _stamped(payload: bytes, found: Found) -> Found:
    """Give the newest values the time at the payload's end, if the status says it is there."""
    if not payload[1] & _STAMPED:
        return found
    when = (_EPOCH_2013 + int.from_bytes(payload[-4:])) * _SECOND
    return [
        one._replace(time_ns=when)
        if one.quantity == "temperature" and "t-" not in one.channel
        else one
        for one in found
    ]


_TEMP_STATUS = Frame(_STATUS_MORE)
_TEMP_ROW = "s16 temperature:{0} /10 !-32768\n"
_ALARM_ROW = "u8 alarmStatus:{0}\n" + _TEMP_ROW


def _temp4(row: str, rows: int | None) -> Read:
    """Return the reader of a frame of Temp V4: one probe or two, and perhaps a time.

    rows  how many rows there are; None: as many as fit
    """
    frames = {
        count: Frame("".join(row.format(one + 1) for one in range(count))) for count in (1, 2)
    }

    def read(payload: bytes) -> Found:
        frame = frames[2 if payload[1] & _TWO_PROBES else 1]
        end = len(payload) - (4 if payload[1] & _STAMPED else 0)
        count, rest = divmod(end - 2, frame.size)
        if count < 1 or rest or (rows is not None and count != rows):
            raise PayloadError(
                f"Adeunis frame 0x{payload[0]:02x}",
                f"rows of {frame.size} bytes",
                f"{len(payload)} bytes: {payload.hex()}",
            )
        found = _TEMP_STATUS.read(payload, 1)
        for number in range(count):
            found += _aged(frame.read(payload, 2 + number * frame.size), number)
        return _stamped(payload, found)

    return read


def _digital_alarm(channel: str) -> Read:
    """Return the reader of the alarm of a digital input, which may end in a time."""
    frame = Frame(
        _STATUS_MORE
        + f"""
        u8 _
        .1 previousState:{channel}
        .0 digital_input:{channel}
        u32 pulse_register:{channel}
        u16 pulse_count:{channel}
    """
    )

    def read(payload: bytes) -> Found:
        if not payload[1] & _STAMPED:
            return frame.whole(payload, f"Adeunis frame 0x{payload[0]:02x}", 1)
        wanted = 1 + frame.size + 4
        if len(payload) != wanted:
            raise cut_short("Adeunis digital alarm", 0, wanted, len(payload))
        when = (_EPOCH_2013 + int.from_bytes(payload[-4:])) * _SECOND
        own = ("digital_input", "pulse_register", "pulse_count")
        return [
            one._replace(time_ns=when) if one.quantity in own else one
            for one in frame.read(payload, 1)
        ]

    return read


_ANALOG_STATUS = Frame(_STATUS)
_ANALOG_SIZE = 10
_VOLTS, _MILLIAMPERES = 1, 2
_ANALOG = {_VOLTS: ("analog_volts", 1e6), _MILLIAMPERES: ("analog_milliamperes", 1e5)}


def _analog(payload: bytes) -> Found:
    """Return both inputs of Analog, each in volts or milliamperes as its type says."""
    if len(payload) != _ANALOG_SIZE:
        raise PayloadError("Adeunis Analog length", f"{_ANALOG_SIZE} bytes", payload.hex())
    found = _ANALOG_STATUS.read(payload, 1)
    for channel, at in (("A", 2), ("B", 6)):
        kind = _ANALOG.get(payload[at] & 0x0F)
        if kind:
            name, parts = kind
            raw = int.from_bytes(payload[at + 1 : at + 4])
            found.append(Measurement(name, in_decimals(raw / parts, 3), channel))
    return found


_OLD_FIRMWARE = 2


def _temp(payload: bytes) -> Found:
    """Return both probes of Temp; later firmware says which of them are switched on."""
    found = _TEMP_FRAME.whole(payload, "Adeunis Temp", 1)
    if payload[5] & 0x0F == _OLD_FIRMWARE:
        return found
    on = {"1": payload[2] & 1, "2": payload[5] & 1}
    return [one for one in found if one.quantity != "temperature" or on[one.channel]]


_TEMP_FRAME = Frame(
    _STATUS
    + """
    x1
    s16 temperature:1 /10 !-32768
    x1
    s16 temperature:2 /10 !-32768
"""
)
_DRY_CONTACTS = """
    u16 pulse_count:A
    u16 pulse_count:B
    u16 pulse_count:C
    u16 pulse_count:D
    u8 _
    .0 contact:A
    .1 previousContact:A
    .2 contact:B
    .3 previousContact:B
    .4 contact:C
    .5 previousContact:C
    .6 contact:D
    .7 previousContact:D
"""
_PULSE_ALIVE = """
    u8 _
    .0 flowAlarm:A
    .1 flowAlarm:B
    .2 tamperAlarm:A
    .3 tamperAlarm:B
    .4 leakageAlarm:A
    .5 leakageAlarm:B
    u16 last24hMax:A
    u16 last24hMax:B
    u16 last24hMin:A
    u16 last24hMin:B
"""
_SETTINGS = """
    u16 transmissionPeriodKeepAlive *10
    u16 numberOfHistorizationBeforeSending
    u16 numberOfSamplingBeforeHistorization
    u16 samplingPeriod *2
"""
_GENERIC: dict[int, Read] = {
    0x1F: _one("x6"),  # what the digital inputs count
    0x20: _one("x2"),  # how the radio works
    0x30: _one(""),
    0x33: _one("u8 requestStatus\n u16 registerId"),
    0x51: _digital_alarm("1"),
    0x52: _digital_alarm("2"),
}

CODECS: tuple[Product, ...] = (
    Product(
        "adeunis-motion",
        ("adeunis motion",),
        {
            **_GENERIC,
            0x10: _one(_SETTINGS + "u16 presenceDetectorInhibition *10"),
            0x4E: _history("u16 globalCounterValue", "s16 counterValues\n u8 luminosity"),
            0x4F: _one("u16 globalCounterValue\n u16 counterValue"),
            0x50: _one("u8 alarmLuminosity\n u8 luminosity"),
            0x5C: _history("u8 occupancy", "u8 presence\n u8 luminosity"),
            0x5D: _one("u8 alarmPresence\n u8 luminosity"),
        },
    ),
    Product(
        "adeunis-comfort",
        ("adeunis comfort",),
        {
            **_GENERIC,
            0x4C: _history("", "s16 temperature /10\n u8 humidity"),
            0x4D: _one(
                "u8 _\n .4-7 alarmTemperature\n .0 alarmHumidity\ns16 temperature /10\n u8 humidity"
            ),
        },
        unless=frozenset(("co2", "serenity")),
    ),
    Product(
        "adeunis-delta-p",
        ("adeunis delta p", "adeunis deltap"),
        {
            **_GENERIC,
            0x53: _history("", "s16 differential_pressure"),
            0x54: _one("u8 alarm\n s16 differential_pressure"),
        },
    ),
    Product(
        "adeunis-temp",
        ("adeunis temp",),
        {
            0x30: _temp4(_TEMP_ROW, 1),
            0x43: _temp,
            0x57: _temp4(_TEMP_ROW, None),
            0x58: _temp4(_ALARM_ROW, 1),
        },
    ),
    Product("adeunis-analog", ("adeunis analog",), {0x30: _analog, 0x42: _analog}),
    Product(
        "adeunis-dry-contacts",
        ("adeunis dry contacts", "adeunis drycontacts"),
        {0x40: _one(_DRY_CONTACTS, _STATUS)},
    ),
    Product(
        "adeunis-pulse",
        ("adeunis pulse",),
        {
            0x30: _one(_PULSE_ALIVE, _STATUS),
            0x46: _one("u32 pulse_register:A\n u32 pulse_register:B", _STATUS),
            0x47: _one("u16 flowValues:A\n u16 flowValues:B", _STATUS),
        },
    ),
)
"""In the order in which they are asked; a name is of one of them."""
