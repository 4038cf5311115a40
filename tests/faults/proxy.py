"""What stands between a part and Postgres: passes every byte on, until it is told to keep an answer back, or all.

A socket of its own in a short folder; knows of the protocol only the words by which a commit is recognised.
"""

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

SOCKET_NAME = ".s.PGSQL.5432"
PIECE_BYTES = 65536
COMMIT = b"COMMIT\0"


class Proxy:
    """Connections through it; `withhold` arms it once, `silence` strikes at once."""

    def __init__(self, database_url: str, folder: Path) -> None:
        """Take the address of the database behind it and the folder of its own socket, which is listened on."""
        host = parse_qs(urlsplit(database_url).query)["host"][0]
        self.url = database_url.replace(quote(host, safe=""), quote(str(folder), safe=""))
        #: Set once a commit that was waited for has gone through, and its answer has not.
        self.withheld = threading.Event()
        self._behind = str(Path(host) / SOCKET_NAME)
        self._marker: bytes | None = None
        self._sockets: list[socket.socket] = []
        self._silent: list[threading.Event] = []
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(folder / SOCKET_NAME))
        self._listening.listen(64)
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def withhold(self, marker: bytes) -> None:
        """Keep back what the database answers to the commit of a transaction that holds these words."""
        self._marker = marker

    def silence(self) -> int:
        """Pass nothing more on the connections that there are, and close none of them; how many. New ones pass."""
        for silent in self._silent:
            silent.set()
        return len(self._silent)

    def close(self) -> None:
        """Break every connection."""
        for each in (self._listening, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                front, _ = self._listening.accept()
                behind = socket.socket(socket.AF_UNIX)
                behind.connect(self._behind)
                self._sockets += [front, behind]
                mute, silent = threading.Event(), threading.Event()
                self._silent.append(silent)
                for direction in (self._ask, self._answer):
                    threading.Thread(target=direction, args=(front, behind, mute, silent), daemon=True).start()

    def _ask(self, front: socket.socket, behind: socket.socket, mute: threading.Event, silent: threading.Event) -> None:
        marked = False
        with _ending(behind, silent):
            while piece := front.recv(PIECE_BYTES):
                if silent.is_set():
                    continue
                marked = marked or (self._marker is not None and self._marker in piece)
                if marked and COMMIT in piece:
                    mute.set()
                behind.sendall(piece)
                if mute.is_set():
                    self.withheld.set()

    def _answer(
        self, front: socket.socket, behind: socket.socket, mute: threading.Event, silent: threading.Event
    ) -> None:
        with _ending(front, silent):
            while piece := behind.recv(PIECE_BYTES):
                if not (mute.is_set() or silent.is_set()):
                    front.sendall(piece)


@contextmanager
def _ending(peer: socket.socket, silent: threading.Event) -> Iterator[None]:
    """Tell the other side when this one is at its end; where all is silent that is not heard either."""
    with contextlib.suppress(OSError):
        yield
    with contextlib.suppress(OSError):
        if not silent.is_set():
            peer.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(database_url: str) -> Iterator[Proxy]:
    """A proxy for the length of the block."""
    folder = Path(tempfile.mkdtemp(prefix="mx-"))
    proxy = Proxy(database_url, folder)
    try:
        yield proxy
    finally:
        proxy.close()
        shutil.rmtree(folder, ignore_errors=True)
