"""What figures of a period are compared with."""

from collections.abc import Callable, Sequence
from datetime import tzinfo
from typing import Annotated

import numpy as np
from fastapi import Query
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from analytics.comparison import distinct, shifted
from analytics.energy import Period
from analytics.sums import Sum
from api.problems import BadQueryError
from api.shapes import example
from api.times import asked_ns, local

Against = Annotated[
    str | None,
    Query(
        description="start of another time to compare with: RFC 3339, a day such as 2025-03-01",
        examples=["2025-03-01"],
    ),
]


class AgainstOut(BaseModel):
    """The same period of the other time."""

    model_config = example(
        start="2025-03-01T00:00:00+01:00",
        end="2025-03-02T00:00:00+01:00",
        value=10_120.0,
        quality="measured",
        coverage=1.0,
        change=-0.077,
    )
    start: str
    end: str
    value: float | None
    quality: str | None
    coverage: float
    change: float | None = Field(description="of the value, as a share of the other one")


def compared(
    edges_ns: NDArray[np.int64],
    start_ns: int,
    against: str,
    where: tzinfo,
    ask: Callable[[NDArray[np.int64]], Sequence[Period | Sum]],
) -> list[Period | Sum | None]:
    """Return the same periods of another time; None where it has no such hour.

    ask  returns what is known of the periods between edges
    """
    other_ns = shifted(edges_ns, start_ns, asked_ns("against", against, where), where)
    rising, place = distinct(other_ns)
    if len(rising) < 2:
        raise BadQueryError("against", "a time that has such periods", against)
    found = ask(rising)
    return [None if at is None else found[at] for at in place]


def told(value: float | None, other: Period | Sum | None, where: tzinfo) -> AgainstOut | None:
    """Return what a value is compared with."""
    if other is None:
        return None
    known = value is not None and other.value is not None and other.value != 0
    return AgainstOut(
        start=local(other.start_ns, where),
        end=local(other.end_ns, where),
        value=other.value,
        quality=None if other.quality is None else other.quality.word,
        coverage=other.coverage,
        change=(value - other.value) / other.value if known else None,  # type: ignore[operator]
    )
