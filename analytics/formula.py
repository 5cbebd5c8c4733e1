"""Formulas of registers: `site:school - 0.5 * (device:m-7 + device:m-8)`.

A formula only adds, subtracts and multiplies by numbers, so it comes to a factor for each operand.
An operator stands between blanks, because names have signs in them; a name with blanks or brackets
stands in double quotes.

    sum      = ["-"] product {("+" | "-") product}
    product  = [number "*"] (operand | "(" sum ")")
    operand  = kind ":" name ["/" quantity]        kind: device, site, district, sector, tenant,
                                                         meter (a formula that has a name)
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from analytics.sums import Sum
from ingest.reading import Quality

KINDS = ("device", "site", "district", "sector", "tenant", "meter")
LENGTH_MAX = 1_000
DEPTH_MAX = 40
OPERANDS_MAX = 50
_TOKEN = re.compile(
    r'\s*(?:(?P<operand>[a-z]+:(?:"[^"]*"|[^\s()"*/]+)(?:/[a-z0-9_]+)?)'
    r"|(?P<number>\d+(?:\.\d+)?)(?![\w.:])|(?P<sign>[-+*()])|(?P<end>$))"
)


class Operand(NamedTuple):
    """What stands in a formula. quantity None: that of the question."""

    kind: str
    name: str
    quantity: str | None = None

    def __str__(self) -> str:
        name = f'"{self.name}"' if re.search(r'[\s()"*/]', self.name) else self.name
        return f"{self.kind}:{name}" + (f"/{self.quantity}" if self.quantity else "")


class FormulaError(ValueError):
    """A formula can't be read; the text says where, what was expected, and what was found."""


def read(text: str, named: Mapping[str, str] | None = None) -> dict[Operand, float]:
    """Return the factor of each operand of a formula, in the order of the text.

    named  formulas that have a name, for `meter:NAME`

    Raises FormulaError.
    """
    return _Reader(text, named or {}, (), {}).all()


@dataclass(slots=True)
class Result:
    """What a formula comes to in a period.

    value    None: of an operand nothing is known, and unknown says of which
    quality  the worst, coverage the least of the operands; uncertainty, missing, corrections: sums
             (uncertainty None: a register is missing, or nothing limits it)
    """

    start_ns: int
    end_ns: int
    value: float | None
    quality: Quality | None
    coverage: float
    provisional: bool
    uncertainty: float | None
    missing: int
    corrections: int
    unknown: list[Operand]


def combined(factors: Mapping[Operand, float], sums: Mapping[Operand, Sum]) -> Result:
    """Return what a formula comes to, from what its operands come to in one period."""
    each = [(operand, factor, sums[operand]) for operand, factor in factors.items()]
    first = each[0][2]
    unknown = [operand for operand, _, one in each if one.value is None]
    known = [(factor, one) for _, factor, one in each if one.value is not None]
    sure = not unknown and all(o.uncertainty is not None and not o.missing for _, o in known)
    qualities = [one.quality for _, one in known if one.quality is not None]
    return Result(
        start_ns=first.start_ns,
        end_ns=first.end_ns,
        value=None if unknown else sum(factor * (one.value or 0.0) for factor, one in known),
        quality=None if unknown else max(qualities, default=None),
        coverage=min(one.coverage for _, _, one in each),
        provisional=any(one.provisional for _, _, one in each),
        uncertainty=sum(abs(f) * (one.uncertainty or 0.0) for f, one in known) if sure else None,
        missing=sum(one.missing for _, _, one in each),
        corrections=sum(one.corrections for _, _, one in each),
        unknown=unknown,
    )


class _Reader:
    def __init__(
        self,
        text: str,
        named: Mapping[str, str],
        within: tuple[str, ...],
        known: dict[str, dict[Operand, float]],
    ) -> None:
        if len(text) > LENGTH_MAX:
            raise FormulaError(f"expected at most {LENGTH_MAX} characters, found {len(text)}")
        self._text, self._named, self._within = text, named, within
        self._known = known  # what was read of a formula that stands in several places
        self._at = 0
        self._factors: dict[Operand, float] = {}

    def all(self) -> dict[Operand, float]:
        self._sum(1.0, 0)
        if self._peek("end") is None:
            raise self._wrong("+ or - between blanks, or the end")
        return self._factors

    def _sum(self, factor: float, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise FormulaError(f"expected at most {DEPTH_MAX} brackets in one another")
        self._product(-factor if self._takes("-") else factor, depth)
        while True:
            if self._takes("+"):
                self._product(factor, depth)
            elif self._takes("-"):
                self._product(-factor, depth)
            else:
                return

    def _product(self, factor: float, depth: int) -> None:
        number = self._peek("number")
        if number is not None:
            self._at = number.end()
            factor *= float(number["number"])
            if not self._takes("*"):
                raise self._wrong("* and an operand behind a number")
        operand = self._peek("operand")
        if operand is not None:
            self._take(operand["operand"], factor)
            self._at = operand.end()
        elif self._takes("("):
            self._sum(factor, depth + 1)
            if not self._takes(")"):
                raise self._wrong(")")
        else:
            raise self._wrong("an operand such as device:m-7 or site:school, or a bracket")

    def _take(self, text: str, factor: float) -> None:
        kind, _, rest = text.partition(":")
        if kind not in KINDS:
            raise self._wrong(f"one of {', '.join(KINDS)} before the colon")
        if rest.startswith('"'):
            name, _, quantity = rest[1:].partition('"')
            quantity = quantity.removeprefix("/")
        else:
            name, _, quantity = rest.partition("/")
        if kind == "meter":
            self._meter(name, factor)
        else:
            self._add(Operand(kind, name, quantity or None), factor)

    def _meter(self, name: str, factor: float) -> None:
        if name not in self._named:
            there = ", ".join(sorted(self._named)) or "none; the setting virtual_meters has them"
            raise self._wrong(f"the name of a formula ({there})")
        if name in self._within:
            raise FormulaError(f"meter:{name} is made of itself ({' of '.join(self._within)})")
        if len(self._within) >= DEPTH_MAX:
            raise FormulaError(f"expected at most {DEPTH_MAX} formulas in one another")
        if name not in self._known:
            inner = _Reader(self._named[name], self._named, (*self._within, name), self._known)
            try:
                self._known[name] = inner.all()
            except FormulaError as fault:
                raise FormulaError(f"meter:{name}: {fault}") from None
        for operand, own in self._known[name].items():
            self._add(operand, factor * own)

    def _add(self, operand: Operand, factor: float) -> None:
        self._factors[operand] = self._factors.get(operand, 0.0) + factor
        if len(self._factors) > OPERANDS_MAX:
            raise FormulaError(f"expected at most {OPERANDS_MAX} operands")

    def _peek(self, kind: str) -> re.Match[str] | None:
        found = _TOKEN.match(self._text, self._at)
        return found if found is not None and found[kind] is not None else None

    def _takes(self, sign: str) -> bool:
        found = self._peek("sign")
        if found is None or found["sign"] != sign:
            return False
        self._at = found.end()
        return True

    def _wrong(self, expected: str) -> FormulaError:
        rest = self._text[self._at :].strip()
        found = f'"{rest[:40]}"' if rest else "the end"
        at = len(self._text) - len(self._text[self._at :].lstrip()) + 1
        return FormulaError(f"column {at}: expected {expected}, found {found}")
