"""After a codec was mended, what is stored is what the right codec would have stored at once."""

import base64
import json
from contextlib import closing

import pytest

from analytics.energy import energy
from analytics.live import Live
from analytics.windows import read_windows
from ingest.archive import Archive
from ingest.clock import rfc3339_ns
from ingest.formats.setup import BERLIN
from ingest.intake import Intake
from ingest.past import Past
from ingest.reading import Envelope, Quality, Series
from ingest.recipe import Recipe
from ingest.store import Counts, open_store

S = 10**9
NOON = rfc3339_ns("2026-06-01T12:00:00Z")
WRONG = """function decodeUplink(input) {
  const b = input.bytes;
  return {data: {temperature: b[0], humidity: b[1], active_energy_import: b[2] * 1000}};
}"""
RIGHT = """function decodeUplink(input) {
  const b = input.bytes;
  if (input.fPort === 9) return {data: {}};
  return {data: {temperature: b[0] / 2, co2: b[1], active_energy_import: b[2] * 1000}};
}"""


def _uplink(k, port=5, timed=True, eui="00000000000000aa"):
    at_ns = NOON + k * 600 * S
    event = {
        "deduplicationId": f"{k}-{port}",
        "deviceInfo": {"devEui": eui, "deviceName": "Shed", "deviceProfileName": "mine"},
        "fPort": port,
        "data": base64.b64encode(bytes([40 + k % 7, 50 + k % 3, k % 200])).decode(),
    }
    if timed:
        minutes = k * 10
        event["time"] = f"2026-06-{1 + (720 + minutes) // 1440:02}T"
        event["time"] += f"{(720 + minutes) // 60 % 24:02}:{minutes % 60:02}:00Z"
    topic = f"application/1/device/{eui}/event/up"
    return Envelope("test", topic, json.dumps(event).encode(), at_ns + S)


class House:
    """Store, archive, intake and analysis over a folder, with the codec that lies there."""

    def __init__(self, folder, script):
        (folder / "codecs").mkdir(parents=True, exist_ok=True)
        (folder / "codecs" / "mine.js").write_text(script)
        self.recipe = Recipe(BERLIN, {}, [], {}, folder / "codecs")
        self.store = open_store("embedded", folder)
        self.archive = Archive(folder / "messages")
        self.live = Live(self.store, BERLIN, lambda found: None, now_ns=lambda: NOON + 10**15)
        self.decoder = self.recipe.decoder(self.store.facts())
        self.intake = Intake(self.store, self.decoder, [self.live.offer], self.archive)
        self.past = Past(self.archive, self.store, self.intake, self.recipe.decoder)
        self.live.start()

    def close(self):
        self.past.close()
        self.live.stop(20)
        self.decoder.close()
        self.store.close()

    def reprocess(self, device=None, start=-(2**62), end=2**62, trial=False):
        assert self.past.reprocess(device, start, end, trial) is not None
        self.past._thread.join(60)
        run = self.past.last_run()
        assert not run.running
        assert run.error is None
        return run.found

    def settle(self):
        self.live.stop(30)
        assert self.live.lag() == 0

    def derived(self):
        """Return all that counts, to the last bit, but for receipts."""
        found = {}
        for span in self.store.series():
            rows = self.store.scan([span.number], -(2**62), 2**62)
            rows = rows.take(rows.quality != Quality.REJECTED)
            if not len(rows):
                continue
            told = {"rows": list(zip(rows.time_ns.tolist(), rows.value.tolist(), strict=True))}
            for width in (60 * S, 900 * S, 3600 * S, 7 * S):
                windows = read_windows(self.store, span.number, width, NOON - 10**15, NOON + 10**15)
                told[width] = [
                    getattr(windows, name).tolist()
                    for name in ("start_ns", "count", "min", "max", "mean", "last")
                ]
            if span.series.quantity == "active_energy_import":
                edges = NOON - 3600 * S + 3600 * S * __import__("numpy").arange(40)
                told["energy"] = energy(self.store, span.number, edges)
            found[span.series] = told
        return found, sorted(self.store.anomalies(), key=lambda one: one.id)


@pytest.fixture
def house(tmp_path):
    made = []

    def build(name, script):
        made.append(House(tmp_path / name, script))
        return made[-1]

    yield build
    for one in made:
        one.close()


def _take(house, envelopes, batch=20):
    for at in range(0, len(envelopes), batch):
        house.intake.accept(envelopes[at : at + batch])


MANY = [_uplink(k) for k in range(120)]


@pytest.mark.parametrize("restart", [False, True], ids=["running", "restarted"])
def test_all_that_is_derived_is_what_the_right_codec_would_have_led_to(house, tmp_path, restart):
    right = house("right", RIGHT)
    _take(right, MANY)
    mended = house("mended", WRONG)
    _take(mended, MANY)
    if restart:
        mended.settle()
        mended.close()
        mended = house("mended", WRONG)
    (tmp_path / "mended" / "codecs" / "mine.js").write_text(RIGHT)
    before = mended.store.counts()
    trial = mended.reprocess(trial=True)
    assert mended.store.counts() == before
    found = mended.reprocess()
    assert found == trial
    assert (found.messages, found.changed, found.added, found.rejected) == (120, 120, 120, 120)
    for each in (right, mended):
        each.settle()
    assert mended.derived() == right.derived()
    counts = mended.store.counts()
    assert counts == Counts(120, 0, 0, before.readings + 120, before.corrections + 240)
    assert mended.reprocess() == (120, 0, 0, 0, 0), "twice changes nothing"
    number = mended.store.number(Series("00000000000000aa", "temperature"))
    assert mended.store.history(number).value.tolist()[0] == 40.0


