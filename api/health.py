"""Whether all is well: brokers, store, analysis."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.house import House
from api.keys import Scope
from api.messages import RunOut, run_out
from api.publishing import PublishingOut
from api.shapes import example
from api.times import utc

router = APIRouter(prefix="/v1")
_LAG_S_MAX = 10.0


class SourceOut(BaseModel):
    """A broker that readings come from, since the start.

    at_most_once: topics that come at QoS 0. What is lost before Emscher does not come again
    there; a device's `frames` show it.
    """

    name: str
    url: str
    connected: bool
    since: str
    messages: int
    bytes: int
    last: str | None
    connections: int
    at_most_once: list[str]
    error: str | None


class StoreOut(BaseModel):
    """The store, and what keeps it from taking readings now."""

    kind: str
    ok: bool
    error: str | None


class LiveOut(BaseModel):
    """How far windows and anomalies are behind the readings."""

    ready: bool
    behind_commits: int
    looks_due: int = Field(
        description="groups of sensors, registers and stations whose new hours are yet to be judged"
    )
    lag_s: float
    error: str | None


class NoticeOut(BaseModel):
    """One who is told of anomalies: messages since the start, and how the last try went."""

    name: str
    kind: str
    sent: int
    waiting: int
    held: int
    failed: int
    error: str | None


class NotificationsOut(BaseModel):
    """What is told to people: the sums over all who are told, and each of them."""

    sent: int = Field(description="messages that were taken, since the start")
    waiting: int = Field(description="messages that are to be tried, or tried again")
    held: int = Field(
        description="anomalies that wait: to last, for the end of quiet hours, or of a burst; each"
        " counts once for each who is to be told"
    )
    failed: int = Field(description="messages that were given up, since the start")
    to: list[NoticeOut]


class HealthOut(BaseModel):
    """ok, or degraded with the problems in words."""

    model_config = example(
        status="ok",
        version="0.1.0",
        uptime_s=3600.0,
        sources=[
            {
                "name": "embedded",
                "url": "mqtt://127.0.0.1:1883",
                "connected": True,
                "since": "2026-03-01T06:00:00Z",
                "messages": 1200,
                "bytes": 961000,
                "last": "2026-03-01T12:00:01.5Z",
                "connections": 1,
                "at_most_once": [],
                "error": None,
            }
        ],
        store={"kind": "embedded", "ok": True, "error": None},
        live={"ready": True, "behind_commits": 0, "looks_due": 0, "lag_s": 0.0, "error": None},
        waiting=0,
        publishing=None,
        notifications={
            "sent": 7,
            "waiting": 0,
            "held": 1,
            "failed": 0,
            "to": [
                {
                    "name": "duty",
                    "kind": "email",
                    "sent": 7,
                    "waiting": 0,
                    "held": 1,
                    "failed": 0,
                    "error": None,
                }
            ],
        },
        reprocess=None,
        problems=[],
    )
    status: str
    version: str
    uptime_s: float
    sources: list[SourceOut]
    store: StoreOut
    live: LiveOut
    waiting: int = Field(description="messages that have arrived and are not yet on disk")
    publishing: PublishingOut | None = Field(description="null: nothing is published over MQTT")
    notifications: NotificationsOut
    reprocess: RunOut | None = Field(
        description="the reprocessing that runs, or the last one; null: none since the start"
    )
    problems: list[str]


@router.get("/health", tags=["operation"])
def health(request: Request) -> HealthOut:
    """Whether all is well, and if not, what is wrong, in words.

    Without a key for the whole installation it says only whether: `sources` is empty, and nobody is
    named who is told of anomalies.
    """
    told = _health(request.app.state.house)
    asker = request.state.asker
    if asker.tenant is None and asker.scope.covers(Scope.READ):
        return told
    return HealthOut(
        status=told.status,
        version=told.version,
        uptime_s=told.uptime_s,
        sources=[],
        store=told.store.model_copy(update={"error": None}),
        live=told.live.model_copy(update={"error": None}),
        waiting=told.waiting,
        publishing=None,
        notifications=told.notifications.model_copy(update={"to": []}),
        reprocess=None,
        problems=[_ASK] if told.problems else [],
    )


_ASK = "something is wrong; a key for the whole installation is told what"


def _health(rooms: House) -> HealthOut:
    sources = [
        SourceOut(
            name=s.name,
            url=s.url,
            connected=s.connected,
            since=utc(s.since_ns),
            messages=s.messages,
            bytes=s.bytes,
            last=None if s.last_ns is None else utc(s.last_ns),
            connections=s.connections,
            at_most_once=list(s.at_most_once),
            error=s.error,
        )
        for s in rooms.sources()
    ]
    fault, behind_s = rooms.store_fault(), rooms.live.lag_s()
    run = None if rooms.past is None else rooms.past.last_run()
    problems = [f"broker {s.url}: {s.error}" for s in sources if s.error]
    problems += [f"store: {fault}"] if fault else []
    problems += [f"analysis: {rooms.live.fault}"] if rooms.live.fault else []
    notifications = _notifications(rooms)
    problems += [f"notifications to {n.name}: {n.error}" for n in notifications.to if n.error]
    if behind_s > _LAG_S_MAX:
        problems.append(f"windows and anomalies are {behind_s:.0f} s behind the readings")
    told = rooms.publishing()
    publishing = None
    if told is not None:
        facts = {n: getattr(told, n) for n in PublishingOut.model_fields if n != "heard_again"}
        publishing = PublishingOut(**facts, heard_again=rooms.heard_again())
        problems += [f"publishing to {told.url}: {told.error}"] if told.error else []
    return HealthOut(
        status="degraded" if problems else "ok",
        version=rooms.version,
        uptime_s=round((rooms.now_ns() - rooms.started_ns) / 1e9, 1),
        sources=sources,
        store=StoreOut(kind=rooms.kind, ok=fault is None, error=fault),
        live=LiveOut(
            ready=rooms.live.fault is None,
            behind_commits=rooms.live.lag(),
            looks_due=rooms.live.due(),
            lag_s=round(behind_s, 3),
            error=rooms.live.fault,
        ),
        waiting=rooms.waiting(),
        publishing=publishing,
        notifications=notifications,
        reprocess=None if run is None else run_out(run),
        problems=problems,
    )


def _notifications(rooms: House) -> NotificationsOut:
    to = [
        NoticeOut(
            name=n.name,
            kind=n.kind,
            sent=n.sent,
            waiting=n.waiting,
            held=n.held,
            failed=n.failed,
            error=n.error,
        )
        for n in rooms.notices()
    ]
    return NotificationsOut(
        sent=sum(n.sent for n in to),
        waiting=sum(n.waiting for n in to),
        held=sum(n.held for n in to),
        failed=sum(n.failed for n in to),
        to=to,
    )
