"""Log lines of a process on stderr: JSON (also from its libraries), or plain text for a person at a terminal."""

import contextlib
import logging
import sys
import threading
from typing import TextIO, cast

import structlog

#: Libraries whose INFO lines add nothing to ours.
QUIET = ("alembic", "uvicorn")
#: Most bytes that wait while the log cannot be written.
MOST_WAITING = 1 << 18
#: asyncio logs this, with a traceback, for each connection that it could not accept.
NO_MORE_FILES = "socket.accept() out of system resource"
NO_MORE_FILES_SECONDS = 5.0
#: gRPC raises an error of this class, into the log, for each call whose caller leaves while the reply is being sent.
CALL_BROKEN_OFF = "ExecuteBatchError"
CALL_BROKEN_OFF_SECONDS = 60.0


class Seldom(logging.Filter):
    """Lets some records pass once in `seconds`, with `words` and without traceback. All others always pass.

    These are messages that begin with the words or, with `error`, all errors of the class of that name.
    """

    def __init__(self, words: str, seconds: float, *, error: str | None = None) -> None:
        super().__init__()
        self._words = words
        self._error = error
        self._seconds = seconds
        self._passed = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record passes."""
        if not self._is_seldom(record):
            return True
        if record.created - self._passed < self._seconds:
            return False
        self._passed = record.created
        record.msg, record.args, record.exc_info = self._words, (), None
        return True

    def _is_seldom(self, record: logging.LogRecord) -> bool:
        if self._error is None:
            return record.getMessage().startswith(self._words)
        raised = record.exc_info[0] if record.exc_info else None
        return raised is not None and raised.__name__ == self._error


class WaitingLines:
    """stderr. Lines that cannot be written wait for the next ones, because a full disk must not end the work."""

    def __init__(self) -> None:
        self._waiting = b""
        self._lock = threading.Lock()  # loggers lock their stream, each for itself

    def write(self, text: str) -> None:
        """Take text. When too much waits, the oldest is lost."""
        with self._lock:
            self._waiting = (self._waiting + text.encode(errors="backslashreplace"))[-MOST_WAITING:]

    def flush(self) -> None:
        """Write what waits, as far as possible."""
        with self._lock, contextlib.suppress(OSError):
            while self._waiting:
                self._waiting = self._waiting[_written(self._waiting) :]


def _written(data: bytes) -> int:
    """Write some bytes to stderr; return how many. Python's own buffer would keep what failed, and write it twice.

    Raises:
        OSError: none could be written.
    """
    unbuffered = getattr(getattr(sys.stderr, "buffer", None), "raw", None)
    if unbuffered is None:
        sys.stderr.write(data.decode(errors="replace"))
        sys.stderr.flush()
        return len(data)
    written: int | None = unbuffered.write(data)
    if written is None:
        raise BlockingIOError
    return written


def log_for_people() -> None:
    """Write our log lines to stderr as plain text. A command's result goes to stdout."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def log_as_json() -> None:
    """Write every log line as one JSON object."""
    stream = cast("TextIO", WaitingLines())  # all that a logger uses of a stream
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("asyncio").addFilter(Seldom(NO_MORE_FILES, NO_MORE_FILES_SECONDS))
    words = "callers broke off calls while the reply was being sent"
    handler.addFilter(Seldom(words, CALL_BROKEN_OFF_SECONDS, error=CALL_BROKEN_OFF))
