"""Who is told of which anomalies, how and when: the TOML file that the setting `notify` names."""

import re
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.address import Address, broker_address, host_port
from gateway.errors import AddressError, NotifyError
from gateway.notify_fields import Fields
from ingest.derived import SECOND_NS, Anomaly
from ingest.place import Placed

KINDS = (
    "clock_fault day_shape flatline imbalance leak leaves_peers level_shift noise_burst"
    " novelty out_of_range rate register_exchange register_glitch register_reset"
    " register_rollover register_steep register_unexplained silence spike"
)
TOPIC = "emscher/notifications"
_EMAIL = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]+@[A-Za-z0-9.-]+", re.ASCII)
_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_LOOPBACK = frozenset(("127.0.0.1", "::1", "localhost"))


@dataclass(frozen=True, slots=True)
class Webhook:
    """An address that gets a POST; `secret` signs what is sent, "" does not."""

    name: str
    url: str
    secret: str = ""
    kind: str = "webhook"

    @property
    def shown(self) -> str:
        """Where it goes, without what may be secret: the path of a URL often is."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"


@dataclass(frozen=True, slots=True)
class Email:
    """People who get a mail by a server of theirs.

    encryption  starttls, tls or none
    ca          file of certificates to trust instead of the system's; "" trusts the system's
    """

    name: str
    host: str
    port: int
    encryption: str
    sender: str
    recipients: tuple[str, ...]
    user: str = ""
    password: str = ""
    ca: str = ""
    kind: str = "email"

    @property
    def shown(self) -> str:
        """Where it goes."""
        return f"{', '.join(self.recipients)} by {self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Mqtt:
    """A topic of a broker."""

    name: str
    address: Address
    topic: str
    kind: str = "mqtt"

    @property
    def shown(self) -> str:
        """Where it goes, without a password."""
        return f"{self.topic} at {self.address.shown}"


Way = Webhook | Email | Mqtt


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the local day: minutes after midnight; `later`: told when they end, else never."""

    start_min: int
    end_min: int
    later: bool

    def holds(self, minute: int) -> bool:
        """Return whether this minute of the day is in them."""
        if self.start_min < self.end_min:
            return self.start_min <= minute < self.end_min
        return minute >= self.start_min or minute < self.end_min


@dataclass(frozen=True, slots=True)
class Rule:
    """Which anomalies are told to whom. What is empty lets everything through.

    kinds, devices  patterns; a device is known by its id or its name
    score           the least, 0…1
    after_ns        how long an anomaly must last before it is told
    to              names of ways
    """

    name: str
    to: tuple[str, ...]
    kinds: tuple[str, ...] = ()
    score: float = 0.0
    tenants: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    after_ns: int = 0
    quiet: Quiet | None = None

    @property
    def by_place(self) -> bool:
        """Whether it must be known where a device is."""
        return bool(self.tenants or self.districts)

    def wants(self, anomaly: Anomaly, name: str, placed: Placed) -> bool:
        """Return whether an anomaly of a device with this name, at this place, is to be told."""
        names = (anomaly.device, name)
        district = placed.site.district if placed.site else ""
        return (
            anomaly.score >= self.score
            and (not self.kinds or _fits([anomaly.kind], self.kinds))
            and (not self.devices or _fits(names, self.devices))
            and (not self.tenants or placed.tenant in self.tenants)
            and (not self.districts or district in self.districts)
        )


