"""Worlds to break: Emscher with a broker and a store, and what can happen to each of them."""

import contextlib
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from urllib.error import URLError

from gateway_brokers import Mosquitto, Packet, Proxy
from influx_proxy import FailingProxy, Fault
from influx_servers import Influx
from running_emscher import Emscher, eventually, nats_servers

Strike = Callable[[random.Random], None]
_ROOM = "96m"
_BACK_S = 60.0


class World:
    """Emscher, and around it whatever may break. `faults` are the ways, by name."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.data.mkdir(parents=True)
        self.disk = self._small_disk()
        self.emscher = Emscher(self.data, *self.options())
        self.faults: dict[str, Strike] = {
            "kill Emscher": self._kill,
            "kill it while it starts": self._kill_in_start,
            "kill it while it stops": self._kill_in_stop,
            "freeze Emscher": self._freeze,
        }
        if self.disk:
            self.faults["fill the disk"] = self._fill

    def options(self) -> list[str]:
        """Return what Emscher is started with."""
        return []

    @property
    def port(self) -> int:
        """Where devices publish."""
        return self.emscher.mqtt

    def start(self) -> None:
        """Start it all."""
        self.emscher.start()

    def close(self) -> None:
        """End it all."""
        self.emscher.close()
        if self.disk:
            deadline = time.monotonic() + 20
            while subprocess.run(["umount", self.data], check=False).returncode:
                assert time.monotonic() < deadline, f"{self.data} can't be unmounted"
                time.sleep(0.2)

    def _small_disk(self) -> bool:
        """Lay the data on a small disk of its own, where this user may make one."""
        if os.geteuid() != 0:
            return False
        made = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", str(self.data)]
        return subprocess.run(made, check=False, capture_output=True).returncode == 0

    def _kill(self, chance: random.Random) -> None:
        self.emscher.kill()
        time.sleep(chance.random() / 2)
        self.emscher.start()

    def _kill_in_start(self, chance: random.Random) -> None:
        self.emscher.kill()
        self.emscher.launch()
        time.sleep(chance.random() * 2)
        self.emscher.kill()
        self.emscher.start()

    def _kill_in_stop(self, chance: random.Random) -> None:
        process = self.emscher.process
        assert process is not None
        process.send_signal(signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(chance.random() / 2)
        self.emscher.close()
        self.emscher.start()

    def _freeze(self, chance: random.Random) -> None:
        assert self.emscher.process is not None
        _frozen(self.emscher.process.pid, 0.3 + 2 * chance.random())

    def _fill(self, chance: random.Random) -> None:
        """Leave no room for some seconds, mostly so that a write breaks off in the middle."""
        filler = self.data / "filler"
        try:
            with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(bytes(1 << 16)):
                    pass
            time.sleep(1 + 2 * chance.random())
        finally:
            filler.unlink()


class Embedded(World):
    """With the embedded broker and the embedded store: what `make up` runs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.faults |= {"kill the broker": self._kill_broker, "freeze the broker": self._freeze_it}

    def _kill_broker(self, chance: random.Random) -> None:
        for pid in nats_servers(self.data):
            os.kill(pid, signal.SIGKILL)
        eventually("the broker runs again", lambda: nats_servers(self.data))

    def _freeze_it(self, chance: random.Random) -> None:
        for pid in nats_servers(self.data):
            _frozen(pid, 0.3 + 2 * chance.random())


class External(World):
    """With a mosquitto behind a connection that breaks."""

    def __init__(self, folder: Path) -> None:
        self.broker = Mosquitto(folder, "allow_anonymous true", "autosave_on_changes false")
        self.broker.start()
        self.proxy = Proxy(self.broker.port)
        super().__init__(folder)
        self.faults |= {
            "restart the broker": self._restart,
            "cut the connection": self._cut,
            "slow the connection": self._slow,
        }

    def options(self) -> list[str]:
        """Return what Emscher is started with."""
        return ["--broker", f"mqtt://127.0.0.1:{self.proxy.port}"]

    @property
    def port(self) -> int:
        """Where devices publish."""
        return self.broker.port

    def close(self) -> None:
        """End it all."""
        super().close()
        self.proxy.close()
        self.broker.stop()

    def _restart(self, chance: random.Random) -> None:
        # In good order: mosquitto acknowledges before it has anything on disk, so a kill of it
        # loses what devices take for safe, and nobody behind it can do anything about that.
        self.broker.stop()
        time.sleep(chance.random())
        self.broker.start()

    def _cut(self, chance: random.Random) -> None:
        for _ in range(chance.randint(1, 5)):
            self.proxy.cut()
            time.sleep(chance.random() / 3)

    def _slow(self, chance: random.Random) -> None:
        def fault(packet: Packet) -> str | float:
            return chance.choice(["", 0.01, 0.1, "cut" if chance.random() < 0.05 else ""])

        self.proxy.fault = fault
        time.sleep(1 + chance.random())
        self.proxy.fault = lambda packet: ""


