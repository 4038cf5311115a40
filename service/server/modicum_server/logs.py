"""Log lines of a process, on stderr: JSON, those of its libraries too; or words for a person at a terminal."""

import logging
import sys
import threading
from typing import TextIO, cast

import structlog

#: Libraries whose INFO lines say nothing that ours do not.
QUIET = ("alembic", "procrastinate", "uvicorn")
#: Characters that wait at most while a log cannot be written.
MOST_WAITING = 1 << 18
#: asyncio says this, with a traceback, for each connection that it could not take in.
NO_MORE_FILES = "socket.accept() out of system resource"
NO_MORE_FILES_SECONDS = 5.0


class Seldom(logging.Filter):
    """Lets a message that begins with `words` pass once in `seconds`, without its traceback; all others always."""

    def __init__(self, words: str, seconds: float) -> None:
        super().__init__()
        self._words = words
        self._seconds = seconds
        self._passed = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it passes."""
        if not record.getMessage().startswith(self._words):
            return True
        if record.created - self._passed < self._seconds:
            return False
        self._passed = record.created
        record.msg, record.args, record.exc_info = self._words, (), None
        return True


class WaitingLines:
    """stderr, on which lines that cannot be written wait for the next ones: a full disk must not end the work."""

    def __init__(self) -> None:
        self._waiting = ""
        self._lock = threading.Lock()  # loggers lock what they write to, each for itself

    def write(self, text: str) -> None:
        """Take text; the oldest that waits is lost when there is too much."""
        with self._lock:
            self._waiting = (self._waiting + text)[-MOST_WAITING:]

    def flush(self) -> None:
        """Write what waits, if that can be."""
        with self._lock:
            try:
                sys.stderr.write(self._waiting)
                sys.stderr.flush()
            except OSError:
                return
            self._waiting = ""


def log_for_people() -> None:
    """Write our log lines to stderr as a person at a terminal reads them: stdout is for what a command answers."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))


def log_as_json() -> None:
    """Write every log line as one JSON object a line."""
    stream = cast("TextIO", WaitingLines())  # all of it that a logger uses
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
