"""The three ways against real servers: an HTTP server, an SMTP server, a mosquitto."""

import contextlib
import email
import email.policy
import hashlib
import hmac
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import paho.mqtt.client as paho
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from gateway_brokers import free_port, until
from paho.mqtt.enums import CallbackAPIVersion
from typer.testing import CliRunner

from emscher import app
from gateway.address import Address, broker_address
from gateway.errors import DeliveryError
from gateway.notify_rules import Email, Mqtt, Webhook
from gateway.notify_ways import send, signature
from gateway.notify_words import trial_message

NOW_NS = 1_772_366_400 * 10**9
TEST = trial_message("duty", "https://e.example", NOW_NS)


class Hook(BaseHTTPRequestHandler):
    """Notes what comes, and answers what the server is told to."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.came.append((self.path, self.headers, body))
        self.send_response(self.server.status)
        if self.server.status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *told) -> None:
        """Say nothing."""


@pytest.fixture
def hook():
    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        server.came, server.status = [], 204
        server.url = f"http://127.0.0.1:{server.server_port}/secret-path"
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class Letters:
    """What an SMTP server does with mail: it keeps it, and refuses who is nobody."""

    def __init__(self) -> None:
        self.kept = []

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        if address.startswith("nobody"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        self.kept.append(envelope)
        return "250 OK"


@pytest.fixture
def smtp():
    """Return a function that starts an SMTP server and gives its port and its letters."""
    with contextlib.ExitStack() as stack:

        def start(**marks):
            letters = Letters()
            control = Controller(letters, hostname="127.0.0.1", port=free_port(), **marks)
            control.start()
            stack.callback(control.stop)
            return control.port, letters

        yield start


def mail(port: int, **marks) -> Email:
    given = {"sender": "emscher@example.org", "recipients": ("duty@example.org",)}
    return Email("duty", marks.pop("host", "127.0.0.1"), port, marks.pop("encryption", "none"),
                 **(given | marks))  # fmt: skip


def test_a_webhook_gets_signed_json(hook):
    send(Webhook("ops", hook.url, "s3cret"), TEST, NOW_NS)
    ((path, headers, body),) = hook.came
    assert path == "/secret-path"
    told = json.loads(body)
    assert (told["kind"], told["id"]) == ("test", headers["Emscher-Delivery"])
    stamp, signed = (part.split("=")[1] for part in headers["Emscher-Signature"].split(","))
    expected = hmac.new(b"s3cret", stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    assert (int(stamp), signed) == (NOW_NS // 10**9, expected)


def test_a_signature_is_of_its_time_and_body():
    assert signature("k", b"a", 1) != signature("k", b"a", 2)
    assert signature("k", b"a", 1) != signature("k", b"b", 1)


def test_a_webhook_without_a_secret_is_not_signed(hook):
    send(Webhook("ops", hook.url), TEST, NOW_NS)
    assert "Emscher-Signature" not in hook.came[0][1]


@pytest.mark.parametrize(
    ("status", "says"),
    [(302, "redirects"), (404, "answers HTTP 404"), (500, "answers HTTP 500")],
)
def test_a_webhook_that_does_not_say_yes_has_failed(hook, status, says):
    hook.status = status
    with pytest.raises(DeliveryError, match=says) as raised:
        send(Webhook("ops", hook.url), TEST, NOW_NS)
    assert len(hook.came) == 1  # a redirection was not followed
    assert "secret-path" not in str(raised.value)


def test_a_webhook_that_is_not_there_is_told_without_its_path():
    with pytest.raises(DeliveryError, match="refused") as raised:
        send(Webhook("ops", f"http://127.0.0.1:{free_port()}/secret-path"), TEST, NOW_NS)
    assert "secret-path" not in str(raised.value)


def test_a_mail_arrives_as_people_read_it(smtp):
    port, letters = smtp()
    send(mail(port, recipients=("a@example.org", "b@example.org")), TEST, NOW_NS)
    (envelope,) = letters.kept
    assert envelope.rcpt_tos == ["a@example.org", "b@example.org"]
    read = email.message_from_bytes(envelope.content, policy=email.policy.default)
    assert read["Subject"] == "[Emscher] Test of the notifications"
    assert read["Auto-Submitted"] == "auto-generated"
    assert read["Date"].datetime.timestamp() == NOW_NS / 10**9
    assert "Console: https://e.example/" in read.get_content()


def test_a_mail_server_that_refuses_all_has_failed_and_one_that_refuses_some_has_not(smtp):
    port, letters = smtp()
    with pytest.raises(DeliveryError, match=r"nobody@example\.org \(550 no such"):
        send(mail(port, recipients=("nobody@example.org",)), TEST, NOW_NS)
    send(mail(port, recipients=("nobody@example.org", "b@example.org")), TEST, NOW_NS)
    assert [one.rcpt_tos for one in letters.kept] == [["b@example.org"]]


def login(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (b"emscher", b"right")
    return AuthResult(success=right, handled=False)


@pytest.fixture
def served(tmp_path, certified):
    """What a TLS server needs, and the authority that signed it."""
    _, ca = certified
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "server.pem", tmp_path / "key.pem")
    return context, str(ca)


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("encryption", ["starttls", "tls"])
def test_a_mail_goes_encrypted_with_a_login(smtp, served, encryption):
    context, ca = served
    if encryption == "starttls":
        how = {"tls_context": context}
    else:  # the server takes a connection that is TLS from the start for one without
        how = {"ssl_context": context, "auth_require_tls": False}
    port, letters = smtp(authenticator=login, auth_required=True, **how)
    way = {"encryption": encryption, "user": "emscher", "ca": ca}
    send(mail(port, password="right", **way), TEST, NOW_NS)
    assert len(letters.kept) == 1
    with pytest.raises(DeliveryError, match="says 535"):
        send(mail(port, password="wrong", **way), TEST, NOW_NS)
    with pytest.raises(DeliveryError, match="certificate can't be trusted") as raised:
        send(mail(port, password="right", **(way | {"ca": ""})), TEST, NOW_NS)
    assert "right" not in str(raised.value)


def test_starttls_is_never_left_out(smtp):
    port, letters = smtp()
    with pytest.raises(DeliveryError, match="look at encryption"):
        send(mail(port, encryption="starttls"), TEST, NOW_NS)
    assert letters.kept == []


def test_a_mail_server_that_is_not_there_is_told():
    with pytest.raises(DeliveryError, match="refused"):
        send(mail(free_port()), TEST, NOW_NS)


def test_a_message_is_published_at_qos_1_and_not_retained(mosquitto):
    broker = mosquitto()
    came = []
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda client, userdata, message: came.append(message)
    ready = threading.Event()
    client.on_subscribe = lambda *_: ready.set()
    client.connect(broker.host, broker.port)
    client.subscribe("emscher/#", 1)
    client.loop_start()
    assert ready.wait(10)
    send(Mqtt("desk", Address(broker.host, broker.port), "emscher/x"), TEST, NOW_NS)
    until("the message comes", lambda: came)
    client.disconnect()
    client.loop_stop()
    assert (came[0].topic, came[0].qos, came[0].retain) == ("emscher/x", 1, False)
    assert json.loads(came[0].payload)["kind"] == "test"


def test_a_broker_that_refuses_or_is_not_there_is_told(mosquitto):
    broker = mosquitto("allow_anonymous false")
    for port, says in ((broker.port, "refuses us"), (free_port(), "can't be reached")):
        with pytest.raises(DeliveryError, match=says):
            send(Mqtt("desk", Address(broker.host, port), "x"), TEST, NOW_NS)


@pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_message_goes_over_tls(certified):
    broker, ca = certified
    url = f"mqtts://localhost:{broker.port}"
    send(Mqtt("desk", broker_address(f"{url}?ca={ca}"), "x"), TEST, NOW_NS)
    with pytest.raises(DeliveryError, match="can't be trusted"):
        send(Mqtt("desk", broker_address(url), "x"), TEST, NOW_NS)


@pytest.fixture
def rules(tmp_path, hook):
    path = tmp_path / "notify.toml"
    path.write_text(
        f'[[rule]]\nname = "all"\nafter = "15 min"\nquiet = "22:00-06:00"\nto = ["ops"]\n'
        f'[[to]]\nname = "ops"\nkind = "webhook"\nurl = "{hook.url}"\n',
        encoding="utf-8",
    )
    return path


def test_check_says_what_a_file_means(rules):
    ran = CliRunner().invoke(app, ["notify", "check", str(rules)])
    assert ran.exit_code == 0
    assert ran.stdout.splitlines()[0] == (
        '"all" tells ops of all anomalies that last 15 min;'
        " what comes from 22:00 to 06:00 as one digest when it ends"
    )
    assert "secret-path" not in ran.output


def test_check_says_what_is_wrong(rules):
    rules.write_text(rules.read_text().replace("15 min", "soon"), encoding="utf-8")
    ran = CliRunner().invoke(app, ["notify", "check", str(rules)])
    assert ran.exit_code == 1
    assert 'rule "all": after: expected' in ran.stderr


def test_try_sends_a_test_message_and_says_how_it_went(rules, hook, monkeypatch):
    monkeypatch.setenv("EMSCHER_NOTIFY", str(rules))
    ran = CliRunner().invoke(app, ["notify", "try", "ops"])
    assert (ran.exit_code, len(hook.came)) == (0, 1)
    hook.status = 500
    ran = CliRunner().invoke(app, ["notify", "try", "ops", "--file", str(rules)])
    assert ran.exit_code == 1
    assert "answers HTTP 500" in ran.stderr
    ran = CliRunner().invoke(app, ["notify", "try", "opps"])
    assert (ran.exit_code, len(hook.came)) == (1, 2)
    assert "NAME: expected one of ops" in ran.stderr


def test_try_without_a_file_says_which_setting_is_missing(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["notify", "try", "ops"])
    assert ran.exit_code == 1
    assert "notify: expected the path of a file of rules" in ran.stderr
