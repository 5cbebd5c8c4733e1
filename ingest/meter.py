"""What people know of the meter behind a register: which it was when, and what they decided."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Meter:
    """One meter of a register, for as long as it is there. Registers in the quantity's unit.

    first_register, last_register  what it showed when it came and when it went; None: not read
    multiplier  ratio of the transformers before it: what flows is so many times what it shows
    power_max   the most that can flow through it: W, or m3 an hour; None: not known
    width       what the register would show when it begins again from zero; None: not known
    """

    installed_ns: int
    removed_ns: int | None = None
    serial: str = ""
    multiplier: float = 1.0
    first_register: float | None = None
    last_register: float | None = None
    power_max: float | None = None
    width: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a person decided about the step of a register that ends with the reading at at_ns.

    counts  a jump upwards flowed, or a drop was a new beginning from zero; else it did not
    said_ns when it was said: of several answers about one step the last one holds
    """

    at_ns: int
    counts: bool
    author: str
    said_ns: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class RegisterFacts:
    """All that people know of one register: its meters by their time, answers as they came."""

    meters: tuple[Meter, ...] = ()
    answers: tuple[Answer, ...] = ()


NOTHING_KNOWN = RegisterFacts()
