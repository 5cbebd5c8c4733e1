"""The file of rules: what it may say, and what is told to whom got it wrong."""

import re
from pathlib import Path

import pytest

from gateway.errors import NotifyError
from gateway.notify_rules import KINDS, Email, Mqtt, Quiet, Webhook, read_notify
from ingest.derived import SECOND_NS, Anomaly
from ingest.place import NOWHERE, Placed, Site

ROOT = Path(__file__).resolve().parents[2]
WHOLE = """
link = "https://emscher.example/"

[[rule]]
name = "night"
kinds = ["silence", "register_*"]
score = 0.5
tenants = ["dortmund"]
districts = ["Hörde"]
devices = ["pump-*"]
after = "15 min"
quiet = "22:00-06:00"
in_quiet = "dropped"
to = ["ops", "duty", "desk"]

[[to]]
name = "ops"
kind = "webhook"
url = "https://hooks.example/T0/abc"
secret = "s3cret"

[[to]]
name = "duty"
kind = "email"
host = "mail.example"
user = "emscher"
password = "pässword"
sender = "emscher@example.org"
recipients = ["duty@example.org"]

[[to]]
name = "desk"
kind = "mqtt"
broker = "mqtts://me:hidden@broker.example"
topic = "alarms/emscher"
"""
HOOK = '[[to]]\nname = "ops"\nkind = "webhook"\nurl = "http://127.0.0.1:1/"\n'
RULE = '[[rule]]\nname = "all"\nto = ["ops"]\n'
MAIL = (
    '[[to]]\nname = "ops"\nkind = "email"\nhost = "mail.example"\nsender = "a@b.de"\n'
    'recipients = ["c@d.de"]\n'
)


@pytest.fixture
def read(tmp_path):
    """Return a function that reads a text as a file of rules."""

    def reading(text: str):
        path = tmp_path / "notify.toml"
        path.write_text(text, encoding="utf-8")
        return read_notify(path)

    return reading


def anomaly(**marks) -> Anomaly:
    given = {
        "id": "a1", "device": "pump-7", "quantity": "", "channel": "", "kind": "silence",
        "start_ns": 0, "end_ns": None, "score": 0.9, "value": None, "expected": None,
        "detector": "silence@1", "text": "Pump 7 is silent.",
    }  # fmt: skip
    return Anomaly(**(given | marks))


HOERDE = Placed("dortmund", Site("s", "dortmund", "Works", "Hörde"))


def test_a_whole_file_is_read(read):
    notify = read(WHOLE)
    assert notify.link == "https://emscher.example"
    (rule,) = notify.rules
    assert rule.after_ns == 15 * 60 * SECOND_NS
    assert rule.quiet == Quiet(22 * 60, 6 * 60, later=False)
    ops, duty, desk = notify.ways
    assert ops == Webhook("ops", "https://hooks.example/T0/abc", "s3cret")
    assert isinstance(duty, Email)
    assert (duty.port, duty.encryption, duty.password) == (587, "starttls", "pässword")
    assert isinstance(desk, Mqtt)
    assert (desk.topic, desk.address.port) == ("alarms/emscher", 8883)
    assert rule.wants(anomaly(), "", HOERDE)


@pytest.mark.parametrize(
    ("marks", "name", "placed", "wanted"),
    [
        ({"kind": "register_reset"}, "", HOERDE, True),
        ({"kind": "spike"}, "", HOERDE, False),
        ({"score": 0.4}, "", HOERDE, False),
        ({"device": "x"}, "pump-of-the-mill", HOERDE, True),
        ({"device": "x"}, "mill", HOERDE, False),
        ({}, "", NOWHERE, False),
        ({}, "", Placed("dortmund"), False),
        ({}, "", Placed("bochum", Site("s", "bochum", "W", "Hörde")), False),
    ],
)
def test_a_rule_wants_what_fits_all_that_it_says(read, marks, name, placed, wanted):
    assert read(WHOLE).rules[0].wants(anomaly(**marks), name, placed) is wanted


