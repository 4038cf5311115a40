"""How many uploads of a project, and of a principal in it, may be unfinished. Each is a file."""

from modicum_server.ports import Unfinished
from modicum_server.settings import Settings
from modicum_server.usecases.limit_errors import ProjectFull


def require_another(others: Unfinished, project: str, principal: str, settings: Settings) -> None:
    """Refuse an upload of a project, or of a principal, that has too many unfinished ones besides it.

    Raises:
        ProjectFull
    """
    _require(others.count, settings.max_unfinished_uploads, project)
    whose = f"{principal} in {project}"
    _require(others.count_of_principal, settings.max_unfinished_uploads_per_principal, whose)


def _require(count: int, most: int, whose: str) -> None:
    if count >= most:
        raise ProjectFull(
            f"{whose} may have {most:,} unfinished uploads; finish one of them, wait a week until they are deleted, "
            "or ask the operator for more"
        )
