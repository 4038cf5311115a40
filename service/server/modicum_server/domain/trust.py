"""Trust in the jobs of a pipeline: which identity tokens a project exchanges for a token of its own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from modicum_server.domain.projects import Role

#: Claims that name an owner or a repository for good. Names and paths can be given to somebody else after a rename.
IMMUTABLE_CLAIMS = (
    "repository_id",  # GitHub Actions
    "repository_owner_id",
    "enterprise_id",
    "project_id",  # GitLab
    "namespace_id",
    "organization_id",  # Buildkite
    "pipeline_id",
    "oidc.circleci.com/project-id",  # CircleCI
    "oidc.circleci.com/org-id",
)
#: A principal of a job has this before the id of its rule. No member's name has a colon.
JOB_PREFIX = "job:"


class ExchangeOutcome(StrEnum):
    """How an exchange ended."""

    EXCHANGED = "exchanged"
    INVALID = "invalid"
    NOT_TRUSTED = "not_trusted"
    USED = "used"
    KEYS_UNAVAILABLE = "keys_unavailable"


@dataclass(frozen=True, slots=True)
class Identity:
    """What a verified identity token says. `claims`: those whose value is a text, a whole number, or true or false."""

    issuer: str
    audience: str
    subject: str
    token_id: str
    expire_time: datetime
    claims: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim with its whole value."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class NewTrustRule:
    """A rule to store. Fields as those of `TrustRule`."""

    name: str
    issuer: str
    audience: str
    claims: tuple[Claim, ...]
    role: Role
    lifetime_seconds: int
    creator: str


@dataclass(frozen=True, slots=True)
class TrustRule:
    """Jobs with an identity token of this issuer, for this audience, with each of these claims, get the role."""

    name: str
    issuer: str
    audience: str
    claims: tuple[Claim, ...]
    role: Role
    lifetime_seconds: int
    creator: str
    create_time: datetime

    @property
    def principal(self) -> str:
        """Who the jobs are in logs, limits and lists."""
        return f"{JOB_PREFIX}{self.name.rsplit('/', 1)[-1]}"

    def trusts(self, identity: Identity) -> bool:
        """Return whether an identity fits. Values are compared letter by letter."""
        return (identity.issuer, identity.audience) == (self.issuer, self.audience) and all(
            identity.claims.get(claim.name) == claim.value for claim in self.claims
        )
