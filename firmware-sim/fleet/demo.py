"""The demonstration: eight days of history at full speed, then life with its faults.

It is the scenario `demo`. Devices speak, and registers count, since a fixed day, so a city that is
started again fits onto its own past.
"""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass

import aiomqtt
from msgspec.structs import replace

from fleet.errors import BrokerAbsentError, BrokerLostError
from fleet.faults import Fault
from fleet.message import SECOND_NS, Message, time_ns_of
from fleet.places import PLACES, Place
from fleet.publisher import Broker, connected, publish_all
from fleet.scenario import Scenario, load
from fleet.simulation import Simulation
from fleet.tasks import end

ANCHOR_NS = time_ns_of("2026-01-01T00:00:00Z")
_HISTORY_S = 8 * 86_400
_BEAT = "4s"
_PAUSES_S = (0.25, 0.5, 1.0, 2.0, 5.0)
_REPORT_EVERY = 100
_ROWS_AT_ONCE = 40  # a few ms of work between two messages, so that nobody waits
_WAIT_NS_MAX = 10 * SECOND_NS
_SECTORS = {
    "classroom": "school", "school": "school", "meeting_room": "office",
    "street_noise": "street", "street_air": "street", "weather_station": "street",
    "soil": "park", "river": "river", "household": "housing", "prosumer": "housing",
    "heat_pump": "housing", "heat": "housing", "water": "housing",
    "transformer": "grid", "ev_charger": "charging",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """What the demonstration tells its caller.

    stage  "history", "live", "fault" or "waiting" (for the broker)
    sent   messages acknowledged in this stage; total: how many there will be, None: no end
    text   one sentence for a person; "" where the numbers say it all
    """

    stage: str
    sent: int
    total: int | None
    text: str = ""


def demo_messages(
    start_ns: int, end_ns: int, *, seed: int = 1, period: str = ""
) -> Iterator[Message]:
    """Yield what the city sends in [start, end), without faults, in the order of time.

    Runs that overlap send the same bytes for the same moments. period  "10s": denser than usual
    """
    for batch in _quiet(start_ns, end_ns, seed, period).batches():
        yield from _within(batch.messages, start_ns, end_ns)


def demo_catalog(*, seed: int = 1) -> dict[str, list[dict[str, str | float]]]:
    """Return what people would tell a catalog of the city: rows of tenants, sites and devices.

    A home is a site of its own; else a site is a district's sector. All stand at the district's
    rough centre (degrees, WGS 84). What is neither a home nor the grid is public.
    """
    places = {(place.city, place.district): place for place in PLACES}
    tenants: dict[str, dict[str, str | float]] = {}
    sites: dict[str, dict[str, str | float]] = {}
    devices: list[dict[str, str | float]] = []
    homes: Counter[Place] = Counter()
    for row in _quiet(ANCHOR_NS, ANCHOR_NS, seed, "").devices():
        place = places[str(row["city"]), str(row["district"])]
        tenant, sector = place.city.lower(), _SECTORS[str(row["kind"])]
        site, name = f"{tenant}-{place.short}-{sector}", f"{place.district}, {sector}"
        if sector == "housing":
            homes[place] += 1
            site, name = f"{site}-{homes[place]}", f"{place.district}, home {homes[place]}"
        tenants[tenant] = {"id": tenant, "name": place.city}
        sites[site] = {
            "id": site,
            "tenant": tenant,
            "name": name,
            "district": place.district,
            "sector": sector,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "public": sector not in {"housing", "grid"},
        }
        devices.append({"id": str(row["device"]), "site": site})
    return {"tenants": [*tenants.values()], "sites": [*sites.values()], "devices": devices}


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
    history_s: int = _HISTORY_S,
    beat: str = _BEAT,
) -> None:
    """Publish history and then live readings until stop is set; return promptly then.

    history_s  how far the history reaches back; beat: how often a device speaks in the live part
    Errors     none for an absent broker: it is reported and tried again with growing pauses, and
               an interrupted history starts over, which repeats its ids and so adds nothing twice.
    """
    demo = _Demo(Broker(host, port, username, password), seed, clock_ns, sleep, report, beat)
    work = asyncio.create_task(demo.keep_on(history_s))
    ending = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, ending}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        await end(work, ending)


