"""`modicum-server verify`: checks the trail, and the artifact store against the database; tells what is damaged."""

import asyncio
import json
import shlex
import signal
from collections import Counter
from collections.abc import Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

from modicum_server.command_parts import NOT_COMPLETED, USAGE, end, say
from modicum_server.commands.amount_options import Rate, rate_of
from modicum_server.commands.database_option import Data, store_settings
from modicum_server.commands.trail_checks import trail_has_flaws
from modicum_server.domain.digests import is_digest
from modicum_server.domain.trail import Seal
from modicum_server.errors import DependencyUnavailable
from modicum_server.settings import Settings
from modicum_server.usecases.verifying import Checked, State
from modicum_server.usecases.verifying import verify as verified

DAMAGED = 1
HARM = (State.MISSING, State.CORRUPT, State.UNREADABLE)
ROW = "{:<10}  {:<64}  {:>15}  {}"


class Stopped(Exception):
    """A signal ended the command before the last artifact."""

    def __init__(self) -> None:
        super().__init__("stopped")


@dataclass(slots=True)
class Seen:
    """What was checked: the last digest, and how many of each state."""

    last: str
    counts: "Counter[State]" = field(default_factory=Counter)

    def note(self, one: Checked) -> None:
        """Count an artifact."""
        self.last = one.digest
        self.counts[one.state] += 1


def verify(
    rate: Rate = "",
    after: Annotated[
        str, typer.Option(metavar="DIGEST", help=("Resume after this digest, as an interrupted run printed it."))
    ] = "",
    heads: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="File with what `modicum-server trail heads` printed earlier. The trail must still have these hashes.",
        ),
    ] = None,
    trail_only: Annotated[bool, typer.Option("--trail-only", metavar="", help="Check only the trail.")] = False,
    data: Data = None,
) -> None:
    """Check the trail (audit log), and compare every stored file with the database. Safe while the server runs.

    Changes nothing. Prints a row for each flaw of the trail: an entry that was CHANGED, DELETED or INSERTED, one that
    is UNSEALED (has waited for its hash for more than ten minutes), or one that differs from
    --heads (REPLACED). Then prints a row for each artifact (stored file) that is MISSING, CORRUPT, UNREADABLE or
    ORPHANED. An ORPHANED file is in the store, but the database has no entry for it: `collect --orphans` deletes it.

    Ends with 1 if the trail has a flaw, or an artifact is missing, corrupt or unreadable; otherwise with 0. After
    Ctrl-C, or if the database or the store disappears, it prints how to resume, and ends with 3.
    """
    bytes_per_second = rate_of(rate)
    if after and not is_digest(after):
        end(USAGE, f"--after: expected a digest of 64 hexadecimal digits, as an earlier run printed it; got {after!r}")
    seen, known_heads = Seen(after), () if heads is None else _read_heads(heads)
    settings = store_settings(data)
    flawed = False if after else asyncio.run(_trail_has_flaws(settings, known_heads))
    if trail_only:
        raise SystemExit(DAMAGED if flawed else 0)
    try:
        asyncio.run(_run(settings, seen, bytes_per_second))
    except (Stopped, DependencyUnavailable) as early:
        if not seen.counts and isinstance(early, DependencyUnavailable):
            raise
        say(_summary(seen.counts))
        end(NOT_COMPLETED, f"{early}; resume with: {rest_command(seen.last, rate, data)}")
    counts = seen.counts
    say(_summary(counts))
    if flawed or any(counts[state] for state in HARM):
        raise SystemExit(DAMAGED)


def rest_command(after: str, rate: str, data: Path | None) -> str:
    """Return the command that goes on after a digest, with the same options, as a shell takes it."""
    given = {"--after": after, "--rate": rate, "--data": data}
    options = "".join(f" {option} {shlex.quote(str(value))}" for option, value in given.items() if value)
    return f"modicum-server verify{options}"


def _read_heads(path: Path) -> tuple[Seal, ...]:
    """Return the heads in a file that `heads` wrote, or end the command with a message."""
    try:
        return tuple(_head(json.loads(line)) for line in path.read_text().splitlines() if line.strip())
    except OSError as error:
        end(USAGE, f"--heads: {path}: {error.strerror}")
    except (ValueError, KeyError, TypeError):
        end(USAGE, f"--heads: {path}: expected lines that `modicum-server trail heads` printed")


def _head(told: dict[str, object]) -> Seal:
    project, sequence, digest = told["project"], told["sequence"], told["hash"]
    if not (isinstance(project, str) and isinstance(sequence, int) and isinstance(digest, str)):
        raise TypeError
    return Seal(project, sequence, 0, digest)


async def _trail_has_flaws(settings: Settings, known_heads: Sequence[Seal]) -> bool:
    """Print what is wrong with the trail; whether anything is.

    Raises:
        DependencyUnavailable
    """
    from modicum_server.bootstrap import open_store

    async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
        await store.require_schema()
        return await trail_has_flaws(store, known_heads=known_heads)


async def _run(settings: Settings, seen: Seen, bytes_per_second: float | None) -> None:
    """Print what is damaged.

    Raises:
        Stopped: SIGINT or SIGTERM came.
        DependencyUnavailable
    """
    from modicum_server.artifacts.store import open_artifact_store
    from modicum_server.bootstrap import open_store, refuse_mixed_stores

    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    async def pause(seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await stop.wait()
        if stop.is_set():
            raise Stopped

    async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
        await store.require_schema()
        artifacts = open_artifact_store(settings.artifacts_url)
        await refuse_mixed_stores(store, artifacts, settings)
        say(ROW.format("STATE", "DIGEST", "BYTES", "HELD BY"))
        checks = verified(store, artifacts, after=seen.last, bytes_per_second=bytes_per_second, sleep=pause)
        async with aclosing(checks) as found:
            async for one in found:
                seen.note(one)
                if one.state is not State.WHOLE:
                    say(_row(one))
                await pause(0.0)  # a signal is heeded also where there are no bytes to read


def _row(one: Checked) -> str:
    held = ", ".join(one.projects) or "-"
    size = "-" if one.state is State.ORPHANED else f"{one.size_bytes:,}"
    return ROW.format(one.state, one.digest, size, held)


def _summary(counts: "Counter[State]") -> str:
    kinds = (*HARM, State.ORPHANED)
    return f"{sum(counts.values()):,} artifacts: " + ", ".join(f"{counts[kind]:,} {kind.lower()}" for kind in kinds)
