"""The analysis goes on while the catalog is away."""

from derived_rows import EPOCH, HOUR, append, memory_store, stored
from structlog.testing import capture_logs

from analytics.live import Known, Live
from analytics.remembered import AGAIN_S, remembered
from ingest.errors import StoreUnavailable
from ingest.meter import NOTHING_KNOWN, Meter, RegisterFacts
from ingest.reading import Series

METER = Series("meter", "active_energy_import")


class Catalog:
    """A catalog that can be away, and counts how often it is asked."""

    def __init__(self):
        self.away, self.asked, self.known = False, 0, RegisterFacts((Meter(0, serial="1"),))

    def __call__(self, *register):
        self.asked += 1
        if self.away:
            raise StoreUnavailable("the catalog can't be asked: it is away")
        return self.known


def test_what_was_told_last_holds_while_it_is_away():
    catalog, now_s = Catalog(), [100.0]
    facts = remembered(catalog, lambda: now_s[0])
    assert facts(*METER) == catalog.known
    catalog.away = True
    with capture_logs() as logs:
        assert facts(*METER) == catalog.known
        assert facts("other", "active_energy_import", "") == NOTHING_KNOWN
    assert [one["log_level"] for one in logs] == ["warning"], "once, not for each register"
    assert catalog.asked == 2, "it is left alone for a while"
    catalog.away, catalog.known = False, RegisterFacts((Meter(0, serial="2"),))
    now_s[0] += AGAIN_S
    assert facts(*METER) == catalog.known
    assert remembered(None)(*METER) == NOTHING_KNOWN


def test_a_register_that_falls_while_it_is_away_is_told():
    """And the analysis has no fault: silence and spikes are looked for as ever."""
    catalog = Catalog()
    catalog.away = True
    values = [*range(1000, 1040), *range(3, 43)]
    with memory_store() as store:
        rows = [(METER, EPOCH + i * HOUR // 4, 250.0 * v) for i, v in enumerate(values)]
        append(store, rows)
        running = Live(store, None, lambda found: None, Known(facts=catalog), now_ns=lambda: EPOCH)
        running.start()
        store.settled()
        assert running.fault is None
        running.stop(60)
        assert [one.kind for one in stored(store)] == ["register_reset"]
