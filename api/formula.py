"""GET /v1/energy/formula: what a formula of registers comes to, by period."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from analytics.calendar import PERIODS_MAX, By, edges
from analytics.energy import energies
from analytics.formula import LENGTH_MAX, FormulaError, Operand, combined, read
from analytics.sums import Sum, summed
from api.house import House, Rooms
from api.paging import Cursor, Limit, place, word
from api.problems import BadQueryError
from api.readings import End, Start
from api.registers import REGISTERS_MAX, Choice, Group, Per, grouped
from api.shapes import Page, example
from api.tables import AS_TABLE, Tables
from api.times import asked_span, asked_zone, told_in
from ingest.quantity import quantity as known_quantity

router = APIRouter(prefix="/v1", tags=["energy"], route_class=Tables)


class OperandOut(BaseModel):
    """What an operand came to; null: nothing is known of it."""

    operand: str
    factor: float
    value: float | None


class FormulaOut(BaseModel):
    """What a formula comes to in [start, end); it may be negative."""

    model_config = example(
        start="2026-03-01T00:00:00+01:00",
        end="2026-03-02T00:00:00+01:00",
        value=9_340.0,
        unit="Wh",
        quality="measured",
        coverage=1.0,
        provisional=False,
        uncertainty=12.0,
        missing=0,
        corrections=0,
        unknown=[],
        operands=[
            {"operand": "site:school", "factor": 1.0, "value": 12_340.0},
            {"operand": "device:m-7", "factor": -1.0, "value": 3_000.0},
        ],
    )
    start: str
    end: str
    value: float | None = Field(description="null: nothing is known of an operand")
    unit: str
    quality: str | None = Field(description="the worst of the operands")
    coverage: float = Field(description="the least of the operands")
    provisional: bool = Field(description="later readings may still change it")
    uncertainty: float | None = Field(description="the sum of theirs; null: nothing limits it")
    missing: int = Field(description="registers of which nothing is known in the period")
    corrections: int = Field(description="how many steps of registers were corrected")
    unknown: list[str] = Field(description="the operands of which nothing is known")
    operands: list[OperandOut]


@router.get("/energy/formula", dependencies=AS_TABLE)
def energy_formula(
    rooms: Rooms,
    formula: Annotated[
        str,
        Query(
            description="sums and differences of device:, site:, district:, sector:, tenant: and"
            " meter: (a named formula), also times a number; operators between blanks, names with"
            " blanks in double quotes; /quantity behind a name takes another register",
            max_length=LENGTH_MAX,
            examples=["site:school - 0.5 * device:m-7"],
        ),
    ],
    quantity: Annotated[
        str, Query(description="which registers", examples=["active_energy_import"])
    ] = "active_energy_import",
    start: Start = None,
    end: End = None,
    by: Annotated[By, Query(description="calendar period", examples=["day"])] = By.DAY,
    tz: Annotated[
        str | None,
        Query(description="zone of the periods, and of plain times", examples=["Europe/Berlin"]),
    ] = None,
    limit: Limit = 1000,
    cursor: Cursor = None,
) -> Page[FormulaOut]:
    """What flowed by a formula of registers: a virtual meter.

    Each operand is what /v1/energy/sums says of it. Where of an operand nothing is known, nothing
    is claimed of the whole.
    """
    where = rooms.where if tz is None else asked_zone(tz)
    try:
        factors = read(formula, _named(rooms, quantity) if "meter:" in formula else {})
    except FormulaError as fault:
        raise BadQueryError("formula", str(fault).removeprefix("expected "), formula) from None
    groups = {one: _group(rooms, one, quantity) for one in factors}
    units = {known_quantity(one.quantity or quantity).unit for one in factors}
    if len(units) > 1:
        expected = "quantities of one unit"
        raise BadQueryError("formula", expected, " and ".join(sorted(units)))
    count = sum(len(group.spans) for group in groups.values())
    if count > REGISTERS_MAX:
        raise BadQueryError("formula", f"at most {REGISTERS_MAX} registers", count)
    spans = [span for group in groups.values() for span in group.spans]
    known = min(s.first_ns for s in spans), max(s.last_ns for s in spans)
    start_ns, end_ns = asked_span(start, end, where, known)
    if cursor is not None:
        start_ns = max(start_ns, place(cursor, tuple[int])[0])
    if end_ns <= start_ns:
        return Page(items=[], next=None, note="the span that is asked for is empty")
    try:
        edges_ns = edges(start_ns, end_ns, by, where)
    except ValueError:
        most = f"a period that fits into the span at most {PERIODS_MAX} times, or a shorter span"
        raise BadQueryError("by", most, by.value) from None
    following = None
    if len(edges_ns) > limit + 1:
        edges_ns = edges_ns[: limit + 1]
        following = word(int(edges_ns[-1]))
    sums: dict[Operand, list[Sum]] = {
        operand: summed(
            energies(rooms.store, group.spans, edges_ns, rooms.where, lambda one: rooms.facts(*one))
        )
        for operand, group in groups.items()
    }
    at, items = told_in(where), []
    for k in range(len(edges_ns) - 1):
        own = {operand: found[k] for operand, found in sums.items()}
        made = combined(factors, own)
        items.append(
            FormulaOut(
                start=at(made.start_ns),
                end=at(made.end_ns),
                value=made.value,
                unit=next(iter(units)),
                quality=None if made.quality is None else made.quality.word,
                coverage=made.coverage,
                provisional=made.provisional,
                uncertainty=made.uncertainty,
                missing=made.missing,
                corrections=made.corrections,
                unknown=[str(one) for one in made.unknown],
                operands=[
                    OperandOut(operand=str(one), factor=factor, value=own[one].value)
                    for one, factor in factors.items()
                ],
            )
        )
    return Page(items=items, next=following, note=None)


def _named(rooms: House, quantity: str) -> Mapping[str, str]:
    """Return the formulas that have a name, as far as whoever asks sees all that is in them.

    To others they are not there: neither their names nor what they are made of.
    """
    if rooms.tenant is None:
        return rooms.virtual_meters

    def is_seen(name: str) -> bool:
        try:
            for one in read(rooms.virtual_meters[name], rooms.virtual_meters):
                _group(rooms, one, quantity)
        except (FormulaError, BadQueryError):
            return False
        return True

    return {name: text for name, text in rooms.virtual_meters.items() if is_seen(name)}


def _group(rooms: House, operand: Operand, quantity: str) -> Group:
    """Return the registers of an operand; BadQueryError where there are none."""
    facts = dict.fromkeys(("tenant", "district", "sector", "site", "device"))
    if operand.kind == "device" and "," in operand.name:
        raise BadQueryError("formula", "one device behind device:", operand.name)
    chosen = Choice(operand.quantity or quantity, **{**facts, operand.kind: operand.name})
    group = grouped(rooms, chosen, Per.ALL).get("all")
    if group is None:
        raise BadQueryError("formula", f"an operand with a register of {chosen.quantity}", operand)
    return group
