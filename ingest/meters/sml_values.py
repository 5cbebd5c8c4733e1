"""The value language of SML: every value is a type and a length, then its bytes.

Source: BSI TR-03109-1, annex "Feinspezifikation Drahtgebundene LMN-Schnittstelle, Teil b"
(SML 1.04), "SML Binary Encoding": the TL field.

Bit 7 of a TL byte says that another one follows, bits 6-4 of the first are the type, bits 3-0 of
each are four bits of the length, highest first. The length of a list is the number of its
elements; every other length counts bytes and includes those of the TL field itself. The byte 0x01
(an octet string of no bytes) stands for an optional value that was left out; 0x00 ends a message.

Numbers may be shorter than their declared width (an Integer64 in three bytes), so any width from
1 to 8 is read; the sign is the highest bit of the bytes that are there.
"""

from dataclasses import dataclass

from ingest.errors import PayloadError

DEPTH_MAX = 16
"""A list of a parameter tree is the deepest that the standard knows; meters send six levels."""

VALUES_MAX = 20_000
"""A meter's longest telegram has some hundreds; this bounds the memory of a hostile one."""

TL_BYTES_MAX = 4


@dataclass(frozen=True, slots=True)
class Number:
    """An integer as it was sent: its value, how many bytes, and whether its type has a sign."""

    value: int
    width: int
    signed: bool


@dataclass(frozen=True, slots=True)
class End:
    """The byte 0x00 that ends a message."""


Value = bytes | bool | Number | End | None | tuple["Value", ...]
"""None was left out; a tuple is a list."""

_OCTETS, _BOOLEAN, _SIGNED, _UNSIGNED, _LIST = 0, 4, 5, 6, 7
_TYPES = {_OCTETS: "octet string", _BOOLEAN: "boolean", _SIGNED: "integer", _UNSIGNED: "unsigned"}


class Reader:
    """Reads one value after the other from bytes; `at` is the place of the next."""

    def __init__(self, data: bytes, at: int = 0) -> None:
        self.data, self.at = data, at
        self._count = 0

    def value(self, depth: int = 0) -> Value:
        """Return the next value.

        Errors  PayloadError for a type or a width that SML does not have, a length beyond the
                end, more than 16 levels of lists or more than 20,000 values.
        """
        start = self.at
        self._count += 1
        if self._count > VALUES_MAX:
            raise PayloadError("SML values", f"at most {VALUES_MAX}", "more")
        kind, size, tl_bytes = self._type_and_length()
        if kind == _LIST:
            if depth >= DEPTH_MAX:
                raise PayloadError("SML nesting", f"at most {DEPTH_MAX} lists", "one more")
            if size > len(self.data) - self.at:
                raise self._beyond(start, f"a list of {size} elements")
            return tuple([self.value(depth + 1) for _ in range(size)])
        if kind not in _TYPES:
            raise PayloadError(
                f"SML type at byte {start}",
                "an octet string, boolean, integer, unsigned or list",
                f"0x{self.data[start]:02x}",
            )
        if size == 0 and tl_bytes == 1 and kind == _OCTETS:
            return End()
        width = size - tl_bytes
        if width < 0:
            raise PayloadError(f"SML length at byte {start}", f"{tl_bytes} or more", size)
        raw = self.data[self.at : self.at + width]
        if len(raw) < width:
            raise self._beyond(start, f"{_TYPES[kind]} of {width} bytes")
        self.at += width
        return self._typed(kind, raw, start)

    def _type_and_length(self) -> tuple[int, int, int]:
        start = self.at
        kind = size = 0
        for nth in range(TL_BYTES_MAX):
            if self.at >= len(self.data):
                raise self._beyond(start, "a value")
            byte = self.data[self.at]
            self.at += 1
            if nth == 0:
                kind = byte >> 4 & 7
            elif byte & 0x70:
                raise PayloadError(
                    f"SML length at byte {self.at - 1}", "four bits of length", f"0x{byte:02x}"
                )
            size = size << 4 | byte & 15
            if not byte & 0x80:
                return kind, size, nth + 1
        raise PayloadError(
            f"SML length at byte {start}", f"at most {TL_BYTES_MAX} bytes of length", "more"
        )

    def _typed(self, kind: int, raw: bytes, start: int) -> Value:
        if kind == _OCTETS:
            return raw or None
        if kind == _BOOLEAN:
            if len(raw) != 1:
                raise PayloadError(f"SML boolean at byte {start}", "1 byte", f"{len(raw)} bytes")
            return raw != b"\0"
        if not 1 <= len(raw) <= 8:
            raise PayloadError(
                f"SML {_TYPES[kind]} at byte {start}", "1 to 8 bytes", f"{len(raw)} bytes"
            )
        signed = kind == _SIGNED
        return Number(int.from_bytes(raw, "big", signed=signed), len(raw), signed)

    def _beyond(self, start: int, what: str) -> PayloadError:
        left = len(self.data) - start
        return PayloadError(f"SML value at byte {start}", what, f"{left} bytes to the end")


def elements(value: Value, size: int, what: str) -> tuple[Value, ...]:
    """Return a list of that many elements, or raise PayloadError."""
    if not isinstance(value, tuple) or len(value) != size:
        raise PayloadError(what, f"a list of {size}", _told(value))
    return value


def listed(value: Value, what: str) -> tuple[Value, ...]:
    """Return a list of any length, or raise PayloadError."""
    if not isinstance(value, tuple):
        raise PayloadError(what, "a list", _told(value))
    return value


def octets(value: Value, what: str) -> bytes | None:
    """Return an octet string, or None if it was left out; else raise PayloadError."""
    if value is None or isinstance(value, bytes):
        return value
    raise PayloadError(what, "an octet string", _told(value))


def number(value: Value, what: str) -> int | None:
    """Return a whole number, or None if it was left out; else raise PayloadError."""
    if value is None or isinstance(value, Number):
        return None if value is None else value.value
    raise PayloadError(what, "a whole number", _told(value))


def _told(value: Value) -> str:
    if isinstance(value, Number):
        return f"the number {value.value}"
    if isinstance(value, tuple):
        return f"a list of {len(value)}"
    return "nothing" if value is None else repr(value)
