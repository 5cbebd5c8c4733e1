"""TWTG NEON vibration sensor (DS-VB): events and the state of the device.

Source: TWTG, "NEON Vibration Sensor: application payload", document E, protocol versions 1 and 2,
as its published decoder reads it. Little-endian; the first byte holds the version and the message.

Velocities are in mm/s and accelerations as TWTG tells them, under TWTG's own names; `temperature`
is the average, with "min" and "max" as channels, that of the base station part with "base" before.
Starts, activations and deactivations give no measurement. Neither does a spectrum (message 8): its
forty lines are no series in time; it is checked for its length only.
"""

from ingest.codecs.frames import Frame
from ingest.errors import PayloadError
from ingest.reading import Measurement

NAME = "twtg-vb"

_VERSIONS = (1, 2)
_SPANS = ("min", "max", "avg")
_AXES = ("x", "y", "z")


def _axes(kind: str, name: str) -> str:
    return "".join(f"{kind} {name}.{axis}.{span} /100\n" for axis in _AXES for span in _SPANS)


_EVENT = Frame(
    f"""
    x2
    {_axes("u16", "rms_velocity")}
    {_axes("s16", "acceleration")}
    s16 temperature:min /100
    s16 temperature:max /100
    s16 temperature /100
    u8 _
    .0 condition_0
    .1 condition_1
    .2 condition_2
    .3 condition_3
    .4 condition_4
    .5 condition_5
    """,
    "little",
)
_STATUS = Frame(
    """
    x3
    u16 battery_voltage:low /1000
    u16 battery_voltage:high /1000
    u16 battery_voltage:settle /1000
    s8 temperature:base.min
    s8 temperature:base.max
    s8 temperature:base
    u8 lvds_error_counter
    u8 lora_tx_counter
    u8 avg_rssi *-1
    s8 avg_snr
    x6
    u8 event_counter
    x1
    """,
    "little",
)
_MESSAGES = {
    0: ("start", Frame("x46")),
    1: ("activation", Frame("x7")),
    2: ("deactivation", Frame("x3")),
    3: ("event", _EVENT),
    4: ("device status", _STATUS),
    8: ("spectrum", Frame("x46")),
}


def matches(words: frozenset[str], dev_eui: str) -> bool:
    """Recognise the vibration sensor; TWTG's other sensors have other messages."""
    return "vb" in words and ("twtg" in words or words.issuperset(("ds", "01")))


def decode(payload: bytes, f_port: int) -> list[Measurement]:
    """Return what the message says.

    Errors  PayloadError for another version, message or length than the document has.
    """
    version, message = divmod(payload[0] if payload else 0, 16)
    if version not in _VERSIONS:
        raise PayloadError("TWTG protocol version", "1 or 2", payload.hex() or "no bytes")
    if message not in _MESSAGES:
        raise PayloadError(
            "TWTG message", f"one of {', '.join(map(str, _MESSAGES))}", payload.hex()
        )
    name, frame = _MESSAGES[message]
    return frame.whole(payload, f"TWTG {name}")
