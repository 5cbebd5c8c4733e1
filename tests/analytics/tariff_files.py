"""Tariffs for the tests, written as files and read as they are."""

from datetime import datetime
from pathlib import Path

import numpy as np
from derived_rows import BERLIN
from register_rows import rows_at

from analytics.calendar import to_ns
from analytics.cost import costs
from analytics.register import unwrapped
from analytics.tariff_file import read_plan
from analytics.tariff_times import pieces

HOUR_NS = 3600 * 10**9
HEAD = """\
name = "t"
currency = "EUR"
zone = "Europe/Berlin"
direction = "import"
prices = "net"
"""
NIGHT = f"""{HEAD}
[[term]]
from = 2026-01-01
vat_percent = 19
standing_per_day = 0.30

[[term.band]]
name = "small hours"
hours = ["02:00-03:00"]
price = 0.10

[[term.band]]
name = "rest"
price = 0.30
"""


def plan(folder: Path, text: str, **series: str):
    """Return the plan of a TOML text, with CSVs beside it: name=text."""
    for name, lines in series.items():
        (folder / f"{name}.csv").write_text(lines)
    path = folder / "t.toml"
    path.write_text(text)
    return read_plan(path)


def at(text: str) -> int:
    """Return a time of Berlin, or one with its offset, as UTC ns."""
    moment = datetime.fromisoformat(text)
    return to_ns(moment if moment.tzinfo else moment.replace(tzinfo=BERLIN))


def meter(start: str, wh, step_ns: int = HOUR_NS):
    """Return a register that begins at a time and climbs by so many Wh in each step."""
    register = 5_000.0 + np.concatenate([[0.0], np.cumsum(np.asarray(wh, float))])
    times = at(start) + step_ns * np.arange(len(register))
    rows = rows_at(list(zip(times.tolist(), register.tolist(), strict=True)))
    return unwrapped(rows, "Wh", BERLIN)


def cost_of(tariff, whole, edges_ns, carbon=None):
    """Return the cost of one meter, or of some (a list of (device, register))."""
    registers = whole if isinstance(whole, list) else [("m", whole)]
    span = int(edges_ns[0]), int(edges_ns[-1])
    beside = None if carbon is None else (carbon, pieces(carbon, *span))
    edges_ns = np.asarray(edges_ns, np.int64)
    return costs(registers, edges_ns, (tariff, pieces(tariff, *span)), beside)
