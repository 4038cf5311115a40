"""Tokens with a role, as an operator makes them."""

from modicum_server.domain.access import NewToken
from modicum_server.domain.projects import Role
from modicum_server.ports import Transaction
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import new_token_id


async def add_token(transaction: Transaction, secret: str, *, principal: str, project: str, role: Role) -> None:
    """Give the principal the role, and store a token that carries all of its grants, unless that is stored already."""
    await transaction.access.grant(principal, project, role)
    await transaction.access.add_token(token_digest(secret), NewToken(new_token_id(), principal))
