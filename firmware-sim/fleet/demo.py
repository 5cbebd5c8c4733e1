"""The demo city's stream: eight days of history at full speed, then life with its faults."""

import asyncio
import heapq
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import aiomqtt

from fleet.city import city
from fleet.demo_faults import Breakage, plan
from fleet.devices import Device
from fleet.errors import BrokerAbsentError, BrokerLostError
from fleet.ledger import FIRST_DAY
from fleet.message import SECOND_NS, Message
from fleet.nature import DAY_S, key_of, uniform
from fleet.publisher import Broker, connected, publish, publish_all
from fleet.tasks import end

_PAUSES_S = (0.25, 0.5, 1.0, 2.0, 5.0)
_LIVE_REPORT_EVERY = 50
_LATE_NS_MAX = 10 * SECOND_NS


@dataclass(frozen=True, slots=True)
class Progress:
    """What the demo tells its caller.

    stage  "history", "live", "fault" or "waiting" (for the broker)
    sent   messages acknowledged in this stage; total: how many there will be, None: no end
    text   one sentence for a person; "" where the numbers say it all
    """

    stage: str
    sent: int
    total: int | None
    text: str = ""


def demo_messages(start_ns: int, end_ns: int, step_ns: int, seed: int) -> Iterator[Message]:
    """Yield what the city sends in [start, end), fault-free, in the order of time.

    Each device speaks once a step, at its own second of it; steps are counted from 1970, so two
    runs that overlap send the same bytes for the same moments.
    """
    yield from _history(city(seed), start_ns, end_ns, step_ns, seed)


async def run_demo(
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    seed: int = 1,
    clock_ns: Callable[[], int] = time.time_ns,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    report: Callable[[Progress], None] = lambda progress: None,
    username: str | None = None,
    password: str | None = None,
    history_s: int = 8 * DAY_S,
    step_s: int = 900,
    beat_s: tuple[float, float] = (2.0, 5.0),
) -> None:
    """Publish history and then live readings until stop is set; return promptly then.

    history_s, step_s  how far the history reaches back, and its rhythm
    beat_s             least and most seconds between two live messages of a device
    Errors  none for an absent broker: it is reported and tried again with growing pauses, and an
            interrupted history starts over, which repeats its ids and so adds nothing twice.
    """
    demo = _Demo(Broker(host, port, username, password), seed, clock_ns, sleep, report, beat_s)
    work = asyncio.create_task(demo.keep_on(history_s * SECOND_NS, step_s * SECOND_NS))
    ending = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        await end(work, ending)


