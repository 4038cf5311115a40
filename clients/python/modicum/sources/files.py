"""Files of a source of images, in a folder or in an archive, and the bytes of parts of files."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath, PurePosixPath
from typing import Any, BinaryIO, cast

from modicum.sources.contents import BLOCK_BYTES


@dataclass(frozen=True, slots=True)
class File:
    """A file of a source. `name` is its path in the source, `where` is what messages call it.

    `open` returns a stream from the first byte on.
    """

    name: PurePosixPath
    where: str
    open: Callable[[], BinaryIO] = field(repr=False)


def split_of(path: PurePath) -> str:
    """The split that a shard belongs to, by its name without its number: `train-00000-of-00002` is of `train`."""
    return re.sub(r"[-_.]?\d+([-_]of[-_]\d+)?$", "", path.stem)


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes of a file, or of memory if `path` is None."""

    size: int
    path: Path | None = None
    start: int = 0
    data: bytes = b""


def opened_pieces(pieces: Sequence[Piece]) -> BinaryIO:
    """A stream of pieces, one after the other."""
    size = sum(piece.size for piece in pieces)
    return cast("BinaryIO", io.BufferedReader(_Joined(pieces), max(1, min(BLOCK_BYTES, size))))


class _Joined(io.RawIOBase):
    """A stream of pieces, one after the other. A file is open while it is read."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._pieces = pieces
        self._position = 0
        self._opened: tuple[Piece, BinaryIO] | None = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: sum(piece.size for piece in self._pieces)}
        self._position = base[whence] + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        offset = self._position
        for piece in self._pieces:
            if offset < piece.size:
                data = self._bytes(piece, offset, min(len(buffer), piece.size - offset))
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
            offset -= piece.size
        return 0

    def close(self) -> None:
        self._leave()
        super().close()

    def _bytes(self, piece: Piece, offset: int, size: int) -> bytes:
        if piece.path is None:
            return piece.data[offset : offset + size]
        if self._opened is None or self._opened[0] is not piece:
            self._leave()
            self._opened = piece, piece.path.open("rb")
        stream = self._opened[1]
        stream.seek(piece.start + offset)
        return stream.read(size)

    def _leave(self) -> None:
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None
