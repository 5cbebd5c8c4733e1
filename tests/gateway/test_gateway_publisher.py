"""What is published, followed by a real client at real brokers."""

import asyncio
import json
import threading

import paho.mqtt.client as paho
import pytest
from gateway_brokers import Ledger, Mosquitto, publisher, until
from paho.mqtt.enums import CallbackAPIVersion

from gateway import publisher as publishing
from gateway.address import Address
from gateway.outgoing import Flowed, own, safe
from gateway.publisher import Publisher
from ingest.derived import Anomaly
from ingest.errors import StoreUnavailable
from ingest.place import Placed
from ingest.reading import Quality, Rows, Series

NOON_NS = 1_772_366_400 * 10**9
HOUR_NS = 3600 * 10**9


class Store:
    """The series and newest readings that a publisher asks for."""

    def __init__(self) -> None:
        self.names: list[Series] = []
        self.newest: dict[int, tuple[int, float, int]] = {}

    def name_of(self, number):
        return self.names[number]

    def latest(self, device=None):
        return self.rows(*((n, *facts) for n, facts in self.newest.items()))

    def put(self, device, quantity, value, at_ns=NOON_NS, quality=0, channel=""):
        series = Series(device, quantity, channel)
        if series not in self.names:
            self.names.append(series)
        number = self.names.index(series)
        self.newest[number] = (at_ns, value, quality)
        return self.rows((number, at_ns, value, quality))

    @staticmethod
    def rows(*facts):
        columns = list(zip(*facts, strict=True)) or [(), (), (), ()]
        return Rows.of(columns[0], columns[1], columns[2], columns[1], columns[3])


class Running:
    """A publisher in a loop of its own thread."""

    def __init__(self, port, store=None, **marks):
        self.store, self.places = store or Store(), {}
        self.fault = None
        address = marks.pop("address", None) or Address("127.0.0.1", port)
        self.publisher = Publisher(address, self.store, self.where, pauses_s=(0.05, 0.1), **marks)
        self._loop, self._stop = asyncio.new_event_loop(), None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def where(self):
        if self.fault:
            raise self.fault
        return self.places

    def _run(self):
        async def main():
            self._stop = asyncio.Event()
            await self.publisher.run(self._stop)

        self._loop.run_until_complete(main())
        self._loop.close()

    def put(self, *facts, **more):
        self.publisher.readings(self.store.put(*facts, **more))

    def stop(self):
        until("it has begun", lambda: self._stop)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(20)
        assert not self._thread.is_alive()


class Follower:
    """A client that hears what is published."""

    def __init__(self, port, topic="#"):
        self.heard: list[tuple[str, bytes, bool]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.on_message = lambda c, u, m: self.heard.append((m.topic, m.payload, m.retain))
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *told: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topic, 1)
        self._client.loop_start()
        assert subscribed.wait(20)

    def of(self, topic):
        return [payload for at, payload, _ in self.heard if at == topic]

    def newest(self, topic):
        found = until(f"something at {topic}", lambda: self.of(topic))
        return json.loads(found[-1])

    def close(self):
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def port(mosquitto):
    return mosquitto().port


@pytest.fixture
def follow(port):
    followers = []

    def begin(topic="#", at=port):
        followers.append(Follower(at, topic))
        return followers[-1]

    yield begin
    for one in followers:
        one.close()


@pytest.fixture
def running(port, stack):
    def start(at=port, **marks):
        made = Running(at, **marks)
        stack.callback(made.stop)
        return made

    return start


def anomaly(id="a1", end_ns=None, device="m-1"):
    facts = (device, "temperature", "", "spike", NOON_NS, end_ns, 0.9, 85.0, 21.5, "spike@1")
    return Anomaly(id, *facts, "far off")