class _Demo:
    """One run: the devices, their faults, and how far it has come."""

    def __init__(
        self,
        broker: Broker,
        seed: int,
        clock_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        report: Callable[[Progress], None],
        beat_s: tuple[float, float],
    ) -> None:
        self._broker, self._seed = broker, seed
        self._clock_ns, self._sleep, self._report = clock_ns, sleep, report
        self._beat_s = beat_s
        self._rng = random.Random(seed)
        self._devices: list[Device] = []
        self._counts: list[int] = []
        self._history_done = False
        self._failures = 0
        self._began_ns = 0
        self._sent = 0

    async def keep_on(self, history_ns: int, step_ns: int) -> None:
        """Publish for ever; a broker that is away is waited for."""
        self._devices, warm = await asyncio.to_thread(_prepared, self._seed, self._clock_ns())
        names = [device.name for device in self._devices]
        self._breakage = Breakage(self._rng, plan(self._rng, names, warm))

        async def session(client: aiomqtt.Client) -> None:
            self._failures = 0
            if not self._history_done:
                await self._publish_history(client, history_ns, step_ns)
            await self._live(client)

        while True:
            try:
                await connected(self._broker, session)
            except (BrokerAbsentError, BrokerLostError) as error:
                pause_s = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
                self._failures += 1
                self._report(Progress("waiting", self._sent, None, f"{error}; again soon"))
                await self._sleep(pause_s)

    async def _publish_history(self, client: aiomqtt.Client, span_ns: int, step_ns: int) -> None:
        now_ns = self._clock_ns()
        start_ns = now_ns - span_ns
        total = sum(
            len(range(_first_ns(start_ns, step_ns, phase_ns), now_ns, step_ns))
            for phase_ns in _phases_ns(self._devices, step_ns, self._seed)
        )
        sent = 0

        def count(_: Message) -> None:
            nonlocal sent
            sent += 1
            if sent % 100 == 0 or sent == total:
                self._report(Progress("history", sent, total))

        history = _history(self._devices, start_ns, now_ns, step_ns, self._seed)
        await publish_all(client, history, acknowledged=count)
        self._counts = [_frame(now_ns, step_ns)] * len(self._devices)
        self._history_done = True
        self._began_ns = self._clock_ns()

    async def _live(self, client: aiomqtt.Client) -> None:
        """Let each device speak at its own beat; one that is overdue speaks once, not often."""
        now_ns = self._clock_ns()
        due = [(now_ns + self._beat_ns(0.0), index) for index in range(len(self._devices))]
        heapq.heapify(due)
        while True:
            due_ns, index = heapq.heappop(due)
            wait_ns = due_ns - self._clock_ns()
            if 0 < wait_ns <= _LATE_NS_MAX:  # more: the clock was set back, so don't wait for it
                await self._sleep(wait_ns / SECOND_NS)
            await self._speak(client, index)
            heapq.heappush(due, (self._clock_ns() + self._beat_ns(self._beat_s[0]), index))

    async def _speak(self, client: aiomqtt.Client, index: int) -> None:
        now_ns = self._clock_ns()
        now_s = (now_ns - self._began_ns) / SECOND_NS
        for fault in self._breakage.begin(now_s):
            self._report(Progress("fault", self._sent, None, fault.sentence))
        self._counts[index] += 1
        message = self._breakage.message(self._devices[index], now_ns, self._counts[index], now_s)
        if message is None:
            return
        await publish(client, message)
        self._sent += 1
        if self._sent % _LIVE_REPORT_EVERY == 0:
            self._report(Progress("live", self._sent, None))

    def _beat_ns(self, least_s: float) -> int:
        return int(self._rng.uniform(least_s, self._beat_s[1]) * SECOND_NS)


def _prepared(seed: int, now_ns: int) -> tuple[list[Device], list[str]]:
    """Return the city, and the names of those that measure a temperature.

    Measuring once computes the day sums of the registers, which takes a moment and needs no loop.
    """
    devices = city(seed)
    return devices, [one.name for one in devices if "temperature" in one.measure(now_ns)]


def _history(
    devices: Sequence[Device], start_ns: int, end_ns: int, step_ns: int, seed: int
) -> Iterator[Message]:
    phases_ns = _phases_ns(devices, step_ns, seed)
    order = sorted(range(len(devices)), key=phases_ns.__getitem__)
    for step in range(start_ns // step_ns, -(-end_ns // step_ns)):
        for index in order:
            time_ns = step * step_ns + phases_ns[index]
            if start_ns <= time_ns < end_ns:
                device = devices[index]
                yield device.message(time_ns, _frame(time_ns, step_ns), device.measure(time_ns))


def _phases_ns(devices: Sequence[Device], step_ns: int, seed: int) -> list[int]:
    """Return how far into each step each device speaks: whole seconds, under two minutes."""
    span_s = max(1, min(step_ns // SECOND_NS, 120))
    return [
        int(uniform(key_of("phase", seed, device.name), 0) * span_s) * SECOND_NS
        for device in devices
    ]


def _first_ns(start_ns: int, step_ns: int, phase_ns: int) -> int:
    """Return the first moment at or after start that lies a phase into a step."""
    return -(-(start_ns - phase_ns) // step_ns) * step_ns + phase_ns


def _frame(time_ns: int, step_ns: int) -> int:
    """Return a frame counter that counts steps since the first day."""
    return max(0, (time_ns - FIRST_DAY * DAY_S * SECOND_NS) // step_ns)
