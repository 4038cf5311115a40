"""The pictures in the rows of parquet files, read again whenever they are needed, in bounded memory.

A row group can only be read from its start. A few cursors go forward through them, and rows that were passed are kept
up to a bound, so that neighbours that are read side by side are decoded once.
"""

import errno
import io
from collections import OrderedDict
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

MOST_CURSORS = 4
BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What is read at most, of a row and of a file, and what is kept in memory."""

    rows: int = 1_000_000
    picture_bytes: int = 256 * 1024 * 1024
    unchecked_bytes: int = 64 * 1024 * 1024
    """Pictures are packed already. A file that unpacks to more must not unpack to many times its bytes."""
    kept_bytes: int = 64 * 1024 * 1024
    """A page of a column is in memory beside this, for each cursor."""


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Group:
    """A row group of a file: its number, and its rows from `first` up to `end`. `column` holds the pictures."""

    path: Path
    column: str
    number: int
    first: int
    end: int


def opened_file(path: Path, **more: Any) -> Any:
    """The parquet file, whose columns are read in small steps."""
    return import_module("pyarrow.parquet").ParquetFile(path, pre_buffer=False, buffer_size=BUFFER_BYTES, **more)


class Cursor:
    """Goes through the pictures of a row group."""

    def __init__(self, group: Group) -> None:
        """Begin before the first row."""
        self.position = group.first
        self._file = opened_file(group.path)
        self._batches = self._file.iter_batches(1, row_groups=[group.number], columns=[group.column], use_threads=False)

    def next_row(self) -> bytes | None:
        """The picture in the next row; None if it has none. One row at a time: a dictionary can repeat a large value.

        Raises:
            StopIteration: there are fewer rows than the file says.
        """
        column = next(self._batches).column(0)
        self.position += 1
        is_struct = hasattr(column, "field")
        buffer = (column.field(0) if is_struct else column)[0].as_buffer()
        return None if buffer is None else buffer.to_pybytes()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Rows:
    """The rows of all files of a source. It may be used by several threads."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.kept_bytes = 0
        self._kept: OrderedDict[tuple[Group, int], bytes] = OrderedDict()
        self._cursors: OrderedDict[Group, Cursor] = OrderedDict()
        self._lock = Lock()

    def open(self, group: Group, row: int) -> BinaryIO:
        """A stream of the picture in a row.

        Raises:
            OSError: the row cannot be read, or has no picture.
        """
        return io.BytesIO(self.read(group, row))

    def read(self, group: Group, row: int) -> bytes:
        """The picture in a row.

        Raises:
            OSError: the row cannot be read, or has no picture.
        """
        with self._lock:
            picture = self._kept.get((group, row)) or self._reach(group, row)
        if not picture:
            raise _unreadable("it has no picture")
        if len(picture) > self.limits.picture_bytes:
            raise _unreadable(f"it has {len(picture):,} bytes, more than {self.limits.picture_bytes:,}")
        return picture

    def _reach(self, group: Group, row: int) -> bytes | None:
        picture = None
        try:
            cursor = self._cursor(group, row)
            while cursor.position <= row:
                place = cursor.position
                picture = cursor.next_row()
                self._keep((group, place), picture)
        except StopIteration:
            self._close(group)
            raise _unreadable("the file has fewer rows than it says") from None
        except (OSError, import_module("pyarrow").ArrowException) as error:
            self._close(group)
            raise _unreadable(str(error)) from error
        if cursor.position == group.end:
            self._close(group)
        return picture

    def _cursor(self, group: Group, row: int) -> Cursor:
        """One that has not passed the row. Those that were used longest ago are closed."""
        if group in self._cursors and self._cursors[group].position > row:
            self._close(group)
        if group not in self._cursors:
            self._cursors[group] = Cursor(group)
        self._cursors.move_to_end(group)
        while len(self._cursors) > MOST_CURSORS:
            self._close(next(iter(self._cursors)))
        return self._cursors[group]

    def _close(self, group: Group) -> None:
        if group in self._cursors:
            self._cursors.pop(group).close()

    def _keep(self, place: tuple[Group, int], picture: bytes | None) -> None:
        if picture and place not in self._kept:
            self._kept[place] = picture
            self.kept_bytes += len(picture)
        while self.kept_bytes > self.limits.kept_bytes:
            self.kept_bytes -= len(self._kept.popitem(last=False)[1])


def _unreadable(reason: str) -> OSError:
    return OSError(errno.EIO, reason)
