"""What outlives a process at a broker: our client id, and the topics that its session holds."""

import json
import secrets
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gateway.address import Address
from gateway.errors import BrokerError

_FILE = "mqtt-topics.json"


def client_id(folder: Path) -> str:
    """Return the client id of a data folder, the same for ever: the broker's session hangs on it.

    It is made at the first start, so that two installations at one broker never share a session.
    """
    path = folder / "mqtt-client-id"
    known = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if not known:  # new, or a crash left it empty
        known = f"emscher-{secrets.token_hex(6)}"
        path.write_text(f"{known}\n", encoding="ascii")
    return known


class Topics:
    """Which topics each broker's session holds, in the data folder; None: remembered nowhere.

    A persistent session keeps its subscriptions at the broker, also those that the settings no
    longer name: they must be taken back, or their messages come for ever.
    """

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / _FILE
        self._lock = threading.Lock()

    def of(self, address: Address) -> list[str]:
        """Return the topics that we have subscribed to there."""
        return self._read().get(_name(address), [])

    def remember(self, address: Address, topics: Sequence[str]) -> None:
        """Take note that the session there holds these."""
        if self._path is None:
            return
        with self._lock:
            known = self._read()
            if known.get(_name(address)) == list(topics):
                return
            known[_name(address)] = list(topics)
            fresh = self._path.with_suffix(".new")
            fresh.write_text(json.dumps(known, indent=1), encoding="utf-8")
            fresh.replace(self._path)

    def _read(self) -> dict[str, list[str]]:
        if self._path is not None:
            with suppress(FileNotFoundError, ValueError):  # a broken one: as if there were none
                known = json.loads(self._path.read_text(encoding="utf-8"))
                if isinstance(known, dict):
                    return known
        return {}


def _name(address: Address) -> str:
    return f"{address.host}:{address.port}"


def open_session(
    address: Address, client_id: str, topics: Sequence[str], patience_s: float = 10.0
) -> None:
    """Make a persistent session with these subscriptions at a broker, and leave it there.

    From then on the broker keeps what is published for it. Raises BrokerError when the broker
    does not answer in time.
    """
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=client_id, clean_session=False)
    subscribed = threading.Event()
    client.on_subscribe = lambda *_: subscribed.set()

    def subscribe(
        client: paho.Client,
        userdata: object,
        flags: paho.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        client.subscribe([(topic, 1) for topic in topics])

    client.on_connect = subscribe
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        if not subscribed.wait(patience_s):
            raise BrokerError(f"{address.shown} does not answer to a subscription")
    finally:
        client.disconnect()
        client.loop_stop()
