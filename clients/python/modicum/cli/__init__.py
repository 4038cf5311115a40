"""The start of the `modicum` command. It imports nothing that takes time before Ctrl-C has its meaning."""

from modicum.cli import interrupts, streams


def main() -> None:
    """Run the command; Ctrl-C and a request to terminate end it with 130 and a word, at any time from here on."""
    interrupts.leave_at_once()
    streams.open_absent()
    from modicum.cli.command import app  # noqa: PLC0415  # most of a second, which an interrupt need not wait for

    app()
