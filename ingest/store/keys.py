"""Identities of messages that were here: millions, over restarts and days, in little memory.

The newest are held as they are. Older ones are sealed, some tens of thousands together, into a
sorted array of 64 bits each; that two of two million identities share these is as likely as one in
ten million. The oldest seal is forgotten when there are too many.
"""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_SEALS = 10  # of which the identities consist when they are as many as may be


class _Seal(NamedTuple):
    hashes: NDArray[np.int64]
    last_commit: int


class Keys:
    """Identities by the commit that brought them. One thread writes, any may ask.

    most  so many are remembered, and up to a tenth less
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._seal_at = max(most // _SEALS, 1)
        self._recent: dict[bytes, None] = {}
        self._seals: deque[_Seal] = deque()

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._recent) + sum(len(seal.hashes) for seal in list(self._seals))

    def __contains__(self, key: bytes) -> bool:
        """Return whether an identity is remembered."""
        if key in self._recent:
            return True
        wanted = hash(key)
        for seal in list(self._seals):
            at = int(seal.hashes.searchsorted(wanted))
            if at < len(seal.hashes) and seal.hashes[at] == wanted:
                return True
        return False

    def forgetting(self, fresh: int) -> int | None:
        """Return the last commit whose identities go when so many come; None: none go."""
        excess, last = len(self) + fresh - self._most, None
        for seal in self._seals:
            if excess <= 0:
                break
            excess -= len(seal.hashes)
            last = seal.last_commit
        return last

    def add(self, keys: Iterable[bytes], commit: int) -> None:
        """Remember these of a commit, later than all before."""
        self._recent.update(dict.fromkeys(keys))
        if len(self._recent) >= self._seal_at:
            hashes = np.sort(np.fromiter(map(hash, self._recent), np.int64, len(self._recent)))
            self._seals.append(_Seal(hashes, commit))
            self._recent = {}

    def forget(self, commit: int) -> None:
        """Forget what came with this commit and before, as far as it is sealed."""
        while self._seals and self._seals[0].last_commit <= commit:
            self._seals.popleft()
