"""What the energy of registers costs by a tariff, and the CO2 that it stands for.

The energy is that of analytics.energy, cut wherever a price changes; nothing else is read of the
registers. So what the bands have adds up to what /v1/energy says of the period, but for the
rounding of float64. From there on all is exact (fractions of whole numbers), and rounded once, when
it is told.

Source: docs/tariffs.md.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, tzinfo
from decimal import Decimal
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray

from analytics.calendar import By, share
from analytics.energy import Period, periods
from analytics.register import Unwrapped
from analytics.steps import Steps, steps_of
from analytics.sums import Sum, summed
from analytics.tariff import Direction, Plan, Standing
from analytics.tariff_times import Pieces
from ingest.reading import Quality

_WH = 1000  # in a kWh
Share = Callable[[int, int, By], Fraction]


@dataclass(frozen=True, slots=True)
class Part:
    """What one band, or one standing charge, adds to a cost. Income is negative.

    kind     "energy" or "standing" · since  the term that it is of
    wh       what flowed in the band · count  of meters times days, months or years
    net, vat  in the tariff's currency, exactly; their sum is the amount
    divided_wh  what of wh was laid out between this band and another, as nobody read between
    """

    kind: str
    name: str
    since: date
    wh: Fraction
    count: Fraction
    net: Fraction
    vat: Fraction
    divided_wh: float = 0.0

    @property
    def price(self) -> Fraction | None:
        """The net amount of a kWh (or of a meter's day, month, year), the mean where it changes."""
        of = self.wh / _WH if self.kind == "energy" else self.count
        return self.net / of if of else None


@dataclass(frozen=True, slots=True)
class Carbon:
    """The CO2 of a period: grams, exactly, of wh; unknown_wh have no intensity.

    divided_wh  what was laid out between two intensities, as nobody read between
    """

    grams: Fraction
    wh: Fraction
    unknown_wh: float
    divided_wh: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What a period costs.

    energy       what /v1/energy says of the same registers and the same period, added up
    parts        bands and standing charges that have something, by term, as the tariff lists them
    unpriced_wh  what flowed while the tariff has no price
    divided_wh   what was laid out between bands, as nobody read between
    by_quality   Wh by the quality of the steps between readings; what the period's own edges or a
                 change of price divide is estimated
    """

    energy: Sum
    parts: list[Part]
    unpriced_wh: float
    divided_wh: float
    by_quality: dict[Quality, float]
    carbon: Carbon | None = None

    @property
    def net(self) -> Fraction:
        """All parts together, without VAT."""
        return sum((part.net for part in self.parts), Fraction(0))

    @property
    def vat(self) -> Fraction:
        """The VAT of all parts together."""
        return sum((part.vat for part in self.parts), Fraction(0))


def rounded(exact: Fraction, digits: int) -> Decimal:
    """Return a number with so many digits after the point, halves away from zero."""
    scaled = abs(exact) * 10**digits
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if exact >= 0 else -whole).scaleb(-digits)


@dataclass(slots=True)
class _Cut:
    """Calendar periods and prices laid over one another: k pieces.

    edges_ns (k+1,) · period (k,)  the calendar period of each
    price, carbon (k,)  which piece of the plan each lies in
    """

    edges_ns: NDArray[np.int64]
    period: NDArray[np.int64]
    price: NDArray[np.int64]
    carbon: NDArray[np.int64] | None


@dataclass(slots=True)
class _Flows:
    """Wh of each register in each piece, (m,k): what flowed, and what of it was laid out.

    quality  Wh of each register by quality in each calendar period, (m,q,p)
    """

    wh: list[NDArray[np.float64]] = field(default_factory=list)
    by_price: list[NDArray[np.float64]] = field(default_factory=list)
    by_carbon: list[NDArray[np.float64]] = field(default_factory=list)
    quality: list[NDArray[np.float64]] = field(default_factory=list)


def costs(
    registers: Iterable[tuple[str, Unwrapped]],
    edges_ns: NDArray[np.int64],
    prices: tuple[Plan, Pieces],
    carbon: tuple[Plan, Pieces] | None = None,
) -> list[Cost]:
    """Return the cost of each period between the edges (k+1,), of registers together.

    registers  of energy in Wh, each with the device whose it is: a standing charge is paid for each
               device once, for the time between its first reading and its last
    prices, carbon  a tariff, and an intensity, each with the pieces of the whole span
    """
    cut = _laid_over(edges_ns, prices[1], None if carbon is None else carbon[1])
    flows = _Flows()
    figures: list[list[Period]] = []
    known: list[dict[str, tuple[int, int]]] = [{} for _ in edges_ns[1:]]
    for device, whole in registers:
        figures.append(periods(whole, edges_ns, "Wh"))
        _add(flows, whole, edges_ns, cut, prices[1], None if carbon is None else carbon[1])
        for spans, one in zip(known, figures[-1], strict=True):
            if one.value is not None:
                low, high = spans.get(device, (one.known_from_ns, one.known_to_ns))
                spans[device] = min(low, one.known_from_ns), max(high, one.known_to_ns)
    if not figures:
        return []
    wh, laid, quality = (np.array(one) for one in (flows.wh, flows.by_price, flows.quality))
    shares = _shares(prices[0].where)
    found = []
    for n, energy in enumerate(summed(figures)):
        own = np.flatnonzero(cut.period == n)
        parts, unpriced = _energy_parts(prices, cut.price[own], wh[:, own], laid[:, own])
        parts += _standing_parts(prices[0], list(known[n].values()), shares)
        order = [term.since for term in prices[0].terms]
        parts.sort(key=lambda part: order.index(part.since))
        found.append(
            Cost(
                energy,
                parts,
                unpriced,
                math.fsum(laid[:, own].ravel().tolist()),
                {one: _sum(quality[:, k, n]) for k, one in enumerate(Quality)},
                None if carbon is None or cut.carbon is None else _carbon(
                    carbon, cut.carbon[own], wh[:, own], np.array(flows.by_carbon)[:, own]
                ),
            )
        )  # fmt: skip
    return found


def _laid_over(edges_ns: NDArray[np.int64], prices: Pieces, carbon: Pieces | None) -> _Cut:
    inner = [prices.edges_ns] + ([] if carbon is None else [carbon.edges_ns])
    whole = np.unique(np.concatenate([edges_ns, *inner]))
    whole = whole[(whole >= edges_ns[0]) & (whole <= edges_ns[-1])]
    begins = whole[:-1]
    period = np.searchsorted(edges_ns, begins, side="right") - 1
    of_carbon = None if carbon is None else carbon.of(begins)
    return _Cut(whole, period, prices.of(begins), of_carbon)


def _add(
    flows: _Flows,
    whole: Unwrapped,
    edges_ns: NDArray[np.int64],
    cut: _Cut,
    prices: Pieces,
    carbon: Pieces | None,
) -> None:
    steps = steps_of(whole)
    flows.wh.append(steps.flows(cut.edges_ns))
    for plan, into in ((prices, flows.by_price), (carbon, flows.by_carbon)):
        if plan is not None:
            which = steps.divided(plan.edges_ns[1:-1])
            into.append(steps.within(cut.edges_ns, which[None, :])[0])
    flows.quality.append(_by_quality(steps, edges_ns, prices))


def _by_quality(steps: Steps, edges_ns: NDArray[np.int64], prices: Pieces) -> NDArray[np.float64]:
    """Return Wh by quality in each calendar period, (q,p); what an edge divides is estimated."""
    cuts = np.concatenate([edges_ns, prices.edges_ns[1:-1]])
    quality = np.where(
        steps.divided(cuts), np.maximum(steps.quality, Quality.ESTIMATED), steps.quality
    )
    return steps.within(edges_ns, np.array([quality == one for one in Quality]))


def _sum(values: NDArray[np.float64]) -> float:
    return math.fsum(values.ravel().tolist())


def _whs(wh: NDArray[np.float64]) -> list[Fraction]:
    """Return what flowed in each piece through all registers (m,k) together, (k,)."""
    return [Fraction(math.fsum(column)) for column in wh.T.tolist()]


def _energy_parts(
    prices: tuple[Plan, Pieces],
    piece: NDArray[np.int64],
    wh: NDArray[np.float64],
    laid: NDArray[np.float64],
) -> tuple[list[Part], float]:
    """Return what each band has of a period, and the Wh that have no price."""
    plan, cut = prices
    sign = -1 if plan.direction is Direction.EXPORT else 1
    sums: dict[tuple[int, int], list[Fraction]] = {}
    divided_wh: dict[tuple[int, int], list[float]] = {}
    unpriced: list[float] = []
    for k, (at, flowed) in enumerate(zip(piece.tolist(), _whs(wh), strict=True)):
        price = _price(plan, cut, at)
        if price is None:
            unpriced.append(float(flowed))
        elif flowed:
            key = int(cut.term[at]), int(cut.band[at])
            one = sums.setdefault(key, [Fraction(0), Fraction(0)])
            one[0] += flowed
            one[1] += sign * flowed * price / _WH
            divided_wh.setdefault(key, []).extend(laid[:, k].tolist())
    parts = []
    for (term, band), (flowed, amount) in sorted(sums.items()):
        net, vat = _taxed(plan, term, amount)
        of = plan.terms[term]
        name = of.bands[band].name
        at_wh = math.fsum(divided_wh[term, band])
        parts.append(Part("energy", name, of.since, flowed, Fraction(0), net, vat, at_wh))
    return parts, math.fsum(unpriced)


def _price(plan: Plan, cut: Pieces, at: int) -> Fraction | None:
    """Return the price of a kWh in a piece, as the plan has it; None: it has none there."""
    term, step = int(cut.term[at]), int(cut.step[at])
    if term < 0:
        return None
    band = plan.terms[term].bands[int(cut.band[at])]
    if band.steps is None:
        return Fraction(band.price)
    return None if step < 0 else Fraction(band.price) + Fraction(band.steps.value[step])


def _taxed(plan: Plan, term: int, amount: Fraction) -> tuple[Fraction, Fraction]:
    """Return an amount at the plan's prices as (net, VAT)."""
    rate = Fraction(plan.terms[term].vat_percent) / 100
    net = amount / (1 + rate) if plan.gross else amount
    return net, net * rate


def _shares(where: tzinfo) -> Share:
    """Return `share` of a zone; most meters are there for the whole of a period."""

    @cache
    def shares(start_ns: int, end_ns: int, by: By) -> Fraction:
        return share(start_ns, end_ns, by, where)

    return shares


def _standing_parts(plan: Plan, known: Sequence[tuple[int, int]], shares: Share) -> list[Part]:
    """Return the standing charges of a period, of meters that are known from and to."""
    parts = []
    for n, term in enumerate(plan.terms):
        since_ns, until_ns = plan.span_ns(term)
        for charge in term.standing:
            count = Fraction(0)
            for low_ns, high_ns in known:
                end_ns = high_ns if until_ns is None else min(high_ns, until_ns)
                count += shares(max(low_ns, since_ns), end_ns, charge.per)
            if count:
                net, vat = _taxed(plan, n, _amount(charge, count))
                name = f"standing charge per {charge.per.value}"
                parts.append(Part("standing", name, term.since, Fraction(0), count, net, vat))
    return parts


def _amount(charge: Standing, count: Fraction) -> Fraction:
    return Fraction(charge.amount) * count


def _carbon(
    carbon: tuple[Plan, Pieces],
    piece: NDArray[np.int64],
    wh: NDArray[np.float64],
    laid: NDArray[np.float64],
) -> Carbon:
    plan, cut = carbon
    grams = known = Fraction(0)
    unknown: list[float] = []
    for at, flowed in zip(piece.tolist(), _whs(wh), strict=True):
        intensity = _price(plan, cut, at)
        if intensity is None:
            unknown.append(float(flowed))
        else:
            known += flowed
            grams += flowed * intensity / _WH
    return Carbon(grams, known, math.fsum(unknown), _sum(laid))
