"""Brokers, proxies and sources that end with the test that asked for them."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import structlog
from gateway_brokers import Ledger, Mosquitto, Proxy, publisher, until

from gateway.address import Address
from gateway.broker import EmbeddedBroker
from gateway.service import Gateway


@pytest.fixture(autouse=True, scope="module")
def _plain_log() -> Iterator[None]:
    """Log without the pictures of every local variable, which take a quarter of a second each."""
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
    yield
    structlog.reset_defaults()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Return a stack that is undone at the end of the test."""
    with ExitStack() as made:
        yield made


@pytest.fixture
def mosquitto(tmp_path: Path, stack: ExitStack) -> Callable[..., Mosquitto]:
    """Return a function that starts a mosquitto with these lines in its configuration."""

    def start(*lines: str) -> Mosquitto:
        broker = Mosquitto(tmp_path, *lines).start()
        stack.callback(broker.stop)
        return broker

    return start


@pytest.fixture
def nats(tmp_path: Path, stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> EmbeddedBroker:
    """Return the embedded broker, which sends again after a second here."""
    monkeypatch.setattr("gateway.broker.ACK_WAIT_S", 1)
    broker = EmbeddedBroker(tmp_path / "nats", "127.0.0.1", 0)
    broker.start()
    stack.callback(broker.stop)
    return broker


@pytest.fixture
def proxied(stack: ExitStack) -> Callable[..., Proxy]:
    """Return a function that puts a proxy before a port."""

    def before(port: int, fault: object = None) -> Proxy:
        proxy = Proxy(port, fault)
        stack.callback(proxy.close)
        return proxy

    return before


@pytest.fixture
def gateway(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Gateway]:
    """Return a function that starts a gateway, which waits less than usual to connect again."""
    monkeypatch.setattr("gateway.mqtt._RETRY_S", (0.05, 0.1))

    def start(port: int, ledger: Ledger, **marks: object) -> Gateway:
        address = marks.get("address") or Address("127.0.0.1", port)
        others = {"own": marks["own"]} if "own" in marks else {}
        topics = marks.get("topics", ["#"])
        made = Gateway(ledger, {"test": address}, "gateway-test", topics, **others)
        made.start()
        stack.callback(made.drain, 5.0)
        return made

    return start


@pytest.fixture
def listening(gateway: Callable[..., Gateway]) -> Callable[..., Gateway]:
    """As `gateway`, and the broker is known to deliver to it."""

    def start(port: int, ledger: Ledger, *, publish_at: int | None = None) -> Gateway:
        made = gateway(port, ledger)
        with publisher(publish_at or port) as publish:

            def heard() -> bool:
                publish("probe", b"probe")
                return any(one.topic == "probe" for one in ledger.taken)

            until("the subscription stands", heard)
        # Probes that are still on their way must not disturb what the test counts.
        with publisher(publish_at or port) as publish:
            publish("probe", b"last probe")
        until("the probes are through", lambda: b"last probe" in ledger.payloads)
        return made

    return start


@pytest.fixture
def certified(tmp_path, mosquitto):
    """A mosquitto that speaks TLS only, with a certificate of a home-made authority."""
    ca, key, server = (tmp_path / name for name in ("ca.pem", "key.pem", "server.pem"))
    wanted = ["-days", "2", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]

    def openssl(*told):
        subprocess.run(["openssl", *map(str, told)], check=True, capture_output=True)

    openssl("req", "-x509", *wanted, "-keyout", tmp_path / "ca.key", "-out", ca,
            "-subj", "/CN=home-made", "-addext", "keyUsage=critical,keyCertSign")  # fmt: skip
    openssl("req", "-x509", *wanted, "-keyout", key, "-out", server, "-CA", ca, "-CAkey",
            tmp_path / "ca.key", "-subj", "/CN=broker",
            "-addext", "basicConstraints=critical,CA:FALSE",
            "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")  # fmt: skip
    broker = mosquitto("allow_anonymous true", f"certfile {server}", f"keyfile {key}")
    return broker, ca


@pytest.fixture
def mutual(certified, mosquitto, tmp_path):
    """A mosquitto that wants certificates too; with its authority, and a certificate for us."""
    _, ca = certified
    server, key = tmp_path / "server.pem", tmp_path / "key.pem"
    broker = mosquitto(
        "allow_anonymous true", f"certfile {server}", f"keyfile {key}", f"cafile {ca}",
        "require_certificate true",
    )  # fmt: skip
    return broker, ca, server, key
