"""`modicum baseline`: keeps a result as the file that a policy compares later results with."""

import json
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_error, print_text, printing, stdout
from modicum.cli.documents import Findings, read_baseline, refuse_edited, with_findings
from modicum.cli.exit_codes import INCONCLUSIVE, VIOLATED
from modicum.cli.judge import result_named
from modicum.cli.outputs import write_file
from modicum.cli.policy import policy_from
from modicum.cli.registration import Group, command
from modicum.cli.stored_baselines import baseline_path
from modicum.cli.verdict_outputs import DEFAULT_POLICY, POLICY, judged
from modicum.errors import InvalidArgument
from modicum.gate.baseline_file import baseline_document, baseline_side
from modicum.gate.baseline_update import refusal
from modicum.gate.verdict import Outcome

app = typer.Typer(
    cls=Group, no_args_is_help=True, help="Keep a result as the baseline that later models are compared with."
)


@command(app)
def update(
    result: Annotated[
        str,
        typer.Argument(
            metavar="RESULT",
            help="The name of an audit, or a FILE.json from `modicum audit --output` or `modicum gate --result`.",
        ),
    ],
    *,
    policy: Annotated[Path, options.option(POLICY, "--policy", "FILE", "The policy that names the baseline file.")] = (
        DEFAULT_POLICY
    ),
    reason: Annotated[
        str,
        options.option(
            POLICY,
            "--reason",
            "TEXT",
            "Why this result becomes the baseline. Needed for the first baseline, or if the old and the new one "
            "cannot be compared.",
        ),
    ] = "",
    findings: Findings = None,
) -> None:
    """Make a result the baseline: write the file that the policy names.

    The file is written only if the result passes every rule of level error, and also the comparison with the old
    baseline. If there is no baseline yet, or the two cannot be compared, give `--reason`.

    Exit codes: 0 written, 1 a rule fails, 4 a rule is inconclusive; 2 wrong usage or policy, or a reason is needed, 3
    not completed, 130 interrupted.
    """
    by = policy_from(policy)
    file = baseline_path(by)
    if file is None:
        raise InvalidArgument(f"{policy}: expected `baseline: {{file: FILE.json}}`, got no file to write; add it")
    document = with_findings(result_named(result), findings)
    refuse_edited(document, result)
    earlier = read_baseline(file) if file.exists() else None
    refused = refusal(judged(document, by, result, baseline=earlier), reason=reason, first=earlier is None)
    if refused is not None and refused.outcome is Outcome.PASS:
        raise InvalidArgument(f"{file}: {refused.text}")
    if refused is not None:
        print_error(f"{file} was not changed: {refused.text}")
        raise typer.Exit(VIOLATED if refused.outcome is Outcome.FAIL else INCONCLUSIVE)
    written = baseline_document(baseline_side(document), reason=reason)
    write_file(file, json.dumps(written, indent=1, sort_keys=True).encode() + b"\n")
    with printing():
        print_text(stdout(), f"wrote {file}, sha256:{written['digest']}")
