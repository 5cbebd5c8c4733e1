"""Files of tariffs: what they say, what is wrong with them and where, and when they are read."""

import os
from datetime import date
from decimal import Decimal

import pytest
from structlog.testing import capture_logs
from tariff_files import HEAD, NIGHT, at, plan
from typer.testing import CliRunner

from analytics.tariff import Direction, What, days_told, hours_told, months_told
from analytics.tariff_commands import tariff_app
from analytics.tariff_toml import TariffError
from analytics.tariffs import EXAMPLES, Tariffs


def faults(folder, text, **series):
    with pytest.raises(TariffError) as told:
        plan(folder, text, **series)
    return told.value.faults


def test_the_examples_are_right_and_called_examples():
    known = Tariffs([EXAMPLES]).known()
    assert known.broken == ()
    assert [(one.name, one.what) for one in known.plans] == [
        ("example-co2", What.CO2), ("example-day-night", What.TARIFF),
    ]  # fmt: skip
    assert all("invented" in one.title for one in known.plans)
    tariff = known.plans[1]
    night, weekend, evening, day = tariff.terms[1].bands
    assert night.price == Decimal("0.2214"), "no binary fraction of it"
    assert (hours_told(night.hours), days_told(night.days)) == ("00:00-06:00, 22:00-24:00", "")
    assert days_told(weekend.days) == "sat-sun, holiday"
    assert months_told(evening.months) == "1-2, 11-12"
    assert (day.months, tariff.direction) == (frozenset(range(1, 13)), Direction.IMPORT)
    assert [(one.amount, one.per.value) for one in tariff.terms[1].standing] == [(96, "year")]


