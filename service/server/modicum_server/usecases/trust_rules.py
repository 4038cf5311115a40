"""Trust rules of a project: which jobs of a pipeline may log in. Its admins decide on them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.domain.trust import IMMUTABLE_CLAIMS, Claim, NewTrustRule, TrustRule
from modicum_server.errors import FieldInvalid
from modicum_server.ports import Store, TrustRuleExists, TrustRuleNotFound, TrustRulesFull
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check, failing, refuse_first, shown
from modicum_server.usecases.trail import record

MOST_RULES = 100
DEFAULT_LIFETIME_SECONDS = 1800
ROLES_OF_JOBS = (Role.VIEWER, Role.AUDITOR)
#: Claims that every token has, and that are compared otherwise.
REGISTERED_CLAIMS = frozenset({"iss", "aud", "exp", "nbf", "iat", "jti"})
WILDCARDS = frozenset("*?")


@dataclass(frozen=True, slots=True)
class AskedRule:
    """A rule that is to be made. `role` is None where none was given; a lifetime of 0 means the default one."""

    rule_id: str
    issuer: str
    audience: str
    claims: Sequence[Claim]
    role: Role | None
    lifetime_seconds: int


class TrustRules:
    """Lists, makes and deletes trust rules."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._issuers = settings.trusted_issuers

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[TrustRule]:
        """List the rules by id.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, PageTokenInvalid
        """
        project = _administered(principal, parent)
        async with self._store.transaction() as transaction:
            return await read_page(request, f"trust rules of {project}", partial(transaction.trust.page, project))

    def mistakes(self, asked: AskedRule) -> Iterator[FieldInvalid]:
        """Yield what is wrong with the fields of a rule, without a look at what is stored."""
        return failing(
            partial(check, "trust_rule_id", asked.rule_id, "resource_id"),
            partial(check, "trust_rule.audience", asked.audience),
            partial(check, "trust_rule.lifetime_seconds", asked.lifetime_seconds),
            partial(self._check_issuer, asked.issuer),
            partial(_check_claims, asked.claims),
            partial(_of_job, asked.role),
        )

    async def create(self, principal: Principal, parent: str, asked: AskedRule) -> TrustRule:
        """Make a rule. One that is equal already is returned.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, TrustRuleExists, TrustRulesFull
        """
        project = _administered(principal, parent)
        refuse_first(self.mistakes(asked))
        new = NewTrustRule(
            f"{project}/trustRules/{asked.rule_id}",
            issuer=asked.issuer,
            audience=asked.audience,
            claims=tuple(sorted(asked.claims, key=lambda claim: claim.name)),
            role=_of_job(asked.role),
            lifetime_seconds=asked.lifetime_seconds or DEFAULT_LIFETIME_SECONDS,
            creator=principal.name,
        )
        async with self._store.transaction() as transaction:
            stored = await transaction.trust.get(new.name)
            if stored is None and await transaction.trust.count(project) >= MOST_RULES:
                raise TrustRulesFull(f"{project} has {MOST_RULES} trust rules, the most it can have; delete one first")
            made = stored or await transaction.trust.add(new)
            if stored is None and made is not None:
                await record(transaction, principal, Verb.CREATE_TRUST_RULE, new.name, f"{new.role} for {new.issuer}")
        if made is None or not _same(made, new):
            raise TrustRuleExists(f"{new.name} exists with other values; delete it first, or choose another id")
        return made

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a rule, and the tokens that it gave.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, TrustRuleNotFound
        """
        authorise(principal, project_of("trust rule", name), Role.ADMIN)
        async with self._store.transaction() as transaction:
            if not await transaction.trust.delete(name):
                raise TrustRuleNotFound(f"there is no trust rule {name}; `modicum trust list` shows them")
            await record(transaction, principal, Verb.DELETE_TRUST_RULE, name)

    def _check_issuer(self, issuer: str) -> None:
        if issuer not in self._issuers:
            allowed = ", ".join(self._issuers) or "none yet: its operator lists them in MODICUM_TRUSTED_ISSUERS"
            raise FieldInvalid(
                "trust_rule.issuer", f"expected an issuer that this server accepts ({allowed}), got {shown(issuer)}"
            )


def _administered(principal: Principal, parent: str) -> str:
    project = project_of("project", parent, "parent")
    authorise(principal, project, Role.ADMIN)
    return project


def _of_job(role: Role | None) -> Role:
    if role not in ROLES_OF_JOBS:
        wrong = "missing or unknown" if role is None else f"a job cannot be an {role}"
        raise FieldInvalid("trust_rule.role", f"{wrong}; expected ROLE_VIEWER or ROLE_AUDITOR")
    return role


def _check_claims(claims: Sequence[Claim]) -> None:
    """Refuse claims that could fit somebody else's job.

    Raises:
        FieldInvalid
    """
    check("trust_rule.claims", claims)
    for place, claim in enumerate(claims):
        field = f"trust_rule.claims[{place}]"
        check(f"{field}.name", claim.name, "claim_name")
        check(f"{field}.value", claim.value, "claim_value")
        if claim.name in REGISTERED_CLAIMS:
            raise FieldInvalid(f"{field}.name", f"{claim.name} is always compared; leave it out")
        if WILDCARDS & set(claim.value):
            raise FieldInvalid(
                f"{field}.value", f"wildcards are not supported; give the whole value; got {shown(claim.value)}"
            )
    names = [claim.name for claim in claims]
    if len(set(names)) < len(names):
        raise FieldInvalid("trust_rule.claims", "expected each name once")
    if not set(names) & set(IMMUTABLE_CLAIMS):
        raise FieldInvalid(
            "trust_rule.claims",
            "expected the id of an owner or a repository, which stays when names change hands: one of "
            f"{', '.join(IMMUTABLE_CLAIMS)}",
        )


def _same(rule: TrustRule, new: NewTrustRule) -> bool:
    return all(
        getattr(rule, field) == getattr(new, field)
        for field in ("issuer", "audience", "claims", "role", "lifetime_seconds")
    )
