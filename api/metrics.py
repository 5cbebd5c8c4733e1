"""GET /metrics for Prometheus: the same facts as /v1/health and /v1/counters."""

from collections.abc import Iterator

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from api.house import House, Whole

router = APIRouter(tags=["operation"])

_EXAMPLE = """# HELP emscher_received_total Messages received
# TYPE emscher_received_total counter
emscher_received_total 1200.0
"""


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": _EXAMPLE}}}
    },
)
def metrics(rooms: Whole) -> Response:
    """Counters and gauges in the Prometheus text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Emscher(rooms))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)


class _Emscher(Collector):
    """The facts of one moment."""

    def __init__(self, rooms: House) -> None:
        self._rooms = rooms

    def collect(self) -> Iterator[Metric]:
        """Yield each fact with a sentence that explains it."""
        rooms, counts = self._rooms, self._rooms.store.counts()
        messages = CounterMetricFamily(
            "emscher_messages", "Messages by how they ended", labels=["outcome"]
        )
        messages.add_metric(["stored"], counts.stored)
        messages.add_metric(["duplicate"], counts.duplicate)
        messages.add_metric(["quarantined"], counts.quarantined)
        yield messages
        yield CounterMetricFamily("emscher_received", "Messages received", counts.received)
        yield CounterMetricFamily("emscher_readings", "Readings stored", counts.readings)
        yield CounterMetricFamily("emscher_corrections", "Values replaced", counts.corrections)
        connected = GaugeMetricFamily(
            "emscher_source_connected", "1 while connected to this broker", labels=["source"]
        )
        for source in rooms.sources():
            connected.add_metric([source.name], float(source.connected))
        yield connected
        for name, about in (("messages", "Messages"), ("bytes", "Bytes of messages")):
            came = CounterMetricFamily(
                f"emscher_source_{name}", f"{about} from this broker", labels=["source"]
            )
            for source in rooms.sources():
                came.add_metric([source.name], float(getattr(source, name)))
            yield came
        notices = rooms.notices()
        for name, about in (("sent", "sent"), ("failed", "given up")):
            told = CounterMetricFamily(
                f"emscher_notifications_{name}", f"Notifications {about}", labels=["to"]
            )
            for notice in notices:
                told.add_metric([notice.name], float(getattr(notice, name)))
            yield told
        for name, about in (("waiting", "Notifications to be tried"), ("held", "Anomalies held")):
            waits = GaugeMetricFamily(f"emscher_notifications_{name}", about, labels=["to"])
            for notice in notices:
                waits.add_metric([notice.name], float(getattr(notice, name)))
            yield waits
        frames = rooms.all_frames()
        yield CounterMetricFamily("emscher_frames_heard", "LoRaWAN frames heard", frames.heard)
        yield GaugeMetricFamily("emscher_frames_missed", "Gaps of frame counters", frames.missed)
        gauges = {
            "emscher_waiting": ("Messages arrived and not yet durable", rooms.waiting()),
            "emscher_lag_commits": ("Commits not yet in windows", rooms.live.lag()),
            "emscher_lag_seconds": ("For how long behind", rooms.live.lag_s()),
            "emscher_silent_devices": ("Devices silent now", len(rooms.live.silent())),
            "emscher_live_listeners": ("Readers of /v1/live", rooms.feed.listeners),
            "emscher_store_ok": ("1 while the store takes readings", not rooms.store_fault()),
        }
        if rooms.past is not None:
            held = rooms.past.held()
            gauges["emscher_archive_messages"] = ("Messages kept", held.messages)
            gauges["emscher_archive_bytes"] = ("Bytes that they take", held.bytes)
        if (publishing := rooms.publishing()) is not None:
            gauges["emscher_publishing_connected"] = ("1 while connected", publishing.connected)
            gauges["emscher_publishing_waiting"] = ("Not yet published", publishing.waiting)
            yield CounterMetricFamily(
                "emscher_published", "Messages published over MQTT", publishing.published
            )
            yield CounterMetricFamily(
                "emscher_publishing_dropped", "Events too many to wait", publishing.dropped
            )
        for name, (about, value) in gauges.items():
            yield GaugeMetricFamily(name, about, float(value))
