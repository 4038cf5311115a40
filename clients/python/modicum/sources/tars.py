"""The files of a tar, found by its headers. Nothing is unpacked, and the bytes of members are not read here.

A tar may come from anywhere. Members that are not plain files or folders, that would lie outside the archive or that
come twice are refused by name. A header of a member may take `MOST_HEADER_BYTES`, so memory is bounded.
"""

import io
import os
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.contents import reason_of, require_file
from modicum.sources.files import File, Piece, opened_pieces
from modicum.sources.paths import lies_inside

SUFFIX = ".tar"
PACKED = (".tgz", ".tbz2", ".txz", ".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst", ".tar.lz4")
#: For each member, with what pax and GNU tar add to a header, such as a long name.
MOST_HEADER_BYTES = 1024 * 1024
#: What tarfile raises for a file that is damaged or not a tar.
DAMAGED = (tarfile.TarError, OSError, ValueError, OverflowError, RecursionError)


def is_packed(path: Path) -> bool:
    """Return whether a name is that of a packed tar."""
    return path.name.lower().endswith(PACKED)


def files_in(tar: Path) -> Iterator[File]:
    """Yield the files of a tar, in its order. Hidden files and folders are ignored.

    Raises:
        InvalidSource: it is not a complete, unpacked tar, or a member is refused.
    """
    require_file(tar)
    names: set[PurePosixPath] = set()
    for member in _members(tar):
        where = f"{tar}: {printable(member.name)}"
        if not lies_inside(member.name):
            raise InvalidSource(f"{where}: expected a name inside the archive, without '..'; make the tar again")
        name = PurePosixPath(member.name)
        if member.isdir():
            continue
        _refuse_special(member, where)
        if name in names:
            raise InvalidSource(f"{where}: this name occurs twice in the tar; rename one of the two")
        names.add(name)
        if not any(part.startswith(".") for part in name.parts):
            yield _file(tar, name, Piece(member.size, path=tar, start=member.offset_data))


def _file(tar: Path, name: PurePosixPath, piece: Piece) -> File:
    return File(name, f"{tar}: {printable(name.as_posix())}", lambda: opened_pieces([piece]))


def _refuse_special(member: tarfile.TarInfo, where: str) -> None:
    if member.issym() or member.islnk():
        kind = "a link"
    elif member.issparse():
        kind = "a sparse one"
    elif member.isreg():
        return
    else:
        kind = "a pipe or a device"
    raise InvalidSource(f"{where}: expected a file, got {kind}; make the tar again from plain files")


def _members(tar: Path) -> Iterator[tarfile.TarInfo]:
    """Yield the members one after the other. Only the present one is in memory."""
    last = ""
    try:
        with _Headers(tar) as headers, tarfile.open(fileobj=headers, mode="r:") as archive:
            size = os.fstat(headers.fileno()).st_size
            while (member := archive.next()) is not None:
                _refuse_size(tar, member, size)
                yield member
                last = member.name
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps them all
                headers.left = MOST_HEADER_BYTES
            headers.seek(archive.offset)
            if headers.read(tarfile.BLOCKSIZE) != bytes(
                tarfile.BLOCKSIZE
            ):  # tarfile takes a damaged header for the end
                raise tarfile.ReadError("its end is missing or damaged")
    except DAMAGED as error:
        reason = reason_of(error) if isinstance(error, OSError) else str(error)
        raise InvalidSource(
            f"{tar}: expected a complete tar that is not packed; {f'after {printable(last)}: ' if last else ''}"
            f"{printable(reason)}. Get it again, or unpack it to a .tar"
        ) from error


def _refuse_size(tar: Path, member: tarfile.TarInfo, most: int) -> None:
    where = f"{tar}: {printable(member.name)}"
    if member.size < 0:
        raise InvalidSource(f"{where}: expected a size, got {member.size}; make the tar again")
    if not member.issparse() and member.offset_data + member.size > most:
        raise InvalidSource(f"{where}: cut off within its {member.size:,} bytes; get the tar again")


class _Headers(io.FileIO):
    """A tar from which only headers are read. Each has a bounded size, because tarfile reads a header at once."""

    left = MOST_HEADER_BYTES

    def read(self, size: int | None = -1) -> bytes:
        """Read as much as is asked for, if that is within the bound."""
        if size is None or not 0 <= size <= self.left:
            raise InvalidSource(
                f"{self.name}: the header of a member has more than {MOST_HEADER_BYTES:,} bytes; make the tar again"
            )
        self.left -= size
        return super().read(size) or b""