class _Demo:
    """One run: how far it has come, and what is next."""

    def __init__(
        self,
        broker: Broker,
        seed: int,
        clock_ns: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        report: Callable[[Progress], None],
        beat: str,
    ) -> None:
        self._broker, self._seed, self._beat = broker, seed, beat
        self._clock_ns, self._sleep, self._report = clock_ns, sleep, report
        self._history: list[Message] | None = None
        self._past: Simulation
        self._coming: list[Fault] = []
        self._failures = self._sent = self._part = 0

    async def keep_on(self, history_s: int) -> None:
        """Publish for ever; a broker that is away is waited for."""
        now_ns = self._clock_ns() // SECOND_NS * SECOND_NS
        self._past = _quiet(now_ns - history_s * SECOND_NS, now_ns, self._seed, "")
        given_up = threading.Event()
        try:
            self._history = await asyncio.to_thread(_made, self._past, given_up)
        finally:
            given_up.set()

        async def session(client: aiomqtt.Client) -> None:
            self._failures = 0
            if self._history is not None:
                await self._publish_history(client, self._history)
                self._history = None
            await self._live(client)

        while True:
            try:
                await connected(self._broker, session)
            except (BrokerAbsentError, BrokerLostError) as error:
                pause_s = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
                self._failures += 1
                self._report(Progress("waiting", self._sent, None, f"{error}; again soon"))
                await self._sleep(pause_s)

    async def _publish_history(self, client: aiomqtt.Client, history: list[Message]) -> None:
        sent, total = 0, len(history)

        def count(_: Message) -> None:
            nonlocal sent
            sent += 1
            if sent % _REPORT_EVERY == 0 or sent == total:
                self._report(Progress("history", sent, total))

        await publish_all(client, iter(history), acknowledged=count)

    async def _live(self, client: aiomqtt.Client) -> None:
        """Let the city live from now on, two hours after the other."""
        while True:
            scenario = _demo(self._seed, "", self._beat, faults=True)
            now_ns = self._clock_ns() // SECOND_NS * SECOND_NS
            made = Simulation(
                scenario, max(now_ns, self._past.reached_ns), anchor_ns=ANCHOR_NS,
                like=self._past, part=self._part, rows=_ROWS_AT_ONCE,
            )  # fmt: skip
            self._past = made
            self._part += 1
            self._coming = sorted(made.faults, key=lambda one: one.start_ns)
            await publish_all(client, made.messages(), pace=self._pace, acknowledged=self._count)

    async def _pace(self, message: Message) -> bool:
        """Wait until a message is due, and say which faults begin."""
        wait_ns = message.time_ns - self._clock_ns()
        if wait_ns > 0:  # more than a little, when the clock was set back: slowly then
            await self._sleep(min(wait_ns, _WAIT_NS_MAX) / SECOND_NS)
        while self._coming and self._coming[0].start_ns <= message.time_ns:
            text = self._past.sentence(self._coming.pop(0))
            self._report(Progress("fault", self._sent, None, text))
        return True

    def _count(self, _: Message) -> None:
        self._sent += 1
        if self._sent % _REPORT_EVERY == 0:
            self._report(Progress("live", self._sent, None))


def _demo(seed: int, length: str, period: str, *, faults: bool) -> Scenario:
    """Return the scenario, with another length or period where they are given."""
    shipped = load("demo")
    parts = [replace(part, period=period or part.period) for part in shipped.fleet]
    return replace(
        shipped,
        seed=seed,
        length=length or shipped.length,
        fleet=tuple(parts),
        fault=shipped.fault if faults else (),
    )


def _quiet(start_ns: int, end_ns: int, seed: int, period: str) -> Simulation:
    """Return a run without faults."""
    length_s = max(-((start_ns - end_ns) // SECOND_NS), 1)
    scenario = _demo(seed, f"{length_s}s", period, faults=False)
    return Simulation(scenario, start_ns, anchor_ns=ANCHOR_NS)


def _made(past: Simulation, given_up: threading.Event) -> list[Message]:
    """Return what a run sends, or a part of it when somebody gives up."""
    made: list[Message] = []
    for batch in past.batches():
        made += _within(batch.messages, past.start_ns, past.end_ns)
        if given_up.is_set():
            break
    return made


def _within(messages: list[Message], start_ns: int, end_ns: int) -> list[Message]:
    return [message for message in messages if start_ns <= message.time_ns < end_ns]
