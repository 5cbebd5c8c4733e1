"""Who is told what, and when: a clock that is moved by hand, a real store, and a way that notes."""

import json
import re
import time
from datetime import UTC, datetime
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from gateway.errors import DeliveryError
from gateway.notifier import INBOX_MAX, OLD_NS, OVER_NS, Notifier
from gateway.notify_outbox import PAUSES_S, WAITING_MAX
from gateway.notify_rules import Notify, Quiet, Rule, Webhook
from ingest.derived import HOUR_NS, SECOND_NS, Anomaly, Derived, Windows
from ingest.errors import StoreUnavailable
from ingest.place import Placed, Site
from ingest.store import open_store

BERLIN = ZoneInfo("Europe/Berlin")
MINUTE_NS = 60 * SECOND_NS
NOON_NS = int(datetime(2026, 3, 1, 11, tzinfo=UTC).timestamp()) * SECOND_NS  # 12:00 in Berlin
OPS, DUTY = (Webhook(name, "http://127.0.0.1:1/") for name in ("ops", "duty"))
ALL = Rule("all", ("ops",))


def anomaly(id: str, **marks) -> Anomaly:
    given = {
        "id": id, "device": "pump-7", "quantity": "flow", "channel": "", "kind": "spike",
        "start_ns": NOON_NS, "end_ns": None, "score": 0.9, "value": 1.0, "expected": 2.0,
        "detector": "spike@1", "text": "Pump 7 leaves its usual.",
    }  # fmt: skip
    return Anomaly(**(given | marks))


