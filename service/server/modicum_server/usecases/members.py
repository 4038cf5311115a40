"""The members of a project, and their tokens for it. Its admins decide on both."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from modicum_server.domain.access import Grant, Token
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import FieldInvalid, LastAdmin, MemberNotFound, TokenNotFound, TokenShared
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import PRINCIPAL, check, failing, refuse_first
from modicum_server.usecases.token_making import DEFAULT_LIFETIME, MadeToken, make_token, other_role, replace_token
from modicum_server.usecases.trail import record

LONGEST_LIFETIME = timedelta(days=366)


class Members:
    """Lists, adds and removes members of a project, and changes their roles."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[Grant]:
        """List the members by name.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, PageTokenInvalid
        """
        project = _administered(principal, parent)
        async with self._store.transaction() as transaction:
            return await read_page(
                request,
                f"members of {project}",
                partial(transaction.access.members, project),
                keys=PRINCIPAL,
            )

    async def add(self, principal: Principal, parent: str, member_id: str, role: Role | None) -> Grant:
        """Give a principal a role. One that has it already keeps it.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient
            MemberExists: the principal has another role.
        """
        check("member_id", member_id, "principal")
        project, wanted = _administered(principal, parent), _given(role, "member.role")
        async with self._store.transaction() as transaction:
            is_new = await transaction.access.member(project, member_id) is None
            held = await transaction.access.grant(member_id, project, wanted)
            if held is not wanted:
                raise other_role(member_id, held, project, wanted)
            if is_new:
                await record(transaction, principal, Verb.CREATE_MEMBER, f"{project}/members/{member_id}", wanted)
        return Grant(member_id, project, wanted)

    async def set_role(self, principal: Principal, name: str, role: Role | None) -> Grant:
        """Change the role of a member.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, MemberNotFound
            LastAdmin: it is the only admin.
        """
        project, member, wanted = project_of("member", name), _last(name), _given(role, "role")
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            await _leave_an_admin(transaction, project, "" if wanted is Role.ADMIN else member)
            await _require_member(transaction, project, member)
            await transaction.access.change_role(member, project, wanted)
            await record(transaction, principal, Verb.SET_MEMBER_ROLE, name, wanted)
        return Grant(member, project, wanted)

    async def remove(self, principal: Principal, name: str) -> None:
        """Remove a member, with its tokens for this project alone.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, MemberNotFound
            LastAdmin: it is the only admin.
        """
        project, member = project_of("member", name), _last(name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            await _leave_an_admin(transaction, project, member)
            await _require_member(transaction, project, member)
            await transaction.access.remove_member(project, member)
            await record(transaction, principal, Verb.DELETE_MEMBER, name)


class Tokens:
    """Lists, makes, replaces and revokes tokens that are valid in a project."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def principals(self, token_ids: Sequence[str]) -> Sequence[Principal]:
        """Return the principals of those of these tokens that are valid, with their roles of now."""
        async with self._store.transaction() as transaction:
            return await transaction.access.principals(token_ids)

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[Token]:
        """List the tokens by id, with those that have expired.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, PageTokenInvalid
        """
        project = _administered(principal, parent)
        async with self._store.transaction() as transaction:
            return await read_page(request, f"tokens of {project}", partial(transaction.access.tokens, project))

    async def create(
        self, principal: Principal, parent: str, member: str, *, display_name: str, expire_time: datetime | None
    ) -> MadeToken:
        """Make a token of a member, valid in this project alone. Without an `expire_time` it expires in 90 days.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, MemberNotFound
        """
        refuse_first(token_mistakes(member, display_name))
        ending = _checked_end(expire_time)
        project = _administered(principal, parent)
        async with self._store.transaction() as transaction:
            await _require_member(transaction, project, member)
            made = await make_token(transaction, member, project=project, display_name=display_name, expire_time=ending)
            await record(transaction, principal, Verb.CREATE_TOKEN, f"{project}/tokens/{made.token.id}", member)
        return made

    async def rotate(self, principal: Principal, name: str, overlap_seconds: int) -> MadeToken:
        """Make a token like this one, valid in this project alone; this one expires after the overlap.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, TokenNotFound
            TokenShared: it is also valid in other projects.
        """
        project = project_of("token", name)
        check("overlap_seconds", overlap_seconds)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            old = await _require_token(transaction, project, _last(name))
            made = await replace_token(transaction, old, project=project, overlap_seconds=overlap_seconds)
            await record(transaction, principal, Verb.ROTATE_TOKEN, name, f"{old.principal}, now {made.token.id}")
        return made

    async def delete(self, principal: Principal, name: str) -> None:
        """Revoke a token.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, TokenNotFound
            TokenShared: it is also valid in other projects.
        """
        project = project_of("token", name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            token = await _require_token(transaction, project, _last(name))
            await transaction.access.delete_token(token.id)
            await record(transaction, principal, Verb.DELETE_TOKEN, name, token.principal)


def _administered(principal: Principal, parent: str) -> str:
    project = project_of("project", parent, "parent")
    authorise(principal, project, Role.ADMIN)
    return project


def _last(name: str) -> str:
    return name.rsplit("/", 1)[-1]


def _given(role: Role | None, field: str) -> Role:
    if role is None:
        raise FieldInvalid(field, "missing or unknown; expected ROLE_VIEWER, ROLE_AUDITOR or ROLE_ADMIN")
    return role


def token_mistakes(member: str, display_name: str) -> Iterator[FieldInvalid]:
    """Yield what is wrong with the fields of a new token, without a look at what is stored."""
    return failing(partial(check, "token.principal", member), partial(check, "token.display_name", display_name))


def _checked_end(expire_time: datetime | None) -> datetime:
    """Return when a new token expires.

    Raises:
        FieldInvalid: it lies in the past, or more than 366 days ahead.
    """
    now = datetime.now(UTC)
    if expire_time is None:
        return now + DEFAULT_LIFETIME
    if not now < expire_time <= now + LONGEST_LIFETIME:
        raise FieldInvalid(
            "token.expire_time",
            f"expected a time in the future, at most {LONGEST_LIFETIME.days} days ahead, got {expire_time.isoformat()}",
        )
    return expire_time


async def _leave_an_admin(transaction: Transaction, project: str, member: str) -> None:
    """Refuse a change after which nobody administers the project. An empty `member` changes nothing.

    Raises:
        LastAdmin
    """
    if list(await transaction.access.lock_admins(project)) == [member]:
        raise LastAdmin(f"{member} is the only admin of {project}; make another principal an admin first")


async def _require_member(transaction: Transaction, project: str, member: str) -> Grant:
    grant = await transaction.access.member(project, member)
    if grant is None:
        raise MemberNotFound(f"{member} has no role in {project}; give it one first")
    return grant


async def _require_token(transaction: Transaction, project: str, token_id: str) -> Token:
    """Return a token that is valid in this project and in no other.

    Raises:
        TokenNotFound, TokenShared
    """
    token = await transaction.access.token(token_id)
    if token is None or token.reads_metrics or token.project not in {"", project}:
        raise TokenNotFound(f"{project} has no token {token_id}")
    if not token.project:
        projects = await transaction.access.projects_of(token.principal)
        if project not in projects:
            raise TokenNotFound(f"{project} has no token {token_id}")
        if len(projects) > 1:
            raise TokenShared(
                f"the token {token_id} is also valid in other projects. Remove {token.principal} from {project}, or "
                "ask the operator of the server to end the token"
            )
    return token
