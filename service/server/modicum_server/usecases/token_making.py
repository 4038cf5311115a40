"""Makes tokens and stores them. Who may have one is decided before."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modicum_server.domain.access import NewToken, Token
from modicum_server.errors import MemberExists
from modicum_server.ports import Transaction
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import new_token, new_token_id

#: How long a token is valid if nobody says otherwise.
DEFAULT_LIFETIME = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class MadeToken:
    """A token with its secret, which is shown once."""

    token: Token
    secret: str


async def make_token(
    transaction: Transaction,
    principal: str,
    *,
    project: str,
    display_name: str,
    expire_time: datetime | None,
    trust_rule: str = "",
    reads_metrics: bool = False,
) -> MadeToken:
    """Store a new token. `project`: the only one in which it is valid, or empty. `trust_rule`: of a job's token.

    `reads_metrics`: it is valid for the metrics of all projects, and for nothing else.
    """
    secret = new_token()
    new = NewToken(
        new_token_id(),
        principal,
        display_name=display_name,
        project=project,
        expire_time=expire_time,
        trust_rule=trust_rule,
        reads_metrics=reads_metrics,
    )
    token = await transaction.access.add_token(token_digest(secret), new)
    assert token is not None, "238 random bits do not repeat"
    return MadeToken(token, secret)


async def replace_token(transaction: Transaction, old: Token, *, project: str, overlap_seconds: int) -> MadeToken:
    """Make a token of the same principal, name and lifetime, and let the old one expire after the overlap."""
    now = datetime.now(UTC)
    lifetime = None if old.expire_time is None else old.expire_time - old.create_time
    made = await make_token(
        transaction,
        old.principal,
        project=project,
        display_name=old.display_name,
        expire_time=None if lifetime is None else now + lifetime,
        trust_rule=old.trust_rule,
        reads_metrics=old.reads_metrics,
    )
    await transaction.access.expire_token(old.id, now + timedelta(seconds=overlap_seconds))
    return made


def other_role(principal: str, held: str, project: str, wanted: str) -> MemberExists:
    """Return the refusal of a role for a principal that has another one."""
    return MemberExists(
        f"{principal} has the role {held} in {project} and cannot have {wanted} as well; change the role with "
        "`modicum members set-role`, or revoke all that the principal has with `modicum-server token revoke`",
        role=held,
    )
