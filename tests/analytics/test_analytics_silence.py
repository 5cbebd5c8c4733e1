"""Silence is judged by messages, whatever they bring."""

import numpy as np
from derived_rows import EPOCH, NS, live, memory_store, sensor, stored

from ingest.reading import Rows
from ingest.store import Commit


def test_a_lost_message_with_hours_of_history_is_no_silence():
    """A water meter brings twelve hours twice a day. One uplink is lost; then it is silent."""
    hours = [sensor("meter", "water_volume")]
    with memory_store() as store:
        for uplink in [*range(12), *range(13, 20), *range(32, 36)]:
            rows = [
                (store.number(hours[0]), EPOCH + (12 * uplink + k) * 3600 * NS, float(uplink),
                 EPOCH + 12 * uplink * 3600 * NS + 40_000 * NS, 0)
                for k in range(12)
            ]  # fmt: skip
            made = Rows.of(*zip(*rows, strict=True))
            store.append(Commit(made, np.zeros(12, np.int32), 1))
        with live(store, now_ns=lambda: EPOCH):
            store.settled()
        (silence,) = [one for one in stored(store) if one.kind == "silence"]
        assert silence.start_ns == EPOCH + (12 * 19 + 11) * 3600 * NS
        assert silence.end_ns == EPOCH + (12 * 32 + 11) * 3600 * NS
