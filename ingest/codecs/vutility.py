"""Vutility clamps: VoltDrop (voltage, current, energy), HotDrop (ampere hours), PulseDrop (pulses).

Source: Vutility, "payload codecs" (the-real-vutility/payload-codecs), the read-me of each product.
The first byte is the number of the packet and says which layout follows; big-endian.

Energies are in Wh since the last factory reset. Capacitor voltage is that of the clamp's own store.
A maximum or minimum current is sent as a share of the average one. The packet of a start (46) holds
texts and so no measurements. A PulseDrop that could not ask its meter is refused: the count that it
sends is none.
"""

from ingest.codecs.frames import Frame
from ingest.errors import PayloadError
from ingest.reading import Measurement

NAME = "vutility"

_PRODUCTS = frozenset(("voltdrop", "hotdrop", "pulsedrop"))
_PHASES = ("L1", "L2", "L3")


def _each(line: str) -> str:
    return "\n".join(line.format(phase) for phase in _PHASES) + "\n"


_VOLTAGES = _each("u16 voltage:{} /64")
_CURRENTS = _each("u16 current:{} /16")
_MAXIMA = _each("u8 maxCurrent{} +32 /32")  # of the average; multiplied below
_ANGLES = _each("u8 phaseAngle{} *360 /255")
_FACTORS = _each("s8 power_factor:{} /100")
_CAPACITOR = "u8 capacitorVoltage *5 /255\n"
_TEMPERATURE = "u8 temperature -85 *120 /255\n"
_MEAN_FACTOR = "s16 power_factor /12800\n"
_ACTIVE = "u64 _\n .0-52s active_energy_import\n" + _MEAN_FACTOR
_APPARENT = "u64 _\n .0-52 apparent_energy\n" + _MEAN_FACTOR
_CONDITIONS = (
    "invalid_downlink core_voltage_drop eeprom_fail reader_timeout reader_nack reader_overvoltage"
    " reader_not_calibrated phase_sequence_error transmit_duty_cycle_restricted"
)

_PULSES = 28
_FRAMES = {
    _PULSES: Frame(f"x1\n{_CAPACITOR}{_TEMPERATURE}u32 pulse_register\n x3\n u8 error"),
    38: Frame(f"x1\n{_VOLTAGES}{_ANGLES}{_CAPACITOR}{_CURRENTS}{_MAXIMA}{_TEMPERATURE}"),
    39: Frame(f"x1\n{_VOLTAGES}{_ANGLES}{_CAPACITOR}"),
    40: Frame(f"x1\n{_VOLTAGES}{_FACTORS}{_CAPACITOR}"),
    41: Frame(f"x1\n{_CURRENTS}{_MAXIMA}{_TEMPERATURE}"),
    42: Frame("x1\n" + _ACTIVE),
    43: Frame("x1\n" + _ACTIVE),
    44: Frame("x1\n" + _APPARENT),
    45: Frame("x1\n" + _APPARENT),
    46: Frame("x11"),
    47: Frame(
        "x1\n u16 _\n"
        + "".join(
            f".{bit} systemErrorConditions:{name}\n" for bit, name in enumerate(_CONDITIONS.split())
        )
        + "x8"
    ),
    50: Frame(
        "x1\n u32 ampHourAccumulation /10\n u16 current /10\n u8 maximumAmps +100 /100\n"
        f"u8 minimumAmps -100 /-100\n {_CAPACITOR}{_TEMPERATURE}"
    ),
}
"""By packet. Bits 0 to 52 of an energy are what the maker's own decoder tells of its 64."""

_OF_CURRENT = {f"maxCurrent{phase}": phase for phase in _PHASES} | dict.fromkeys(
    ("maximumAmps", "minimumAmps"), ""
)
_METER_ERRORS = {1: "no response from the meter", 2: "an invalid response from the meter"}


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise a product by its name."""
    return not words.isdisjoint(_PRODUCTS)


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what the packet says; the port says nothing.

    Errors  PayloadError for an unknown packet, another length, or a PulseDrop without a meter.
    """
    packet = payload[0] if payload else -1
    frame = _FRAMES.get(packet)
    if frame is None:
        raise PayloadError(
            "Vutility packet", f"one of {', '.join(map(str, _FRAMES))}", payload.hex() or "no bytes"
        )
    found = frame.whole(payload, f"Vutility packet {packet}")
    if packet == _PULSES:
        error = int(found.pop().value)
        if error & 3:
            told = " and ".join(text for bit, text in _METER_ERRORS.items() if error & bit)
            raise PayloadError("PulseDrop meter", "an answer of the meter", told)
    currents = {one.channel: one.value for one in found if one.quantity == "current"}
    return [
        one._replace(value=one.value * currents[_OF_CURRENT[one.quantity]])
        if one.quantity in _OF_CURRENT
        else one
        for one in found
    ]
