"""`modicum policy`: write a starting policy, check one, and say in words what it does."""

from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_error, print_json, print_text, stdout
from modicum.cli.documents import read_baseline, refusing_parts
from modicum.cli.registration import Group, command
from modicum.cli.stored_baselines import baseline_path
from modicum.errors import InvalidArgument, InvalidSource, OutputNotWritten, PolicyError
from modicum.gate.baseline_file import baseline_side
from modicum.gate.catalogue import outdated_outcomes, rules_that_cannot_fail
from modicum.gate.counting import counted
from modicum.gate.excuses import expired_waivers, waivers_that_expire_soon
from modicum.gate.explanation import explained
from modicum.gate.policy import Level, Policy
from modicum.gate.policy_file import read_policy

app = typer.Typer(cls=Group, no_args_is_help=True, help="Write, check and explain the policy of a gate.")

DEFAULT_FILE = Path("modicum.yaml")

PolicyFile = Annotated[Path, typer.Argument(metavar="FILE", help="The policy.")]


def policy_from(path: Path) -> Policy:
    """Read a policy; waivers are compared with today's date (UTC)."""
    return read_policy(path, today=datetime.now(UTC).date())


@command(app, server=False)
def init(file: PolicyFile = DEFAULT_FILE) -> None:
    """Write a starting policy with comments. Refuses, with exit code 2, if the file exists."""
    text = resources.files("modicum.gate").joinpath("starting_policy.yaml").read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as output:
            output.write(text)
    except FileExistsError:
        raise InvalidArgument(f"{file}: the file exists; remove it or name another") from None
    except OSError as error:
        raise OutputNotWritten(f"{file}: could not be written: {error.strerror}") from error
    print_text(stdout(), f"wrote {file}; `modicum policy explain {file}` says what it does")


@command(app, server=False)
def check(file: PolicyFile = DEFAULT_FILE, *, as_json: options.Json = False) -> None:
    """Check a policy. Prints each problem with its line and column; exit code 2 if there is one.

    The command also warns if a waiver (a failure that is tolerated until a day) has expired or expires within 14 days,
    if the baseline file is missing or damaged, if a rule names an outcome that only older releases gave, or if a rule
    can never fail.
    """
    policy = policy_from(file)
    warnings = list(_warnings(policy))
    if as_json:
        rules = {one.id: one.level for one in policy.rules}
        print_json({"file": policy.file, "digest": policy.digest, "rules": rules, "warnings": warnings})
        return
    for text in warnings:
        print_error(f"warning: {text}")
    errors = sum(rule.level is Level.ERROR for rule in policy.rules)
    print_text(
        stdout(), f"{file}: valid; {counted(errors, 'rule')} of level error, {len(policy.rules) - errors} of level warn"
    )


def _warnings(policy: Policy) -> Iterator[str]:
    today = datetime.now(UTC).date()
    yield from expired_waivers(policy, today)
    yield from waivers_that_expire_soon(policy, today)
    yield from outdated_outcomes(policy)
    yield from rules_that_cannot_fail(policy)
    path = baseline_path(policy)
    if path is None:
        return
    if not path.exists():
        yield f"the baseline {path} does not exist; `modicum baseline update RESULT --reason TEXT` writes the first one"
        return
    try:
        with refusing_parts(str(path)):
            baseline_side(read_baseline(path))
    except (InvalidSource, PolicyError) as error:
        yield str(error)


@command(app, server=False)
def explain(file: PolicyFile = DEFAULT_FILE) -> None:
    """Explain a policy: each rule, when it passes, and what it needs."""
    for line in explained(policy_from(file)):
        print_text(stdout(), line)
