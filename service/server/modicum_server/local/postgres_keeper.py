"""Keeps the embedded PostgreSQL running: restarts it when it dies, and gives up when it dies again and again.

When somebody else has told it to stop, it does not wait for its connections: it is killed and restarted. Each death is
reported on stderr and in PostgreSQL's own log. The first start and the stop happen elsewhere.
"""

import asyncio
import contextlib
import sys
from collections import deque
from datetime import UTC, datetime
from typing import NoReturn

from modicum_server.local.postgres import EmbeddedPostgres, EndedAtStartError
from modicum_server.local.postgres_binaries import LocalPostgresError

#: After this many ends within this time, it is given up.
MOST_ENDS = 5
ENDS_SECONDS = 300.0
PAUSE_SECONDS = 0.2
LOOK_SECONDS = 1.0


async def keep_running(
    postgres: EmbeddedPostgres, *, pause_seconds: float = PAUSE_SECONDS, look_seconds: float = LOOK_SECONDS
) -> NoReturn:
    """Restart it on the same address whenever it ends; runs until cancelled.

    Raises:
        LocalPostgresError: it ended `MOST_ENDS` times within `ENDS_SECONDS`, or does not start.
    """
    clock = asyncio.get_running_loop().time
    ends: deque[float] = deque(maxlen=MOST_ENDS)
    while True:
        code = await _end_of(postgres, look_seconds)
        ends.append(clock())
        if len(ends) == MOST_ENDS and ends[-1] - ends[0] < ENDS_SECONDS:
            raise LocalPostgresError(
                f"PostgreSQL ended {MOST_ENDS} times within {ENDS_SECONDS / 60:.0f} minutes, "
                f"the last time with exit code {code}; see its log, {postgres.log}"
            )
        _say(postgres, f"PostgreSQL ended with exit code {code} and is being started again; its log is {postgres.log}")
        await asyncio.sleep(pause_seconds)
        with contextlib.suppress(EndedAtStartError):  # counts as one more end
            await postgres.start_again()
            _say(postgres, "PostgreSQL is running again")


async def _end_of(postgres: EmbeddedPostgres, look_seconds: float) -> int:
    """Wait until it ends, and return its exit code. Kill it when it accepts no new connections."""
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(look_seconds):
                return await postgres.ended()
        if postgres.ending:
            _say(postgres, "something else asked PostgreSQL to stop, so it accepts no connections; stopping it now")
            await postgres.end_now()


def _say(postgres: EmbeddedPostgres, words: str) -> None:
    line = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC modicum-server: {words}\n"
    with contextlib.suppress(OSError):  # a full disk or a closed terminal must not end the server
        sys.stderr.write(line)
        sys.stderr.flush()
    with contextlib.suppress(OSError), postgres.log.open("a") as log:
        log.write(line)
