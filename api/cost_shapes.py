"""The shapes of what energy costs."""

from pydantic import BaseModel, Field

from api.shapes import Page, example


class CostPartOut(BaseModel):
    """What one band of a tariff, or one standing charge, adds. Income is negative."""

    kind: str = Field(description="energy or standing", examples=["energy"])
    name: str = Field(description="of the band", examples=["night"])
    since: str = Field(description="first day of the tariff's term", examples=["2026-01-01"])
    kwh: float | None = Field(description="in the band; null: standing", examples=[81.25])
    count: float | None = Field(
        description="of meters times days, months or years; null: energy", examples=[None]
    )
    price: float | None = Field(
        description="without VAT, of a kWh or of one of `count`; the mean where it changes",
        examples=[0.2214],
    )
    net: float = Field(description="without VAT", examples=[17.99])
    vat: float = Field(description="amount less net", examples=[3.42])
    amount: float = Field(description="with VAT", examples=[21.41])
    spread_kwh: float | None = Field(
        description="of kwh: what was laid out between this band and another, as nobody read there",
        examples=[0.0],
    )


class ByQualityOut(BaseModel):
    """kWh by the quality of what flowed between two readings."""

    measured: float = Field(examples=[240.1])
    estimated: float = Field(
        description="the period begins or ends, or a price changes, between two readings",
        examples=[8.2],
    )
    substituted: float = Field(description="a gap was spread", examples=[2.0])
    suspect: float = Field(description="a step that nobody can explain", examples=[0.0])


class CarbonOut(BaseModel):
    """The CO2 that energy stands for."""

    kg: float = Field(description="of the kWh whose intensity is known", examples=[91.4])
    g_per_kwh: float | None = Field(description="the mean; null: nothing flowed", examples=[365.1])
    unknown_kwh: float = Field(description="have no intensity, and are not in kg", examples=[0.0])
    spread_kwh: float = Field(
        description="was laid out between two intensities, as nobody read between", examples=[0.0]
    )


class CostOut(BaseModel):
    """What the energy of a group in [start, end) costs; total is null where nothing is known."""

    model_config = example(
        group="all",
        start="2026-03-01T00:00:00+01:00",
        end="2026-04-01T00:00:00+02:00",
        kwh=250.3,
        net=67.64,
        vat=12.85,
        total=80.49,
        rounding=0.0,
        parts=[
            {
                "kind": "energy", "name": "night", "since": "2026-01-01", "kwh": 81.25,
                "count": None, "price": 0.2214, "net": 17.99, "vat": 3.42, "amount": 21.41,
                "spread_kwh": 0.0,
            }
        ],
        unpriced_kwh=0.0,
        spread_kwh=0.0,
        spread_share=0.0,
        by_quality={"measured": 240.1, "estimated": 8.2, "substituted": 2.0, "suspect": 0.0},
        co2={"kg": 91.4, "g_per_kwh": 365.1, "unknown_kwh": 0.0, "spread_kwh": 0.0},
        quality="substituted",
        status="E",
        coverage=0.992,
        provisional=False,
        uncertainty_kwh=0.4,
        meters=1,
        missing=0,
        corrections=0,
    )  # fmt: skip
    group: str | None = Field(description="tenant, district, sector, site or device; null: none")
    start: str
    end: str
    kwh: float | None = Field(description="what /v1/energy says, added up")
    net: float | None = Field(description="without VAT")
    vat: float | None = Field(description="total less net")
    total: float | None = Field(description="with VAT; the exact sum of the parts, rounded")
    rounding: float | None = Field(
        description="total less the rounded amounts of the parts: parts + rounding = total"
    )
    parts: list[CostPartOut]
    unpriced_kwh: float = Field(description="flowed while the tariff has no price: not in total")
    spread_kwh: float = Field(
        description="was laid out between bands, as no reading lies where the price changes"
    )
    spread_share: float | None = Field(description="the same as a share of kwh")
    by_quality: ByQualityOut
    co2: CarbonOut | None = Field(description="null: none was asked for")
    quality: str | None = Field(description="the worst of the registers")
    status: str | None = Field(description="the same as a German metering operator writes it")
    coverage: float = Field(description="the mean of all, 0 of those that are missing")
    provisional: bool = Field(description="later readings may still change it")
    uncertainty_kwh: float | None = Field(description="of kwh; null: nothing limits it")
    meters: int = Field(description="registers that are in the sum")
    missing: int = Field(description="registers of which nothing is known in the period")
    corrections: int = Field(description="how many steps of registers were corrected")


class CostPage(Page[CostOut]):
    """Costs by one tariff, which is named beside them."""

    tariff: str = Field(examples=["example-day-night"])
    currency: str = Field(description="ISO 4217", examples=["EUR"])
    direction: str = Field(description="import or export", examples=["import"])
    intensity: str | None = Field(description="of the CO2; null: none", examples=["example-co2"])
