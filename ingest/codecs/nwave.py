"""Nwave NPS310SM and NPS405 (parking sensors) and NCC405 (car counter): one frame a port.

Source: the decoders that the maker publishes (TheThingsNetwork/lorawan-devices, `vendor/nwave`;
of two versions there, the one that agrees with the maker's own examples).

FPort 1 is a change, 2 a heartbeat, 3 a start, 6 for the maker's own use, 10 (NPS405) the tag of a
user. Tags and versions are left out; so is the battery's health, which the maker's decoder computes
from voltage and temperature. The cause of a start is the maker's number.

NPS405: the length of the state before is told in steps that grow with it, and `…_error` says how
much longer it may have been. Three bytes may follow a heartbeat; the maker does not explain them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from ingest.codecs.frames import Frame
from ingest.errors import PayloadError
from ingest.reading import Measurement

Decode = Callable[[bytes], list[Measurement]]

_OCCUPIED = "u8 _\n.0 occupancy"
_CELL = "u8 {} +625 /250"  # 2.5 V and 4 mV a step
_START = "x3\nu8 reset_cause !4,5\n"
_LONGEST, _LONGEST_VALUE = 127, 660.0
_TAGS = (5, 6)
_STEPS = ((0, 0, 1), (90, 90, 5), (120, 240, 60))  # from code, value there, size of a step


def _whole(name: str, *layouts: str) -> Decode:
    """Return what reads one of some frames, by its length."""
    frames = {frame.size: frame for frame in map(Frame, layouts)}

    def decode(payload: bytes) -> list[Measurement]:
        frame = frames.get(len(payload))
        if frame is None:
            sizes = " or ".join(map(str, frames))
            raise PayloadError(f"{name} length", f"{sizes} bytes", payload.hex())
        return frame.read(payload)

    return decode


def _nothing(payload: bytes) -> list[Measurement]:
    del payload
    return []


def _before(code: int) -> list[Measurement]:
    """Return how long the state before lasted."""
    name = "previous_state_duration"
    overflow = Measurement(f"{name}_overflow", float(code == _LONGEST))
    if code == _LONGEST:
        return [Measurement(name, _LONGEST_VALUE), overflow]
    first, value, step = next(one for one in reversed(_STEPS) if code >= one[0])
    return [
        Measurement(name, float(value + (code - first) * step)),
        Measurement(f"{name}_error", float(step - 1)),
        overflow,
    ]


def _parking(payload: bytes) -> list[Measurement]:
    _sized("NPS405 status", payload, 1)
    return [Measurement("occupancy", float(payload[0] & 1)), *_before(payload[0] >> 1)]


def _tag(payload: bytes) -> list[Measurement]:
    """Return the state, and the tag's battery where it is told.

    Without a vehicle the maker tells no state.
    """
    if len(payload) not in _TAGS:
        raise PayloadError("NPS405 registration length", "5 or 6 bytes", payload.hex() or "none")
    found = _parking(payload[:1]) if payload[0] & 1 else []
    if len(payload) == _TAGS[-1]:
        found.append(Measurement("tag_battery_voltage", payload[1] / 10))
    return found


def _sized(name: str, payload: bytes, size: int) -> None:
    if len(payload) != size:
        raise PayloadError(f"{name} length", f"{size} bytes", payload.hex() or "none")


@dataclass(frozen=True, eq=False)
class Model:
    """A model's codec: its words, and what reads each of its ports."""

    NAME: str
    words: frozenset[str]
    ports: Mapping[int, Decode] = field(repr=False)

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise the model's number."""
        del dev_eui
        return not words.isdisjoint(self.words)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says.

        Errors  PayloadError for another port or length than the maker documents.
        """
        read = self.ports.get(f_port)
        if read is None:
            raise PayloadError(
                f"{self.NAME} FPort", f"one of {', '.join(map(str, self.ports))}", f_port
            )
        return read(payload)


_HEARTBEAT = f"""
    u8 _
    .0 occupancy
    .0-6 hw_health_status
    {_CELL.format("battery_voltage")}
    s8 temperature +20 /2
"""
CODECS: tuple[Model, ...] = (
    Model(
        "nwave-ncc405",
        frozenset(("ncc405", "ncc405fm", "ncc405sm")),
        {
            1: _whole("NCC405 counter", "u16 counter_value"),
            2: _whole(
                "NCC405 heartbeat",
                "u8 _\n.0-6 hw_health_status\n"
                f"{_CELL.format('battery_voltage')}\n{_CELL.format('battery_voltage_mean_24h')}",
            ),
            3: _whole("NCC405 start", _START),
            6: _nothing,
        },
    ),
    Model(
        "nwave-nps310",
        frozenset(("nps310", "nps310sm")),
        {
            1: _whole("NPS310 status", _OCCUPIED),
            2: _whole("NPS310 heartbeat", _OCCUPIED),
            3: _whole("NPS310 start", _START + _OCCUPIED),
            6: _nothing,
        },
    ),
    Model(
        "nwave-nps405",
        frozenset(("nps405", "nps405fm", "nps405sm")),
        {
            1: _parking,
            2: _whole(
                "NPS405 heartbeat",
                _HEARTBEAT,
                _HEARTBEAT + "x3",
            ),
            3: _whole("NPS405 start", _START + _OCCUPIED),
            6: _nothing,
            10: _tag,
        },
    ),
)