def test_a_rule_that_says_nothing_wants_everything(read):
    rule = read(RULE + HOOK).rules[0]
    assert rule.wants(anomaly(score=0.0), "", NOWHERE)
    assert not rule.by_place


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file: rule: expected at least one table [[rule]]; found none"),
        ("x = [", "expected TOML, found something else"),
        (RULE + 'kind = ["x"]\n' + HOOK, 'rule "all": kind: expected one of name,'),
        (RULE + 'kinds = ["silense"]\n' + HOOK, 'found "silense"'),
        (RULE + "score = 2\n" + HOOK, 'rule "all": score: expected a number from 0 to 1; found 2'),
        (RULE + "score = true\n" + HOOK, "score: expected a number from 0 to 1; found True"),
        (RULE + "after = 5\n" + HOOK, 'rule "all": after: expected a time of at most 7 d'),
        (RULE + 'after = "8 d"\n' + HOOK, 'found "8 d"'),
        (RULE + 'quiet = "22-6"\n' + HOOK, 'rule "all": quiet: expected hours'),
        (RULE + 'quiet = "22:00-22:00"\n' + HOOK, 'found "22:00-22:00"'),
        (RULE + 'in_quiet = "later"\n' + HOOK, "in_quiet: expected quiet = hours beside it"),
        (RULE + 'quiet = "22:00-06:00"\nin_quiet = "never"\n' + HOOK, "one of later, dropped"),
        (RULE + "tenants = []\n" + HOOK, 'tenants: expected a list of texts, such as ["a", "b"]'),
        (RULE + RULE + HOOK, 'rule "all": name: expected each name once'),
        (RULE + HOOK + HOOK, 'to "ops": name: expected each name once'),
        (RULE.replace("ops", "opps") + HOOK, 'expected names of [[to]] (ops); found "opps"'),
        (RULE + HOOK.replace('"ops"', '""'), "to 1: name: expected a line of text"),
        (RULE + HOOK.replace("webhook", "fax"), "expected one of webhook, email, mqtt"),
        (RULE + HOOK.replace("http:", "ftp:"), 'to "ops": url: expected http[s]://host'),
        (RULE + HOOK.replace("127", "a:b@127"), 'to "ops": url: expected http[s]://host'),
        (RULE + HOOK + 'secret = "a"\nsecret_file = "b"\n', "secret or secret_file, found both"),
        (RULE + HOOK + 'secret_file = "/none"\n', "secret_file: /none can't be read"),
        (RULE + MAIL.replace("mail.example", "a b"), "host: expected the name of a mail server"),
        (RULE + MAIL.replace("a@b.de", "a"), "sender: expected an address"),
        (RULE + MAIL.replace("c@d.de", "a b@c"), "recipients: expected addresses"),
        (RULE + MAIL + "port = 0\n", "port: expected a port from 1 to 65535; found 0"),
        (RULE + MAIL + 'user = "x"\n', "user: expected a user and a password, or neither"),
        (RULE + MAIL + 'ca = "/none"\n', "ca: expected a file of certificates in PEM"),
        (
            RULE + MAIL + 'user = "x"\npassword = "y"\nencryption = "none"\n',
            "encryption: expected starttls or tls",
        ),
        (RULE + '[[to]]\nname = "ops"\nkind = "mqtt"\n', "broker: expected mqtt[s]://"),
        (
            RULE + '[[to]]\nname = "ops"\nkind = "mqtt"\nbroker = "mqtt://b"\ntopic = "a/#"\n',
            "topic: expected a topic to publish to",
        ),
        ('link = "emscher"\n' + RULE + HOOK, "the file: link: expected an address"),
    ],
)
def test_each_fault_names_table_key_and_what_was_expected(read, text, says):
    with pytest.raises(NotifyError, match=re.escape(says)) as raised:
        read(text)
    assert all("notify.toml: " in fault for fault in raised.value.faults)


def test_all_faults_are_told_at_once(read):
    with pytest.raises(NotifyError) as raised:
        read(RULE + "score = 2\nafter = 5\n" + HOOK.replace("http:", "ftp:"))
    assert len(raised.value.faults) == 3


def test_no_fault_shows_a_secret(read):
    for line in ('secret = ["s3cret"]', 'url = "http://u:s3cret@h/"', "broker = 5"):
        with pytest.raises(NotifyError) as raised:
            read(RULE + HOOK.replace('url = "http://127.0.0.1:1/"', line))
        assert "s3cret" not in str(raised.value)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(NotifyError, match="expected a file that can be read"):
        read_notify(tmp_path / "none.toml")


def test_a_secret_may_be_the_first_line_of_a_file(read, tmp_path):
    (tmp_path / "secret").write_text("s3cret\nmore\n", encoding="utf-8")
    way = read(RULE + HOOK + f'secret_file = "{tmp_path}/secret"\n').ways[0]
    assert way.secret == "s3cret"


def test_the_path_of_a_webhook_is_not_shown(read):
    assert read(WHOLE).ways[0].shown == "https://hooks.example"


def test_the_kinds_are_those_that_operators_read_of():
    text = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| ([a-z_]+…?) \|", text.split("## What is odd?")[1].split("\n## ")[0], re.M
    )
    named = {row for row in rows if row not in ("kind", "register_…")}
    steps = re.search(r"a step of a register that needs a name \(([^)]+)\)", text)
    named |= {f"register_{one}" for one in re.findall(r"`(\w+)`", steps[1])}
    assert named == set(KINDS.split())


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        (Quiet(22 * 60, 6 * 60, True), [22 * 60, 23 * 60, 0, 359], [360, 720, 22 * 60 - 1]),
        (Quiet(12 * 60, 13 * 60, True), [720, 779], [719, 780, 0]),
    ],
)
def test_quiet_hours_may_pass_midnight(hours, inside, outside):
    assert all(hours.holds(minute) for minute in inside)
    assert not any(hours.holds(minute) for minute in outside)
