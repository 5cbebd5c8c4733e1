"""Dragino sensors (LHT, LSE, LDDS, LDS, LT …): big-endian frames of one layout for each model.

Source: the layouts were written down from memory and hold for the uplinks in
tests/vectors/uplinks_dragino.jsonl; they are still to be compared with Dragino's user manuals.
LWL02 and the external sensors of LHT65 but the temperature have no such uplink. The frame does
not tell the model, so the name of profile or device must. The battery stands in 14 bits, in mV;
the two above it are flags. A DS18B20 probe or SHT sensor that is not there sends 0x7fff. FPort 5
(and 4 on older models) reports settings and measures nothing.

LSE01: bit 7 of the last byte says that the values are raw (firmware 1.2.1 and later); these are
refused, since their scale depends on the soil. The states of LT-22222-L's inputs and relays, and
what stands in flags of the message itself, are left out.
"""

from collections.abc import Callable
from typing import NamedTuple

from ingest.codecs.frames import Frame
from ingest.errors import PayloadError
from ingest.reading import Measurement

_BATTERY = "u16 _\n.0-13 battery_voltage /1000\n"
_SETTINGS = frozenset((4, 5))
_Choose = Callable[[bytes], Frame | None]


def _always(table: str) -> _Choose:
    frame = Frame(table)

    def choose(payload: bytes) -> Frame:
        del payload
        return frame

    return choose


def _by(place: int, mask: int, tables: dict[int, str]) -> _Choose:
    """Return the choice by some bits of a byte, which say what the rest of the frame is."""
    frames = {kind: Frame(table) for kind, table in tables.items()}
    return lambda payload: frames.get(payload[place] & mask) if len(payload) > place else None


_LHT65 = _BATTERY + "s16 temperature /100 !0x7fff\nu16 humidity /10 !0x7fff !0xffff\nx1\n"
_DOOR = "u24 {0}_times\nu24 last_{0}_duration_min\nu8 _\n.0 alarm\n"
_PROBE = "s16 temperature:probe /10 !0x7fff\n"

# name: (words that must all be there, by one of several spellings), FPort, choice of the frame
_MODELS: dict[str, tuple[tuple[str, ...], int, _Choose]] = {
    "lht65": (
        ("lht65", "lht65n"),
        2,
        _by(
            6,
            0x7F,
            {
                0: _LHT65 + "x4",
                1: _LHT65 + "s16 temperature:external /100 !0x7fff\nx2",
                5: _LHT65 + "u16 illuminance:external\nx2",
                6: _LHT65 + "u16 voltage:external /1000\nx2",
                7: _LHT65 + "u16 pulse_register:external\nx2",
                8: _LHT65 + "u32 pulse_register:external",
            },
        ),
    ),
    "lse01": (
        ("lse01",),
        2,
        _by(
            10,
            0x80,
            {
                0: _BATTERY + _PROBE + "u16 soil_moisture /100\ns16 temperature:soil /100\n"
                "u16 conductivity\nx1"
            },
        ),
    ),
    "lsph01": (
        ("lsph01",),
        2,
        _always(_BATTERY + _PROBE + "u16 ph:soil /100\ns16 temperature:soil /10\nx3"),
    ),
    "lsnpk01": (
        ("lsnpk01",),
        2,
        _always(_BATTERY + _PROBE + "u16 nitrogen\nu16 phosphorus\nu16 potassium\nx1"),
    ),
    "llds12": (
        ("llds12",),
        2,
        _always(
            _BATTERY + _PROBE + "u16 distance /1000\nu16 lidar_signal\nx1\ns8 temperature:lidar\nx1"
        ),
    ),
    "laq4": (
        ("laq4",),
        2,
        _by(
            2,
            0x7C,
            {
                0x04: _BATTERY + "u8 _\n.0 alarm\nu16 tvoc\nu16 co2\ns16 temperature /10\n"
                "u16 humidity /10"
            },
        ),
    ),
    "lds02": (
        ("lds02",),
        10,
        _by(2, 0xFF, {1: "u16 _\n.0-13 battery_voltage /1000\n.15 door_open\nx1\n"
                      + _DOOR.format("door_open")}),
    ),
    "lwl02": (
        ("lwl02",),
        10,
        _by(2, 0xFF, {2: "u16 _\n.0-13 battery_voltage /1000\n.14 water_leak\nx1\n"
                      + _DOOR.format("water_leak")}),
    ),
    "lt-22222-l": (
        ("lt22222", "lt 22222"),
        2,
        _by(
            10,
            0x3F,
            {
                1: "u16 voltage:1 /1000\nu16 voltage:2 /1000\nu16 current:1 /1000000\n"
                "u16 current:2 /1000000\nx3"
            },
        ),
    ),
}  # fmt: skip
_TIMED: dict[str, tuple[tuple[str, ...], _Choose]] = {
    "lht52": (
        ("lht52",),
        _always(
            "s16 temperature /100 !0x7fff\nu16 humidity /10 !0x7fff\n"
            "s16 temperature:external /100 !0x7fff\nx1\nx4"
        ),
    ),
    "ltc2": (
        ("ltc2",),
        _always(
            _BATTERY + "x1\ns16 temperature:1 /100 !0x7fff\ns16 temperature:2 /100 !0x7fff\nx4"
        ),
    ),
}
"""Frames that end in the device's own time: seconds since 1970, UTC."""


class Model(NamedTuple):
    """The codec of one model."""

    NAME: str
    spellings: tuple[frozenset[str], ...]
    port: int
    frame: _Choose
    timed: bool = False

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model by its name."""
        del dev_eui
        return any(spelling <= words for spelling in self.spellings)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says; settings are no measurements.

        Errors  PayloadError for another FPort, another length, or a kind of frame not known here.
        """
        if f_port in _SETTINGS:
            return []
        if f_port != self.port:
            raise PayloadError(f"{self.NAME} FPort", f"{self.port}, or 5 for settings", f_port)
        frame = self.frame(payload)
        if frame is None:
            raise PayloadError(
                f"{self.NAME} frame", "a kind of frame that is documented", payload.hex()
            )
        found = frame.whole(payload, self.NAME)
        if not self.timed:
            return found
        own_ns = int.from_bytes(payload[-4:], "big") * 1_000_000_000
        if payload[-5 if self.NAME.endswith("lht52") else 2] != 1:
            raise PayloadError(f"{self.NAME} external sensor", "temperature (1)", payload.hex())
        return [one._replace(time_ns=max(own_ns, 1)) for one in found]


def _spelled(names: tuple[str, ...]) -> tuple[frozenset[str], ...]:
    return tuple(frozenset(name.split()) for name in names)


CODECS = (
    *(
        Model(f"dragino-{name}", _spelled(names), port, choose)
        for name, (names, port, choose) in _MODELS.items()
    ),
    *(
        Model(f"dragino-{name}", _spelled(names), 2, choose, True)
        for name, (names, choose) in _TIMED.items()
    ),
)
