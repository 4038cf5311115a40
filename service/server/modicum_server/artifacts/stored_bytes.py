"""What both artifact stores do with the bytes that they hold: read, check and list them.

Each store says how its files are opened and listed, and how errors of its disk or driver become the domain's.
"""

from collections.abc import AsyncGenerator, Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from typing import IO

from modicum_server.artifacts.files import SERVED_BYTES, hash_first, hash_rest, read_and_hash
from modicum_server.artifacts.opening import closed, opened
from modicum_server.artifacts.threads import in_thread
from modicum_server.artifacts.verified_files import VerifiedFiles
from modicum_server.domain.digests import is_digest
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound, DependencyUnavailable, OffsetInvalid

Errors = Callable[[], AbstractContextManager[None]]
#: The file that says to which store this one belongs; the database has the same id.
STORE_ID = "store-id"


def is_whole(open_file: Callable[[str], IO[bytes]], digest: str) -> bool:
    """Whether the store has the bytes of a digest. What cannot be read is stored again, and that says what is wrong."""
    with suppress(Exception), open_file("rb") as file:
        return hash_rest(file).hexdigest() == digest
    return False


@contextmanager
def not_found(digest: str, errors: Errors) -> Iterator[None]:
    """Turn the error of a file that is not there into ArtifactNotFound, and others as the store does."""
    try:
        with errors():
            yield
    except DependencyUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ArtifactNotFound(
                f"the artifact store has no bytes for {digest}; upload them again", digest=digest
            ) from error
        raise


async def digests_behind(names: Callable[[str], list[str]], after: str, errors: Errors) -> AsyncGenerator[str]:
    """Yield digests, rising, folder by folder. `names` lists the root ("") or a folder in it, in a thread."""
    with errors():
        for part in sorted(await in_thread(names, "")):
            if part >= after[:2]:
                for digest in sorted(await in_thread(names, part)):
                    if digest > after and is_digest(digest):
                        yield digest


async def pieces(
    digest: str, open_file: Callable[[str], IO[bytes]], offset: int, errors: Errors
) -> AsyncGenerator[bytes]:
    """Yield a file from `offset` on, read and hashed in threads. `open_file` takes the mode.

    Each piece is held back until the next one was read, and the last until all bytes were hashed, those before `offset`
    too. So a reader never has the whole of a damaged file.
    """
    with not_found(digest, errors):
        file = await opened(partial(open_file, "rb"), lambda unwanted: unwanted.close())
        try:
            size = await in_thread(file.seek, 0, 2)
            if not 0 <= offset <= size:
                raise OffsetInvalid(f"expected an offset of at most {size:,}, the length of {digest}, got {offset:,}")
            await in_thread(file.seek, 0)
            hashed = await in_thread(hash_first, file, offset)
            held = b""
            while piece := await in_thread(read_and_hash, file, hashed):
                if held:
                    yield held
                held = piece
            if hashed.hexdigest() != digest:
                raise ArtifactCorrupt.of(digest, hashed.hexdigest())
            if held:
                yield held
        finally:
            await closed(file.close)


async def part(
    digest: str,
    open_file: Callable[[str], IO[bytes]],
    extent: tuple[int, int],
    errors: Errors,
    *,
    stamp: Callable[[IO[bytes]], Hashable],
    verified: VerifiedFiles,
) -> AsyncGenerator[bytes]:
    """Yield the bytes of a file from the first of `extent` to before its end, once the whole file is verified."""
    first, end = extent
    with not_found(digest, errors):
        file = await opened(partial(open_file, "rb"), lambda unwanted: unwanted.close())
        try:
            await verified.require(digest, file, stamp)
            await in_thread(file.seek, first)
            while piece := await in_thread(file.read, min(SERVED_BYTES, end - first)):
                first += len(piece)
                yield piece
        finally:
            await closed(file.close)
