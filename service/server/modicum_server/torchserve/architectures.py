"""Finds out which architectures can be built here, in a short process that imports their packages."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import structlog

from modicum_server.domain.buildable import Families
from modicum_server.domain.documents import FAMILIES
from modicum_server.processes.locked_folders import create_locked_folder

LOOK: Sequence[str] = (sys.executable, "-m", "modicum_server.model_process.buildable")
LONGEST_SECONDS = 300.0
LARGEST_BYTES = 4 * 1024 * 1024

log = structlog.get_logger(__name__)


async def look(
    command: Sequence[str] = LOOK, seconds: float = LONGEST_SECONDS, *, largest_bytes: int = LARGEST_BYTES
) -> Families | None:
    """Return what can be built; None where the process failed, or took or said too much. The log says why.

    The process has a temporary folder of its own, in which the packages leave what they like.
    """
    folder = create_locked_folder("modicum-look-")
    try:
        async with asyncio.timeout(seconds):
            return FAMILIES.validate_json(await _said(command, folder.path, largest_bytes))
    except (TimeoutError, ValueError) as error:
        log.warning("architectures_unknown", error=str(error) or type(error).__name__)
        return None
    finally:
        folder.delete()


async def _said(command: Sequence[str], folder: Path, largest_bytes: int) -> bytes:
    """Return what a process prints until it ends. It is killed if nobody waits any longer.

    Raises:
        ValueError: it failed, or printed too much.
    """
    pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        *command, stdin=nothing, stdout=pipe, stderr=nothing, env={**os.environ, "TMPDIR": str(folder)}
    )
    assert process.stdout is not None, "it was asked for"
    try:
        said = b""
        while more := await process.stdout.read(largest_bytes):
            said += more
            if len(said) > largest_bytes:
                raise ValueError(f"it printed more than {largest_bytes} bytes")
        if await process.wait() != 0:
            raise ValueError(f"it ended with exit code {process.returncode}")
        return said
    finally:
        if process.returncode is None:
            process.kill()
        while await process.stdout.read(largest_bytes):
            pass  # the process has not ended for asyncio before its pipe was read to the end
        await process.wait()