BAND = '[[term]]\nfrom = 2026-01-01\n[[term.band]]\nname = "all"\n'
FLAT = f"{HEAD}{BAND}price = 0.3\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('name = "t"', 'name = "T t"',
         'line 1: name: expected a name of a-z, 0-9 and "-", such as "day-night", found "T t"'),
        ('currency = "EUR"\n', "",
         'line 1: currency: expected three letters such as "EUR", found none'),
        ('zone = "Europe/Berlin"', 'zone = "Mars"',
         'line 3: zone: expected a zone such as "Europe/Berlin", found "Mars"'),
        ('"import"', '"both"',
         'line 4: direction: expected "import" or "export", found "both"'),
        ("price = 0.3", 'price = "0.3"',
         "line 10: term 1, band 1, price: expected a number from -1000000 to 1000000 with at most"
         ' 10 decimals, such as 0.25, found "0.3"'),
        ("price = 0.3", "price = nan",
         "line 10: term 1, band 1, price: expected a number from -1000000 to 1000000 with at most"
         ' 10 decimals, such as 0.25, found "NaN"'),
        ("price = 0.3", "prise = 0.3",
         "line 10: term 1, band 1, prise: expected one of name, series, series_holds_minutes,"
         ' series_per, price, days, hours, months, found "0.3"'),
        ("price = 0.3", 'price = 0.3\nhours = ["6-22"]',
         'line 11: term 1, band 1, hours: expected a list of hours such as ["22:00-06:00"],'
         ' found "[\'6-22\']"'),
        ("price = 0.3", 'price = 0.3\nhours = ["22:00-22:00"]', "hours: expected a list of hours"),
        ("price = 0.3", 'price = 0.3\nhours = ["22:00-24:30"]', "hours: expected a list of hours"),
        ("price = 0.3", 'price = 0.3\ndays = ["fri-mon"]', "days: expected a list of days such as"),
        ("price = 0.3", 'price = 0.3\ndays = ["holiday"]',
         'line 11: term 1, band 1, days: expected holidays = "DE-NW" or holiday_dates'),
        ("price = 0.3", "price = 0.3\nmonths = [0]", "months: expected a list of months such as"),
        ("price = 0.3", 'price = 0.3\nhours = ["06:00-22:00"]',
         "line 6: term 1, band: expected a band for every time of the year, found \"none for mon,"
         ' month 1, 00:00"'),
        ("price = 0.3", 'price = 0.3\n[[term.band]]\nname = "never"\nprice = 1',
         "line 11: term 1, band 2: expected times that no band before it has"),
        ("from = 2026-01-01", 'from = "2026-01-01"',
         "line 7: term 1, from: expected a date such as 2026-01-01, without quotes,"
         ' found "2026-01-01"'),
        ("from = 2026-01-01", "from = 2026-01-01\nuntil = 2026-01-01",
         "line 8: term 1, until: expected a day after from (2026-01-01)"),
        ("from = 2026-01-01", "from = 2026-01-01\nvat_percent = 119",
         "line 8: term 1, vat_percent: expected a number from 0 to 100"),
        ("price = 0.3", "price = 1\n[[term]]\nfrom = 2027-01-01\nband = [{name = 'a', price = 1}]",
         "line 6: term 1, until: expected the end of this term, as another follows, found none"),
        ("price = 0.3", 'series = "none.csv"\nseries_holds_minutes = 60',
         "line 10: term 1, band 1, series: none.csv:"
         " expected a file, found none (No such file or directory)"),
        ("price = 0.3", 'series = "../secret.csv"\nseries_holds_minutes = 60',
         "line 10: term 1, band 1, series: expected the name of a CSV beside this file"),
        ("price = 0.3", 'series = "a.csv"',
         "series_holds_minutes: expected a whole number from 1 to 527040, found none"),
        ("price = 0.3", "price = 0.3.4", "line 10: expected TOML, found something else"),
        (BAND, "", "line 1: term: expected 1 to 100 tables [[term]], found none"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_by_line_and_field(tmp_path, old, new, said):
    (fault, *_) = [one for one in faults(tmp_path, FLAT.replace(old, new)) if said in one] or [""]
    assert said in fault, faults(tmp_path, FLAT.replace(old, new))


def test_terms_may_not_overlap(tmp_path):
    text = FLAT.replace("from = 2026-01-01", "from = 2026-01-01\nuntil = 2027-01-01")
    text += "[[term]]\nfrom = 2026-12-31\nband = [{name = 'a', price = 1}]\n"
    (fault,) = faults(tmp_path, text)
    assert fault.startswith("line 13: term 2, from: expected 2027-01-01 or later, as the term")


def test_all_faults_are_told_at_once(tmp_path):
    text = FLAT.replace('"EUR"', '"euros"').replace("price = 0.3", "price = true")
    assert [one.split(":")[0] for one in faults(tmp_path, text)] == ["line 2", "line 10"]


def test_a_text_over_several_lines_shifts_no_line(tmp_path):
    text = FLAT.replace('name = "t"', 'name = "t"\ntitle = """\n[[term]]\nprice = 1\n"""')
    assert [one.split(",")[0] for one in faults(tmp_path, text)] == [
        "line 2: title: expected a line of 1 to 200 characters"
    ]


SERIES = FLAT.replace("price = 0.3", 'series = "p.csv"\nseries_holds_minutes = 60')


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("when,price\n", 'p.csv: line 1: expected the columns time,price, found "when,price"'),
        ("", 'p.csv: line 1: expected the columns time,price, found ""'),
        ("time,price\n", "p.csv: line 2: expected a time and a value, found none"),
        ("time,price\n2026-01-01,1\n\nnoon,1\n", 'p.csv: line 4: time: expected a time such as'),
        ("time,price\n2026-01-01,1\n2026-01-01,1\n", "p.csv: line 3: time: expected a later time"),
        ("time;price\n2026-01-01;0,25\n",
         'p.csv: line 2: price: expected a number with a point, such as 0.0843, found "0,25"'),
        ("time,price\n2026-01-01,0,25\n", "p.csv: line 2: the line: expected a time and a price"),
        ("time,price\n2026-10-25T02:30,1\n", "with its offset, as clocks change here"),
        ("time,price\n2026-03-29T02:30,1\n", "with its offset, as clocks change here"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_csv_is_told_by_its_line(tmp_path, lines, said):
    (fault,) = faults(tmp_path, SERIES, p=lines)
    assert fault.startswith("line 10: term 1, band 1, series: p.csv: line ")
    assert said in fault


def test_a_price_of_a_series_holds_until_the_next_or_for_as_long_as_was_told(tmp_path):
    lines = "time,price\n2026-01-01T00:00,1\n2026-01-01T00:15,2\n2026-01-01T03:00,3\n"
    steps = plan(tmp_path, SERIES, p=lines).terms[0].bands[0].steps
    ends = ["2026-01-01T00:15", "2026-01-01T01:15", "2026-01-01T04:00"]
    assert steps.end_ns.tolist() == [at(one) for one in ends]


def test_a_folder_is_read_again_when_a_file_changes_and_a_broken_one_stops_nothing(tmp_path):
    folder = tmp_path / "tariffs"
    tariffs = Tariffs([folder])
    assert tariffs.known().plans == ()
    folder.mkdir()
    (folder / "night.toml").write_text(NIGHT)
    (folder / "wrong.toml").write_text(NIGHT.replace('"EUR"', '"euros"'))
    (folder / "twice.toml").write_text(NIGHT)
    with capture_logs() as log:
        known = tariffs.known()
        assert tariffs.known() is known, "nothing has changed"
    assert [one.file for one in known.plans] == ["night.toml"]
    assert [(one.file, one.faults[0]) for one in known.broken] == [
        ("twice.toml", 'name: expected one that no other file has, found "t" as in night.toml'),
        ("wrong.toml", 'line 2: currency: expected three letters such as "EUR", found "euros"'),
    ]
    assert [entry["file"] for entry in log] == ["twice.toml", "wrong.toml"]
    (folder / "twice.toml").unlink()
    (folder / "wrong.toml").write_text(NIGHT.replace('name = "t"', 'name = "mended"'))
    known = tariffs.known()
    assert ([one.name for one in known.plans], known.broken) == (["mended", "t"], ())


def test_a_changed_series_is_read_again(tmp_path):
    before = plan(tmp_path, SERIES, p="time,price\n2026-01-01,1\n")
    tariffs = Tariffs([tmp_path])
    assert tariffs.known().plans[0].terms[0].bands[0].steps.value == (
        before.terms[0].bands[0].steps.value
    )
    (tmp_path / "p.csv").write_text("time,price\n2026-01-01,2\n")
    os.utime(tmp_path / "p.csv", ns=(1, 1))
    assert tariffs.known().plans[0].terms[0].bands[0].steps.value == (Decimal(2),)


def test_the_command_says_what_is_understood_or_wrong(tmp_path):
    run = CliRunner()
    good = run.invoke(tariff_app, ["check", str(EXAMPLES / "example-day-night.toml")])
    assert good.exit_code == 0
    assert "example-day-night: tariff of import in EUR, prices without VAT" in good.output
    assert "0.2214" in good.output
    (tmp_path / "t.toml").write_text(FLAT.replace("0.3", "free"))
    wrong = run.invoke(tariff_app, ["check", str(tmp_path / "t.toml")])
    assert wrong.exit_code == 1
    assert "line 10: expected TOML" in wrong.output
    absent = run.invoke(tariff_app, ["check", str(tmp_path / "none.toml")])
    assert absent.exit_code == 1
    assert "expected one that can be read" in absent.output


def test_terms_begin_and_end_at_local_midnight(tmp_path):
    tariff = plan(tmp_path, FLAT)
    assert tariff.span_ns(tariff.terms[0]) == (at("2025-12-31T23:00+00:00"), None)
    assert tariff.terms[0].since == date(2026, 1, 1)
