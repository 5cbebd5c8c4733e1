"""What flowed through each register in an hour that is over."""

from collections.abc import Callable, Iterator
from datetime import tzinfo
from typing import NamedTuple

import numpy as np

from analytics.energy import energies
from analytics.register import RATE_CEILING
from ingest.meter import RegisterFacts
from ingest.quantity import Kind, quantity
from ingest.reading import Series
from ingest.store import Source


class Closed(NamedTuple):
    """What flowed through a register in [start_ns, end_ns), UTC ns, as was known then.

    quality  as the API says it: measured, estimated … · coverage  0 to 1
    """

    series: Series
    start_ns: int
    end_ns: int
    value: float
    quality: str
    coverage: float


def closed(
    source: Source,
    facts: Callable[[Series], RegisterFacts],
    where: tzinfo,
    start_ns: int,
    end_ns: int,
) -> Iterator[Closed]:
    """Yield what flowed in an hour through the registers that were read since it ended."""
    spans = [
        span
        for span in source.series()
        if span.last_ns >= end_ns
        and quantity(span.series.quantity).kind is Kind.REGISTER
        and quantity(span.series.quantity).unit in RATE_CEILING
    ]
    edges_ns = np.array([start_ns, end_ns], np.int64)
    for span, (one,) in zip(spans, energies(source, spans, edges_ns, where, facts), strict=True):
        if one.value is not None and one.quality is not None:
            yield Closed(span.series, start_ns, end_ns, one.value, one.quality.word, one.coverage)