def test_the_newest_value_of_each_series_is_retained_for_whoever_comes_later(running, follow):
    made = running()
    made.places = {"m-1": Placed("dortmund")}
    for k in range(50):
        made.put("m-1", "temperature", 20.0 + k, NOON_NS + k)
    made.put("m-1", "temperature", -99.0, NOON_NS + 60, quality=Quality.REJECTED)
    made.put("m-1", "temperature", 5.0, NOON_NS + 1)  # a late one
    made.put("nobody's", "co2", 417.0, channel="2")
    early = follow()
    topic = "emscher/v1/dortmund/latest/m-1/temperature"
    until("the newest is there", lambda: early.of(topic) and early.newest(topic)["value"] == 69.0)
    until("all is told", lambda: made.publisher.health().waiting == 0)
    late = follow()
    told = late.newest(topic)
    assert told == {
        "value": 69.0, "unit": "Cel", "time": "2026-03-01T12:00:00.000000049Z",
        "quality": "measured",
    }  # fmt: skip
    assert late.newest("emscher/v1/-/latest/nobody's/co2/2")["value"] == 417.0
    assert late.of("emscher/v1/status") == [b"online"]
    assert all(retained for _, _, retained in late.heard)


def test_an_anomaly_is_there_while_it_lasts_and_its_end_is_told_once(running, follow):
    made, follower = running(), follow()
    topic = "emscher/v1/-/anomaly/a1"
    made.publisher.anomalies([anomaly()], [])
    assert follower.newest(topic)["end"] is None
    made.publisher.anomalies([anomaly(end_ns=NOON_NS + HOUR_NS), anomaly("a2")], [])
    until("it is taken back", lambda: follower.of(topic)[-1:] == [b""])
    assert json.loads(follower.of(topic)[-2])["end"] == "2026-03-01T13:00:00Z"
    made.publisher.anomalies([], ["a2", "unknown"])
    until(
        "the other one is disproved", lambda: follower.of("emscher/v1/-/anomaly/a2")[-1:] == [b""]
    )
    late = follow("emscher/v1/+/anomaly/#")
    made.publisher.anomalies([anomaly("a3")], [])
    until("the third one is heard", lambda: late.of("emscher/v1/-/anomaly/a3"))
    assert {topic for topic, _, _ in late.heard} == {"emscher/v1/-/anomaly/a3"}


def test_hours_are_told_and_a_device_that_gets_a_tenant_leaves_nothing_behind(
    running, follow, monkeypatch
):
    monkeypatch.setattr(publishing, "_PLACES_S", 0.0)
    made, follower = running(), follow()
    register = Series("m-1", "active_energy_import", "")
    hour = Flowed(register, NOON_NS, NOON_NS + HOUR_NS, 230.0, "measured", 1.0)
    made.publisher.flowed([hour])
    topic = "emscher/v1/-/energy/m-1/active_energy_import"
    told = follower.newest(topic)
    assert (told["value"], told["unit"], told["end"]) == (230.0, "Wh", "2026-03-01T13:00:00Z")
    made.places = {"m-1": Placed("schwerte")}
    made.publisher.flowed([hour])
    moved = "emscher/v1/schwerte/energy/m-1/active_energy_import"
    follower.newest(moved)
    until("the old one is taken back", lambda: follower.of(topic)[-1] == b"")
    made.fault = StoreUnavailable("the catalog is away")  # it goes on with what it knows
    made.publisher.flowed([hour._replace(value=1.0)])
    until(
        "it goes on",
        lambda: (
            follower.newest("emscher/v1/schwerte/energy/m-1/active_energy_import")["value"] == 1
        ),
    )


def test_a_broker_that_is_away_is_waited_for_and_is_told_the_newest(tmp_path, stack, monkeypatch):
    monkeypatch.setattr(publishing, "EVENTS_MAX", 5)
    broker = Mosquitto(tmp_path)
    made = Running(broker.port)
    stack.callback(broker.stop)
    stack.callback(made.stop)
    until("it has tried", lambda: "can't be reached" in (made.publisher.health().error or ""))
    for k in range(100):
        made.put("m-1", "co2", float(k), NOON_NS + k)
    made.publisher.anomalies([anomaly(f"a{k}") for k in range(8)], [])
    health = made.publisher.health()
    assert (health.waiting, health.dropped, health.connected) == (6, 3, False)
    broker.start()
    until("all is told", lambda: made.publisher.health().waiting == 0)
    follower = Follower(broker.port)
    assert follower.newest("emscher/v1/-/latest/m-1/co2")["value"] == 99.0
    assert len({topic for topic, _, _ in follower.heard if "anomaly" in topic}) == 5
    follower.close()
    broker.stop()
    until("the loss is seen", lambda: not made.publisher.health().connected)
    made.put("m-1", "co2", 123.0, NOON_NS + 200)
    broker.start()
    until("it is back", lambda: made.publisher.health().connected)
    until("and told", lambda: made.publisher.health().waiting == 0)
    follower = Follower(broker.port)
    until("the new value", lambda: follower.newest("emscher/v1/-/latest/m-1/co2")["value"] == 123.0)
    follower.close()


