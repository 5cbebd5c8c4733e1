"""Making InfluxDB ready, and looking whether it is: databases, buckets, what may be done there.

Source: InfluxDB 1.8 documentation, "Manage your database using InfluxQL"; InfluxDB 2.7, "Query data
with InfluxQL" (v1 DBRP mapping), and its client library; InfluxDB 3 Core, "Manage databases"
(/api/v3/configure/database).
"""

import time
from collections.abc import Iterator

import urllib3
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dbrp_create import DBRPCreate
from influxdb_client.rest import ApiException
from influxdb_client.service.dbr_ps_service import DBRPsService

from ingest.errors import PayloadError, StoreUnavailable
from ingest.store.influx_wire import Wire
from ingest.store.server import Server

_DAY_S = 86_400
_SERIES_MANY = 800_000


def prepared(server: Server, keep_days: int | None = None) -> Iterator[str]:
    """Make what is missing, and yield a sentence for each step; again is harmless.

    keep_days  how long the server keeps readings; None: for ever, or as it is set there
    Raises StoreUnavailable that says what stands in the way.
    """
    wire = Wire(server)
    try:
        version = wire.version().lstrip("v")
        yield f"{server.url} is InfluxDB {version}"
        try:
            if version.startswith("2"):
                yield from _bucket(wire, keep_days)
            elif version.startswith("3"):
                yield from _database_of_3(wire)
            else:
                yield from _database(wire, keep_days)
        except ApiException as fault:
            why = f"{server.shown} can't be made ready: {fault.status} {fault.reason}"
            raise StoreUnavailable(f"{why}; the token must be allowed to make buckets") from fault
        for good, text in _tried(wire):
            if not good:
                raise StoreUnavailable(text)
            yield text
    finally:
        wire.close()


def checks(server: Server) -> Iterator[tuple[bool, str]]:
    """Look whether readings can be written there and asked for; yield what was found."""
    wire = Wire(server)
    try:
        try:
            yield True, f"{server.url} is InfluxDB {wire.version()}"
            good = True
            for good, text in _tried(wire):
                yield good, text
            if good:
                yield _room(wire)
        except StoreUnavailable as fault:
            yield False, str(fault)
    finally:
        wire.close()


def _database(wire: Wire, keep_days: int | None) -> Iterator[str]:
    database, _, policy = wire.server.bucket.partition("/")
    name = _quoted(database)
    list(wire.ask([f"CREATE DATABASE {name}"]))
    yield f"the database {database} is there"
    if keep_days is None and not policy:
        return
    span = "INF" if keep_days is None else f"{keep_days}d"
    told = f"{_quoted(policy or 'autogen')} ON {name} DURATION {span}"
    verb = f"CREATE RETENTION POLICY {told} REPLICATION 1" if policy else f"ALTER {_POLICY} {told}"
    list(wire.ask([verb]))
    yield f"it keeps readings for {'ever' if keep_days is None else f'{keep_days} days'}"


_POLICY = "RETENTION POLICY"


def _bucket(wire: Wire, keep_days: int | None) -> Iterator[str]:
    server, client = wire.server, wire.client
    buckets = client.buckets_api()
    bucket = buckets.find_bucket_by_name(server.bucket)
    if bucket is None:
        rules = [BucketRetentionRules(type="expire", every_seconds=(keep_days or 0) * _DAY_S)]
        bucket = buckets.create_bucket(
            bucket_name=server.bucket, retention_rules=rules, org=server.org
        )
        yield f"the bucket {server.bucket} was made"
    else:
        yield f"the bucket {server.bucket} is there"
    database, _, policy = server.bucket.partition("/")
    service = DBRPsService(client.api_client)
    known = service.get_dbr_ps(org=server.org, bucket_id=bucket.id).content or []
    if not any(one.database == database for one in known):
        mapping = DBRPCreate(
            org=server.org, bucket_id=bucket.id, database=database,
            retention_policy=policy or "autogen", default=True,
        )  # fmt: skip
        service.post_dbrp(dbrp_create=mapping)
    yield f"InfluxQL finds it as the database {database}"


def _database_of_3(wire: Wire) -> Iterator[str]:
    database = wire.server.bucket.partition("/")[0]
    answer = urllib3.request(
        "POST",
        f"{wire.server.url.rstrip('/')}/api/v3/configure/database",
        json={"db": database},
        headers=wire.headers(),
    )
    if answer.status not in (200, 201, 204, 409):
        raise StoreUnavailable(
            f"{wire.server.shown} can't be made: {answer.status} {answer.data[:200]!r}"
        )
    yield f"the database {database} is there"


def _tried(wire: Wire) -> Iterator[tuple[bool, str]]:
    """Write a point of our own and ask for it."""
    now_ns = time.time_ns()
    try:
        wire.write([f"emscher_check value=1 {now_ns}"])
        yield True, "readings can be written there"
        found = list(wire.ask([f"SELECT value FROM emscher_check WHERE time = {now_ns}"]))
    except (StoreUnavailable, PayloadError) as fault:
        yield False, str(fault)
        return
    if not found:
        yield (
            False,
            (
                f"{wire.server.shown} takes points and finds none by InfluxQL: `emscher store init`"
                " maps the bucket to a database"
            ),
        )
        return
    yield True, "and InfluxQL finds them"


def _room(wire: Wire) -> tuple[bool, str]:
    """Return how many series there are, and whether that is many for InfluxDB 1."""
    found = list(wire.ask(["SHOW SERIES EXACT CARDINALITY FROM readings"]))
    count = int(found[0].values[0][-1]) if found else 0
    if count > _SERIES_MANY:
        return False, (
            f"{count} series lie there, and InfluxDB 1 takes a million by default: raise"
            " max-series-per-database and max-values-per-tag (0 is no limit) in its configuration"
        )
    return True, f"{count} series lie there"


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", r"\\").replace('"', r"\"") + '"'
