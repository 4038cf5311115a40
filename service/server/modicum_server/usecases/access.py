"""Who may do what. Every use case asks here first."""

import hashlib
from collections.abc import Mapping

from modicum_server.domain.projects import Principal, Role
from modicum_server.errors import ProjectNotFound, RoleInsufficient

#: The services of the contract that only admins may call.
OF_ADMINS = frozenset({"AccessService", "ErasureService", "HoldService", "TrustService"})
_RANKS: Mapping[Role, int] = {Role.VIEWER: 0, Role.AUDITOR: 1, Role.ADMIN: 2}


def token_digest(token: str) -> str:
    """Return the digest under which a bearer token is stored: SHA-256 of its UTF-8, in hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def authorise_body(principal: Principal, project: str, service: str) -> None:
    """Refuse a request with a body before it is read: each of them changes something, which a viewer may not.

    Those of members, tokens, trust rules, erasures and holds need an admin.

    Raises:
        ProjectNotFound, RoleInsufficient
    """
    authorise(principal, project, Role.ADMIN if service in OF_ADMINS else Role.AUDITOR)


def rank(role: Role) -> int:
    """Return the place of a role in their order."""
    return _RANKS[role]


def covers(now: Principal | None, before: Principal) -> bool:
    """Return whether a principal still has at least the roles that it had before. None has none."""
    if now is None:
        return False
    held = {project: _RANKS[role] for project, role in now.roles.items()}
    return all(held.get(project, -1) >= _RANKS[role] for project, role in before.roles.items())


def may(principal: Principal, project: str, role: Role) -> bool:
    """Return whether a principal has at least this role in a project."""
    held = principal.roles.get(project)
    return held is not None and _RANKS[held] >= _RANKS[role]


def authorise(principal: Principal, project: str, role: Role) -> None:
    """Refuse a principal that has a lower role in the project than this one.

    Raises:
        ProjectNotFound: the principal has no role there. The message does not reveal whether the project exists.
        RoleInsufficient: the role is too low.
    """
    held = principal.roles.get(project)
    if held is None:
        raise ProjectNotFound(f"{project}: this project does not exist, or {principal.name} has no role in it")
    if _RANKS[held] < _RANKS[role]:
        raise RoleInsufficient(
            f"this needs the role {role} in {project}, but {principal.name} is {held}; ask an admin of the project",
            project=project,
            role=role,
        )
