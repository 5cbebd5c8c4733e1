"""The tables of the catalog; migrations/versions makes them, step by step.

Times are UTC ns. A device belongs to the tenant of its site, or to its own while it has no site.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
)

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _to(place: str, *, nullable: bool = True, index: bool | None = None) -> Column[str]:
    name = place.partition(".")[0].removesuffix("s")
    key = ForeignKey(place, ondelete="RESTRICT")
    return Column(name, String, key, nullable=nullable, index=index)


TENANTS = Table(
    "tenants",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
)
SITES = Table(
    "sites",
    METADATA,
    Column("id", String, primary_key=True),
    _to("tenants.id", nullable=False),
    Column("name", String, nullable=False),
    Column("district", String, nullable=False),
    Column("sector", String, nullable=False),
    Column("address", String, nullable=False),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("zone", String, nullable=False),
    Column("area_m2", Float),
    Column("public", Boolean, nullable=False),
)
DEVICES = Table(
    "devices",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    _to("sites.id", index=True),
    _to("tenants.id"),
    Column("feeder", String),
    Column("note", String, nullable=False),
)
METERS = Table(
    "meters",
    METADATA,
    Column("device", String, ForeignKey("devices.id", ondelete="RESTRICT"), primary_key=True),
    Column("quantity", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("installed", BigInteger, primary_key=True),
    Column("removed", BigInteger),
    Column("serial", String, nullable=False),
    Column("medium", String, nullable=False),
    Column("multiplier", Float, nullable=False),
    Column("first_register", Float),
    Column("last_register", Float),
    Column("power_max", Float),
    Column("width", Float),
)
ANSWERS = Table(
    "answers",
    METADATA,
    Column("device", String, ForeignKey("devices.id", ondelete="RESTRICT"), primary_key=True),
    Column("quantity", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    Column("said", BigInteger, primary_key=True),
    Column("counts", Boolean, nullable=False),
    Column("author", String, nullable=False),
    Column("note", String, nullable=False),
)
SERIES = Table(
    "series",
    METADATA,
    Column("device", String, ForeignKey("devices.id", ondelete="RESTRICT"), primary_key=True),
    Column("quantity", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("label", String, nullable=False),
    Column("lowest", Float),
    Column("highest", Float),
)
# Who may ask. `hash` is that of the key's secret; the secret itself is nowhere.
KEYS = Table(
    "keys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("hash", String, nullable=False),
    Column("scope", String, nullable=False),
    _to("tenants.id"),
    Column("created", BigInteger, nullable=False),
    Column("expires", BigInteger),
    Column("revoked", BigInteger),
)
# Who did what: rows are only ever added.
AUDIT = Table(
    "audit",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False, index=True),
    Column("who", String, nullable=False),
    Column("tenant", String),
    Column("did", String, nullable=False),
    Column("about", String, nullable=False),
    Column("outcome", String, nullable=False),
)
# What people said of an anomaly: rows are only ever added. `kind`: acknowledge, comment, close,
# reopen.
REMARKS = Table(
    "remarks",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("anomaly", String, nullable=False, index=True),
    Column("at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("author", String, nullable=False),
    Column("note", String, nullable=False),
)
# What was made public, as it was at the time: never changed afterwards.
PUBLISHED = Table(
    "published",
    METADATA,
    Column("day", String, primary_key=True),
    Column("quantity", String, primary_key=True),
    Column("part", String, primary_key=True),
    Column("value", Float),
    Column("households", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
)
