"""Yobiiq: the registers that its devices send, the smoke detector SD-1001 and the switch RM200.

Source: the codecs that Yobiiq publishes (Yobiiq-BV/codecs; TheThingsNetwork/lorawan-devices,
`vendor/yobiiq`) and its manual of generic data (docs.yobiiq.com). Its energy meters are in
`yobiiq_meters.py`, its gateways of P1 and OpenTherm in `yobiiq_gateways.py`.

A payload is a run of registers: a channel, the register's number, its value, big-endian. Where the
maker does not check the channel, neither do we. One byte alone answers a command; FPort 0 carries
commands of the network; both measure nothing. A register that the maker does not know is refused,
since nobody can say where the next one begins. Versions, serial numbers, and the device's clock
are left out; a value that was read from the data logger has the logger's time.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame, cut_short
from ingest.errors import PayloadError
from ingest.reading import Measurement

Decode = Callable[[bytes], list[Measurement]]
LOGGER = "dataloggerTimestamp"
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True)
class Register:
    """A register: its frame (None: a text, up to the next channel FFh), and its highest state."""

    frame: Frame | None
    highest: int | None = None


def table(text: str) -> dict[int, Register]:
    """Return the registers of a table: "0b u8 powerEvent ?1" is at 0Bh, and 0 or 1."""
    found = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        number, _, rest = line.partition(" ")
        layout, _, highest = rest.partition("?")
        frame = None if rest == "text" else Frame(layout.replace(";", "\n"))
        found[int(number, 16)] = Register(frame, int(highest) if highest else None)
    return found


NOTHING_APART: Mapping[bytes, Register] = {}


def registers(
    name: str,
    known: Mapping[int, Register],
    channels: frozenset[int] | None = None,
    apart: Mapping[bytes, Register] = NOTHING_APART,
) -> Decode:
    """Return what reads a run of registers.

    channels  that may stand before a register; None: any
    apart     registers that are others on a certain channel, by channel and number
    """

    def decode(payload: bytes) -> list[Measurement]:
        found: list[Measurement] = []
        at = 0
        while at < len(payload):
            if at + 2 > len(payload):
                raise cut_short(name, at, 2, len(payload) - at)
            one = apart.get(payload[at : at + 2]) or known.get(payload[at + 1])
            if one is None or (channels is not None and payload[at] not in channels):
                raise PayloadError(
                    f"{name} at byte {at}", "a register that the maker knows", payload[at:].hex()
                )
            at += 2
            if one.frame is None:
                end = payload.find(0xFF, at)
                at = len(payload) if end < 0 else end
                continue
            found += _read(name, one, payload, at)
            at += one.frame.size
        return found

    return decode


def _read(name: str, one: Register, payload: bytes, at: int) -> list[Measurement]:
    assert one.frame is not None
    if at + one.frame.size > len(payload):
        raise cut_short(name, at, one.frame.size, len(payload) - at)
    values = one.frame.read(payload, at)
    for value in values:
        if one.highest is not None and value.value > one.highest:
            raise PayloadError(f"{name} {value.quantity}", f"0 to {one.highest}", value.value)
    return values


def logged(found: list[Measurement]) -> list[Measurement]:
    """Give every value the data logger's time, where the message tells one."""
    seconds = next((int(one.value) for one in found if one.quantity == LOGGER), 0)
    told = [one for one in found if one.quantity != LOGGER]
    if not seconds:
        return told
    return [one._replace(time_ns=one.time_ns or seconds * _SECOND_NS) for one in told]


@dataclass(frozen=True, eq=False)
class Model:
    """A model's codec: its words, and what reads each of its ports."""

    NAME: str
    words: tuple[str, ...]
    ports: Mapping[int, Decode] = field(repr=False)

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model where all words of one alternative are there."""
        del dev_eui
        return any(words.issuperset(one.split()) for one in self.words)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says.

        Errors  PayloadError for another port or register, or a payload that is cut short.
        """
        if f_port == 0:
            return []
        read = self.ports.get(f_port)
        if read is None:
            raise PayloadError(
                f"{self.NAME} FPort", f"0 or one of {', '.join(map(str, self.ports))}", f_port
            )
        if payload in {b"\0", b"\1"}:
            return []
        if not payload:
            raise cut_short(self.NAME, 0, 1, 0)
        return logged(read(payload))


