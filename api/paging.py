"""Cursors: where the next page begins, as an opaque word."""

import base64
from typing import Annotated, TypeVar

import msgspec
from fastapi import Query

from api.problems import BadQueryError

LIMIT_MAX = 10_000

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="items a page", examples=[100])]
Cursor = Annotated[str | None, Query(description="`next` of the page before")]

Place = TypeVar("Place", bound=tuple[int | str, ...])


def word(*place: int | str) -> str:
    """Return a place as an opaque word."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place(cursor: str, shape: type[Place]) -> Place:
    """Return the place of a cursor that `word` made of this shape, such as tuple[int, str].

    Raises BadQueryError for anything else; integers of a place fit into 64 bits.
    """
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        found = msgspec.json.decode(raw, type=shape)
    except (ValueError, RecursionError):  # binascii's and msgspec's errors are ValueErrors
        found = None
    if found is not None and all(
        -(2**63) <= part < 2**63 for part in found if isinstance(part, int)
    ):
        return found
    raise BadQueryError("cursor", "the `next` of a page before", cursor)
