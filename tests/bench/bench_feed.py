"""A thousand subscribers of the live feed, on one core, by the real server over TCP.

`pytest tests/bench/bench_feed.py -o python_files='bench_*.py' -s [--full-size]`; small: 200. The
server has one core for itself, what listens has the others. The aim: 1,000 subscribers at 100
changes/s get every change, and the core is not full. The peer is bare asyncio, which writes
the same bytes to as many sockets: what no server in Python can do without.
"""

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHANGES_A_SECOND = 100
SECONDS = 10
HERE = Path(__file__)


def _pin(cores: set[int]) -> None:
    """Keep this process on some cores, where there are enough and the system can do that."""
    with contextlib.suppress(AttributeError, OSError):
        os.sched_setaffinity(0, cores)


async def _listen(side: str, port: int, ready: asyncio.Semaphore, seen: list[int], k: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /v1/live?snapshot=false HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    if side == "emscher":
        await reader.readuntil(b"retry: 2000\n\n")  # it listens from here on
    ready.release()
    rest = b""
    while seen[k] < CHANGES_A_SECOND * SECONDS:
        piece = await reader.read(1 << 16)
        if not piece:
            break
        *lines, rest = (rest + piece).split(b"\n")
        assert b"event: gap" not in lines
        seen[k] += lines.count(b"event: reading")
    writer.close()


async def _all(side: str, port: int, server: subprocess.Popen, count: int) -> list[int]:
    ready, seen = asyncio.Semaphore(0), [0] * count
    tasks = []
    for k in range(count):
        tasks.append(asyncio.create_task(_listen(side, port, ready, seen, k)))
        await ready.acquire()
    await asyncio.sleep(1)
    server.stdin.write("go\n")
    server.stdin.flush()
    await asyncio.wait(tasks, timeout=SECONDS * 4)
    for task in tasks:
        task.cancel()
    return seen


@pytest.mark.parametrize("side", ["bare asyncio", "emscher"])
def test_everybody_hears_every_change(tmp_path, full_size, side):
    """Tell 1,000 changes in ten seconds, and count what each subscriber got."""
    count = 1_000 if full_size else 200
    cores = sorted(os.sched_getaffinity(0))
    asked = [sys.executable, HERE, side, str(tmp_path), str(cores[0]), str(count)]
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most), most))
    with subprocess.Popen(
        asked, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        port = int(server.stdout.readline())
        _pin(set(cores[1:]) or set(cores))
        try:
            seen = asyncio.run(_all(side, port, server, count))
            server.stdin.write("end\n")
            server.stdin.flush()
            told = json.loads(server.stdout.readline())
        finally:
            _pin(set(cores))
            server.kill()
    wanted = CHANGES_A_SECOND * SECONDS
    whole = sum(one == wanted for one in seen)
    print(
        f"\n{side}: {whole} of {count} subscribers got all {wanted} changes; the server's core"
        f" was busy {told['busy']:.0%} of {told['took_s']:.1f} s ({len(cores)} cores)"
    )
    assert whole == count, sorted(seen)[:5]


def _emscher(folder: str) -> None:
    sys.path.insert(0, str(HERE.parents[1] / "api"))
    from api_town import NOON_NS, Town, served

    town = Town(Path(folder))
    names = [f"device-{k}" for k in range(100)]
    for name in names:
        town.tell(name, "co2", [NOON_NS], [0.0])
    with served(town) as url:
        print(url.rpartition(":")[2], flush=True)
        sys.stdin.readline()

        def tell(at: int) -> None:
            town.tell(names[at % 100], "co2", [NOON_NS + at + 1], [float(at)])

        _paced(tell)
        sys.stdin.readline()


def _bare(count: int) -> None:
    async def serve() -> None:
        writers: list[asyncio.StreamWriter] = []

        async def joined(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writers.append(writer)

        server = await asyncio.start_server(joined, "127.0.0.1", 0, backlog=2048)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        begun, spent = time.monotonic(), time.process_time()
        event = b"id: 12345678-%07d\nevent: reading\ndata: " + b"x" * 200 + b"\n\n"
        for at in range(CHANGES_A_SECOND * SECONDS):
            for writer in writers:
                writer.write(event % at)
            await asyncio.sleep(max(0, begun + at / CHANGES_A_SECOND - time.monotonic()))
        _tell(begun, spent)
        await asyncio.to_thread(sys.stdin.readline)

    asyncio.run(serve())


def _paced(tell) -> None:
    begun, spent = time.monotonic(), time.process_time()
    for at in range(CHANGES_A_SECOND * SECONDS):
        time.sleep(max(0.0, begun + at / CHANGES_A_SECOND - time.monotonic()))
        tell(at)
    time.sleep(1)
    _tell(begun, spent)


def _tell(begun: float, spent: float) -> None:
    took_s = time.monotonic() - begun
    busy = (time.process_time() - spent) / took_s
    print(json.dumps({"busy": busy, "took_s": took_s}), flush=True)


if __name__ == "__main__":
    side, folder, core, count = sys.argv[1:]
    _pin({int(core)})
    if side == "emscher":
        _emscher(folder)
    else:
        _bare(int(count))
