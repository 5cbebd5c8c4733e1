"""Writing a recording bit by bit, so that what was written is safe at any instant.

Each write is whole and on the disk when it returns: a block of an .emrec, some lines of JSON Lines,
or a gzip member of its own. A file that was torn in the middle of a write is cut back to its last
whole piece when it is appended to. One tape at a time may write to a file.
"""

import fcntl
import gzip
import os
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from fleet import emrec, jsonlines
from fleet.errors import RecordingError
from fleet.message import Message
from fleet.recording import GZIP

_CHUNK = 1 << 20
_NAMES = (emrec.SUFFIX, ".jsonl", ".jsonl.gz")


class Tape:
    """A recording that is being written.

    size   bytes of the file
    kept   bytes of an earlier recording that it goes on behind; 0 for a new one
    notes  sentences about what was found when it was opened to be appended to
    """

    def __init__(self, path: Path, *, append: bool = False) -> None:
        """Open a new file, or one to append to; its content, else its name, says the format.

        Errors  RecordingError: the file exists and append is False, it is no recording, another
                process writes to it, or it can't be written
        """
        self.path = path
        self.notes: list[str] = []
        if not path.name.endswith(_NAMES) and not (path.exists() and path.stat().st_size):
            raise RecordingError(
                f"{path}: expected a name that ends in {', '.join(_NAMES)}, found {path.name!r}"
            )
        flags = os.O_RDWR | os.O_CREAT | (0 if append else os.O_EXCL)
        try:
            self._fd = os.open(path, flags, 0o644)
        except FileExistsError as error:
            raise RecordingError(
                f"{path}: expected no file of that name, found one; --append adds to it"
            ) from error
        except OSError as error:
            raise RecordingError(f"{path}: expected a file to write to, found {error}") from error
        try:
            self._lock()
            self._encode = self._prepare()
        except BaseException:
            os.close(self._fd)
            raise

    def write(self, messages: Sequence[Message]) -> None:
        """Write messages; they are on the disk when it returns.

        Errors  RecordingError: the disk is full or away. What was written before stays readable.
        """
        if messages:
            self._put(self._encode(messages))

    def close(self) -> None:
        """Close the file; what was written is safe already."""
        os.close(self._fd)

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RecordingError(
                f"{self.path}: expected a file that nobody else writes to, found {error}; "
                "another recording goes on there"
            ) from error

    def _prepare(self) -> Callable[[Sequence[Message]], bytes]:
        """Cut a torn end, go to the end, and return what makes bytes of messages."""
        self.size = os.fstat(self._fd).st_size
        begin = os.pread(self._fd, emrec.HEAD_BYTES, 0)
        name = self.path.name
        if emrec.is_emrec(begin) or (not begin and name.endswith(emrec.SUFFIX)):
            keep, encode = self._whole_blocks() if begin else 0, emrec.block
        elif begin[:2] == GZIP or (not begin and name.endswith(".gz")):
            keep, encode = self._whole_members(), _member
        else:
            keep, encode = self._whole_lines(), _lines
        if keep < self.size:
            self.notes.append(
                f"{self.path}: its last {self.size - keep} bytes, from byte {keep} on, were torn "
                "and are cut off"
            )
            os.ftruncate(self._fd, keep)
            self.size = keep
        self.kept = self.size
        if encode is emrec.block and self.size == 0:
            self._put(emrec.head())
        self._sync_folder()
        return encode

    def _put(self, data: bytes) -> None:
        rest, at = memoryview(data), self.size
        try:
            while rest:
                done = os.pwrite(self._fd, rest, at)
                rest, at = rest[done:], at + done
            os.fsync(self._fd)
        except OSError as error:
            with suppress(OSError):  # else the torn end is cut at the next append
                os.ftruncate(self._fd, self.size)
            raise RecordingError(
                f"{self.path}: expected room for {len(data)} bytes, found {error}; "
                f"the {self.size} bytes before are whole"
            ) from error
        self.size = at

    def _sync_folder(self) -> None:
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def _whole_blocks(self) -> int:
        """Return where the last whole block ends; damage before it stays, and is told."""
        with self.path.open("rb") as file:
            for found in emrec.scan(file, str(self.path)):
                if isinstance(found, emrec.Block):
                    continue
                if found.torn:
                    return found.offset
                self.notes.append(
                    f"{self.path}, {found.size} bytes at byte {found.offset}: {found.reason}; "
                    "they are left as they are"
                )
        return self.size

    def _whole_members(self) -> int:
        """Return where the last whole gzip member ends."""
        if self.size == 0:
            return 0
        end, at, text, member = 0, 0, b"", zlib.decompressobj(31)
        with self.path.open("rb") as file:
            try:
                while rest := file.read(_CHUNK):
                    while rest:
                        data = member.decompress(rest)
                        if len(text) < _CHUNK:
                            text += data
                        at += len(rest) - len(member.unused_data)
                        rest = member.unused_data
                        if member.eof:
                            end, member = at, zlib.decompressobj(31)
            except zlib.error as error:
                raise RecordingError(
                    f"{self.path}, behind byte {end}: expected whole gzip data to append to, "
                    f"found {error}"
                ) from error
        if end == 0:
            raise RecordingError(f"{self.path}: expected whole gzip data to append to, found none")
        self._check_first(text)
        return end

    def _whole_lines(self) -> int:
        """Return where the last whole line ends; give a last line that lacks it its line feed."""
        first = os.pread(self._fd, _CHUNK, 0)
        if not first:
            return 0
        end, last = self.size, b""
        while end > 0:
            begin = max(0, end - _CHUNK)
            piece = os.pread(self._fd, end - begin, begin)
            cut = piece.rfind(b"\n") + 1
            last, end = piece[cut:] + last, begin + cut
            if cut:
                break
        if end:
            self._check_first(first)
        if not last:
            return end
        try:
            jsonlines.message(last)
        except ValueError as error:
            if end == 0:
                raise RecordingError(
                    f"{self.path}, line 1: expected a recording to append to: {error}"
                ) from error
            return end
        self._put(b"\n")
        return self.size

    def _check_first(self, text: bytes) -> None:
        lines = (line for line in text.split(b"\n") if line.strip())
        try:
            jsonlines.message(next(lines, b""))
        except ValueError as error:
            raise RecordingError(
                f"{self.path}, line 1: expected a recording to append to: {error}"
            ) from error


def _lines(messages: Sequence[Message]) -> bytes:
    return b"".join(jsonlines.line(message) for message in messages)


def _member(messages: Sequence[Message]) -> bytes:
    return gzip.compress(_lines(messages), 6, mtime=0)
