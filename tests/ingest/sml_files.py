"""SML: real telegrams, an encoder written apart from the reader, and everything that breaks."""

import json
from pathlib import Path

from ingest.meters import sml
from ingest.reading import Measurement

REAL = [
    bytes.fromhex(row["hex"])
    for row in json.loads(
        (Path(__file__).parents[1] / "vectors" / "sml_telegrams.json").read_text("utf-8")
    )
]
ISKRA, DZG, HOLLEY, KERMIT_OPEN = REAL
START = bytes.fromhex("1b1b1b1b01010101")


def bitwise_crc(data: bytes, start: int, final: int) -> int:
    crc = start
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x8408 if crc & 1 else 0)
    return crc ^ final


def x25(data: bytes) -> int:
    return bitwise_crc(data, 0xFFFF, 0xFFFF)


def kermit(data: bytes) -> int:
    return bitwise_crc(data, 0, 0)


def head(kind: int, size: int, itself: bool) -> bytes:
    """The shortest TL field."""
    for count in range(1, 5):
        total = size + (count if itself else 0)
        if total < 16**count:
            nibbles = [total >> 4 * n & 15 for n in reversed(range(count))]
            rest = [0x80 | n for n in nibbles[1:-1]] + nibbles[-1:] if count > 1 else []
            more = 0x80 if count > 1 else 0
            return bytes([more | kind << 4 | nibbles[0], *rest])
    raise AssertionError("too long for a test")


def u(value: int, width: int = 1) -> bytes:
    return head(6, width, True) + value.to_bytes(width, "big")


def i(value: int, width: int = 1) -> bytes:
    return head(5, width, True) + value.to_bytes(width, "big", signed=True)


def o(raw: bytes = b"") -> bytes:
    return head(0, len(raw), True) + raw


def many(*parts: bytes) -> bytes:
    return head(7, len(parts), False) + b"".join(parts)


NONE = b"\x01"


def message(tag: int, body: bytes, crc: str = "x25") -> bytes:
    content = b"\x76" + o(b"\x01\x02\x03") + u(0) + u(0) + many(u(tag, 2), body)
    if crc == "kermit":
        return content + u(kermit(content), 2) + b"\0"
    return content + u(int.from_bytes(x25(content).to_bytes(2, "little"), "big"), 2) + b"\0"


def framed(content: bytes, crc: str = "x25") -> bytes:
    padding = -len(content) % 4
    escaped = content.replace(b"\x1b" * 4, b"\x1b" * 8) + bytes(padding)
    raw = START + escaped + b"\x1b\x1b\x1b\x1b\x1a" + bytes([padding])
    return raw + {"x25": x25, "kermit": kermit}[crc](raw).to_bytes(2, "little")


def code(text: str) -> bytes:
    return o(bytes(int(part) for part in text.replace("-", ".").replace(":", ".").split(".")))


def entry(
    name: str,
    value: bytes,
    unit: bytes = NONE,
    scaler: bytes = NONE,
    status: bytes = NONE,
    time: bytes = NONE,
) -> bytes:
    return many(code(name), status, time, unit, scaler, value, NONE)


EMH = bytes.fromhex("0a01454d480000bc614e")


def get_list(*entries: bytes, server: bytes = EMH, time: bytes = NONE) -> bytes:
    return many(NONE, o(server), NONE, time, many(*entries), NONE, NONE)


def sec_index(seconds: int) -> bytes:
    return many(u(1), u(seconds, 4))


def meter_file(*entries: bytes, crc: str = "x25", **kept: bytes) -> bytes:
    opened = many(NONE, NONE, o(b"\x01"), o(kept.get("server", EMH)), NONE, NONE)
    return b"".join(
        (
            message(0x0101, opened, crc),
            message(0x0701, get_list(*entries, **kept), crc),
            message(0x0201, many(NONE), crc),
        )
    )


IMPORT = entry("1.0.1.8.0.255", u(123456, 8), u(30), i(-1))
POWER = entry("1.0.16.7.0.255", i(-1500, 2), u(27), i(0))
PLAIN = meter_file(IMPORT, POWER)
READ = [
    Measurement("active_energy_import", 12345.6),
    Measurement("active_power", -1500.0),
]


def only(payload: bytes) -> sml.Readout:
    (readout,) = sml.readouts(payload).readouts
    return readout


def values(payload: bytes) -> dict[tuple[str, str], float]:
    return {(one.quantity, one.channel): one.value for one in sml.measurements(only(payload))}
