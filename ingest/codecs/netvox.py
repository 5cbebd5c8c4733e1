"""Netvox sensors (R711 to R900, RA, RB, RP): a device type in the frame says which layout it is.

Source: Netvox, "LoRaWAN Application Command" (for public), chapters "ReportDataCmd" and
"ConfigureCmd", and the user manuals of the models. The layouts are in
ingest/codecs/netvox_devices.py.

    FPort 6    version 01, device type, report type, eight bytes of data
    FPort 7    id of the command, device type, nine bytes: the answer to a command
    FPort 22   version 03, device type (two bytes), report type, data: the R900 series
    FPort 23   id of the command, device type (two bytes), the answer
    FPort 13, 14, 16, 32, 33   answers that do not say of which device: the button's press time,
               the calibration, the thresholds of alarms, the rejoin check, infrared of the R211

Report type 0 is the version packet (software, hardware, date of the firmware): texts, and so no
measurements. Answers to commands are checked, and give none either. `battery_voltage` is in V;
`low_battery` is 1 when the device itself says that its battery is low.

Two device types are used twice by Netvox: the RP02 and the R718EC share theirs with the R718AD and
the R718E, and are codecs of their own ("netvox-rp02", "netvox-r718ec"), known by their names.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import copysign, floor
from typing import NamedTuple

from ingest.codecs.frames import Frame
from ingest.codecs.netvox_devices import FIXED, R718EC, RP02, VARYING
from ingest.errors import PayloadError
from ingest.reading import Measurement

_OUI = "00137a"  # Netvox Technology Co., Ltd.
_FAMILY = re.compile(
    r"netvox|r711a?|r712|r718[a-z]+\d*\w*|r719[ab]|r720[a-g]\w*|r72[6-9]\w{2,}|r730[a-z]\w*"
    r"|r731[a-e]+\d+|r311[a-z]\w*|r313[a-z]\w*|r312a|r315(?:la|0[1-9]|10)|r602[ab]|r809a\w*"
    r"|r816b\w*|r831[a-d]|r900(?:a|n|p)\w+|ra02[a-g]\d?|ra07\d\d\w*|ra07w|ra08[bd]\w*|rb02[bci]|rb11e1?"
)
"""Words that begin a product's name. Those that are short and plain (R211, RA10) need "netvox"."""

_BATTERY = "u8 _; .0-6 battery_voltage /10{}; .7 low_battery"
_WORDS = {"bat": _BATTERY.format(""), "dc": _BATTERY.format(" !0")}
_HEAD = re.compile(
    r"(?P<types>[0-9a-f ]+?)(?: < (?P<like>[0-9a-f]+))? \|"
    r" (?P<names>[^|]+?)(?: \| (?P<answers>[0-9a-f ]+))?"
)
_LINE = re.compile(
    r"  (?P<type>[0-9a-f]+)(?:\[(?P<at>\d+)(?:&(?P<mask>[0-9a-f]+))?=(?P<is>[0-9a-f]+)\])?"
    r" (?P<fields>.+)"
)
_EVERY_ANSWER = frozenset((0x81, 0x82))

_SIZE = 11  # of every payload on FPort 6 and 7
_VERSION_SIZE = 6  # software, hardware, date
_UNNAMED_ANSWERS: dict[int, tuple[str, dict[int, tuple[int, ...]]]] = {
    13: ("press time", {0x81: (2,), 0x82: (2,)}),
    14: ("calibration", {0x81: (11,), 0x82: (11,), 0x83: (11,)}),
    16: ("alarm thresholds", {0x81: (11, 12), 0x82: (11,)}),  # both sizes are in the manuals
    32: ("rejoin", {0x81: (6,), 0x82: (6,)}),
    33: ("infrared", {0x08: (3,), 0x0E: (2,), 0x33: (2,), 0x4A: (6,)}),
}
"""By FPort: what it is about, and the sizes that an answer may have, by its id."""
_IR_LEARNT = 0x4A  # states in byte 5 how many bytes follow

_MULTIPLIER, _MULTIPLIER_CODE = "Multiplier", "MultiplierCode"
_MULTIPLIERS = (1.0, 5.0, 10.0, 100.0)


class Report(NamedTuple):
    """One layout of a report, and for which payloads it is.

    at, mask, value  the byte of the payload that says so; a mask of 0: for any
    floats           its values are bfloat16, which the maker tells to six decimals
    """

    at: int
    mask: int
    value: int
    frame: Frame
    floats: bool


class Device(NamedTuple):
    """What a device type is: its models, its reports by their types, its answers' ids."""

    names: str
    reports: Mapping[int, tuple[Report, ...]]
    answers: frozenset[int]


