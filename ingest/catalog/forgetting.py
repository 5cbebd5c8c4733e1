"""Forgetting a device that was erased: what people knew of it, and said of its anomalies."""

from collections.abc import Sequence

from sqlalchemy import Connection, delete

from ingest.catalog.tables import ANSWERS, DEVICES, METERS, REMARKS, SERIES

_AT_ONCE = 500


def forget_remarks(connection: Connection, anomalies: Sequence[str]) -> int:
    """Delete what was said of anomalies that are no more; return how much."""
    gone = 0
    for at in range(0, len(anomalies), _AT_ONCE):
        of = REMARKS.c.anomaly.in_(anomalies[at : at + _AT_ONCE])
        gone += connection.execute(delete(REMARKS).where(of)).rowcount
    return gone


def forget_device(connection: Connection, device: str) -> int:
    """Delete a device with its meters, their answers and its series; return how many rows."""
    gone = 0
    for table in (ANSWERS, METERS, SERIES):
        gone += connection.execute(delete(table).where(table.c.device == device)).rowcount
    return gone + connection.execute(delete(DEVICES).where(DEVICES.c.id == device)).rowcount
