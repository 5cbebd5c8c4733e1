"""Catalogs on real databases: SQLite, and a PostgreSQL that runs as long as this process."""

import atexit
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pg8000.native

_ENDS: list[Callable[[], None]] = []


def end_all() -> None:
    """End the server, where one runs: a worker of pytest-xdist runs nothing of atexit's."""
    while _ENDS:
        _ENDS.pop()()


@cache
def _postgres() -> int:
    """Start a PostgreSQL and return its port."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))[-1].parent
    folder = Path(tempfile.mkdtemp(prefix="postgres-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    who = []
    if os.geteuid() == 0:  # it refuses to run as root
        shutil.chown(folder, "postgres")
        who = ["runuser", "-u", "postgres", "--"]
    data = folder / "data"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": folder}
    made = [
        *who,
        programs / "initdb",
        "-D",
        data,
        "-U",
        "emscher",
        "-A",
        "trust",
        "-N",
        "-E",
        "UTF8",
    ]
    subprocess.run(made, check=True, **quiet)
    told = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    control = [*who, programs / "pg_ctl", "-D", data]
    subprocess.run([*control, "-w", "-o", told, "start"], check=True, **quiet)

    def end() -> None:
        if not data.exists():
            return
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, **quiet)
        shutil.rmtree(folder, ignore_errors=True)

    atexit.register(end)
    _ENDS.append(end)
    return port


def postgres() -> str:
    """Return the URL of a new, empty database."""
    name = f"catalog_{uuid.uuid4().hex[:10]}"
    with pg8000.native.Connection(
        "emscher", host="127.0.0.1", port=_postgres(), database="postgres"
    ) as told:
        told.run(f"CREATE DATABASE {name}")
    return f"postgresql://emscher:secret@127.0.0.1:{_postgres()}/{name}"
