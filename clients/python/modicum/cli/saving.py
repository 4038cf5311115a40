"""`--save`: the server judges the same audit by the same policy, and stores the verdict."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modicum.cli.consoles import print_error
from modicum.cli.exit_codes import DONE
from modicum.errors import InvalidArgument, ModicumError, ServiceError
from modicum.gate.policy import BaselineKind, Policy
from modicum.gate.verdict import Verdict

if TYPE_CHECKING:
    from modicum.client import Client


def refuse_unsaved(policy: Policy) -> None:
    """Refuse `--save` with a policy that the server cannot judge by.

    Raises:
        InvalidArgument: its baseline is a file.
    """
    if policy.baseline is not None and policy.baseline.kind is BaselineKind.FILE:
        raise InvalidArgument(
            f"--save: {policy.file} compares with a baseline file, which the server does not have; name an audit or a "
            "model under `baseline`, or leave out --save"
        )


def save(
    client: "Client", audit: str, verdict: Verdict, *, baseline: Mapping[str, Any] | None, code: int, version: str = ""
) -> None:
    """Store a verdict, and say under which name. A server that fails does not take the place of a verdict that does.

    With a `version`, the verdict is on that version of the audit alone.

    Raises:
        ModicumError: the server refuses, or comes to another outcome, and the verdict's exit code is 0.
    """
    try:
        _say(client, audit, verdict, baseline, version)
    except ModicumError as error:
        if code == DONE:
            raise
        print_error(f"{error} [{error.reason}]")


def _say(client: "Client", audit: str, verdict: Verdict, baseline: Mapping[str, Any] | None, version: str) -> None:
    beside = "" if baseline is None else baseline["audit"]
    stored = client.judge(audit, verdict.policy.file, baseline=beside, version=version)
    if stored.outcome is not verdict.outcome:
        raise ServiceError(
            f"the server stored {stored.outcome} as {stored.name}, but this command says {verdict.outcome}; use "
            "the same release for both, and judge again"
        )
    print_error(f"the verdict is stored as {stored.name}")
    if page := client.page_of(stored.name):
        print_error(f"look: {page}")
