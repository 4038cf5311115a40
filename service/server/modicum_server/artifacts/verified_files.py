"""Which stored files have the digest under which they stand, as far as one process has read them to their end.

A part of a file cannot be checked by itself. So the whole is read once before the first part of it is served, and again
only when the file is another one: by its size, its time of change and its inode, or what a remote store says instead.
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import IO
from weakref import WeakValueDictionary

from modicum_server.artifacts.files import hash_some
from modicum_server.artifacts.threads import in_thread
from modicum_server.errors import ArtifactCorrupt

MOST_REMEMBERED = 10_000


class VerifiedFiles:
    """Remembers files that were verified; of many, those that were asked for last."""

    def __init__(self, *, most_remembered: int = MOST_REMEMBERED) -> None:
        self._most_remembered = most_remembered
        self._stamps: OrderedDict[str, Hashable] = OrderedDict()
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def require(self, digest: str, file: IO[bytes], stamp: Callable[[IO[bytes]], Hashable]) -> None:
        """Read an open file to its end, unless that was done and its stamp is the same. Of many callers, one reads.

        Raises:
            ArtifactCorrupt: it has another digest.
        """
        turn = self._turns.setdefault(digest, asyncio.Lock())
        async with turn:
            now = await in_thread(stamp, file)  # before the bytes: a change meanwhile is seen next time
            if self._stamps.get(digest) != now:
                await _hash_whole(digest, file)
            self._stamps[digest] = now
            self._stamps.move_to_end(digest)
            if len(self._stamps) > self._most_remembered:
                self._stamps.popitem(last=False)


async def _hash_whole(digest: str, file: IO[bytes]) -> None:
    hashed = hashlib.sha256()
    await in_thread(file.seek, 0)
    while await in_thread(hash_some, file, hashed):
        """The next bytes, in a thread that a caller who leaves does not have to wait for."""
    if hashed.hexdigest() != digest:
        raise ArtifactCorrupt.of(digest, hashed.hexdigest())
