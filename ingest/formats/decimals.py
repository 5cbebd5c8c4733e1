"""JSON whose fractions stay the decimals that they are written as.

A double has 53 bits: 1780315200.123456789 s would lose its last digits before it is nanoseconds.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from ingest.errors import PayloadError


def parsed(payload: bytes | str, what: str) -> Any:
    """Return what the JSON says, with every number that has a fraction or exponent as a Decimal.

    what    names it in the error: "a SenML pack"
    Errors  PayloadError, rule "JSON"; also for nesting that is too deep.
    """
    try:
        return _DECODER.decode(payload)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise PayloadError("JSON", what, str(error)) from error


def _exact(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"the number {text[:40]}") from error


_DECODER = msgspec.json.Decoder(float_hook=_exact)
