"""What energy costs: by hand on the days on which clocks change, and as parts that add up."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from derived_rows import BERLIN
from hypothesis import given, settings
from hypothesis import strategies as st
from register_rows import rows_at
from tariff_files import HEAD, HOUR_NS, NIGHT, at, cost_of, meter, plan

from analytics.calendar import By, edges, to_datetime
from analytics.cost import rounded
from analytics.energy import periods
from analytics.register import unwrapped
from analytics.tariff import Band, Direction, Plan, Standing, Term, What
from analytics.tariff_times import pieces
from ingest.reading import Quality


def by_name(cost):
    return {part.name: part for part in cost.parts}


@pytest.mark.parametrize(
    ("day", "after", "small", "rest"),
    [
        ("2026-03-28", "2026-03-29", 1, 23),
        ("2026-03-29", "2026-03-30", 0, 23),  # 02:00 to 03:00 does not exist
        ("2026-10-25", "2026-10-26", 2, 23),  # it comes twice
    ],
)
def test_bands_follow_the_clock_when_it_changes(tmp_path, day, after, small, rest):
    """1 kWh an hour, 0.10 EUR from 02:00 to 03:00, else 0.30, and 0.30 EUR a day."""
    whole = meter(f"{day}T00:00", [1000.0] * 30)
    (cost,) = cost_of(plan(tmp_path, NIGHT), whole, [at(day), at(after)])
    found = by_name(cost)
    assert found["rest"].wh == 1000 * rest
    assert found["rest"].net == Fraction("0.30") * rest
    if small:
        assert found["small hours"].wh == 1000 * small
        assert found["small hours"].net == Fraction("0.10") * small
    else:
        assert "small hours" not in found
    standing = found["standing charge per day"]
    assert (standing.count, standing.net) == (1, Fraction("0.30"))  # 23 hours are a day
    assert cost.net == Fraction("0.10") * small + Fraction("0.30") * (rest + 1)
    assert cost.vat == cost.net * Fraction("0.19")
    assert (cost.unpriced_wh, cost.divided_wh) == (0, 0)
    assert cost.by_quality[Quality.MEASURED] == 1000 * (small + rest)


NIGHT_OVER_THREE = NIGHT.replace("02:00-03:00", "22:00-02:30")


@pytest.mark.parametrize(
    ("day", "after", "inside", "whole_day"),
    [
        ("2026-03-29", "2026-03-30", 2 + 2, 23),  # to 02:00, where 03:00 follows; from 22:00
        ("2026-10-25", "2026-10-26", 2.5 + 0.5 + 2, 25),  # 02:00 to 02:30 comes twice
    ],
)
def test_a_band_that_ends_within_the_changed_hour(tmp_path, day, after, inside, whole_day):
    """From 22:00 to 02:30, with quarters of an hour of 1 kWh each."""
    whole = meter(f"{day}T00:00", [1000.0] * 120, HOUR_NS // 4)
    (cost,) = cost_of(plan(tmp_path, NIGHT_OVER_THREE), whole, [at(day), at(after)])
    assert by_name(cost)["small hours"].wh == 4000 * inside
    assert sum(part.wh for part in cost.parts) == 4000 * whole_day


def test_a_holiday_is_none_of_the_weekdays(tmp_path):
    """Corpus Christi 2026 is Thursday 4 June; 24 December was added by hand."""
    text = f"""{HEAD}
holidays = "DE-NW"
holiday_dates = [2026-12-24]
[[term]]
from = 2026-01-01
vat_percent = 0
[[term.band]]
name = "work"
days = ["mon-fri"]
price = 0.30
[[term.band]]
name = "rest"
days = ["sat-sun", "holiday"]
price = 0.20
"""
    tariff = plan(tmp_path, text)
    for day, after, band in (
        ("2026-06-03", "2026-06-04", "work"),
        ("2026-06-04", "2026-06-05", "rest"),
        ("2026-06-06", "2026-06-07", "rest"),
        ("2026-12-24", "2026-12-25", "rest"),
    ):
        whole = meter(f"{day}T00:00", [1000.0] * 24)
        (cost,) = cost_of(tariff, whole, [at(day), at(after)])
        assert [part.name for part in cost.parts] == [band]


def test_terms_follow_one_another_at_local_midnight(tmp_path):
    """The price changes with the year, of which 31 December still has the old one and its VAT."""
    text = f"""{HEAD}
