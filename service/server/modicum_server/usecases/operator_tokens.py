"""What the operator of a server does with tokens, from its own shell: no role is asked for."""

from datetime import UTC, datetime, timedelta

from modicum_server.domain.access import NewToken, Revoked, Token
from modicum_server.domain.projects import Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import TokenNotFound
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import new_token_id
from modicum_server.usecases.resource_names import DEFAULT_PROJECT
from modicum_server.usecases.rules import check
from modicum_server.usecases.token_making import DEFAULT_LIFETIME, MadeToken, make_token, other_role, replace_token
from modicum_server.usecases.trail import THE_OPERATOR, record

LOCAL_PRINCIPAL = "local"
LOCAL_NAME = "local server"


class OperatorTokens:
    """Creates, lists, rotates and revokes tokens of any principal."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def create(
        self,
        principal: str,
        project: str,
        role: Role,
        *,
        display_name: str = "",
        lifetime: timedelta | None = DEFAULT_LIFETIME,
        project_only: bool = False,
    ) -> MadeToken:
        """Give the principal the role where it has none in the project, and make a token.

        `lifetime`: None for a token that does not expire. `project_only`: it is valid in this project alone; otherwise
        it carries all grants of its principal.

        Raises:
            FieldInvalid, ProjectNotFound
            MemberExists: the principal has another role in the project.
        """
        check("principal", principal)
        check("display_name", display_name)
        check("project_id", project.removeprefix("projects/"))
        async with self._store.transaction() as transaction:
            await _admit(transaction, principal, project, role)
            made = await make_token(
                transaction,
                principal,
                project=project if project_only else "",
                display_name=display_name,
                expire_time=_end_of(lifetime),
            )
            await record(transaction, THE_OPERATOR, Verb.CREATE_TOKEN, f"{project}/tokens/{made.token.id}", principal)
        return made

    async def create_for_metrics(
        self, principal: str, *, display_name: str = "", lifetime: timedelta | None = DEFAULT_LIFETIME
    ) -> MadeToken:
        """Make a token that shows the names of all projects in /metrics, and is valid for nothing else.

        Raises:
            FieldInvalid
        """
        check("principal", principal)
        check("display_name", display_name)
        async with self._store.transaction() as transaction:
            made = await make_token(
                transaction,
                principal,
                project="",
                display_name=display_name,
                expire_time=_end_of(lifetime),
                reads_metrics=True,
            )
            await record(transaction, THE_OPERATOR, Verb.CREATE_TOKEN, _name(made.token), principal)
        return made

    async def list(self, principal: str = "") -> list[Token]:
        """List the tokens of a principal, or all."""
        async with self._store.transaction() as transaction:
            return await transaction.access.all_tokens(principal)

    async def revoke_principal(self, principal: str) -> Revoked:
        """Delete all tokens and all grants of a principal; returns them."""
        async with self._store.transaction() as transaction:
            revoked = await transaction.access.revoke(principal)
            for grant in revoked.grants:
                gone = f"{grant.project}/members/{grant.principal}"
                await record(transaction, THE_OPERATOR, Verb.DELETE_MEMBER, gone)
            for token in revoked.tokens:
                await record(transaction, THE_OPERATOR, Verb.DELETE_TOKEN, _name(token), principal)
        return revoked

    async def revoke(self, token_id: str) -> Token:
        """Delete one token. Its principal keeps its grants.

        Raises:
            TokenNotFound
        """
        async with self._store.transaction() as transaction:
            token = _require(await transaction.access.token(token_id), token_id)
            await transaction.access.delete_token(token_id)
            await record(transaction, THE_OPERATOR, Verb.DELETE_TOKEN, _name(token), token.principal)
            return token

    async def rotate(self, token_id: str, *, overlap_seconds: int = 0) -> MadeToken:
        """Make a token like this one, which expires after the overlap.

        Raises:
            FieldInvalid, TokenNotFound
        """
        check("overlap_seconds", overlap_seconds)
        async with self._store.transaction() as transaction:
            old = _require(await transaction.access.token(token_id), token_id)
            made = await replace_token(transaction, old, project=old.project, overlap_seconds=overlap_seconds)
            replaced = f"{old.principal}, now {made.token.id}"
            await record(transaction, THE_OPERATOR, Verb.ROTATE_TOKEN, _name(old), replaced)
        return made


async def admit_local(store: Store, secret: str) -> None:
    """Make the token of a local server's folder good, and its principal an admin of the default project.

    It does not expire. Tokens that this folder had before end.
    """
    digest = token_digest(secret)
    new = NewToken(new_token_id(), LOCAL_PRINCIPAL, display_name=LOCAL_NAME)
    async with store.transaction() as transaction:
        member = f"{DEFAULT_PROJECT}/members/{LOCAL_PRINCIPAL}"
        held = await transaction.access.member(DEFAULT_PROJECT, LOCAL_PRINCIPAL)
        if held is None:
            await _admit(transaction, LOCAL_PRINCIPAL, DEFAULT_PROJECT, Role.ADMIN)
        elif held.role is not Role.ADMIN:
            await transaction.access.change_role(LOCAL_PRINCIPAL, DEFAULT_PROJECT, Role.ADMIN)
            await record(transaction, THE_OPERATOR, Verb.SET_MEMBER_ROLE, member, Role.ADMIN)
        if await transaction.access.add_token(digest, new) is not None:
            name = f"{DEFAULT_PROJECT}/tokens/{new.id}"
            await record(transaction, THE_OPERATOR, Verb.CREATE_TOKEN, name, LOCAL_PRINCIPAL)
        await transaction.access.delete_tokens_named(LOCAL_PRINCIPAL, LOCAL_NAME, but=digest)


async def _admit(transaction: Transaction, principal: str, project: str, role: Role) -> None:
    """Give the principal the role where it has none in the project.

    Raises:
        ProjectNotFound
        MemberExists: the principal has another role in the project.
    """
    is_new = await transaction.access.member(project, principal) is None
    held = await transaction.access.grant(principal, project, role)
    if held is not role:
        raise other_role(principal, held, project, role)
    if is_new:
        await record(transaction, THE_OPERATOR, Verb.CREATE_MEMBER, f"{project}/members/{principal}", role)


def _end_of(lifetime: timedelta | None) -> datetime | None:
    return None if lifetime is None else datetime.now(UTC) + lifetime


def _name(token: Token) -> str:
    """Name a token in the trail: of its only project, or of the server where it is valid in several."""
    return f"{token.project}/tokens/{token.id}" if token.project else f"tokens/{token.id}"


def _require(token: Token | None, token_id: str) -> Token:
    if token is None:
        raise TokenNotFound(f"there is no token {token_id[:80]!r}; `modicum-server token list` shows them")
    return token
