"""What the operator of a server does with tokens, from its own shell: no role is asked for."""

from datetime import UTC, datetime, timedelta

from modicum_server.domain.access import NewToken, Revoked, Token
from modicum_server.domain.projects import Role
from modicum_server.errors import TokenNotFound
from modicum_server.ports import Store
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import new_token_id
from modicum_server.usecases.resource_names import DEFAULT_PROJECT
from modicum_server.usecases.rules import check
from modicum_server.usecases.token_making import DEFAULT_LIFETIME, MadeToken, make_token, other_role, replace_token

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

        `lifetime`: None for a token that does not expire. `project_only`: it is good in this project alone; otherwise
        it carries all grants of its principal.

        Raises:
            FieldInvalid, ProjectNotFound
            MemberExists: the principal has another role in the project.
        """
        check("principal", principal)
        check("display_name", display_name)
        check("project_id", project.removeprefix("projects/"))
        expire_time = None if lifetime is None else datetime.now(UTC) + lifetime
        async with self._store.transaction() as transaction:
            held = await transaction.access.grant(principal, project, role)
            if held is not role:
                raise other_role(principal, held, project, role)
            return await make_token(
                transaction,
                principal,
                project=project if project_only else "",
                display_name=display_name,
                expire_time=expire_time,
            )

    async def list(self, principal: str = "") -> list[Token]:
        """List the tokens of a principal, or all."""
        async with self._store.transaction() as transaction:
            return await transaction.access.all_tokens(principal)

    async def revoke_principal(self, principal: str) -> Revoked:
        """Delete all tokens and all grants of a principal; returns them."""
        async with self._store.transaction() as transaction:
            return await transaction.access.revoke(principal)

    async def revoke(self, token_id: str) -> Token:
        """Delete one token. Its principal keeps its grants.

        Raises:
            TokenNotFound
        """
        async with self._store.transaction() as transaction:
            token = _require(await transaction.access.token(token_id), token_id)
            await transaction.access.delete_token(token_id)
            return token

    async def rotate(self, token_id: str, *, overlap_seconds: int = 0) -> MadeToken:
        """Make a token like this one, which expires after the overlap.

        Raises:
            FieldInvalid, TokenNotFound
        """
        check("overlap_seconds", overlap_seconds)
        async with self._store.transaction() as transaction:
            old = _require(await transaction.access.token(token_id), token_id)
            return await replace_token(transaction, old, project=old.project, overlap_seconds=overlap_seconds)


async def admit_local(store: Store, secret: str) -> None:
    """Make the token of a local server's folder good, and its principal an admin of the default project.

    It does not expire. Tokens that this folder had before end.
    """
    digest = token_digest(secret)
    new = NewToken(new_token_id(), LOCAL_PRINCIPAL, display_name=LOCAL_NAME)
    async with store.transaction() as transaction:
        if await transaction.access.grant(LOCAL_PRINCIPAL, DEFAULT_PROJECT, Role.ADMIN) is not Role.ADMIN:
            await transaction.access.change_role(LOCAL_PRINCIPAL, DEFAULT_PROJECT, Role.ADMIN)
        await transaction.access.add_token(digest, new)
        await transaction.access.delete_tokens_named(LOCAL_PRINCIPAL, LOCAL_NAME, but=digest)


def _require(token: Token | None, token_id: str) -> Token:
    if token is None:
        raise TokenNotFound(f"there is no token {token_id[:80]!r}; `modicum-server token list` shows them")
    return token