def read_table(table: str, largest: int) -> dict[int, Device]:
    """Return the devices of a table of ingest/codecs/netvox_devices.py, by device type.

    largest  size of a report's data in bytes
    Errors   ValueError when the table itself is wrong: a mistake in Emscher, found at import.
    """
    devices: dict[int, Device] = {}
    for block in _blocks(table):
        head = _HEAD.fullmatch(block[0])
        if head is None:
            raise ValueError(
                f"netvox: expected TYPES [< TYPE] | MODELS [| ANSWERS], found {block[0]}"
            )
        reports = dict(devices[int(head["like"], 16)].reports) if head["like"] else {}
        own: dict[int, list[Report]] = {}
        for line in block[1:]:
            kind, report = _report(line)
            if report.frame.size > largest:
                raise ValueError(f"netvox: expected at most {largest} bytes in {line}")
            own.setdefault(kind, []).append(report)
        reports |= {kind: tuple(found) for kind, found in own.items()}
        answers = _EVERY_ANSWER | {int(one, 16) for one in (head["answers"] or "").split()}
        device = Device(head["names"], reports, answers)
        for one in head["types"].split():
            if int(one, 16) in devices:
                raise ValueError(f"netvox: device type {one} stands twice")
            devices[int(one, 16)] = device
    return devices


def _blocks(table: str) -> list[list[str]]:
    """Return the table's blocks: the head, then the reports, each on one line."""
    blocks: list[list[str]] = []
    for raw in table.splitlines():
        line = raw.partition("#")[0].rstrip()
        if not line:
            continue
        if line.startswith("    "):
            blocks[-1][-1] += f"; {line.strip()}"
        elif line.startswith("  "):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _report(line: str) -> tuple[int, Report]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"netvox: expected TYPE[BYTE&MASK=VALUE] FIELDS, found {line}")
    fields = [one.strip() for one in match["fields"].split(";")]
    text = ";".join(_WORDS.get(one, one) for one in fields)
    at, mask, value = 0, 0, 0
    if match["at"]:
        at, value, mask = int(match["at"]), int(match["is"], 16), int(match["mask"] or "ff", 16)
    frame = Frame(text.replace(";", "\n"))
    return int(match["type"], 16), Report(at, mask, value, frame, "b16" in text)


DEVICES = read_table(FIXED, largest=8)
R900 = read_table(VARYING, largest=64)


@dataclass(eq=False)
class Model:
    """A codec for Netvox models; they differ in the device types that Netvox uses twice.

    family   words that recognise it
    devices  of FPort 6 and 7, by device type
    oui      prefix of the DevEUI that recognises it too
    """

    NAME: str
    family: re.Pattern[str]
    devices: Mapping[int, Device] = field(repr=False)
    oui: str = ""

    def matches(self, words: frozenset[str], dev_eui: str) -> bool:
        """Recognise Netvox by its IEEE prefix, its name, or a word that begins a product's name."""
        if self.oui and dev_eui.startswith(self.oui):
            return True
        return any(self.family.fullmatch(word) for word in words)

    def decode(self, payload: bytes, f_port: int) -> list[Measurement]:
        """Return what the payload says; nothing for a version packet or an answer to a command.

        Errors  PayloadError for another port, device type, report or size than Netvox documents.
        """
        if f_port == 6:
            return _reported(payload, self.devices, 1, _SIZE)
        if f_port == 22:
            return _reported(payload, R900, 3, None)
        if f_port == 7:
            return _answered(payload, self.devices, 1, _SIZE)
        if f_port == 23:
            return _answered(payload, R900, 2, None)
        if f_port in _UNNAMED_ANSWERS:
            return _answered_unnamed(payload, f_port)
        raise PayloadError(
            "Netvox FPort", "6 or 22 (data), or 7, 13, 14, 16, 23, 32 or 33 (answers)", f_port
        )


def _reported(
    payload: bytes, devices: Mapping[int, Device], version: int, size: int | None
) -> list[Measurement]:
    """Return the values of a report; size is that of the payload, None: the layout says it."""
    start = 3 if size else 4  # where the data begin; the report's type is before them
    if len(payload) < start:
        raise _wrong_size("Netvox report", f"at least {start} bytes", payload)
    if payload[0] != version:
        raise PayloadError("Netvox version", f"0x{version:02x}", f"0x{payload[0]:02x}")
    device = _device(payload, devices, 1, start - 1)
    kind = payload[start - 1]
    if kind == 0:
        if len(payload) != (size or start + _VERSION_SIZE):
            wanted = f"{size or start + _VERSION_SIZE} bytes"
            raise _wrong_size("Netvox version packet", wanted, payload)
        return []
    reports = device.reports.get(kind)
    if reports is None:
        raise PayloadError(
            f"Netvox report type of {device.names}",
            f"one of {', '.join(f'0x{one:02x}' for one in (0, *device.reports))}",
            f"0x{kind:02x}: {payload.hex()}",
        )
    if size and len(payload) != size:
        raise _wrong_size(f"Netvox report of {device.names}", f"{size} bytes", payload)
    report = next(one for one in reports if not one.mask or _is_for(one, payload))
    if not size and len(payload) != start + report.frame.size:
        wanted = f"{start + report.frame.size} bytes"
        raise _wrong_size(f"Netvox report of {device.names}", wanted, payload)
    found = report.frame.read(payload, start)
    if report.floats:
        return [one._replace(value=_six_decimals(one.value)) for one in found]
    if any(one.startswith(_MULTIPLIER) for one in report.frame.quantities):
        return _multiplied(found)
    return found