class World:
    """A store, a clock, and what was sent; `down` names ways that do not get through."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.store = open_store("embedded", folder)
        self.now_ns = NOON_NS
        self.sent: list[tuple[str, dict]] = []
        self.down: set[str] = set()
        self.poison = ""
        self.places: dict | None = {}
        self.notifier: Notifier | None = None

    def begin(self, *rules: Rule) -> "World":
        notify = Notify(rules or (ALL,), (OPS, DUTY), "https://e.example")
        self.notifier = Notifier(
            notify, self.folder, self.store, self._placed, BERLIN,
            now_ns=lambda: self.now_ns, send=self._send,
        )  # fmt: skip
        self.settle()
        return self

    def _placed(self):
        if self.places is None:
            raise StoreUnavailable("the catalog is away")
        return self.places

    def _send(self, way, message, now_ns) -> None:
        if way.name in self.down or (self.poison and self.poison in message.text):
            raise DeliveryError("nobody is there")
        self.sent.append((way.name, json.loads(message.body)))

    def keep(self, *anomalies: Anomaly, retracted=()) -> None:
        """Store anomalies, as the analysis does before it tells of them."""
        none = np.empty(0, np.int64)
        self.store.put_derived(
            Derived(Windows.none(), (none.astype(np.int32), none, none), list(anomalies),
                    list(retracted), 0)
        )  # fmt: skip

    def find(self, *anomalies: Anomaly, retracted=()) -> None:
        self.keep(*anomalies, retracted=retracted)
        self.notifier.found(SimpleNamespace(changed=anomalies, retracted=retracted))
        self.settle()

    def settle(self) -> None:
        for _ in range(500):
            if self.notifier.step() > 0:
                return
        raise AssertionError("the notifier never rests")

    def wait(self, lasting_ns: int) -> None:
        """Let time go by, as the thread would: it rests no longer than it says."""
        until_ns = self.now_ns + lasting_ns
        while self.now_ns < until_ns:
            rest_ns = int(self.notifier.step() * SECOND_NS)
            self.now_ns = min(self.now_ns + max(rest_ns, SECOND_NS), until_ns)
        self.settle()

    def told(self, way: str = "ops") -> list[list[str]]:
        """Return the anomalies of each message that went this way."""
        return [[one["id"] for one in body["anomalies"]] for to, body in self.sent if to == way]


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.store.close()


def test_an_anomaly_is_told_once(world):
    world.begin().find(anomaly("a"))
    world.find(anomaly("a", score=0.95))
    world.find(anomaly("a", end_ns=NOON_NS + 1))
    assert world.told() == [["a"]]


def test_what_was_told_is_not_told_after_a_new_start(world):
    world.begin().find(anomaly("a"))
    world.keep(anomaly("b"))  # found, and Emscher fell before it was told
    world.begin()
    assert world.told() == [["a"], ["b"]]


def test_a_broken_memory_is_as_none(world):
    world.begin().find(anomaly("a"))
    (world.folder / "notified.json").write_text('{"since": 5}', encoding="utf-8")
    world.begin()
    assert world.told() == [["a"], ["a"]]


def test_a_new_rule_tells_what_lasts_and_not_what_was_over(world):
    world.keep(
        anomaly("lasts", start_ns=NOON_NS - HOUR_NS),
        anomaly("over", start_ns=NOON_NS - HOUR_NS, end_ns=NOON_NS - MINUTE_NS),
        anomaly("old", start_ns=NOON_NS - OLD_NS - 1),
    )
    world.begin()
    assert world.told() == [["lasts"]]


def test_history_that_is_read_in_now_is_told_to_nobody(world):
    world.begin()
    world.wait(3 * 24 * HOUR_NS)
    long_ago = world.now_ns - OVER_NS - MINUTE_NS
    world.find(anomaly("old", start_ns=long_ago, end_ns=long_ago + 1))
    assert world.told() == []


def test_what_ends_while_it_is_waited_for_is_not_told(world):
    world.begin(Rule("slow", ("ops",), after_ns=15 * MINUTE_NS))
    world.find(anomaly("short"), anomaly("long"))
    world.wait(10 * MINUTE_NS)
    world.find(anomaly("short", end_ns=NOON_NS + 10 * MINUTE_NS))
    assert world.told() == []
    world.wait(5 * MINUTE_NS)
    assert world.told() == [["long"]]
    assert world.now_ns == NOON_NS + 15 * MINUTE_NS


def test_what_is_over_when_it_is_found_is_told_if_it_lasted(world):
    world.begin(Rule("slow", ("ops",), after_ns=15 * MINUTE_NS))
    world.find(
        anomaly("long", start_ns=NOON_NS - 20 * MINUTE_NS, end_ns=NOON_NS),
        anomaly("short", start_ns=NOON_NS - 5 * MINUTE_NS, end_ns=NOON_NS),
    )
    world.wait(HOUR_NS)
    assert world.told() == [["long"]]


def test_what_is_disproved_is_not_told(world):
    world.begin(Rule("slow", ("ops",), after_ns=15 * MINUTE_NS)).find(anomaly("a"))
    world.find(retracted=["a"])
    world.wait(HOUR_NS)
    assert world.told() == []


@pytest.mark.parametrize("again", [False, True])
def test_a_night_is_told_in_the_morning_as_one_digest(world, again):
    rule = Rule("night", ("ops",), quiet=Quiet(22 * 60, 6 * 60, later=True))
    world.begin(rule)
    world.wait(10 * HOUR_NS)  # 22:00
    for n in range(8):
        world.find(anomaly(f"n{n}", start_ns=world.now_ns, end_ns=world.now_ns + 1))
        world.wait(10 * MINUTE_NS)
    assert world.told() == []
    assert world.notifier.notices()[0].held == 8
    if again:  # a new start in the night forgets none of them
        world.begin(rule)
    world.wait(7 * HOUR_NS)
    assert world.told() == [[f"n{n}" for n in range(8)]]
    assert world.sent[0][1]["kind"] == "digest"
    assert "2026-03-02T05:0" in world.sent[0][1]["time"]  # 06:00 in Berlin, to the minute


def test_quiet_hours_are_those_of_the_local_clock_on_the_day_it_changes(world):
    """2026-03-29: 01:59 CET is followed by 03:00 CEST, so 06:00 is 04:00 UTC."""
    world.now_ns = int(datetime(2026, 3, 29, 3, 58, tzinfo=UTC).timestamp()) * SECOND_NS
    world.begin(Rule("night", ("ops",), quiet=Quiet(22 * 60, 6 * 60, later=True)))
    world.find(anomaly("a", start_ns=world.now_ns))
    world.wait(MINUTE_NS)
    assert world.told() == []
    world.wait(2 * MINUTE_NS)
    assert world.told() == [["a"]]


def test_what_is_dropped_in_quiet_hours_is_never_told(world):
    rule = Rule("night", ("ops",), quiet=Quiet(11 * 60, 13 * 60, later=False))
    world.begin(rule).find(anomaly("a"))
    world.wait(2 * HOUR_NS)
    world.begin(rule)
    world.find(anomaly("a", end_ns=NOON_NS + 2 * HOUR_NS), anomaly("b", start_ns=world.now_ns))
    assert world.told() == [["b"]]


def test_five_are_told_one_by_one_and_a_burst_as_one(world):
    world.begin().find(*(anomaly(f"a{n}") for n in range(5)))
    assert world.told() == [[f"a{n}"] for n in range(5)]
    world.wait(10 * SECOND_NS)
    for n in range(20):
        world.find(anomaly(f"b{n:02}"))
    assert len(world.told()) == 5
    world.wait(MINUTE_NS)
    assert world.told()[5:] == [[f"b{n:02}" for n in range(20)]]
    world.wait(2 * MINUTE_NS)
    world.find(anomaly("later"))
    assert world.told()[6:] == [["later"]]


def test_a_digest_lists_fifty_and_counts_them_all(world):
    world.begin().find(*(anomaly(f"a{n:03}") for n in range(120)))
    world.wait(MINUTE_NS)
    (body,) = [body for _, body in world.sent]
    assert body["count"] == 120
    assert len(body["anomalies"]) == 50
    assert body["subject"] == "[Emscher] 120 anomalies: 120 spike"
    assert "And 70 more: see the console." in body["text"]
    world.begin()
    assert len(world.sent) == 1  # those that were only counted are told, too


def test_a_message_says_device_place_what_and_since_when(world):
    site = Site("works", "dortmund", "Water works", "Hörde", address="Am Ufer 1")
    world.places = {"pump-7": Placed("dortmund", site)}
    world.begin().find(anomaly("a", kind="level_shift"))
    ((_, body),) = world.sent
    assert body["subject"] == "[Emscher] pump-7: level shift"
    assert body["text"].splitlines() == [
        "Pump 7 leaves its usual.",
        "",
        "Device: pump-7",
        "Where:  Water works, Am Ufer 1, Hörde",
        "What:   level shift of flow",
        "Since:  Sun 01 Mar 2026 12:00 CET, and it lasts",
        "See:    https://e.example/anomalies#id=a",
        "",
        'Told by the rule "all" of Emscher.',
    ]
    (item,) = body["anomalies"]
    assert (item["site_name"], item["district"], item["tenant"]) == (
        "Water works", "Hörde", "dortmund",
    )  # fmt: skip
    assert (item["start"], item["end"]) == ("2026-03-01T11:00:00Z", None)


def test_a_name_with_a_line_break_makes_no_second_line_of_a_subject(world):
    world.begin().find(anomaly("a", device="x\r\nBcc: all@example.org"))
    assert world.sent[0][1]["subject"] == "[Emscher] x Bcc: all@example.org: spike"


def test_rules_by_place_wait_for_the_catalog_and_hold_up_no_others(world):
    world.places = None
    world.begin(ALL, Rule("dortmund", ("duty",), tenants=("dortmund",))).find(anomaly("a"))
    assert (world.told(), world.told("duty")) == ([["a"]], [])
    world.places = {"pump-7": Placed("dortmund")}
    world.wait(MINUTE_NS)
    assert (world.told(), world.told("duty")) == ([["a"]], [["a"]])


def test_a_tenant_is_told_of_its_own_alone(world):
    world.places = {"mine": Placed("dortmund"), "theirs": Placed("bochum")}
    world.begin(Rule("dortmund", ("ops",), tenants=("dortmund",)))
    world.find(*(anomaly(name, device=name) for name in ("mine", "theirs", "nobodys")))
    assert world.told() == [["mine"]]


def test_a_way_that_is_down_is_tried_again_and_holds_up_no_other(world):
    world.down = {"ops"}
    world.begin(Rule("both", ("ops", "duty"))).find(anomaly("a"))
    assert (world.told(), world.told("duty")) == ([], [["a"]])
    notice = world.notifier.notices()[0]
    assert (notice.waiting, notice.failed, notice.error) == (1, 0, "nobody is there")
    world.wait(20 * MINUTE_NS)
    world.down = set()
    world.wait(30 * MINUTE_NS)
    assert (world.told(), world.told("duty")) == ([["a"]], [["a"]])
    notice = world.notifier.notices()[0]
    assert (notice.sent, notice.waiting, notice.error) == (1, 0, None)


def test_what_never_gets_through_is_given_up_counted_and_not_told_later(world):
    world.down = {"ops"}
    world.begin().find(anomaly("a"))
    world.wait((sum(PAUSES_S) - 60) * SECOND_NS)
    assert world.notifier.notices()[0].failed == 0
    world.wait(2 * MINUTE_NS)
    notice = world.notifier.notices()[0]
    assert (notice.sent, notice.waiting, notice.failed) == (0, 0, 1)
    world.down = set()
    world.begin()
    assert world.told() == []


def test_what_waits_to_be_tried_again_is_told_after_a_new_start(world):
    world.down = {"ops"}
    world.begin(Rule("both", ("ops", "duty"))).find(anomaly("a"))
    world.down = set()
    world.begin(Rule("both", ("ops", "duty")))
    assert (world.told(), world.told("duty")) == ([["a"]], [["a"]])


def test_one_message_that_is_refused_holds_up_no_others(world):
    world.poison = "Bad"
    world.begin().find(anomaly("bad", text="Bad."), anomaly("good"))
    world.wait(10 * SECOND_NS)
    assert world.told() == [["good"]]


def test_a_way_that_is_down_for_days_stays_bounded(world):
    world.down = {"ops"}
    world.begin()
    for n in range(WAITING_MAX + 10):
        world.now_ns += 61 * SECOND_NS
        world.notifier._boxes["ops"]._next_ns = world.now_ns + HOUR_NS  # no try between
        world.find(anomaly(f"a{n:03}", start_ns=world.now_ns))
    notice = world.notifier.notices()[0]
    assert (notice.waiting, notice.failed) == (WAITING_MAX, 10)


def test_a_flood_is_read_from_the_store(world):
    world.begin()
    many = [anomaly(f"a{n:05}") for n in range(INBOX_MAX + 1)]
    world.keep(*many[:300])
    world.notifier.found(SimpleNamespace(changed=many, retracted=()))
    world.settle()
    world.wait(MINUTE_NS)
    assert [body["count"] for _, body in world.sent] == [300]


def test_who_tells_it_is_never_held_up(world):
    """A way that hangs costs the analysis nothing."""
    world.begin()
    inside = []
    world.notifier._boxes["ops"]._send = lambda *_: (inside.append(1), time.sleep(2))
    world.notifier.start()
    world.notifier.found(SimpleNamespace(changed=[anomaly("a")], retracted=()))
    deadline = time.monotonic() + 10
    while not inside and time.monotonic() < deadline:
        time.sleep(0.01)
    began = time.monotonic()
    for n in range(100):
        world.notifier.found(SimpleNamespace(changed=[anomaly(f"b{n}")], retracted=()))
    assert time.monotonic() - began < 1
    world.notifier.stop(10)
    assert inside == [1]


def test_without_rules_nothing_is_written(tmp_path):
    store = open_store("embedded", tmp_path)
    notifier = Notifier(Notify((), ()), tmp_path, store, dict, BERLIN)
    notifier.start()
    notifier.found(SimpleNamespace(changed=[anomaly("a")], retracted=()))
    notifier.stop(1)
    assert notifier.notices() == []
    assert not (tmp_path / "notified.json").exists()
    store.close()


def test_a_message_sent_again_keeps_its_id(world):
    world.down = {"ops"}
    world.begin(Rule("both", ("ops", "duty"))).find(anomaly("a"))
    world.down = set()
    world.wait(MINUTE_NS)
    first, second = (body["id"] for _, body in world.sent)
    assert first == second
    assert re.fullmatch("[0-9a-f]{24}", first)
