"""A proxy between a part and Postgres. It forwards every byte until it has to withhold a reply or fall silent.

It listens on its own socket in a short folder. Of the protocol it knows only the text of a commit.
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
    """The proxied connections. `withhold` takes effect once, at the next commit; `silence` takes effect at once."""

    def __init__(self, database_url: str, folder: Path) -> None:
        """Take the address of the database and the folder for the proxy's own socket, and start to listen."""
        host = parse_qs(urlsplit(database_url).query)["host"][0]
        self.url = database_url.replace(quote(host, safe=""), quote(str(folder), safe=""))
        #: Set once the awaited commit has been forwarded and its reply withheld.
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
        """Withhold the database's reply to the commit of a transaction that contains this text."""
        self._marker = marker

    def silence(self) -> int:
        """Forward nothing more on the open connections, without closing them. Return their number. New ones work."""
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
                for direction in (self._forward_queries, self._forward_replies):
                    threading.Thread(target=direction, args=(front, behind, mute, silent), daemon=True).start()

    def _forward_queries(
        self, front: socket.socket, behind: socket.socket, mute: threading.Event, silent: threading.Event
    ) -> None:
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

    def _forward_replies(
        self, front: socket.socket, behind: socket.socket, mute: threading.Event, silent: threading.Event
    ) -> None:
        with _ending(front, silent):
            while piece := behind.recv(PIECE_BYTES):
                if not (mute.is_set() or silent.is_set()):
                    front.sendall(piece)


@contextmanager
def _ending(peer: socket.socket, silent: threading.Event) -> Iterator[None]:
    """Close the peer's side when this side ends, unless the connection is silent."""
    with contextlib.suppress(OSError):
        yield
    with contextlib.suppress(OSError):
        if not silent.is_set():
            peer.shutdown(socket.SHUT_RDWR)


@contextmanager
def proxied(database_url: str) -> Iterator[Proxy]:
    """Yield a proxy for the block."""
    folder = Path(tempfile.mkdtemp(prefix="mx-"))
    proxy = Proxy(database_url, folder)
    try:
        yield proxy
    finally:
        proxy.close()
        shutil.rmtree(folder, ignore_errors=True)
