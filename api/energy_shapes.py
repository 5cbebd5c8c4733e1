"""The shapes of energy by one register."""

from pydantic import BaseModel, Field

from api.against import AgainstOut
from api.shapes import Page, example


class CorrectionOut(BaseModel):
    """What was added to the register's change so that the amounts come out right."""

    kind: str
    value: float
    at: str
    note: str
    count: int = Field(description="readings that were rejected", examples=[0])
    asked: bool = Field(description="a person should decide (`emscher catalog answer`)")


class EnergyOut(BaseModel):
    """What flowed in [start, end); value is null where nothing is known."""

    model_config = example(
        start="2026-03-01T00:00:00+01:00",
        end="2026-03-02T00:00:00+01:00",
        value=9340.0,
        unit="Wh",
        quality="measured",
        coverage=1.0,
        provisional=False,
        status="W",
        uncertainty=0.0,
        known_from="2026-03-01T00:00:00+01:00",
        known_to="2026-03-02T00:00:00+01:00",
        method=None,
        by_power=9310.5,
        against=None,
        corrections=[],
    )
    start: str
    end: str
    value: float | None
    unit: str
    quality: str | None
    status: str | None = Field(
        description="the same as a German metering operator writes it: W wahrer, V vorläufiger,"
        " E Ersatzwert, N nicht verwendbarer Wert"
    )
    uncertainty: float | None = Field(
        description="by how much the value may be wrong, from what the readings and the most that"
        " can flow leave open; null: nothing limits it"
    )
    known_from: str | None = Field(description="the value is of what lies from here, after the")
    known_to: str | None = Field(description="first and before the last reading, to here")
    method: str | None = Field(description="how a gap's sum was spread: profile or linear")
    by_power: float | None = Field(
        description="the same out of the power that the meter sends; null where that is not seen"
        " for all of the period"
    )
    against: AgainstOut | None = Field(description="the same period of the other time")
    coverage: float = Field(description="share of the period between readings close enough")
    provisional: bool = Field(description="later readings may still change it")
    corrections: list[CorrectionOut]


class EnergyPage(Page[EnergyOut]):
    """Periods of one register, which is named beside them."""

    device: str = Field(examples=["meter-7"])
    quantity: str | None = Field(examples=["active_energy_import"])
    channel: str | None
