"""Examples of what a payload codec makes of an uplink, and where an answer differs from them.

Source  The Things Network's device repository, README: `uplinkDecoder` with `examples` of
        {description, input {fPort, bytes, recvTime}, output {data, errors, warnings},
        normalizedOutput {data}}. It is kept as YAML there, and read as JSON here.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ingest.codecs.script import Answer
from ingest.errors import PayloadError

TRIED_AT = "2026-01-01T00:00:00Z"
_REFUSED = "refused the payload"


class Example(NamedTuple):
    """A payload, and what is expected of it.

    wanted      {data, errors, warnings}, what of them is told; None: nothing is expected
    normalized  the normalised forms, in a list; None: not told
    """

    payload: bytes
    f_port: int
    recv_time: str = TRIED_AT
    wanted: dict[str, Any] | None = None
    normalized: list[Any] | None = None
    name: str = ""

    @property
    def title(self) -> str:
        """What a person knows it by."""
        return f"{self.name} {self.payload.hex()} on FPort {self.f_port}".strip()


def payload_of(text: str) -> bytes:
    """Return the bytes that hex tells, with or without 0x, spaces, colons or hyphens.

    Errors  ValueError.
    """
    digits = "".join(text.split()).replace(":", "").replace("-", "")
    try:
        return bytes.fromhex(digits.removeprefix("0x").removeprefix("0X"))
    except ValueError:
        raise ValueError(f"payload: expected pairs of hex digits, found {text!r}") from None


def examples_in(path: Path) -> list[Example]:
    """Return the examples of uplinks in a file.

    Errors  OSError; ValueError when it holds none, or one that can't be read.
    """
    if path.suffix in {".yaml", ".yml"}:
        raise ValueError(
            f"{path}: YAML is not read; make JSON of it: yq -o json {path} > {path.stem}.json"
        )
    found = [
        _example(row, path)
        for row in _rows(path)
        if not isinstance(row, dict) or row.get("type", "uplink") == "uplink"
    ]
    if not found:
        raise ValueError(f"{path}: there is no example of an uplink in it")
    return found


def _rows(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8-sig")
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        return list(_lines(text, path))
    if isinstance(whole, dict) and isinstance(whole.get("uplinkDecoder"), dict):
        whole = whole["uplinkDecoder"]
    if isinstance(whole, dict) and "examples" in whole:
        whole = whole["examples"]
    return whole if isinstance(whole, list) else [whole]


def _lines(text: str, path: Path) -> Iterator[Any]:
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip():
            try:
                yield json.loads(line)
            except json.JSONDecodeError as error:
                raise ValueError(f"{path}, line {number}: no JSON: {error}") from None


def _example(row: Any, path: Path) -> Example:
    try:
        if "input" in row:
            given, wanted, normalized = row["input"], row["output"], row.get("normalizedOutput")
            raw = given["bytes"]
            payload = payload_of(raw) if isinstance(raw, str) else bytes(list(raw))
            port, time = given["fPort"], given.get("recvTime")
        else:
            wanted, normalized = row["expected"], row.get("normalized")
            payload, port, time = payload_of(row["hex"]), row["f_port"], row.get("recv_time")
        if normalized is not None:
            normalized = normalized["data"]
            normalized = normalized if isinstance(normalized, list) else [normalized]
        wanted = dict(wanted)
        return Example(
            payload, int(port), time or TRIED_AT, wanted, normalized, row.get("description") or ""
        )
    except KeyError as error:
        raise ValueError(f"{path}: an example lacks {error}") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path}: an example can't be read: {error}") from None


def differences(example: Example, answer: Answer | PayloadError) -> list[str]:
    """Return a line for each way in which an answer is not as expected."""
    wanted = example.wanted or {}
    errors = [str(one) for one in wanted.get("errors") or []]
    if isinstance(answer, PayloadError):
        if not errors or not answer.rule.endswith(_REFUSED):
            return [str(answer)]
        same = answer.found == "; ".join(errors)
        return [] if same else [f"errors: expected {'; '.join(errors)}, found {answer.found}"]
    if errors:
        return [f"errors: expected {'; '.join(errors)}, found none"]
    lines = _different("", wanted.get("data"), answer.data)
    lacking = [str(one) for one in wanted.get("warnings") or [] if one not in answer.warnings]
    if lacking:
        found = "; ".join(answer.warnings) or "none"
        lines.append(f"warnings: expected {'; '.join(lacking)}, found {found}")
    if example.normalized is not None:
        lines += _different(".normalized", example.normalized, answer.normalized)
    return lines


def _different(place: str, wanted: object, found: object) -> list[str]:
    """Return a line for each field in which two JSON values differ."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        keys = dict.fromkeys([*wanted, *found])
        return [
            line
            for key in keys
            for line in _different(f"{place}.{key}", wanted.get(key), found.get(key))
        ]
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        pairs = enumerate(zip(wanted, found, strict=True))
        return [line for at, pair in pairs for line in _different(f"{place}[{at}]", *pair)]
    numbers = all(isinstance(one, int | float) for one in (wanted, found))
    if numbers and math.isclose(wanted, found, rel_tol=1e-6):  # type: ignore[arg-type]
        return []
    if wanted == found:
        return []
    return [f"{place[1:]}: expected {json.dumps(wanted)}, found {json.dumps(found)}"]
