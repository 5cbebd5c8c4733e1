"""The energy of an hour is told once, when it is over and settled."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest
from api_town import HOUR_NS, METER, METER_FROM_NS, Town

from api.hours import SETTLED_NS, tell_hours
from ingest.errors import StoreUnavailable


@pytest.fixture
def told(tmp_path):
    """Return a town with a meter, and a way to let time pass while hours are told."""
    town = Town(tmp_path)
    hours = METER_FROM_NS + np.arange(9) * HOUR_NS
    town.tell(METER, "active_energy_import", hours[:6], np.arange(6) * 100.0)
    town.tell("idle", "water_volume", hours[:2], [1.0, 2.0])
    town.tell("warm", "temperature", hours, hours * 0.0)

    async def pass_time(*times_ns, faults=0):
        now_ns, left, found, stop = list(times_ns), [faults], [], asyncio.Event()

        def facts(*series):
            if left[0]:
                left[0] -= 1
                raise StoreUnavailable("the catalog is away")
            return town.house.catalog.facts(*series)

        def clock():
            if len(now_ns) == 1:
                stop.set()
            return now_ns.pop(0)

        class Catalog:
            def facts(self, *series):
                return facts(*series)

        house = replace(town.house, now_ns=clock, catalog=Catalog())
        await tell_hours(house, found.append, stop, look_s=0.001)
        return found

    town.pass_time = pass_time
    return town


async def test_each_hour_is_told_once(told):
    five = METER_FROM_NS + 5 * HOUR_NS
    found = await told.pass_time(
        five + SETTLED_NS - 1, five + SETTLED_NS, five + SETTLED_NS + 1, five + HOUR_NS
    )
    hours = [[(one.series.device, one.start_ns, one.value) for one in some] for some in found]
    assert hours == [
        [(METER, five - 2 * HOUR_NS, 100.0)],
        [(METER, five - HOUR_NS, 100.0)],
    ]
    assert (found[1][0].quality, found[1][0].coverage) == ("measured", 1.0)


async def test_an_hour_that_can_not_be_asked_now_is_told_later(told):
    five = METER_FROM_NS + 5 * HOUR_NS + SETTLED_NS
    found = await told.pass_time(five, five + 1, five + 2, faults=1)
    assert [len(some) for some in found] == [1]
