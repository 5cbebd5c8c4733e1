"""What must hold for Emscher to run here, looked at one by one, with what to do otherwise."""

import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from gateway.address import Address, host_port
from gateway.broker import program
from gateway.errors import BrokerError
from gateway.knock import knocked
from ingest.errors import StoreUnavailable
from ingest.store import Server, checked_server, open_store

_ROOM_BYTES_MIN = 2**30


class Check(NamedTuple):
    """One thing that was looked at, and what was found, in a sentence."""

    ok: bool
    text: str


def examined(
    data: Path,
    http: str,
    mqtt: str,
    brokers: Sequence[Address],
    server: Server | None = None,
    topics: Sequence[str] = ("#",),
) -> Iterator[Check]:
    """Look at each thing in turn; nothing is changed, and no store is made.

    server  where InfluxDB is; None: readings go into the embedded store
    """
    yield _room(data)
    if server is None:
        yield _store(data)
    else:
        yield from (Check(good, text) for good, text in checked_server(server))
    yield _free(http, "console and API", "--http")
    if brokers:
        yield from (Check(*knocked(broker, topics)) for broker in brokers)
        return
    yield _server()
    yield _free(mqtt, "the embedded broker", "--mqtt")


def _room(data: Path) -> Check:
    folder = next(path for path in (data, *data.absolute().parents) if path.exists())
    free = shutil.disk_usage(folder).free
    text = f"{data} has {free / 2**30:.1f} GiB free"
    if free < _ROOM_BYTES_MIN:
        return Check(False, f"{text}: expected 1 GiB or more; make room, or use another --data")
    return Check(True, text)


def _store(data: Path) -> Check:
    if not (data / "emscher.duckdb").exists():
        return Check(True, f"no store is in {data} yet; `emscher up` makes it")
    try:
        store = open_store("embedded", data)
    except StoreUnavailable as fault:
        return Check(False, str(fault))
    counts = store.counts()
    store.close()
    return Check(True, f"the store opens: {counts.readings} readings of {counts.received} messages")


def _free(text: str, whose: str, option: str) -> Check:
    host, port = host_port(text)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as fault:
        return Check(
            False,
            f"{text} can't be had for {whose} ({fault.strerror}): if that is not Emscher itself,"
            f" choose another address with {option}",
        )
    return Check(True, f"{text} is free for {whose}")


def _server() -> Check:
    try:
        path = program()
        said = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
    except BrokerError as fault:
        return Check(False, str(fault))
    except (OSError, subprocess.SubprocessError) as fault:
        return Check(False, f"nats-server does not start: {fault}")
    note = "a topic with a space is refused by it: for such Zigbee2MQTT names use mosquitto"
    return Check(True, f"the embedded broker is {said} ({note})")
