"""The exchange of a job's identity token for a token of a project (RFC 8693 in form). Its caller has no token yet.

A refusal says nothing of the project that a stranger could not know: whether it exists, or which rules it has.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from modicum.resource_names import NOT_PLAIN

from modicum_server.domain.projects import NOWHERE, Origin, Principal
from modicum_server.domain.trail import Verb
from modicum_server.domain.trust import ExchangeOutcome, Identity, TrustRule
from modicum_server.errors import FieldInvalid
from modicum_server.ports import (
    IdentityNotTrusted,
    IdentityTokenInvalid,
    IdentityTokens,
    IdentityTokenUsed,
    IssuerUnavailable,
    Store,
)
from modicum_server.usecases.access import rank
from modicum_server.usecases.places import Places
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import LONGEST_TOKEN_NAME_CHARACTERS, shown
from modicum_server.usecases.token_making import MadeToken, make_token
from modicum_server.usecases.trail import record

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPES = ("urn:ietf:params:oauth:token-type:id_token", "urn:ietf:params:oauth:token-type:jwt")
MOST_AT_ONCE = 64
#: How long a used identity token is remembered after its end: longer than clocks may differ.
REMEMBERED_SECONDS = 300

_OUTCOMES = {
    IdentityTokenInvalid: ExchangeOutcome.INVALID,
    IdentityNotTrusted: ExchangeOutcome.NOT_TRUSTED,
    IdentityTokenUsed: ExchangeOutcome.USED,
    IssuerUnavailable: ExchangeOutcome.KEYS_UNAVAILABLE,
}


@dataclass(frozen=True, slots=True)
class Exchanged:
    """The token of a job, with its secret, and the rule that gave it."""

    made: MadeToken
    rule: TrustRule


OnExchange = Callable[[ExchangeOutcome, Exchanged | None], None]


class TokenExchange:
    """Exchanges identity tokens. `on_exchange` hears how each ended."""

    def __init__(self, store: Store, identity_tokens: IdentityTokens, *, on_exchange: OnExchange) -> None:
        self._store = store
        self._identity_tokens = identity_tokens
        self._on_exchange = on_exchange
        self._places = Places(MOST_AT_ONCE, share="exchanges", doing="exchanging {} identity tokens")

    async def exchange(
        self, parent: str, *, grant_type: str, token: str, token_type: str, origin: Origin = NOWHERE
    ) -> Exchanged:
        """Make a token with the role of the rule that trusts the job; of several, the one with the highest role.

        Raises:
            FieldInvalid, IdentityTokenInvalid, IdentityNotTrusted, IdentityTokenUsed, IssuerUnavailable
            ShareExceeded: too many are exchanged at once.
        """
        project = project_of("project", parent, "parent")
        _check_one_of("grant_type", grant_type, (GRANT_TYPE,))
        _check_one_of("subject_token_type", token_type, TOKEN_TYPES)
        if not token:
            raise FieldInvalid("subject_token", "expected the identity token of the job; none came")
        try:
            with self._places.place():
                exchanged = await self._exchange(project, token, origin)
        except tuple(_OUTCOMES) as error:
            self._on_exchange(_OUTCOMES[type(error)], None)
            raise
        self._on_exchange(ExchangeOutcome.EXCHANGED, exchanged)
        return exchanged

    async def _exchange(self, project: str, token: str, origin: Origin) -> Exchanged:
        issuer = self._identity_tokens.issuer_of(token)
        async with self._store.transaction() as transaction:
            rules = await transaction.trust.of_issuer(project, issuer)
        audiences = [rule.audience for rule in rules]
        identity = await self._identity_tokens.verified(token, issuer=issuer, audiences=audiences)
        trusting = [rule for rule in rules if rule.trusts(identity)]
        if not trusting:
            raise IdentityNotTrusted.of(identity)
        return await self._make(max(trusting, key=lambda rule: rank(rule.role)), project, identity, origin)

    async def _make(self, rule: TrustRule, project: str, identity: Identity, origin: Origin) -> Exchanged:
        remembered = identity.expire_time + timedelta(seconds=REMEMBERED_SECONDS)
        async with self._store.transaction() as transaction:
            if await transaction.trust.get(rule.name) is None:
                raise IdentityNotTrusted.of(identity)
            if not await transaction.trust.use_up(_digest(identity), remembered):
                raise IdentityTokenUsed
            await transaction.trust.forget_job_tokens()
            made = await make_token(
                transaction,
                rule.principal,
                project=project,
                display_name=_shown_subject(identity),
                expire_time=datetime.now(UTC) + timedelta(seconds=rule.lifetime_seconds),
                trust_rule=rule.name,
            )
            job = Principal(rule.principal, {project: rule.role}, made.token.id, origin=origin)
            name = f"{project}/tokens/{made.token.id}"
            await record(transaction, job, Verb.EXCHANGE_TOKEN, name, f"{rule.name}: {made.token.display_name}")
        return Exchanged(made, rule)


def _check_one_of(field: str, value: str, expected: tuple[str, ...]) -> None:
    if value not in expected:
        raise FieldInvalid(field, f"expected {' or '.join(expected)}, got {shown(value)}")


def _digest(identity: Identity) -> str:
    return hashlib.sha256(f"{identity.issuer}\n{identity.token_id}".encode()).hexdigest()


def _shown_subject(identity: Identity) -> str:
    """Return the subject as the name of a token: whom a list of tokens shows."""
    return NOT_PLAIN.sub(" ", identity.subject)[:LONGEST_TOKEN_NAME_CHARACTERS]
