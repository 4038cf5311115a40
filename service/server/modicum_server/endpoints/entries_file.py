"""The file of the operator's entries: JSON, without secrets, read anew for each use."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import TypeAdapter, ValidationError

from modicum_server.domain.endpoints import EndpointEntry
from modicum_server.endpoints.targets import TargetRefused, refuse_addresses, refuse_open_credential, target_of
from modicum_server.ports import EndpointsUnreadable

VERSION = 1
LARGEST_BYTES = 1024 * 1024
#: Requests a second. With fewer, a task would look like one that hangs.
LEAST_RATE = 0.1

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _File:
    endpoints: tuple[EndpointEntry, ...]
    version: int = VERSION


_FILE = TypeAdapter(_File)


@dataclass(frozen=True, slots=True)
class EntriesFile:
    """The entries in a file; without a file there are none."""

    path: Path | None

    async def entries(self) -> Sequence[EndpointEntry]:
        """Read them anew.

        Raises:
            EndpointsUnreadable
        """
        try:
            return await asyncio.to_thread(self.read)
        except EndpointsUnreadable as error:
            log.warning("endpoints_unreadable", why=error.why)
            raise

    def read(self) -> tuple[EndpointEntry, ...]:
        """Read them; a file that does not exist has none.

        Raises:
            EndpointsUnreadable: it cannot be read, has another form, or names a target that is refused.
        """
        if self.path is None:
            return ()
        try:
            with self.path.open("rb") as file:
                data = file.read(LARGEST_BYTES)
            found = _FILE.validate_json(data).endpoints
            for one in found:
                check_entry(one)
        except FileNotFoundError:
            return ()
        except (OSError, ValidationError, TargetRefused) as error:
            raise EndpointsUnreadable(f"{self.path}: {error}") from error
        return found

    def write(self, entries: Sequence[EndpointEntry]) -> None:
        """Replace the file. Only its owner may write it, and everybody read: it holds no secrets.

        Raises:
            OSError
        """
        assert self.path is not None, "commands have a file"
        data = _FILE.dump_json(_File(tuple(sorted(entries, key=lambda one: one.name))), indent=1)
        fresh = self.path.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data + b"\n")
        fresh.replace(self.path)


def check_entry(entry: EndpointEntry) -> None:
    """Check the target of an entry, which somebody may have written by hand.

    Raises:
        TargetRefused
    """
    target = target_of(entry.url)
    if not entry.addresses:
        raise TargetRefused(f"{entry.name} has no addresses; add it again")
    refuse_addresses(entry.addresses)
    refuse_open_credential(target, entry.addresses, entry.credential_file)
    if not (entry.requests_per_second >= LEAST_RATE and entry.timeout_seconds > 0 and entry.images_per_request >= 1):
        raise TargetRefused(
            f"{entry.name}: expected at least {LEAST_RATE} requests a second, a timeout above 0 and at least one image "
            "a request"
        )
