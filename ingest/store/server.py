"""Where InfluxDB is; apart from the adapter, so that the settings load no library of its."""

from typing import NamedTuple

_TIMEOUT_MS = 30_000


class Server(NamedTuple):
    """Where InfluxDB is and who we are there; `bucket` is a database, or database/retention.

    token  of InfluxDB 2 and 3, or user:password of InfluxDB 1.8; "" where none is wanted
    """

    url: str
    bucket: str
    token: str = ""
    org: str = ""
    timeout_ms: int = _TIMEOUT_MS

    @property
    def shown(self) -> str:
        """How it may be shown: without the token."""
        return f"InfluxDB at {self.url}, bucket {self.bucket}"
