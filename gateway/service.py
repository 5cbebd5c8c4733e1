"""The gateway as a whole: all brokers, one inbox, one pump, and how they end together."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gateway.address import Address
from gateway.broker import EmbeddedBroker
from gateway.inbox import Inbox
from gateway.mqtt import Health, MqttSource
from gateway.pump import Intake, Pump
from gateway.session import Topics, open_session


class Gateway:
    """Takes messages from every broker, and acknowledges each when the intake has it on disk.

    folder  where it is remembered what the sessions at the brokers hold; None: nowhere
    own     whether a topic is published by ourselves: its messages are passed over
    """

    def __init__(
        self,
        intake: Intake,
        brokers: Mapping[str, Address],
        client_id: str,
        topics: Sequence[str],
        folder: Path | None = None,
        own: Callable[[str], bool] = lambda topic: False,
    ) -> None:
        remembered = Topics(folder)
        self._inbox = Inbox()
        self._pump = Pump(self._inbox, intake)
        self._sources = [
            MqttSource(
                *(name, address, client_id, self._inbox),
                topics=topics,
                remembered=remembered,
                own=own,
            )
            for name, address in brokers.items()
        ]

    def start(self) -> None:
        """Begin to listen, and to commit what comes."""
        self._pump.start()
        for source in self._sources:
            source.start()

    def drain(self, patience_s: float) -> bool:
        """Take nothing more, commit and acknowledge what came; again is harmless.

        False: the store did not take it in time. The broker keeps it for the next session.
        """
        for source in self._sources:
            source.pause()
        drained = self._pump.drain(patience_s)
        for source in self._sources:
            source.leave()
        for source in self._sources:
            source.stop()
        return drained

    def health(self) -> list[Health]:
        """Return how each broker is."""
        return [source.health() for source in self._sources]

    def store_fault(self) -> str | None:
        """Return what keeps the store from taking readings now, in a sentence."""
        return self._pump.fault

    def heard_again(self) -> int:
        """Return how many of our own messages came back, and were passed over."""
        return sum(source.heard_again for source in self._sources)

    def waiting(self) -> int:
        """Return how many messages have arrived and are not yet durable."""
        return len(self._inbox)


def embedded_broker(
    folder: Path, host: str, port: int, client_id: str, topics: Sequence[str]
) -> EmbeddedBroker:
    """Return the embedded broker, started, with our session in it before anyone can publish.

    A broker keeps nothing for a session that it does not know. So at the first start over a folder
    it runs for a moment where nobody else finds it, and the session is made there.
    Raises BrokerError.
    """
    made = folder / "session-made"
    if not made.exists():
        hidden = EmbeddedBroker(folder, "127.0.0.1", 0)
        hidden.start()
        try:
            open_session(hidden.address, client_id, topics)
        finally:
            hidden.stop()
        made.touch()
    broker = EmbeddedBroker(folder, host, port)
    broker.start()
    return broker