def test_the_readings_that_come_after_go_on_from_what_is_right(house, tmp_path):
    right, mended = house("right", RIGHT), house("mended", WRONG)
    _take(right, MANY)
    _take(mended, MANY[:60])
    (tmp_path / "mended" / "codecs" / "mine.js").write_text(RIGHT)
    mended.reprocess()
    mended.intake._decoder.close()
    mended.intake._decoder = mended.decoder = mended.recipe.decoder()
    _take(mended, MANY[60:], batch=7)
    for each in (right, mended):
        each.settle()
    assert mended.derived() == right.derived()


def test_what_a_later_message_said_of_the_same_instant_stands(house, tmp_path):
    desk = house("desk", WRONG)
    first = _uplink(0)
    later = _uplink(0)
    event = json.loads(later.payload) | {"data": base64.b64encode(bytes([60, 50, 1])).decode()}
    later = Envelope("test", later.topic, json.dumps(event).encode(), later.received_ns + S)
    _take(desk, [first, later], batch=1)
    (tmp_path / "desk" / "codecs" / "mine.js").write_text(RIGHT)
    desk.reprocess(end=later.received_ns)
    number = desk.store.number(Series("00000000000000aa", "temperature"))
    assert desk.store.scan([number], -(2**62), 2**62).value.tolist() == [60.0]
    desk.reprocess()
    assert desk.store.scan([number], -(2**62), 2**62).value.tolist() == [30.0]


def test_only_the_device_and_the_span_that_were_asked_for(house, tmp_path):
    desk = house("desk", WRONG)
    other = [_uplink(k, eui="00000000000000bb") for k in range(5)]
    _take(desk, [*MANY[:5], *other])
    (tmp_path / "desk" / "codecs" / "mine.js").write_text(RIGHT)
    found = desk.reprocess("00000000000000aa", NOON + 600 * S, NOON + 1900 * S)
    assert (found.messages, found.changed) == (3, 3)


def test_a_timeless_message_is_decoded_again_at_its_receipt_and_never_twice(house, tmp_path):
    desk = house("desk", WRONG)
    one = _uplink(0, timed=False)
    _take(desk, [one])
    with desk.archive.holding([Envelope("test", one.topic, one.payload, one.received_ns + 5)]):
        pass  # as a kill between the archive and the commit leaves it
    (tmp_path / "desk" / "codecs" / "mine.js").write_text(RIGHT)
    found = desk.reprocess()
    assert (found.messages, found.added, found.changed, found.rejected) == (2, 1, 1, 1)
    rows = desk.store.scan(None, -(2**62), 2**62)
    assert set(rows.time_ns.tolist()) == {one.received_ns}


def test_what_can_t_be_decoded_now_keeps_its_readings(house, tmp_path):
    desk = house("desk", WRONG)
    _take(desk, MANY[:3])
    before = desk.derived()
    (tmp_path / "desk" / "codecs" / "mine.js").write_text(
        "function decodeUplink() { throw new Error('no'); }"
    )
    assert desk.reprocess() == (0, 3, 0, 0, 0)
    assert desk.derived() == before


def test_a_reading_leads_back_to_its_message_and_to_those_that_it_replaced(house, tmp_path):
    desk = house("desk", WRONG)
    twin = Envelope("test", "other/topic", b"{}", MANY[3].received_ns)
    _take(desk, MANY[:6])
    with desk.archive.holding([twin]):
        pass  # another message of the same nanosecond
    number = desk.store.number(Series("00000000000000aa", "temperature"))
    at_ns = NOON + 1800 * S
    ((row, found),) = desk.past.origins(number, at_ns)
    assert (row.value.tolist(), found.envelope, found.sure) == ([43.0], MANY[3], True)
    (tmp_path / "desk" / "codecs" / "mine.js").write_text(RIGHT)
    desk.reprocess()
    (now, before) = desk.past.origins(number, at_ns)
    assert [one[0].value.tolist() for one in (now, before)] == [[21.5], [43.0]]
    assert now[1].envelope == before[1].envelope == MANY[3]
    gone = desk.store.number(Series("00000000000000aa", "humidity"))
    ((row, found), _) = desk.past.origins(gone, at_ns)
    assert row.quality.tolist() == [Quality.REJECTED]
    assert (found.envelope, found.sure) == (MANY[3], False)
    assert desk.past.origins(number, at_ns + 1) == []


def test_what_the_archive_has_dropped_is_said_to_be_gone(house):
    desk = house("desk", WRONG)
    with closing(open_store("embedded", desk.recipe.folder.parent / "else")) as store:
        decoder = desk.recipe.decoder()
        Intake(store, decoder).accept(MANY[:1])
        decoder.close()
        past = Past(desk.archive, store, desk.intake, desk.recipe.decoder)
        ((_, found),) = past.origins(0, NOON)
        assert found is None
