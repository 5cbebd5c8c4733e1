"""`emscher tariff`: is a file that says what a kWh costs right, and what does it say?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from analytics.tariff import Plan, Term, What, days_told, hours_told, months_told
from analytics.tariff_file import read_plan
from analytics.tariff_toml import TariffError

tariff_app = typer.Typer(
    help="Tariffs and CO2 intensities: is a file right, and what does it say?",
    no_args_is_help=True,
)
out = Console()
err = Console(stderr=True)


@tariff_app.callback()
def tariff() -> None:
    """Tariffs and CO2 intensities: is a file right, and what does it say?"""


@tariff_app.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="A TOML file; its CSVs lie beside it.")],
) -> None:
    """Say what a file is understood as, or all that is wrong with it (exit code 1)."""
    try:
        plan = read_plan(file)
    except TariffError as error:
        for fault in error.faults:
            err.print(f"{file}: {fault}", style="red", soft_wrap=True, markup=False)
        raise typer.Exit(1) from None
    out.print(_said(plan), markup=False, highlight=False, soft_wrap=True)
    for term in plan.terms:
        out.print(f"\n{_term(plan, term)}", markup=False, highlight=False, soft_wrap=True)
        out.print(_bands(plan, term))


def _said(plan: Plan) -> str:
    seen = f"seen by {plan.tenant} alone" if plan.tenant else "seen by everybody"
    if plan.what is What.CO2:
        return f"{plan.name}: CO2 intensity, days of {plan.zone}, {seen}"
    tax = "with VAT in them" if plan.gross else "without VAT"
    return (
        f"{plan.name}: tariff of {plan.direction} in {plan.currency}, prices {tax},"
        f" days and hours of {plan.zone}, {seen}"
    )


def _term(plan: Plan, term: Term) -> str:
    end = "on" if term.until is None else f"until before {term.until}"
    parts = [f"from {term.since} {end}"]
    if term.vat_percent:
        parts.append(f"VAT {term.vat_percent} %")
    parts += [f"{one.amount} {plan.currency} a meter and {one.per.value}" for one in term.standing]
    return ", ".join(parts)


def _bands(plan: Plan, term: Term) -> Table:
    unit = "g" if plan.what is What.CO2 else plan.currency
    table = Table("band", f"{unit}/kWh", "days", "hours", "months", "series", box=None)
    for band in term.bands:
        series = ""
        if band.steps is not None:
            series = f"+ {band.steps.file}, {len(band.steps.value)} values"
        table.add_row(
            escape(band.name),
            str(band.price),
            days_told(band.days) or "all",
            hours_told(band.hours) or "all",
            months_told(band.months) or "all",
            series,
        )
    return table
