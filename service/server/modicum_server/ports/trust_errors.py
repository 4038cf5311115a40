"""The errors of trust in pipelines, as a part of the tree in `errors`."""

from modicum_server.domain.trust import IMMUTABLE_CLAIMS, Identity
from modicum_server.errors import AlreadyExists, DependencyUnavailable, FailedPrecondition, NotFound, Unauthenticated

LONGEST_SHOWN = 100
#: Claims of a refused identity that are shown to the caller, whose own they are.
SHOWN_CLAIMS = (*IMMUTABLE_CLAIMS, "ref", "environment", "event_name", "ref_protected")


class TrustRuleNotFound(NotFound):
    """There is no trust rule with this name."""


class TrustRuleExists(AlreadyExists):
    """Another trust rule has this name. Delete it first, or choose another id."""


class TrustRulesFull(FailedPrecondition):
    """The project has the most trust rules that it can have. Delete one first."""


class IdentityTokenInvalid(Unauthenticated):
    """The identity token is not valid here."""


class IdentityNotTrusted(Unauthenticated):
    """No trust rule of this project trusts the identity token."""

    @classmethod
    def of(cls, identity: Identity) -> "IdentityNotTrusted":
        """Return the refusal of an identity. It says what the token says, and nothing of the rules of the project."""
        said = {"issuer": identity.issuer, "audience": identity.audience, "sub": identity.subject}
        said |= {name: identity.claims[name] for name in SHOWN_CLAIMS if name in identity.claims}
        shown = ", ".join(f"{name} {value[:LONGEST_SHOWN]!r}" for name, value in said.items())
        return cls(
            f"no trust rule of this project trusts the identity token, which says {shown}; an admin of the project "
            "compares that with `modicum trust list`"
        )


class IdentityTokenUsed(Unauthenticated):
    """The identity token was exchanged before, and each can be exchanged once. Ask the issuer for another one."""


class IssuerUnavailable(DependencyUnavailable):
    """The keys of the issuer cannot be read now. Try again."""
