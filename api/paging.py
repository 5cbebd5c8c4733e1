"""Cursors: where the next page begins, as an opaque word."""

import base64
import binascii
import json
from typing import Annotated

from fastapi import Query

from api.problems import BadQueryError

LIMIT_MAX = 10_000

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="items a page")]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]


def word(*place: int | str) -> str:
    """Return a place as an opaque word."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place(cursor: str, *types: type) -> list[int | str]:
    """Return the place of a cursor that `word` made of these types; BadQueryError otherwise."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = json.loads(raw)
    except (binascii.Error, ValueError):
        found = None
    if isinstance(found, list) and [type(part) for part in found] == list(types):
        numbers = [part for part in found if isinstance(part, int)]
        if all(-(2**63) <= number < 2**63 for number in numbers):
            return found
    raise BadQueryError("cursor", "the `next` of a page before", cursor)