def _fits(names: "tuple[str, ...] | list[str]", patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


@dataclass(frozen=True, slots=True)
class Notify:
    """The whole file. `link` is where the console is, for people; "": it is not said."""

    rules: tuple[Rule, ...]
    ways: tuple[Way, ...]
    link: str = ""

    def way(self, name: str) -> Way | None:
        """Return the way of that name; None: there is none."""
        return next((way for way in self.ways if way.name == name), None)


def read_notify(path: Path) -> Notify:
    """Return what a file says.

    Raises NotifyError with a sentence for each thing that is wrong: its table and key, what was
    expected, what was found. Passwords and secrets are in none of them.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as fault:
        raise NotifyError(f"{path}: expected a file that can be read: {fault.strerror}") from None
    except ValueError as fault:  # no UTF-8, or no TOML
        raise NotifyError(f"{path}: expected TOML, found something else: {fault}") from None
    faults: list[str] = []
    whole = Fields("the file", document, faults)
    link = whole.text("link").rstrip("/")
    if link and not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", link):
        whole.wrong("link", 'an address of the console, such as "https://emscher.example"')
    ways = [_way(_named("to", n, one, faults)) for n, one in enumerate(whole.tables("to"), 1)]
    rules = [_rule(_named("rule", n, one, faults)) for n, one in enumerate(whole.tables("rule"), 1)]
    whole.done()
    _once("to", [way.name for way in ways], faults)
    _once("rule", [rule.name for rule in rules], faults)
    known = [way.name for way in ways]
    faults += [
        f'rule "{rule.name}": to: expected names of [[to]] ({", ".join(known)}); found "{name}"'
        for rule in rules
        for name in rule.to
        if name not in known
    ]
    if faults:
        raise NotifyError(*(f"{path}: {fault}" for fault in faults))
    return Notify(tuple(rules), tuple(ways), link)


def _named(kind: str, number: int, table: dict[str, Any], faults: list[str]) -> Fields:
    name = table.get("name")
    shown = f'{kind} "{name}"' if isinstance(name, str) and name else f"{kind} {number}"
    return Fields(shown, table, faults)


def _once(kind: str, names: list[str], faults: list[str]) -> None:
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    faults += [f'{kind} "{name}": name: expected each name once; found it again' for name in twice]


def _rule(fields: Fields) -> Rule:
    name = fields.text("name", needed=True)
    kinds = fields.texts("kinds")
    for kind in kinds:
        if not any(fnmatchcase(one, kind) for one in KINDS.split()):
            known = ", ".join(KINDS.split())
            fields.beside("kinds", f'expected kinds of anomalies, or patterns of them: {known};'
                          f' found "{kind}"')  # fmt: skip
    hours = fields.hours("quiet")
    if hours is None and fields.has("in_quiet") and not fields.has("quiet"):
        fields.beside("in_quiet", "expected quiet = hours beside it; found none")
    happens = fields.one_of("in_quiet", ("later", "dropped"), "later")
    made = Rule(
        name,
        fields.texts("to", needed=True),
        kinds,
        fields.number("score", 0, 1, 0),
        fields.texts("tenants"),
        fields.texts("districts"),
        fields.texts("devices"),
        fields.lasting_s("after") * SECOND_NS,
        None if hours is None else Quiet(*hours, happens == "later"),
    )
    fields.done()
    return made


def _way(fields: Fields) -> Way:
    name = fields.text("name", needed=True)
    kind = fields.one_of("kind", ("webhook", "email", "mqtt"))
    made = {"webhook": _webhook, "email": _email, "mqtt": _mqtt}[kind](fields, name)
    fields.done()
    return made


def _webhook(fields: Fields, name: str) -> Way:
    url = fields.text("url", needed=True, expected="http[s]://host[:port]/path")
    if url and not _is_url(url):
        fields.wrong("url", "http[s]://host[:port]/path, without user and password")
    return Webhook(name, url, fields.secret("secret"))


def _is_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        return False
    return sound and bool(parts.hostname) and "@" not in parts.netloc and not re.search(r"\s", url)


def _email(fields: Fields, name: str) -> Way:
    host = fields.text("host", needed=True, expected="the name of a mail server")
    encryption = fields.one_of("encryption", tuple(_PORTS), "starttls")
    port = fields.port("port", _PORTS[encryption])
    try:
        host_port(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    except AddressError:
        fields.wrong("host", "the name of a mail server")
    sender = fields.text("sender", needed=True, expected="an address, such as emscher@example.org")
    recipients = fields.texts("recipients", needed=True)
    if sender and not _EMAIL.fullmatch(sender):
        fields.wrong("sender", "an address, such as emscher@example.org")
    if not all(_EMAIL.fullmatch(one) for one in recipients):
        fields.wrong("recipients", 'addresses, such as ["duty@example.org"]')
    user, password = fields.text("user"), fields.secret("password")
    if bool(user) != bool(password):
        fields.beside("user", "expected a user and a password, or neither; found one of them")
    if password and encryption == "none" and host not in _LOOPBACK:
        fields.beside("encryption", "expected starttls or tls, as a password leaves this machine")
    ca = fields.text("ca")
    if ca and not Path(ca).is_file():
        fields.wrong("ca", "a file of certificates in PEM")
    return Email(name, host, port, encryption, sender, recipients, user, password, ca)


def _mqtt(fields: Fields, name: str) -> Way:
    url = fields.text("broker", needed=True, expected="mqtt[s]://[user:password@]host[:port]")
    address = Address("", 0)
    if url:
        try:
            address = broker_address(url)
        except AddressError as fault:
            fields.beside("broker", str(fault))
    topic = fields.text("topic") or TOPIC
    if re.search(r"[+#\x00]", topic) or topic.startswith("$") or len(topic.encode()) > 1_000:
        fields.wrong("topic", "a topic to publish to, without +, # and a $ at its beginning")
    return Mqtt(name, address, topic)