INFO = table("""
    01 text
    02 text
    03 x4
    04 x2
    05 x2
    06 u8 powerEvent ?1
    07 u8 battery_level
    08 u8 battery_voltage /10
    11 u8 _ ?2
""")
"""What newer models say about themselves."""
FF = frozenset((0xFF,))

INFO_OLD = table("""
    09 x2
    0a x2
    16 x4
    0f x1
    0b u8 powerEvent ?1
    1e u16 primaryCurrentTransformerRatio
    1f u8 secondaryCurrentTransformerRatio
    20 u32 primaryVoltageTransformerRatio
    21 u16 secondaryVoltageTransformerRatio
    28 text
""")
"""What older models say about themselves."""

_SMOKE = {
    number: Register(Frame(f"u8 {name}"), highest)
    for number, (name, highest) in {
        0x01: ("battery_level", None),
        0x02: ("powerEvent", 1),
        0x03: ("low_battery", 1),
        0x04: ("faultAlarm", 1),
        0x05: ("smokeAlarm", 1),
        0x06: ("interconnectAlarm", 1),
        0x07: ("testButtonPressed", 1),
    }.items()
}
_SMOKE_INFO = registers("Yobiiq SD-1001", INFO_OLD | table("16 x5"), FF)


def _smoke(payload: bytes) -> list[Measurement]:
    """Return a smoke detector's state: a channel, a type that tells nothing, a value."""
    if payload[0] == 0xFF:
        return _SMOKE_INFO(payload)
    if len(payload) % 3:
        raise PayloadError("Yobiiq SD-1001 length", "three bytes each", payload.hex())
    found: list[Measurement] = []
    for at in range(0, len(payload), 3):
        one = _SMOKE.get(payload[at])
        if one is None:
            raise PayloadError("Yobiiq SD-1001 channel", "01h to 07h", f"{payload[at]:02x}h")
        found += _read("Yobiiq SD-1001", one, payload, at + 2)
    return found


_GENERIC = table("""
    64 u8 deviceStatus ?1
    65 text
    66 text
    67 text
    68 x4
    69 x2
    6a x2
    6b u8 externalPowerStatus ?1
    6c u8 battery_voltage /10
    6d u8 battery_level
    78 u8 internalCircuitTemperatureAlarm ?1
    79 u32 internalCircuitTemperatureNumberOfAlarms
    7a s16 temperature:internal /100
    7b u8 humidity:internal
    82 s16 temperature /100
    83 u8 humidity
    96 u8 joinStatus ?1
    9d u8 applicationPort
    9e u8 _
    9f u8 _
    a0 u8 adr ?1
    a1 u8 sf ?6
    a3 u8 radioMode ?2
    a4 u8 numberOfJoinAttempts
    a5 u16 linkCheckTimeframe
    a6 u8 dataRetransmission ?1
    a7 u8 lorawanWatchdogAlarm ?1
""")
_SWITCHES = table(
    "\n".join(
        f"""
        {n}a u8 digital_output:{n} ?1
        {n}b u8 channel{n}Control ?1
        {n}c u32 pulse_register:{n}
        {n}d u8 channel{n}DefaultState ?2
        {n}e u8 channel{n}WatchdogState ?2
        {n}f u8 channel{n}ButtonOverrideFunction ?1
        {n}0 u8 channel{n}ButtonOverrideStatus ?2
        """
        for n in (1, 2)
    )
)
_CLOCKS = table("fe x4\n 01 u32 dataloggerTimestamp")


def _rm200() -> dict[int, Decode]:
    name, all_of_it = "Yobiiq RM200", _GENERIC | _SWITCHES
    data = registers(name, all_of_it | _CLOCKS, frozenset((0x01,)))
    return {
        **dict.fromkeys(range(1, 6), data),
        11: registers(name, all_of_it | _CLOCKS, frozenset((0xAA,))),
        **dict.fromkeys(range(50, 100), registers(name, _GENERIC, FF)),
        100: registers(name, all_of_it, FF),
    }


CODECS: tuple[Model, ...] = (
    Model(
        "yobiiq-sd1001", ("sd1001", "yobiiq sd 1001", "iq sd 1001"), dict.fromkeys((8, 50), _smoke)
    ),
    Model("yobiiq-rm200", ("yobiiq rm200", "iq rm200"), _rm200()),
)
