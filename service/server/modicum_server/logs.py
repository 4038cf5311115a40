"""Log lines of a process: JSON on stderr, also those of the libraries that it uses."""

import contextlib
import logging
import sys
from typing import TextIO, cast

import structlog

#: Libraries whose INFO lines say nothing that ours do not.
QUIET = ("alembic", "procrastinate", "uvicorn")


class DiskIndependent:
    """stderr, on which a line that cannot be written is lost: a full disk must not end the work that it tells of."""

    def write(self, text: str) -> None:
        """Write, if that can be."""
        with contextlib.suppress(OSError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Write what waits, if that can be; it waits on otherwise."""
        with contextlib.suppress(OSError):
            sys.stderr.flush()


def log_as_json() -> None:
    """Write every log line as one JSON object a line."""
    stream = cast("TextIO", DiskIndependent())  # all of it that a logger uses
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
