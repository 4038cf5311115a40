"""The start of the `modicum` command. It handles Ctrl-C before it imports anything that takes time."""

import sys

from modicum.cli import interrupts, streams


def main() -> None:
    """Run the command. From here on, SIGINT and SIGTERM end it with exit code 130 and a message."""
    interrupts.exit_at_once()
    streams.open_closed()
    # jsonschema imports it where Jupyter installed it: two seconds for a format of text that no schema of ours has.
    sys.modules["rfc3987_syntax"] = None  # type: ignore[assignment]
    from modicum.cli.command import app  # noqa: PLC0415  # takes most of a second; an interrupt need not wait for it

    app()