[[term]]
from = 2025-01-01
until = 2026-01-01
vat_percent = 19
band = [{{ name = "all", price = 0.20 }}]
[[term]]
from = 2026-01-01
until = 2026-01-02
vat_percent = 7
standing_per_month = 31
band = [{{ name = "all", price = 0.40 }}]
"""
    whole = meter("2025-12-31T00:00", [100.0] * 72)
    (cost,) = cost_of(plan(tmp_path, text), whole, [at("2025-12-31"), at("2026-01-03")])
    assert [(p.name, p.since, p.wh, p.net, p.vat) for p in cost.parts] == [
        ("all", date(2025, 1, 1), 2400, Fraction("0.48"), Fraction("0.48") * Fraction("0.19")),
        ("all", date(2026, 1, 1), 2400, Fraction("0.96"), Fraction("0.96") * Fraction("0.07")),
        ("standing charge per month", date(2026, 1, 1), 0, 1, Fraction("0.07")),
    ]
    assert cost.unpriced_wh == 2400, "of 2 January nobody told a price"


def test_gross_prices_have_their_vat_in_them(tmp_path):
    text = NIGHT.replace('"net"', '"gross"')
    whole = meter("2026-03-28T00:00", [1190.0] * 30)
    (cost,) = cost_of(plan(tmp_path, text), whole, [at("2026-03-28"), at("2026-03-29")])
    assert cost.net + cost.vat == Fraction("1.19") * (23 * Fraction("0.3") + Fraction("0.1")) + (
        Fraction("0.30")
    )
    assert by_name(cost)["rest"].net == 23 * Fraction("0.3")


def test_what_is_exported_is_income(tmp_path):
    text = NIGHT.replace('direction = "import"', 'direction = "export"')
    whole = meter("2026-03-28T00:00", [1000.0] * 30)
    (cost,) = cost_of(plan(tmp_path, text), whole, [at("2026-03-28"), at("2026-03-29")])
    found = by_name(cost)
    assert found["rest"].net == -23 * Fraction("0.30")
    assert found["rest"].price == -Fraction("0.30")
    assert found["standing charge per day"].net == Fraction("0.30")  # is still paid


SPOT = f"""{HEAD}
[[term]]
from = 2026-01-01
vat_percent = 0
[[term.band]]
name = "spot"
price = 0.15
series = "spot.csv"
series_per = "MWh"
series_holds_minutes = 60
"""


def test_a_series_of_prices_is_added_hour_by_hour(tmp_path):
    """Both hours called 02:00 have their own price; an hour of which none is known has none."""
    lines = ["time,price", "2026-10-25T02:00+02:00,-50", "2026-10-25T02:00+01:00,100.5"]
    lines += ["2026-10-25T04:00+01:00,30"]
    tariff = plan(tmp_path, SPOT, spot="\n".join(lines))
    whole = meter("2026-10-25T02:00+02:00", [1000.0, 2000.0, 4000.0, 8000.0])
    (cost,) = cost_of(tariff, whole, [at("2026-10-25T02:00+02:00"), at("2026-10-25T05:00+01:00")])
    (part,) = cost.parts
    assert part.wh == 11_000
    assert part.net == Fraction("0.10") + 2 * Fraction("0.2505") + 8 * Fraction("0.18")
    assert cost.unpriced_wh == 4000


def test_a_monthly_reading_is_spread_and_that_is_told(tmp_path):
    """Two readings a month apart say nothing of nights: all is spread, in proportion to time."""
    whole = meter("2026-05-01T00:00", [744_000.0] * 3, 744 * HOUR_NS)
    (cost,) = cost_of(plan(tmp_path, NIGHT), whole, [at("2026-05-01"), at("2026-06-01")])
    found = by_name(cost)
    assert found["small hours"].wh == pytest.approx(31_000)
    assert cost.divided_wh == pytest.approx(744_000)
    assert found["small hours"].divided_wh == pytest.approx(31_000)
    assert cost.energy.quality is Quality.MEASURED, "of the month as a whole nothing is estimated"
    assert cost.by_quality[Quality.ESTIMATED] == pytest.approx(744_000)


def test_only_the_step_that_a_price_divides_is_spread(tmp_path):
    """Readings at half past: of each day the hours around 02:00 and 03:00 are divided."""
    whole = meter("2026-05-01T00:30", [1000.0] * 48)
    (cost,) = cost_of(
        plan(tmp_path, NIGHT), whole, [at("2026-05-01T12:30"), at("2026-05-02T12:30")]
    )
    assert cost.divided_wh == pytest.approx(2000)
    assert by_name(cost)["small hours"].divided_wh == pytest.approx(1000)
    assert by_name(cost)["small hours"].wh == pytest.approx(1000)
    assert cost.by_quality[Quality.ESTIMATED] == pytest.approx(2000)
    assert cost.by_quality[Quality.MEASURED] == pytest.approx(22_000)


def test_a_gap_is_told_as_what_it_is(tmp_path):
    """A meter that was silent over the band: the sum is right, its course is substituted."""
    hours = np.setdiff1d(np.arange(72), np.arange(25, 30))
    rows = rows_at([(at("2026-05-01") + int(h) * HOUR_NS, 1000.0 * h) for h in hours])
    whole = unwrapped(rows, "Wh", BERLIN)
    (cost,) = cost_of(plan(tmp_path, NIGHT), whole, [at("2026-05-02"), at("2026-05-03")])
    assert cost.by_quality[Quality.SUBSTITUTED] == pytest.approx(6000)
    assert cost.by_quality[Quality.MEASURED] == pytest.approx(18_000)
    assert cost.energy.coverage == pytest.approx(18 / 24)
    assert cost.divided_wh == pytest.approx(6000), "24:00 to 30:00 holds both edges of the band"


def test_a_standing_charge_is_paid_once_a_meter_while_it_is_there(tmp_path):
    """Two registers of one device are one meter; another came at noon."""
    one = meter("2026-03-29T00:00", [10.0] * 23)
    late = meter("2026-03-29T12:00", [10.0] * 12)
    registers = [("a", one), ("a", one), ("b", late)]
    (cost,) = cost_of(plan(tmp_path, NIGHT), registers, [at("2026-03-29"), at("2026-03-30")])
    assert by_name(cost)["standing charge per day"].count == 1 + Fraction(12, 23)


def test_the_carbon_of_what_flowed(tmp_path):
    """300 g until midnight, then 500 out of a series that knows two hours."""
    text = """\