def test_whoever_follows_learns_that_it_ended_well_or_not(running, follow, proxied, port, stack):
    follower = follow("emscher/v1/status")
    made = Running(port)
    until("online", lambda: follower.of("emscher/v1/status") == [b"online"])
    made.stop()
    until("offline", lambda: follower.of("emscher/v1/status")[-1] == b"offline")
    proxy = proxied(port)
    made = Running(proxy.port)
    stack.callback(made.stop)
    until("online again", lambda: follower.of("emscher/v1/status")[-1] == b"online")
    before = len(follower.of("emscher/v1/status"))
    proxy.cut()  # the broker says so itself, by the last will
    until(
        "the will",
        lambda: b"offline" in follower.of("emscher/v1/status")[before:],
    )


def test_home_assistant_is_told_what_there_is(running, follow):
    made, follower = running(discovery="homeassistant"), follow()
    made.put("m 1", "active_energy_import", 1000.0)
    made.put("m 1", "rssi", -90.0)
    topic = "homeassistant/sensor/emscher_m_20_1_active_energy_import/config"
    told = follower.newest(topic)
    assert told["state_topic"] == "emscher/v1/-/latest/m 1/active_energy_import"
    assert (told["device_class"], told["state_class"]) == ("energy", "total_increasing")
    assert told["unit_of_measurement"] == "Wh"
    assert follower.newest(told["state_topic"])["value"] == 1000.0
    other = follower.newest("homeassistant/sensor/emscher_m_20_1_rssi/config")
    assert "device_class" not in other
    assert other["unit_of_measurement"] == "dBm"
    assert len(follower.of(topic)) == 1
    assert len({told["unique_id"], other["unique_id"]}) == 2


def test_our_own_messages_are_not_taken_in_again(running, mosquitto, gateway, port):
    ledger = Ledger()
    made = gateway(port, ledger, own=own("emscher/v1", "homeassistant"))
    until("it listens", lambda: made.health()[0].connected)
    ours = running(discovery="homeassistant")
    ours.put("m-1", "co2", 1.0)
    until("ours came back", lambda: made.heard_again() >= 3)
    with publisher(port) as publish:
        publish("emscher/v2/x", b"another's")
        publish("homeassistant/sensor/other/config", b"another's")
    until("others are taken", lambda: len(ledger.taken) == 2)
    assert {one.payload for one in ledger.taken} == {b"another's"}
    # They are acknowledged: the broker keeps none of them for us.
    assert made.drain(10)
    again = gateway(port, ledger, own=own("emscher/v1", "homeassistant"))
    until("it is back", lambda: again.health()[0].connected)
    with publisher(port) as publish:
        publish("last", b"last")
    until("the last one", lambda: ledger.taken[-1].payload == b"last")
    assert len(ledger.taken) == 3


def test_names_mean_nothing_to_mqtt():
    assert safe("a/b+c#d%\0") == "a%2Fb%2Bc%23d%25%00"
    assert safe("Zähler 1") == "Zähler 1"


def test_a_broker_that_refuses_us_is_told(mosquitto, tmp_path, stack):
    passwords = tmp_path / "passwords"
    passwords.write_text("")
    broker = mosquitto("allow_anonymous false", f"password_file {passwords}")
    address = Address("127.0.0.1", broker.port, username="emscher", password="wrong")
    made = Running(broker.port, address=address)
    stack.callback(made.stop)
    until("it is told", lambda: "refuses us" in (made.publisher.health().error or ""))
    assert "wrong" not in made.publisher.health().error
    assert made.publisher.health().url == f"mqtt://emscher@127.0.0.1:{broker.port}"


def test_values_are_bounded(monkeypatch, running):
    monkeypatch.setattr(publishing, "VALUES_MAX", 2)
    made = Publisher(Address("127.0.0.1", 9), store := Store(), dict)
    for k in range(4):
        made.readings(store.put(f"m-{k}", "co2", 1.0))
    assert (made.health().waiting, made.health().dropped) == (2, 2)
