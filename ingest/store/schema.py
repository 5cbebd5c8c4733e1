"""The tables of the embedded store.

There is no primary key on readings: keeping one made a commit of 20,000 rows ten times slower.
`embedded` keeps (series, time) unique by itself.
"""

import duckdb

from ingest.errors import StoreUnavailable

VERSION = 4

TABLES = """
CREATE TABLE IF NOT EXISTS about (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS series (
    number INTEGER NOT NULL, device VARCHAR NOT NULL, quantity VARCHAR NOT NULL,
    channel VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS devices (
    id VARCHAR NOT NULL, name VARCHAR, model VARCHAR, format VARCHAR, source VARCHAR,
    first_ns BIGINT, last_ns BIGINT, state VARCHAR);
CREATE TABLE IF NOT EXISTS readings (
    series INTEGER NOT NULL, time_ns BIGINT NOT NULL, value DOUBLE NOT NULL,
    received_ns BIGINT NOT NULL, quality UTINYINT NOT NULL, commit_id BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS superseded AS SELECT *, 0::BIGINT AS replaced_by FROM readings LIMIT 0;
CREATE TABLE IF NOT EXISTS quarantine (
    id BIGINT NOT NULL, source VARCHAR, topic VARCHAR, received_ns BIGINT, rule VARCHAR,
    expected VARCHAR, found VARCHAR, payload BLOB, retained BOOLEAN NOT NULL DEFAULT FALSE);
CREATE TABLE IF NOT EXISTS keys (key BLOB NOT NULL, commit_id BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS counts (
    commit_id BIGINT, stored BIGINT, duplicate BIGINT, quarantined BIGINT, readings BIGINT,
    corrections BIGINT, refused BIGINT);
CREATE TABLE IF NOT EXISTS windows (
    series INTEGER NOT NULL, width_ns BIGINT NOT NULL, start_ns BIGINT NOT NULL,
    count BIGINT NOT NULL, min DOUBLE NOT NULL, max DOUBLE NOT NULL, mean DOUBLE NOT NULL,
    last DOUBLE NOT NULL, revision INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS anomalies (
    id VARCHAR NOT NULL, device VARCHAR NOT NULL, quantity VARCHAR NOT NULL,
    channel VARCHAR NOT NULL, kind VARCHAR NOT NULL, start_ns BIGINT NOT NULL, end_ns BIGINT,
    score DOUBLE NOT NULL, value DOUBLE, expected DOUBLE, detector VARCHAR NOT NULL,
    text VARCHAR NOT NULL);
CREATE TABLE IF NOT EXISTS facts (
    format VARCHAR NOT NULL, name VARCHAR NOT NULL, value VARCHAR NOT NULL,
    commit_id BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS derived (through BIGINT NOT NULL);
CREATE TABLE IF NOT EXISTS forgotten (series INTEGER NOT NULL, before_ns BIGINT NOT NULL);
"""

_UPGRADES = {
    1: "ALTER TABLE quarantine ADD COLUMN retained BOOLEAN DEFAULT FALSE;"
    " ALTER TABLE counts ADD COLUMN refused BIGINT; UPDATE counts SET refused = quarantined",
    2: "SELECT 1",  # only a table more; but an older Emscher would miss what was forgotten
    3: "ALTER TABLE windows ADD COLUMN IF NOT EXISTS revision INTEGER DEFAULT 0",
}
"""What makes a file of a version one of the next."""


def prepare(con: duckdb.DuckDBPyConnection) -> None:
    """Make what is missing, and bring a file of an older version up to this one.

    Raises StoreUnavailable for a file of a newer version, which is left as it is.
    """
    tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
    found = con.execute("SELECT version FROM about").fetchall() if "about" in tables else []
    if found and found[0][0] not in {VERSION, *_UPGRADES}:
        raise StoreUnavailable(
            f"the store has layout version {found[0][0]}, this Emscher reads versions up to"
            f" {VERSION}: use the Emscher that wrote it, or another --data folder"
        )
    if not found and tables - {"about"}:
        raise StoreUnavailable(
            "the file is a DuckDB database but no store of Emscher: expected a table about with a"
            f" version, found {', '.join(sorted(tables))}; choose another --data folder"
        )
    con.execute("BEGIN")
    for version in range(found[0][0] if found else VERSION, VERSION):
        con.execute(_UPGRADES[version])
        con.execute("UPDATE about SET version = ?", [version + 1])
    con.execute(TABLES)
    if not found:
        con.execute("INSERT INTO about VALUES (?)", [VERSION])
        con.execute("INSERT INTO counts VALUES (0, 0, 0, 0, 0, 0, 0)")
        con.execute("INSERT INTO derived VALUES (0)")
    con.execute("COMMIT")


def text(fact: str) -> str:
    """Return text that can be stored: what is no character of Unicode becomes "?"."""
    return fact.encode("utf-8", "replace").decode("utf-8")
