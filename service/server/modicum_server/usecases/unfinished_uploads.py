"""How many uploads of a project may be unfinished. Each is a file, and each new upload looks at them all."""

from modicum_server.ports import Unfinished
from modicum_server.settings import Settings
from modicum_server.usecases.limit_errors import ProjectFull


def require_another(others: Unfinished, project: str, settings: Settings) -> None:
    """Refuse an upload of a project that has too many unfinished ones besides it.

    Raises:
        ProjectFull
    """
    if others.count >= (most := settings.max_unfinished_uploads):
        raise ProjectFull(
            f"{project} may have {most:,} unfinished uploads; go on with one of them, wait until they are forgotten "
            "after a week, or ask the operator for more"
        )
