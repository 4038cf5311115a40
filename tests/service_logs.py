"""Shows what the service wrote where a test fails: its files are gone when somebody looks at the failure."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LINES, CHARACTERS = 20, 300
_folders: list[Path] = []


@contextmanager
def shown(folder: Path) -> Iterator[None]:
    """Show the ends of the logs below this folder with each test that fails in the block, and with its own error."""
    _folders.append(folder)
    try:
        yield
    except Exception as error:  # of a fixture: no test has failed yet
        for title, text in ends():
            error.add_note(f"{title}\n{text}")
        raise
    finally:
        _folders.remove(folder)


def ends() -> list[tuple[str, str]]:
    """The path and the last lines of each log."""
    logs = sorted(log for folder in _folders for log in folder.rglob("*.log") if log.stat().st_size)
    return [(f"the end of {log}", _end(log)) for log in logs]


def _end(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()[-LINES:]
    return "\n".join(line[:CHARACTERS] for line in lines)
