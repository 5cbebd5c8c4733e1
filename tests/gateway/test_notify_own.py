"""A notification over MQTT that comes back to whoever sent it."""

from zoneinfo import ZoneInfo

from gateway.address import Address
from gateway.notifier import Notifier
from gateway.notify_rules import Mqtt, Notify, Rule
from gateway.outgoing import own
from ingest.store import open_store


def test_what_is_told_at_a_broker_we_listen_to_is_no_reading(tmp_path):
    here, there = Address("127.0.0.1", 1883), Address("broker.example", 1883)
    ways = Mqtt("a", here, "alarms/city"), Mqtt("b", there, "readings/of/others")
    store = open_store("embedded", tmp_path)
    made = Notifier(
        Notify((Rule("all", ("a",)),), ways), tmp_path, store, dict, ZoneInfo("Europe/Berlin")
    )
    topics = made.topics([here])
    assert topics == {"alarms/city"}
    is_own = own("", "", topics)
    assert [is_own(one) for one in ("alarms/city", "alarms/city/1", "readings/of/others")] == [
        True, False, False
    ]  # fmt: skip
    assert not own("", "")("emscher/v1/x")
    store.close()
