"""`modicum trust`: which jobs of a pipeline may log in without a secret."""

from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, stderr, stdout
from modicum.cli.options import RUN, option
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.cli.tokens import duration
from modicum.client import Client
from modicum.errors import InvalidArgument
from modicum.resource_names import last_part, printable
from modicum.trust import TrustRule

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Let jobs of a CI system log in without a secret: the system vouches for their identity. "
    "Needs the role admin.",
)

RuleId = Annotated[str, typer.Argument(metavar="RULE", help="Name of the rule.")]


@command(app, "list")
def list_rules(*, as_json: options.Json = False) -> None:
    """List the trust rules."""
    with Client() as client:
        rules = list(client.trust.list())
    if as_json:
        print_json(rules)
        return
    names = ("rule", "issuer", "audience", "claims", "role", "minutes")
    rows = [
        (
            last_part(rule.name),
            rule.issuer,
            rule.audience,
            printable(_claims(rule)),
            rule.role or "of a later release",
            f"{rule.lifetime_seconds / 60:g}",
        )
        for rule in rules
    ]
    prose = {"issuer", "audience", "claims"}
    print_grid(stdout(), Grid(columns=[Column(name, prose=name in prose) for name in names], rows=rows))


@command(app)
def add(
    rule: RuleId,
    *,
    issuer: Annotated[
        str,
        option(
            RUN,
            "--issuer",
            "URL",
            "Issuer of the identity tokens. The operator must have listed it in MODICUM_TRUSTED_ISSUERS.",
        ),
    ],
    claim: Annotated[
        list[str],
        option(
            RUN,
            "--claim",
            "NAME=VALUE",
            "A claim that the identity token must have, with its whole value. Repeat for several. One must be an id "
            "that never changes, such as repository_id (GitHub) or project_id (GitLab).",
        ),
    ],
    role: Annotated[str, option(RUN, "--role", "ROLE", "viewer or auditor.")] = "auditor",
    audience: Annotated[
        str, option(RUN, "--audience", "TEXT", "Audience of the identity token. Default: MODICUM_ADDRESS.")
    ] = "",
    lifetime: Annotated[str, option(RUN, "--lifetime", "TIME", "How long a job's token is valid, 1m to 120m.")] = "30m",
    as_json: options.Json = False,
) -> None:
    """Trust the jobs of a CI system whose identity token has all claims that you give."""
    claims, time = _named(claim), duration("--lifetime", lifetime)
    with Client() as client:
        made = client.trust.add(rule, issuer=issuer, claims=claims, role=role, audience=audience, lifetime=time)
    if as_json:
        print_json(made)
    else:
        stdout().print(f"{made.name}: {made.role} for {made.audience} if {_claims(made)}", markup=False, soft_wrap=True)


@command(app)
def remove(rule: RuleId, *, as_json: options.Json = False) -> None:
    """Delete a rule. Tokens that jobs got by this rule become invalid within seconds."""
    with Client() as client:
        client.trust.remove(rule)
    if as_json:
        print_json({"removed": rule})
    else:
        stderr().print(f"removed {rule}", markup=False)


def _named(claims: list[str]) -> dict[str, str]:
    named: dict[str, str] = {}
    for claim in claims:
        name, sign, value = claim.partition("=")
        if not (name and sign and value):
            raise InvalidArgument(f"--claim: expected NAME=VALUE, such as ref=refs/heads/main; got {claim!r}")
        if named.setdefault(name, value) != value:
            raise InvalidArgument(f"--claim: {name} has two values; give it once")
    return named


def _claims(rule: TrustRule) -> str:
    return ", ".join(f"{name}={value}" for name, value in rule.claims.items())