what = "co2"
name = "grid"
zone = "Europe/Berlin"
[[term]]
from = 2026-01-01
until = 2026-05-02
g_per_kwh = 300
[[term]]
from = 2026-05-02
series = "grid.csv"
series_holds_minutes = 60
"""
    grid = plan(
        tmp_path, text, grid="time;g_per_kwh\n2026-05-02T00:00;400.5\n2026-05-02T01:00;500\n"
    )
    tariff = plan(tmp_path, NIGHT)
    whole = meter("2026-05-01T22:00", [1000.0, 1000.0, 1000.0, 2000.0, 4000.0])
    (cost,) = cost_of(tariff, whole, [at("2026-05-01T22:00"), at("2026-05-02T03:00")], grid)
    assert cost.carbon.grams == 2 * 300 + Fraction("400.5") + 2 * 500
    assert (cost.carbon.wh, cost.carbon.unknown_wh) == (5000, 4000)
    assert cost.carbon.divided_wh == 0


@pytest.mark.parametrize(
    ("exact", "digits", "told"),
    [("0.005", 2, "0.01"), ("-0.005", 2, "-0.01"), ("0.0049999", 2, "0.00"), ("2.5", 0, "3"),
     ("1234567.891", 1, "1234567.9")],
)  # fmt: skip
def test_halves_are_rounded_away_from_zero(exact, digits, told):
    assert rounded(Fraction(exact), digits) == Decimal(told)


MINUTES = st.integers(0, 24 * 12).map(lambda five: five * 5)


@st.composite
def tariffs(draw):
    """Return a tariff of bands at any hours, days and months, the last of them for all times."""
    bands = []
    for n in range(draw(st.integers(0, 4))):
        first, end = sorted((draw(MINUTES), draw(MINUTES)))
        days = frozenset(draw(st.sets(st.integers(0, 7), min_size=1)))
        months = frozenset(draw(st.sets(st.integers(1, 12), min_size=1)))
        price = Decimal(draw(st.integers(-999, 9999))).scaleb(-4)
        bands.append(Band(f"band {n}", price, None, days, ((first, end),), months))
    bands.append(Band("rest", Decimal("0.3333")))
    terms = (
        Term(date(2026, 1, 1), date(2026, 10, 25), tuple(bands), vat_percent=Decimal(19)),
        Term(
            date(2026, 10, 25),
            draw(st.sampled_from([None, date(2026, 10, 27)])),
            tuple(reversed(bands)),
            (Standing(Decimal("7.77"), draw(st.sampled_from([By.DAY, By.MONTH, By.YEAR]))),),
        ),
    )
    return Plan(
        What.TARIFF,
        "t",
        "t.toml",
        "Europe/Berlin",
        BERLIN,
        terms,
        holidays=draw(st.booleans()),
        currency="EUR",
        direction=draw(st.sampled_from(Direction)),
        gross=draw(st.booleans()),
    )


@settings(max_examples=60, deadline=None)
@given(
    tariff=tariffs(),
    start=st.sampled_from(["2026-03-27T20:10", "2026-10-23T09:00", "2026-12-30T00:00"]),
    wh=st.lists(st.floats(0, 5000, allow_subnormal=False), min_size=20, max_size=160),
    step=st.sampled_from([1, 2, 4, 17]),
    by=st.sampled_from([By.HOUR, By.DAY, By.MONTH]),
)
def test_parts_add_up(tariff, start, wh, step, by):
    """Bands and what has no price are what /v1/energy says, and periods are the whole's parts."""
    whole = meter(start, wh, step * HOUR_NS // 4)
    span = at(start), at(start) + len(wh) * step * HOUR_NS // 4
    edges_ns = edges(*span, by, BERLIN)
    found = cost_of(tariff, whole, edges_ns)
    for cost, one in zip(found, periods(whole, edges_ns, "Wh"), strict=True):
        parts = sum((part.wh for part in cost.parts), Fraction(0))
        rest = pytest.approx(one.value, rel=1e-12, abs=1e-12 * 1e6)
        assert float(parts + Fraction(cost.unpriced_wh)) == rest
        assert math.fsum(cost.by_quality.values()) == rest
        assert cost.net == sum(part.net for part in cost.parts)
        assert -1e-6 <= cost.divided_wh <= one.value + 1e-6
    (together,) = cost_of(tariff, whole, span)
    assert float(sum(one.net for one in found)) == pytest.approx(float(together.net), abs=1e-8)
    assert float(sum(one.vat for one in found)) == pytest.approx(float(together.vat), abs=1e-8)
    counts = [sum(p.count for p in one.parts) for one in (*found, together)]
    assert sum(counts[:-1]) == counts[-1], "standing charges add up exactly"


@settings(max_examples=80, deadline=None)
@given(tariff=tariffs(), start=st.integers(0, 365 * 24 * 60), minutes=st.integers(1, 4 * 24 * 60))
def test_the_pieces_are_what_the_clock_says_minute_by_minute(tariff, start, minutes):
    """Against the slow twin: each minute's local time is looked up by itself."""
    begin = at("2026-01-01") + start * 60 * 10**9
    found = pieces(tariff, begin, begin + minutes * 60 * 10**9)
    assert (np.diff(found.edges_ns) > 0).all()
    times = begin + 60 * 10**9 * np.arange(0, minutes, 7)
    places = found.of(times).tolist()
    for time_ns, place in zip(times.tolist(), places, strict=True):
        local = to_datetime(time_ns, BERLIN)
        day = tariff.day_of(local.date())
        term = next(
            (
                n
                for n, one in enumerate(tariff.terms)
                if one.since <= local.date() and (one.until is None or local.date() < one.until)
            ),
            -1,
        )
        assert found.term[place] == term
        if term >= 0:
            band = tariff.terms[term].band_at(local.month, day, local.hour * 60 + local.minute)
            assert found.band[place] == band


def test_a_span_with_too_many_changes_is_refused():
    bands = tuple(Band(str(n), Decimal(n), hours=((15 * n, 15 * n + 15),)) for n in range(24 * 4))
    tariff = Plan(
        What.TARIFF, "t", "t", "UTC", BERLIN, (Term(date(2020, 1, 1), None, bands),)
    )  # fmt: skip
    with pytest.raises(ValueError, match="at most 50000 changes"):
        pieces(tariff, at("2026-01-01"), at("2027-08-01"))
    assert len(pieces(tariff, at("2026-01-01"), at("2026-01-02")).term) == 24 * 4
