"""`modicum gate`: from photographs, a model and a policy to a verdict and its exit code, in one command."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from modicum.cli import options
from modicum.cli.audit import AuditRequest, Measured, Needs, audit_request, measured, refuse_unmeasured
from modicum.cli.budget import Budget, BudgetSpent, budget_of
from modicum.cli.consoles import print_error
from modicum.cli.ends import Ends
from modicum.cli.exit_codes import DONE
from modicum.cli.outputs import checked_outputs, refuse_overwriting
from modicum.cli.policy import policy_from
from modicum.cli.registered import Promote, candidate_of, settle, subject_with
from modicum.cli.requests import SearchRequest
from modicum.cli.saving import refuse_unsaved, save
from modicum.cli.stored_baselines import baseline_in_file, baseline_path
from modicum.cli.subjects import SubjectOptions
from modicum.cli.verdict_outputs import VerdictOptions, exit_code_of, judged, show_verdict, verdict_outputs
from modicum.client import Client
from modicum.errors import DeadlineExceeded, RegistryError
from modicum.gate.missing_classes import needs_labels
from modicum.gate.needed import Given, refuse_unmeasurable
from modicum.gate.policy import Policy
from modicum.gate.stopping import stopping_of
from modicum.gate.unmeasured import unmeasured
from modicum.gate.verdict import Verdict
from modicum.gate.worst_spot import has_copied_spots
from modicum.policy_searches import asked_arguments
from modicum.registries.candidate import Candidate
from modicum.statistics import Statistics


def gate(
    *,
    subject: SubjectOptions,
    judging: VerdictOptions,
    promote: Promote = None,
    result: Annotated[
        list[Path] | None,
        options.option(
            options.OUTPUT,
            "--result",
            "FILE",
            "Also write the audit's result to FILE.json or FILE.html, as `modicum audit --output` does. Repeatable.",
        ),
    ] = None,
    budget: options.Budget = None,
    no_reuse: Annotated[
        bool,
        options.option(
            options.RUN, "--no-reuse", options.FLAG, "Audit again even if the result of an identical audit is stored."
        ),
    ] = False,
    local: options.Local = False,
    quiet: options.Quiet = False,
) -> None:
    """Audit a model as a policy asks, and judge it: PASS, FAIL or INCONCLUSIVE.

    A stored audit of the same weights, images and settings is judged at once.

    `audit` in the policy sets the threshold, the sample, the controls and so on. Give only the model and the images
    here. The command uses the server in MODICUM_ADDRESS. If that is not set, it uses the local server, and starts it
    if necessary.

    Exit codes: 0 PASS, 1 FAIL, 4 INCONCLUSIVE (0 if `inconclusive` in the policy says warn or allow); 2 wrong usage
    or policy, 3 not completed, 5 model or data refused, 130 interrupted.
    """
    policy = policy_from(judging.policy)
    refuse_overwriting([*(judging.output or ()), *(result or ())], [judging.policy, baseline_path(policy)])
    outputs, results = verdict_outputs(judging.output or ()), checked_outputs(result or (), called="--result")
    if judging.save:
        refuse_unsaved(policy)
    in_file = baseline_in_file(policy)
    ends = Ends(stopping_of(policy) if policy.audit.get("stopping") else None, budget_of(budget))
    with ExitStack() as opened:
        try:
            with ends.budget.bounding():
                candidate = opened.enter_context(candidate_of(subject, promote=promote))
                of = subject_with(candidate, subject)
                request = audit_request(
                    of,
                    search=search_of(policy.audit),
                    outputs=results,
                    reuse=not no_reuse,
                    ends=ends,
                    sample_is=f"{policy.audit_marks.get('sample')}: audit.sample",
                )
                refuse_unmeasurable(policy, _given(request))
                # a local server runs until its last client leaves
                client = opened.enter_context(Client(local=local)) if judging.save else None
                found = measured(
                    request, local=local, quiet=quiet, needs_report=_needs_report(policy), baseline=policy.baseline
                )
        except BudgetSpent:
            verdict = unmeasured(policy, ends.budget.unmeasured, today=datetime.now(UTC).date())
            show_verdict(verdict, outputs, judging)
            raise typer.Exit(exit_code_of(verdict, exit_zero=judging.exit_zero)) from None
        refuse_unmeasured(found.result)
        verdict = _verdict_on(found, policy, in_file)
        show_verdict(verdict, outputs, judging, earlier=found.written)
        code = exit_code_of(verdict, exit_zero=judging.exit_zero)
        if client is not None:
            _saved(client, found, verdict, code, ends.budget)
        if candidate is not None:
            _settled(candidate, verdict, code)
    raise typer.Exit(code)


def _given(request: AuditRequest) -> Given:
    return Given(
        labels=any(image.label for image in request.images),
        counterfactuals=request.counterfactuals is not None,
        objects=any(image.objects is not None for image in request.images),
    )


def _needs_report(policy: Policy) -> Needs:
    """Whether a result is judged or shown by what the report has beside it: labels of images, or pictures of spots."""
    return lambda document: needs_labels(policy) or has_copied_spots(document)


def _verdict_on(found: Measured, policy: Policy, in_file: Mapping[str, Any] | None) -> Verdict:
    """Judge what was measured. What a budget left out after the result is missing, and the verdict says so."""
    baseline = (in_file or found.baseline) if "rows" in found.document or not found.cut else None
    verdict = judged(found.document, policy, "the result", baseline=baseline)
    return replace(verdict, notes=(found.cut, *verdict.notes)) if found.cut else verdict


def _saved(client: Client, found: Measured, verdict: Verdict, code: int, budget: Budget) -> None:
    """Store the verdict while the budget lasts. The server would judge what was cut otherwise, so that is not stored.

    Raises:
        DeadlineExceeded: it does not last, and the verdict's exit code is 0.
    """
    if found.cut:
        _say_unsaved(found.cut, code)
        return
    budget.doing = "the verdict was stored"
    try:
        with budget.bounding_exit():
            save(client, found.audit, verdict, baseline=found.baseline, code=code)
    except BudgetSpent:
        _say_unsaved(budget.spent, code)


def _say_unsaved(why: str, code: int) -> None:
    error = DeadlineExceeded(f"the verdict is not stored: {why}", reason="BUDGET_SPENT")
    if code == DONE:
        raise error
    print_error(f"{error} [{error.reason}]")


def _settled(candidate: Candidate, verdict: Verdict, code: int) -> None:
    """Keep the verdict in the registry. A registry that fails does not take the place of a verdict that does."""
    try:
        settle(candidate, verdict)
    except RegistryError as error:
        if code == DONE:
            raise
        print_error(f"{error} [{error.reason}]")


def search_of(audit: Mapping[str, Any]) -> SearchRequest:
    """The searches and controls that a policy asks for; what it leaves out is as `modicum audit` has it.

    Raises:
        InvalidArgument: a control is unknown.
    """
    arguments = asked_arguments(audit)
    statistics = Statistics(level=arguments.pop("level"), alpha=arguments.pop("alpha"))
    return SearchRequest(**arguments, matched=False, statistics=statistics)
