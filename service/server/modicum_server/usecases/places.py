"""Places for work that callers without a token can ask for: so many at once in a process."""

from collections.abc import Iterator
from contextlib import contextmanager

from modicum_server.errors import ShareExceeded


class Places:
    """Bounds how much of something goes on at once. `share`: its name for programs; `doing`: in words."""

    def __init__(self, most: int, *, share: str, doing: str) -> None:
        self._most = most
        self._share = share
        self._doing = doing
        self._taken = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places.

        Raises:
            ShareExceeded: all are taken.
        """
        if self._taken >= self._most:
            raise ShareExceeded(
                f"this server is {self._doing.format(self._most)}, the most at once; try again in a moment",
                share=self._share,
            )
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
