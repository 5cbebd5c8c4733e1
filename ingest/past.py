"""What can be asked of the messages that are kept: where a reading is from, and to be read anew."""

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace

import numpy as np
import structlog

from ingest.archive import Archive, Held
from ingest.decode import Decoder
from ingest.errors import IngestError
from ingest.intake import Intake
from ingest.origin import Kept, Origin, messages_at, origin
from ingest.reading import Rows
from ingest.reprocess import Reprocessed
from ingest.store.port import Store

_STOP_S = 10.0
_LOOK_NS = 3600 * 10**9  # how far back is looked first

log = structlog.get_logger("emscher.ingest")


@dataclass(frozen=True, slots=True)
class Run:
    """A reprocessing: what was asked for, how far it has come, and what came of it.

    at_ns    the receipt that it has come to; None: it has just begun
    running  whether it still is
    error    why it ended early, in a sentence
    """

    device: str | None
    start_ns: int
    end_ns: int
    trial: bool
    at_ns: int | None = None
    running: bool = True
    error: str | None = None
    found: Reprocessed = field(default_factory=Reprocessed)


class Past:
    """The archive of a running Emscher. Any thread may ask; one reprocessing runs at a time.

    fresh  makes a decoder with the codecs and settings of now
    """

    def __init__(
        self, archive: Archive, store: Store, intake: Intake, fresh: Callable[[], Decoder]
    ) -> None:
        self._archive, self._store, self._intake, self._fresh = archive, store, intake, fresh
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._thread: threading.Thread | None = None
        self._ending = False

    def held(self) -> Held:
        """Return how much is kept."""
        return self._archive.held()

    def origins(self, number: int, time_ns: int) -> list[tuple[Rows, Origin | None]]:
        """Return a reading with its message, and after it the values that it has overwritten.

        Each is a Rows of one. Empty: there is no such reading. None: its message is not kept.
        """
        at = np.array([time_ns], np.int64)
        rows = self._store.at(np.array([number], np.int32), at)
        older = self._store.history(number)
        older = older.take(older.time_ns == time_ns)
        found = Rows.joined([rows, older.take(slice(None, None, -1))])
        with closing(self._fresh()) as decoder:
            return [
                (one, origin(self._archive, decoder, self._store, number, one))
                for one in (found.take(slice(k, k + 1)) for k in range(len(found)))
            ]

    def messages(self, device: str, before_ns: int, limit: int) -> list[Kept]:
        """Return the newest messages of a device that were received before a time, newest first.

        Those that brought a reading which stands, and are kept; all of an instant together, so
        that there may be a few more than `limit`. Raises PayloadError, OSError and ValueError for
        a codec that can't be used.
        """
        found: list[Kept] = []
        receipts = self._receipts(device, before_ns)
        with closing(self._fresh()) as decoder:
            while len(found) < limit and (received_ns := next(receipts, None)) is not None:
                found += messages_at(self._archive, decoder, device, received_ns)
        return found

    def _receipts(self, device: str, before_ns: int) -> Iterator[int]:
        """Yield when readings of a device were received, newest first, as far as messages go."""
        oldest_ns = self._archive.held().oldest_ns
        numbers = [span.number for span in self._store.series(device)]
        heard_ns = [one.last_ns for one in self._store.devices() if one.id == device]
        if oldest_ns is None or not heard_ns or not numbers:
            return
        end_ns, look_ns = min(before_ns, heard_ns[0] + 1), _LOOK_NS
        while end_ns > oldest_ns:
            start_ns = max(oldest_ns, end_ns - look_ns)
            rows = self._store.received(start_ns, end_ns, numbers)
            yield from np.unique(rows.received_ns)[::-1].tolist()
            end_ns, look_ns = start_ns, 4 * look_ns

    def last_run(self) -> Run | None:
        """Return the reprocessing that runs, or the last one since the start, or None."""
        return self._run

    def reprocess(self, device: str | None, start_ns: int, end_ns: int, trial: bool) -> Run | None:
        """Begin to decode again; None: one runs already."""
        with self._lock:
            if self._run is not None and self._run.running:
                return None
            self._run = Run(device, start_ns, end_ns, trial)
            self._thread = threading.Thread(
                target=self._work, args=(self._run,), name="emscher-reprocess", daemon=True
            )
            self._thread.start()
            return self._run

    def close(self) -> None:
        """End what runs; begun again later, it arrives at the same."""
        self._ending = True
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _work(self, run: Run) -> None:
        def progress(found: Reprocessed, at_ns: int) -> bool:
            self._run = replace(run, found=found, at_ns=at_ns)
            return not self._ending

        error = None
        try:
            with closing(self._fresh()) as decoder:
                span = (run.device, run.start_ns, run.end_ns)
                self._intake.reprocess(decoder, *span, trial=run.trial, progress=progress)
        except (IngestError, OSError, ValueError) as fault:
            error = str(fault)
        except Exception as fault:
            log.exception("reprocessing has failed")
            error = repr(fault)
        if self._ending:
            error = error or "Emscher was stopped; ask for it again"
        self._run = replace(self._run or run, running=False, error=error)
