"""`modicum judge`: a verdict on a stored result, by a policy. A file is judged without a server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from modicum.cli import options
from modicum.cli.documents import Findings, read_result, refuse_edited, refusing_parts, with_findings
from modicum.cli.policy import policy_from
from modicum.cli.saving import refuse_unsaved, save
from modicum.cli.stored_baselines import baseline_path, baseline_stored, report_of
from modicum.cli.verdict_outputs import VerdictOptions, exit_code_of, judged, show_verdict, verdict_outputs
from modicum.errors import InvalidArgument
from modicum.gate.one_version import of_version, version_called
from modicum.gate.verdict import Verdict


def judge(
    result: Annotated[
        str,
        typer.Argument(
            metavar="RESULT",
            help=(
                "A result document in a FILE.json, or the name of an audit on the server. --save needs the name of an "
                "audit."
            ),
        ),
    ],
    *,
    version: Annotated[
        str,
        options.option(
            options.MODEL, "--version", "MODEL/NUMBER", "Judge only this version, if the result has several."
        ),
    ] = "",
    findings: Findings = None,
    judging: VerdictOptions,
) -> None:
    """Judge a stored result by a policy: PASS, FAIL or INCONCLUSIVE. A result in a file needs no server.

    Exit codes: 0 PASS, 1 FAIL, 4 INCONCLUSIVE (0 if `inconclusive` in the policy says warn or allow); 2 wrong usage or
    policy, 3 not completed, 130 interrupted.
    """
    policy = policy_from(judging.policy)
    files = Path(result) if is_file(result) else None, findings, judging.policy, baseline_path(policy)
    outputs = verdict_outputs(judging.output or (), read=files)
    if judging.save:
        _refuse_file(result)
        refuse_unsaved(policy)
    document = with_findings(result_named(result), findings)
    refuse_edited(document, result)
    if version:
        with refusing_parts(result):
            version = version_called(document, version)
            document = of_version(document, version)
    baseline = baseline_stored(policy, document)
    verdict = judged(document, policy, result, baseline=baseline)
    show_verdict(verdict, outputs, judging)
    code = exit_code_of(verdict, exit_zero=judging.exit_zero)
    if judging.save:
        _save(result, version, verdict, baseline, code)
    raise typer.Exit(code)


def _refuse_file(result: str) -> None:
    if is_file(result):
        raise InvalidArgument(
            f"--save: expected the name of an audit, got the file {result}; a server stores verdicts on its own audits"
        )


def _save(audit: str, version: str, given: Verdict, baseline: Mapping[str, Any] | None, code: int) -> None:
    from modicum.client import Client  # noqa: PLC0415  # a file is judged without gRPC

    with Client() as client:
        save(client, audit, given, version=version, baseline=baseline, code=code)


def is_file(result: str) -> bool:
    """Return whether a result is named by its file: there is one of that name, or the name ends in .json."""
    path = Path(result)
    return path.suffix.lower() == ".json" or path.exists()


def result_named(result: str) -> Mapping[str, Any]:
    """Read the result document in a file, or the report of the audit of that name, with its rows.

    Raises:
        InvalidSource: the file cannot be read, or is damaged.
        PolicyError: it is no result document, or the extra `gate` is missing.
    """
    if is_file(result):
        return read_result(Path(result))
    from modicum.client import Client  # noqa: PLC0415  # a file is judged without gRPC

    with Client() as client:
        return report_of(client.audits.get(result))
