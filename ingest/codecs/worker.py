"""The parent's end of the process that runs payload codecs: start it, feed it, watch it, end it.

The pipes are read and written together and never block, so that a full pipe can't hold both sides
for ever. When the process makes no progress for a while, or dies, the job that it was working on
is known from a page that both share.
"""

import contextlib
import marshal
import mmap
import os
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ingest.codecs.sandbox import ANSWER, IDLE, LENGTH, PROGRESS, Text, Work

START_S_MAX = 20.0
_STEP_S = 0.25
_READ_BYTES = 1 << 18
_ANSWER_BYTES_MAX = 8 << 20
_PROGRAM = Path(__file__).with_name("sandbox.py")


class Worker:
    """One process. After `work` returned an index, or raised, it is gone; make another.

    Errors  RuntimeError when the process can't be started, with what it said.
    """

    def __init__(self, silence_s_max: float) -> None:
        self._silence_s_max = silence_s_max
        self._known: set[str] = set()
        self._inbox = bytearray()
        with tempfile.TemporaryFile() as shared:
            shared.truncate(mmap.PAGESIZE)
            self._page = mmap.mmap(shared.fileno(), mmap.PAGESIZE)
            self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the worker)
            self._process = subprocess.Popen(
                [
                    "/usr/bin/env",
                    "TZ=UTC",
                    sys.executable,
                    "-P",
                    str(_PROGRAM),
                    str(shared.fileno()),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._complaints,
                pass_fds=(shared.fileno(),),
                start_new_session=True,
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to = self._process.stdin.fileno()
        self._out_of = self._process.stdout.fileno()
        os.set_blocking(self._to, False)
        os.set_blocking(self._out_of, False)
        self._await_ready()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def knows(self, script: str) -> bool:
        """Whether the script was sent to this process already."""
        return script in self._known

    def work(
        self,
        scripts: dict[str, Text],
        jobs: Sequence[Work],
        take: Callable[[int, bytes], None],
    ) -> tuple[int | None, bool]:
        """Run the jobs and hand every answer to `take` as it comes.

        Returns the index of the job that was being worked on when the process stopped, and
        whether it hung (rather than died); (None, False) when all is answered. An index of None
        with a dead process means that it died for no job's sake.
        """
        self._known.update(scripts)
        body = marshal.dumps(({name: tuple(text) for name, text in scripts.items()}, list(jobs)))
        unsent = memoryview(LENGTH.pack(len(body)) + body)
        left = len(jobs)
        deadline, place = time.monotonic() + self._silence_s_max, self._place()
        with selectors.DefaultSelector() as selector:
            selector.register(self._out_of, selectors.EVENT_READ)
            selector.register(self._to, selectors.EVENT_WRITE)
            while left:
                for key, _ in selector.select(_STEP_S):
                    if key.fd == self._to:
                        unsent = self._send(unsent)
                        if not unsent:
                            selector.unregister(self._to)
                        continue
                    came = self._read(take)
                    if came < 0:
                        return self._ended(), False
                    left -= came
                    if came:
                        deadline = time.monotonic() + self._silence_s_max
                now = self._place()
                if now != place:
                    deadline, place = time.monotonic() + self._silence_s_max, now
                elif time.monotonic() > deadline:
                    return self._ended(), True
        return None, False

    def close(self) -> None:
        """End the process now."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._complaints):
            with contextlib.suppress(OSError):  # what could not be flushed is of no use any more
                if stream is not None:
                    stream.close()
        self._page.close()

    def _place(self) -> int:
        place: int = PROGRESS.unpack_from(self._page, 0)[0]
        return place

    def _ended(self) -> int | None:
        """End the process, and return the index of the job that it was working on."""
        place = self._place()
        self.close()
        return None if place == IDLE else place

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[os.write(self._to, unsent) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            return unsent[:0]  # it died; reading will say so

    def _read(self, take: Callable[[int, bytes], None]) -> int:
        """Hand over the answers that came and return how many; -1 at the end of the stream."""
        try:
            came = os.read(self._out_of, _READ_BYTES)
        except BlockingIOError:
            return 0
        if not came:
            return -1
        inbox = self._inbox
        inbox += came
        at, count, size = 0, 0, len(inbox)
        while size - at >= ANSWER.size:
            length, index = ANSWER.unpack_from(inbox, at)
            if length > _ANSWER_BYTES_MAX:
                return -1
            start = at + ANSWER.size
            if size - start < length:
                break
            at = start + length
            take(index, bytes(inbox[start:at]))
            count += 1
        del inbox[:at]
        return count

    def _await_ready(self) -> None:
        """Wait for the first frame, which is empty."""
        ready: list[bytes] = []
        deadline = time.monotonic() + START_S_MAX
        with selectors.DefaultSelector() as selector:
            selector.register(self._out_of, selectors.EVENT_READ)
            while not ready and time.monotonic() < deadline:
                if selector.select(_STEP_S) and self._read(lambda _, told: ready.append(told)) < 0:
                    break
        if ready:
            return
        self._process.kill()
        self._process.wait()
        self._complaints.seek(0)
        said = self._complaints.read().decode("utf-8", "replace").strip().rpartition("\n")[2]
        self.close()
        raise RuntimeError(
            f"the process that runs JavaScript codecs does not start: {said or 'it says nothing'}"
        )
