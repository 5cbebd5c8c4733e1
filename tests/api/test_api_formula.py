"""A formula of registers over HTTP: by hand, over a change of clocks, and not past one's tenant."""

from dataclasses import replace

import numpy as np
import pytest
from api_town import HOUR_NS, METER, METER_FROM_NS, SCHOOL, TARIFFS, every, fill, problem_of
from starlette.testclient import TestClient

from api.app import create_app
from api.gate import Guard, Rate
from api.keys import KeyRing, Scope, Sessions, new_key
from ingest.place import Placed

SPAN = {"start": "2026-03-28", "end": "2026-03-30"}


@pytest.fixture
def solar(town):
    """Return a town whose meter has a second one behind it, for half of the time."""
    fill(town)
    hours = METER_FROM_NS + np.arange(25) * HOUR_NS
    town.tell("behind", "active_energy_import", hours, np.arange(25) * 40.0)
    named = {"own": f"device:{METER} - device:behind"}
    town.house = replace(town.house, virtual_meters=named)
    town.app = create_app(town.house)
    return town


def asked(town, formula, **query):
    return every(town.client(), "/v1/energy/formula", formula=formula, **query)


@pytest.mark.parametrize("limit", [1, 1000])
def test_a_difference_by_day_over_the_change_of_clocks(solar, limit):
    first, second = asked(solar, f"device:{METER} - 0.5 * device:behind", limit=limit, **SPAN)
    assert first["value"] == pytest.approx(24 * 100 - 0.5 * 24 * 40)
    assert (first["quality"], first["coverage"], first["unknown"]) == ("measured", 1.0, [])
    assert first["operands"] == [
        {"operand": f"device:{METER}", "factor": 1.0, "value": 2400.0},
        {"operand": "device:behind", "factor": -0.5, "value": 960.0},
    ]
    # The day of 23 hours; of the meter behind nothing is known there, so nothing is claimed.
    assert (second["value"], second["unknown"]) == (None, ["device:behind"])
    assert second["operands"][0]["value"] == pytest.approx(2300.0)


def test_a_formula_that_has_a_name_and_other_registers(solar):
    (day,) = asked(solar, "meter:own", start="2026-03-28", end="2026-03-29")
    assert day["value"] == pytest.approx(24 * 60)
    (day,) = asked(
        solar, f"device:{METER}/active_energy_export - device:{METER}",
        start="2026-03-28", end="2026-03-29",
    )  # fmt: skip
    assert day["value"] == pytest.approx(24 * (10 - 100))
    quarters = asked(solar, f"device:{METER}", by="quarter_hour", start="2026-03-28T10:00",
                     end="2026-03-28T11:00")  # fmt: skip
    assert [one["value"] for one in quarters] == pytest.approx([25.0] * 4)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("device:nobody", "an operand with a register of active_energy_import, found"),
        (f"device:{SCHOOL}", "an operand with a register of active_energy_import, found"),
        ("device:behind +", "column 16: expected an operand"),
        ("meter:other", "column 1: expected the name of a formula (own)"),
        (f"device:behind + device:{METER}/temperature", "quantity: expected a register of energy"),
        (f"device:behind,{TARIFFS}", "one device behind device:"),
    ],
)
def test_what_can_not_be_computed_is_told(solar, formula, said):
    answer = solar.client().get("/v1/energy/formula", params={"formula": formula})
    assert said in problem_of(answer, 422)


def test_units_must_agree(solar):
    solar.tell("water", "water_volume", [METER_FROM_NS, METER_FROM_NS + HOUR_NS], [1.0, 2.0])
    answer = solar.client().get(
        "/v1/energy/formula", params={"formula": "device:behind - device:water/water_volume"}
    )
    assert "expected quantities of one unit, found" in problem_of(answer, 422)


def test_a_tenants_formula_reaches_no_device_of_another(solar):
    class Catalog:
        def facts(self, *series):
            return solar.house.catalog.facts(*series)

        def placed(self):
            return {METER: Placed("dortmund"), "behind": Placed("schwerte")}

    row, text = new_key("anna", Scope.READ, "dortmund", 0)
    guard = Guard(KeyRing(lambda: [row]), Sessions(b"s" * 32), print, rate=Rate(0), wrong=Rate(0))
    app = create_app(replace(solar.house, catalog=Catalog()), guard)
    client = TestClient(app, "http://localhost", headers={"Authorization": f"Bearer {text}"})
    own = client.get("/v1/energy/formula", params={"formula": f"device:{METER}", **SPAN})
    assert len(own.json()["items"]) == 2
    # A formula that has a name is not there either: not by its name, nor by what is in it.
    for name in ("own", "nothing"):
        answer = client.get("/v1/energy/formula", params={"formula": f"meter:{name}", **SPAN})
        said = problem_of(answer, 422)
        assert said.replace(name, "NAME") == (
            "formula: expected column 1: expected the name of a formula (none; the setting"
            ' virtual_meters has them), found "meter:NAME", found "meter:NAME"'
        )
        assert "behind" not in said
    for formula in ("device:behind", f"device:{METER} - device:behind", "tenant:schwerte",
                    "0 * device:behind"):  # fmt: skip
        answer = client.get("/v1/energy/formula", params={"formula": formula, **SPAN})
        assert "an operand with a register" in problem_of(answer, 422), formula
