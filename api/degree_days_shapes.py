"""The shapes of energy by the degree day."""

from enum import StrEnum

from pydantic import BaseModel, Field

from analytics.degree_days import Kind, Reason
from api.shapes import Page, example


class Calendar(StrEnum):
    """Periods that are long enough to be held against the weather."""

    MONTH = "month"
    YEAR = "year"


class DegreeDaysOut(BaseModel):
    """Energy and degree days of a group in [start, end)."""

    model_config = example(
        group="hoerde-school",
        start="2026-01-01T00:00:00+01:00",
        end="2026-02-01T00:00:00+01:00",
        value=41_200_000.0,
        unit="Wh",
        degree_days=571.2,
        days=31,
        days_covered=30,
        degree_days_whole=590.2,
        per_degree_day=59_335.8,
        base=6_180_000.0,
        reference=545.0,
        normalised=38_518_000.0,
        reason=None,
        known=1.0,
        quality="measured",
        status="W",
        coverage=0.998,
        provisional=False,
        uncertainty=1250.0,
        meters=2,
        missing=0,
        corrections=0,
    )
    group: str | None = Field(description="tenant, district, sector, site or device; null: none")
    start: str
    end: str
    value: float | None = Field(description="energy, as /v1/energy/sums says it")
    unit: str
    degree_days: float | None = Field(description="K d, of the days that are covered")
    days: int = Field(description="local days of the period")
    days_covered: int = Field(description="those of which three quarters of the hours are known")
    degree_days_whole: float | None = Field(
        description="K d, each missing day as the mean of its month; null: fewer than 90 % of the"
        " days, or than half of a month's, are covered"
    )
    per_degree_day: float | None = Field(description="value less base, by the degree day")
    base: float | None = Field(description="part of the value that does not depend on the weather")
    reference: float | None = Field(description="K d, of the same period of a normal year")
    normalised: float | None = Field(description="base + per_degree_day × reference")
    reason: Reason | None = Field(
        description="why normalised is null: no_energy, energy_in_part (less than 90 % of the"
        " period), days_missing, few_degree_days (summer), period_cut (no whole month or year),"
        " no_reference"
    )
    known: float = Field(description="share of the period that the value is of")
    quality: str | None = Field(description="the worst of its registers")
    status: str | None = Field(description="the same as a German metering operator writes it")
    coverage: float = Field(description="the mean of all registers, 0 of those that are missing")
    provisional: bool = Field(description="later readings may still change it")
    uncertainty: float | None = Field(description="of the value; null: nothing limits it")
    meters: int = Field(description="registers that are in the value")
    missing: int = Field(description="registers of which nothing is known in the period")
    corrections: int = Field(description="how many steps of registers were corrected")


class DegreeDaysPage(Page[DegreeDaysOut]):
    """Periods of registers beside the weather, which is named beside them."""

    temperature: str = Field(description="the device of the temperature", examples=["roof-1"])
    kind: Kind = Field(examples=["heating"])
    reference_years: str | None = Field(
        description="whole years of the temperature that the reference is made of; null: none",
        examples=["2024, 2025"],
    )
