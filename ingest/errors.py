"""What can go wrong while a message becomes stored readings.

IngestError
├── PayloadError      the bytes are wrong        quarantine, then acknowledge
└── StoreUnavailable  storage said "not now"     keep, pause, do not acknowledge
"""

ANNOUNCEMENT = "announcement"
"""The rule of a message that can't be understood before another one has told what it is.

Such a refusal is tried again by itself when something was announced.
"""


class IngestError(Exception):
    """Everything that ingest raises on purpose."""


class PayloadError(IngestError):
    """The message breaks a rule of its format; it goes to quarantine and stays readable there.

    rule      what was checked, as a noun: "frame length", "JSON", "DevEUI"
    expected  what the rule wants
    found     what was there instead (shortened to a line)
    """

    def __init__(self, rule: str, expected: object, found: object) -> None:
        super().__init__(rule, expected, found)  # positional, so that it pickles
        self.rule, self.expected, self.found = rule, expected, found

    def __str__(self) -> str:
        return f"{self.rule}: expected {_line(self.expected)}, found {_line(self.found)}"


class StoreUnavailable(IngestError):  # noqa: N818 (it is a state of the store, not an error)
    """The store can't take anything now: a full disk, a lost server. Nothing was written."""


def _line(fact: object, longest: int = 160) -> str:
    """Return a fact on one line, cut where a person stops reading."""
    text = " ".join((fact if isinstance(fact, str) else repr(fact)).split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
