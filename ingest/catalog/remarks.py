"""What people said of anomalies: rows are only ever added, and how one is handled follows."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from sqlalchemy import Connection, func, insert, select

from ingest.catalog.tables import REMARKS

_AT_ONCE = 500


class Say(StrEnum):
    """What a remark does; a comment only says something."""

    ACKNOWLEDGE = "acknowledge"
    COMMENT = "comment"
    CLOSE = "close"
    REOPEN = "reopen"


class Handling(StrEnum):
    """How far people are with an anomaly."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


_AFTER = {
    Say.ACKNOWLEDGE.value: Handling.ACKNOWLEDGED,
    Say.CLOSE.value: Handling.CLOSED,
    Say.REOPEN.value: Handling.NEW,
}


class Remark(NamedTuple):
    """One remark; at is UTC ns."""

    number: int
    at: int
    kind: str
    author: str
    note: str


class Handled(NamedTuple):
    """How an anomaly is handled, and how many remarks there are."""

    handling: Handling = Handling.NEW
    remarks: int = 0


def handling_of(remarks: Sequence[Remark]) -> Handling:
    """Return what remarks, in their order, come to: the last one that is no comment decides."""
    decided = (_AFTER[one.kind] for one in reversed(remarks) if one.kind in _AFTER)
    return next(decided, Handling.NEW)


def remarks_of(connection: Connection, anomaly: str) -> list[Remark]:
    """Return all remarks on an anomaly, as they were made."""
    found = connection.execute(
        select(*(REMARKS.c.number, REMARKS.c.at, REMARKS.c.kind, REMARKS.c.author, REMARKS.c.note))
        .where(REMARKS.c.anomaly == anomaly)
        .order_by(REMARKS.c.number)
    )
    return [Remark(*row) for row in found]


def handled(connection: Connection, anomalies: Sequence[str]) -> dict[str, Handled]:
    """Return how those of the anomalies are handled that anybody has remarked on."""
    found: dict[str, Handled] = {}
    for at in range(0, len(anomalies), _AT_ONCE):
        of = REMARKS.c.anomaly.in_(anomalies[at : at + _AT_ONCE])
        counts = select(REMARKS.c.anomaly, func.count()).where(of).group_by(REMARKS.c.anomaly)
        for anomaly, count in connection.execute(counts):
            found[anomaly] = Handled(Handling.NEW, count)
        last = (
            select(func.max(REMARKS.c.number))
            .where(of, REMARKS.c.kind.in_(tuple(_AFTER)))
            .group_by(REMARKS.c.anomaly)
        )
        decided = select(REMARKS.c.anomaly, REMARKS.c.kind).where(REMARKS.c.number.in_(last))
        for anomaly, kind in connection.execute(decided):
            found[anomaly] = found[anomaly]._replace(handling=_AFTER[kind])
    return found


def remark(
    connection: Connection, anomaly: str, *, kind: Say, author: str, note: str, at_ns: int
) -> None:
    """Add a remark; nothing that was said is ever changed."""
    row = {"anomaly": anomaly, "at": at_ns, "kind": kind.value, "author": author, "note": note}
    connection.execute(insert(REMARKS), [row])
