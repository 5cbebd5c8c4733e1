"""Receive, make durable, acknowledge: in that order, always.

Group commit: take whatever has arrived, commit it, acknowledge it, and take what arrived
meanwhile. There is no timer. A crash before the acknowledgement costs a redelivery, which the
store absorbs.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from gateway.inbox import Inbox
from ingest.errors import PayloadError, StoreUnavailable
from ingest.reading import Envelope

_MESSAGES_MAX = 4_000
_BYTES_MAX = 16 * 2**20
PAUSES_S = (0.1, 0.3, 1.0, 3.0, 5.0)

log = structlog.get_logger("emscher.gateway")


class Intake(Protocol):
    """What the pump asks of the intake (ingest/intake.py)."""

    def accept(self, envelopes: Sequence[Envelope]) -> object:
        """Make the envelopes durable; StoreUnavailable: nothing was written."""

    def refuse(self, envelope: Envelope, error: PayloadError) -> object:
        """Put one envelope into quarantine without looking into it."""


class Pump:
    """The one thread that commits. `fault` is why it holds now, in a sentence, or None."""

    def __init__(
        self,
        inbox: Inbox,
        intake: Intake,
        *,
        pauses_s: Sequence[float] = PAUSES_S,
        wait: Callable[[float], object] | None = None,
    ) -> None:
        self._inbox = inbox
        self._intake = intake
        self._pauses_s = pauses_s
        self._gave_up = threading.Event()
        self._wait = wait or self._gave_up.wait
        self._thread = threading.Thread(target=self._run, name="emscher-pump", daemon=True)
        self._holds = False  # a batch that is taken out of the inbox and not committed yet
        self.fault: str | None = None

    def start(self) -> None:
        """Begin to commit what arrives."""
        self._thread.start()

    def drain(self, patience_s: float) -> bool:
        """Close the inbox, commit and acknowledge what is in it; False: some of it is left.

        What is left is not lost: the broker sends it again to the next session.
        """
        self._inbox.close()
        self._thread.join(patience_s)
        self._gave_up.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        return not self._thread.is_alive() and not len(self._inbox) and not self._holds

    def _run(self) -> None:
        while batch := self._inbox.take(_MESSAGES_MAX, _BYTES_MAX):
            self._holds = True
            if not self._hold([one for parcel in batch for one in parcel.envelopes]):
                return
            self._holds = False
            for parcel in batch:  # in order of arrival: MQTT-4.6.0-2
                parcel.acknowledge()

    def _hold(self, envelopes: Sequence[Envelope]) -> bool:
        """Commit a batch, however long the store says "not now"; False: told to give up.

        A batch that fails is split until the message that breaks it stands alone. What of it is
        committed is not offered again.
        """
        todo = [envelopes]
        pauses = iter(self._pauses_s)
        while todo:
            try:
                parts = self._commit(todo[-1])
            except Exception as fault:
                if self.fault is None:
                    known = isinstance(fault, StoreUnavailable)
                    told = log.warning if known else log.exception
                    told("the store can't take readings now; holding", why=str(fault))
                self.fault = str(fault) or repr(fault)
                if self._gave_up.is_set():
                    return False
                self._wait(next(pauses, self._pauses_s[-1]))
            else:
                if self.fault is not None:
                    log.info("the store takes readings again")
                self.fault = None
                todo[-1:] = reversed(parts)
        return True

    def _commit(self, envelopes: Sequence[Envelope]) -> list[Sequence[Envelope]]:
        """Commit, and return what is left to commit: nothing, or the halves of what has failed.

        A message that breaks the intake by itself goes to quarantine: a fault of ours must not
        stop the stream. Raises what stands in the way of that, StoreUnavailable mostly.
        """
        try:
            self._intake.accept(envelopes)
        except StoreUnavailable:
            raise
        except Exception as fault:
            if len(envelopes) > 1:
                half = len(envelopes) // 2
                return [envelopes[:half], envelopes[half:]]
            if isinstance(fault, PayloadError):  # a store that has no room for this one, and why
                self._intake.refuse(envelopes[0], fault)
                return []
            log.exception("a message broke the intake; it goes to quarantine")
            error = PayloadError("intake fault", "a message that can be stored", repr(fault))
            self._intake.refuse(envelopes[0], error)
        return []
