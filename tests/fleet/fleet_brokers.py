"""A real mosquitto for the tests of the fleet, certificates of one's own, and who listens."""

import asyncio
import contextlib
import datetime
import ipaddress
import socket
import subprocess
import time
from pathlib import Path

import paho.mqtt.client as paho
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from paho.mqtt.enums import CallbackAPIVersion

from fleet.message import Message

MOSQUITTO = "/usr/sbin/mosquitto"
SECOND_NS = 1_000_000_000


def stream(count, devices=7, step_ns=SECOND_NS, qos=1):
    """Return messages of a few devices; each payload is its number."""
    return [
        Message(i * step_ns, f"tele/m{i % devices}/SENSOR", str(i).encode(), qos)
        for i in range(count)
    ]


def free_port():
    """Return a port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Mosquitto:
    """A mosquitto of our own, which can be stopped and started again at the same port."""

    def __init__(self, folder: Path, *lines: str) -> None:
        self.port = free_port()
        self._config, self._log = folder / "mosquitto.conf", folder / "mosquitto.log"
        told = [
            "user root", "persistence true", f"persistence_location {folder}/",
            "max_inflight_messages 0", "max_queued_messages 0",
            f"listener {self.port} 127.0.0.1", *(lines or ["allow_anonymous true"]),
        ]  # fmt: skip
        self._config.write_text("\n".join(told) + "\n")
        self._process = None

    def start(self) -> None:
        """Return when it takes connections."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], stderr=log)
        deadline = time.monotonic() + 20
        while True:
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < deadline, "mosquitto never answered"
            with contextlib.suppress(OSError):
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in good order: it writes down what its sessions have not got yet."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
            self._process = None

    def signal(self, number: int) -> None:
        """Send it a signal, such as SIGSTOP, which lets it stand still."""
        assert self._process is not None
        self._process.send_signal(number)

    def log(self) -> str:
        """Return what it has said."""
        return self._log.read_text()


@contextlib.contextmanager
def mosquitto(folder, *lines):
    """Give a mosquitto with these lines in its configuration, in the clear for all if none."""
    broker = Mosquitto(folder, *lines)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextlib.contextmanager
def hearing(port, **tls):
    """Give a list of (topic, payload) of all that a broker delivers, in order, at QoS 1.

    The session outlives the broker's absence, so that nothing is missed.
    """
    heard, ready = [], []
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
    client.reconnect_delay_set(1, 1)
    client.on_connect = lambda *_: client.subscribe("#", 1)
    client.on_subscribe = lambda *_: ready.append(True)
    client.on_message = lambda _c, _u, message: heard.append((message.topic, message.payload))
    if tls:
        client.tls_set(**tls)
    client.connect("127.0.0.1", port)
    client.loop_start()
    try:
        deadline = time.monotonic() + 20
        while not ready:
            assert time.monotonic() < deadline, "the listener is not heard"
            time.sleep(0.01)
        yield heard
    finally:
        client.disconnect()
        client.loop_stop()


async def until(so, seconds=20.0):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.01)


def stopping(stop, count):
    """Return a `progress` that sets stop once so many messages are acknowledged."""

    def told(progress):
        if progress.acknowledged >= count:
            stop.set()

    return told


def numbers(heard):
    """Return the numbers of what was heard, by topic, in the order of hearing."""
    found = {}
    for topic, payload in heard:
        found.setdefault(topic, []).append(int(payload))
    return found


def authority(folder, name="home-made", host="localhost"):
    """Write an authority, and certificates by it for the host and for a client; return the paths.

    Keys: ca, server, server_key, client, client_key.
    """
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = _certificate(name, ca_key, name, ca_key)
    paths = {"ca": folder / f"{name}.pem"}
    paths["ca"].write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    for who in ("server", "client"):
        key = ec.generate_private_key(ec.SECP256R1())
        signed = _certificate(who, key, name, ca_key, host)
        paths[who], paths[f"{who}_key"] = folder / f"{who}.pem", folder / f"{who}.key"
        paths[who].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        paths[f"{who}_key"].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
    return paths


def _certificate(subject, key, issuer, issuer_key, host=None):
    """Return a certificate for a host, or one of an authority."""

    def named(text):
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
    )
    if host is not None:
        names = [x509.DNSName(host)]
        if host == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        made = made.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return made.sign(issuer_key, hashes.SHA256())