def _is_for(report: Report, payload: bytes) -> bool:
    return payload[report.at] & report.mask == report.value


def _six_decimals(value: float) -> float:
    """Return a bfloat16 as the maker tells it: six decimals, a half goes away from zero."""
    return copysign(floor(abs(value) * 1e6 + 0.5) / 1e6, value)


def _multiplied(found: list[Measurement]) -> list[Measurement]:
    """Return the values with currents in A: mA times the multiplier of their input.

    A current's channel is the end of its multiplier's name: "1" and Multiplier1.
    """
    found = [_decoded_multiplier(one) for one in found]
    factors = {
        one.quantity.removeprefix(_MULTIPLIER): one.value
        for one in found
        if one.quantity.startswith(_MULTIPLIER)
    }
    return [
        one._replace(value=one.value * factors[one.channel] / 1000)
        if one.quantity == "current"
        else one
        for one in found
    ]


def _decoded_multiplier(one: Measurement) -> Measurement:
    if not one.quantity.startswith(_MULTIPLIER_CODE):
        return one
    name = one.quantity.replace(_MULTIPLIER_CODE, _MULTIPLIER)
    return one._replace(quantity=name, value=_MULTIPLIERS[int(one.value)])


def _answered(
    payload: bytes, devices: Mapping[int, Device], type_size: int, size: int | None
) -> list[Measurement]:
    """Check an answer to a command; it holds settings, and so nothing that was measured."""
    least = 2 + type_size  # the id, the device type, a status
    if len(payload) < least or (size and len(payload) != size):
        wanted = f"{size} bytes" if size else f"at least {least} bytes"
        raise _wrong_size("Netvox answer to a command", wanted, payload)
    device = _device(payload, devices, 1, 1 + type_size)
    if payload[0] not in device.answers:
        raise PayloadError(
            f"Netvox answer of {device.names}",
            f"one of {', '.join(f'0x{one:02x}' for one in sorted(device.answers))}",
            f"0x{payload[0]:02x}: {payload.hex()}",
        )
    return []


def _answered_unnamed(payload: bytes, f_port: int) -> list[Measurement]:
    """Check an answer that does not say of which device it is."""
    about, answers = _UNNAMED_ANSWERS[f_port]
    sizes = answers.get(payload[0]) if payload else None
    if sizes is None:
        raise PayloadError(
            f"Netvox answer on FPort {f_port} ({about})",
            f"one of {', '.join(f'0x{one:02x}' for one in answers)}",
            payload.hex() or "no bytes",
        )
    if f_port == 33 and payload[0] == _IR_LEARNT and len(payload) >= sizes[0]:
        sizes = (sizes[0] + payload[sizes[0] - 1],)
    if len(payload) not in sizes:
        wanted = f"{' or '.join(map(str, sizes))} bytes"
        raise _wrong_size(f"Netvox answer on FPort {f_port} ({about})", wanted, payload)
    return []


def _device(payload: bytes, devices: Mapping[int, Device], start: int, end: int) -> Device:
    kind = payload[start:end]
    device = devices.get(int.from_bytes(kind))
    if device is None:
        raise PayloadError(
            "Netvox device type",
            "one whose layout Emscher knows; the maker's script can be added as a codec",
            f"0x{kind.hex()}: {payload.hex()}",
        )
    return device


def _wrong_size(rule: str, wanted: str, payload: bytes) -> PayloadError:
    return PayloadError(rule, wanted, f"{len(payload)} bytes: {payload.hex()}")


CODECS = (
    Model("netvox-rp02", re.compile(r"rp02\w*"), DEVICES | read_table(RP02, largest=8)),
    Model("netvox-r718ec", re.compile(r"r718ec\w*"), DEVICES | read_table(R718EC, largest=8)),
    Model("netvox", _FAMILY, DEVICES, _OUI),
)
"""In the order in which they are asked: a model's own name outranks the maker's."""