class Server(World):
    """With the embedded broker, and readings in an InfluxDB that fails in every way."""

    def __init__(self, folder: Path, setenv: Callable[[str, str], None]) -> None:
        self.influx = Influx()
        self.proxy = FailingProxy(self.influx.url)
        setenv("EMSCHER_STORE", "influx")
        setenv("EMSCHER_INFLUX_URL", self.proxy.url)
        setenv("EMSCHER_INFLUX_BUCKET", self.influx.database().bucket)
        super().__init__(folder)
        self.faults |= {"fail InfluxDB": self._fail, "kill InfluxDB": self._kill_influx}

    def close(self) -> None:
        """End it all."""
        super().close()
        self.proxy.close()
        self.influx.close()

    def _fail(self, chance: random.Random) -> None:
        def fault(method: str, path: str) -> Fault | None:
            if chance.random() < 0.5:
                return None
            status = chance.choice([0, 0, 429, 500, 503])
            return Fault(status, passed=chance.random() < 0.5, delay_s=chance.random() / 5)

        self.proxy.fault = fault
        time.sleep(1 + 2 * chance.random())
        self.proxy.fault = lambda method, path: None

    def _kill_influx(self, chance: random.Random) -> None:
        self.influx.stop(kill=True)
        time.sleep(chance.random())
        self.influx.start()


class Watch:
    """Looks at the counters all the while: they add up, and never fall, whatever happens."""

    def __init__(self, emscher: Emscher) -> None:
        self._emscher = emscher
        self.faults: list[str] = []
        self.looks = 0
        self._last: Counter[str] = Counter()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._ended.set()
        self._thread.join(30)

    def _work(self) -> None:
        while not self._ended.wait(0.1):
            with contextlib.suppress(OSError, URLError, ValueError):
                self._look(Counter(self._emscher.get("/v1/counters")))

    def _look(self, now: Counter[str]) -> None:
        self.looks += 1
        if now["received"] != now["stored"] + now["duplicate"] + now["quarantined"]:
            self.faults.append(f"they do not add up: {now}")
        fallen = [name for name, count in self._last.items() if now[name] < count]
        if fallen:
            self.faults.append(f"{', '.join(fallen)} fell from {self._last} to {now}")
        self._last = now


class Plan:
    """Faults in an order and at times that a seed tells; and the account of them."""

    def __init__(self, seed: int, world: World) -> None:
        self._chance, self._world = random.Random(seed), world
        self.struck: Counter[str] = Counter()
        self.longest_s: dict[str, float] = {}
        self.steps: list[str] = []

    def work(self, seconds: float) -> None:
        """Strike until the time is over, each fault once before any comes again."""
        began = time.monotonic()
        todo: list[str] = []
        while time.monotonic() - began < seconds:
            time.sleep(self._chance.random())
            if not todo:
                todo = sorted(self._world.faults)
                self._chance.shuffle(todo)
            name = todo.pop()
            self.steps.append(f"{time.monotonic() - began:6.1f} s  {name}")
            print(self.steps[-1], flush=True)
            struck = time.monotonic()
            self._world.faults[name](self._chance)
            eventually("Emscher is well again", self._well, _BACK_S)
            self.struck[name] += 1
            took = time.monotonic() - struck
            self.longest_s[name] = max(took, self.longest_s.get(name, 0.0))

    def _well(self) -> bool:
        try:
            return self._world.emscher.get("/v1/health")["status"] == "ok"
        except (OSError, URLError):
            return False

    def told(self) -> str:
        """Return what was survived, as a table."""
        lines = [f"{sum(self.struck.values())} faults survived"]
        for name, count in sorted(self.struck.items()):
            lines.append(f"  {count:4}  {name:26} longest until well {self.longest_s[name]:5.1f} s")
        return "\n".join(lines)


def _frozen(pid: int, seconds: float) -> None:
    os.kill(pid, signal.SIGSTOP)
    try:
        time.sleep(seconds)
    finally:
        os.kill(pid, signal.SIGCONT)
