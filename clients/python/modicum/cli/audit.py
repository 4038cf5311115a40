"""`modicum audit`: from a folder of images and a model's file to a result, in one command."""

import os
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from modicum.cli import options
from modicum.cli.array_bounds import refuse_values_outside
from modicum.cli.budget import Budget, BudgetSpent, budget_of
from modicum.cli.consoles import print_error, print_json, print_text, printing, stdout
from modicum.cli.counterfactuals import Counterfactuals, checked_counterfactuals
from modicum.cli.ends import Ends, watched_to_its_end
from modicum.cli.exit_codes import INTERRUPTED
from modicum.cli.given_files import refuse_absent_image_files, refuse_absent_images
from modicum.cli.known_labels import refuse_unknown_labels
from modicum.cli.outputs import NOTHING_WRITTEN, Output, Written, checked_outputs, settle_outputs, write_outputs
from modicum.cli.preview import show_preview
from modicum.cli.progress import View, say_files, upload_progress, view
from modicum.cli.registered import candidate_of, subject_with
from modicum.cli.requests import (
    ModelRequest,
    SearchRequest,
    checked_images,
    model_request,
    refuse_slow_backselect,
    refuse_wrong_channels,
    search_request,
)
from modicum.cli.result_tables import show_result
from modicum.cli.short_results import report_command, short_lines, tables_command
from modicum.cli.stored_baselines import baseline_beside, report_of
from modicum.cli.subjects import SubjectOptions
from modicum.cli.watching import checked, say_where
from modicum.client import Audit, Client
from modicum.datasets import Dataset
from modicum.errors import DataRefused, DeadlineExceeded, ModicumError
from modicum.gate.counting import counted
from modicum.gate.policy import BaselineKind, BaselineSource
from modicum.local import data_folder
from modicum.reasons import reason_text
from modicum.resource_names import short_version, suggested_id
from modicum.results import Result
from modicum.sources.images import Image
from modicum.sources.manifests import manifest_of
from modicum.sources.objects import with_objects
from modicum.sources.skipped import Skipped, named
from modicum.statistics import Statistics
from modicum.stopping import stopping_at
from modicum.versions import ModelVersion

Needs = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class AuditRequest:
    """Everything that `modicum audit` was asked to do."""

    photos: Path
    images: Sequence[Image]
    skipped: Skipped
    counterfactuals: Counterfactuals | None
    model: ModelRequest
    search: SearchRequest
    outputs: tuple[Output, ...]
    reuse: bool
    ends: Ends


def audit(
    *,
    subject: SubjectOptions,
    search: options.SearchOptions,
    method: options.MethodOptions,
    controls: options.ControlOptions,
    statistics: options.StatisticsOptions,
    run: options.RunOptions,
    stopping: options.Stops = None,
    budget: options.Budget = None,
    local: options.Local = False,
    output: options.OutputOptions,
    verbose: options.Verbose = False,
) -> None:
    """Find the few pixels on which a model stays confident, and run controls that show how much this proves.

    The command uses the server in MODICUM_ADDRESS. If that is not set, it uses the local server, and starts it if
    necessary.

    Exit codes: 0 done, 2 wrong usage, 3 not completed, 5 model or data refused, 130 interrupted.
    """
    outputs, ends = checked_outputs(output.output or ()), Ends(stopping_at(stopping), budget_of(budget))
    asked = search_request(
        search, method, controls, run, statistics=Statistics(level=statistics.level, alpha=statistics.alpha)
    )
    try:
        with ends.budget.bounding(), candidate_of(subject) as candidate:
            of = subject_with(candidate, subject)
            request = audit_request(of, search=asked, outputs=outputs, reuse=not run.no_reuse, ends=ends)
            found = measured(request, local=local, quiet=output.quiet)
    except BudgetSpent:
        raise DeadlineExceeded(ends.budget.unmeasured, reason="BUDGET_SPENT") from None
    with printing():
        if output.as_json:
            print_json(found.document)
        else:
            _print_result(found, verbose=verbose)
    refuse_unmeasured(found.result)
    settle_outputs(found.written)
    if found.cut:
        raise DeadlineExceeded(found.cut, reason="BUDGET_SPENT")


def audit_request(
    subject: SubjectOptions,
    *,
    search: SearchRequest,
    outputs: tuple[Output, ...],
    reuse: bool,
    ends: Ends,
    sample_is: str = "--sample",
) -> AuditRequest:
    """The request, checked as far as possible before anything is sent. `sample_is` is what messages call the sample.

    Raises:
        InvalidArgument: an option is invalid, or does not fit the images.
        InvalidSource: a file is not what was expected.
    """
    model = model_request(subject.name, subject.model)
    given, paired = subject.images, subject.counterfactual
    refuse_absent_image_files(given)
    refuse_absent_images("--counterfactual", paired)
    named = checked_images(
        subject.photos, given.photo_labels, given.label_names, sample=search.sample, sample_is=sample_is
    )
    found = with_objects(named, boxes=given.boxes, masks=given.masks)
    request = AuditRequest(
        photos=subject.photos,
        images=found.images,
        skipped=found.skipped,
        counterfactuals=(
            None if paired is None else checked_counterfactuals(paired, named.images, names=given.label_names)
        ),
        model=model,
        search=search,
        outputs=outputs,
        reuse=reuse,
        ends=ends,
    )
    refuse_slow_backselect(request.search, request.model.input)
    refuse_unknown_labels(request.images, model.labels, names_from=model.labels_from)
    refuse_wrong_channels(request.images, request.model.input)
    refuse_values_outside(request.images, model.input, model.input_from)
    if request.counterfactuals is not None:
        others = request.counterfactuals.images
        refuse_values_outside(others, model.input, model.input_from, option="--counterfactual")
    return request


@dataclass(frozen=True, slots=True)
class Measured:
    """What an audit gave: its result, its version, its document, and its name.

    With a baseline to compare with, the document has its rows. `baseline` is the report of one that the server holds.
    `cut` says what a budget left out of this after the result, or is empty. `written` are the request's outputs.
    """

    result: Result
    version: ModelVersion
    document: Mapping[str, Any]
    audit: str
    baseline: Mapping[str, Any] | None = None
    cut: str = ""
    written: Written = NOTHING_WRITTEN


def measured(
    request: AuditRequest,
    *,
    local: bool,
    quiet: bool,
    needs_report: Needs | None = None,
    baseline: BaselineSource | None = None,
) -> Measured:
    """Register the model, upload the images, audit or reuse a stored result, and write the outputs.

    The document is that of the report, with rows and pictures, where the result document is found to need it or is to
    be compared with a baseline. One that the server holds is fetched, or audited anew beside the new version.

    If the request's budget is spent before there is a result, the audit is cancelled. If it is spent after that, what
    is there is returned.
    """
    budget = request.ends.budget
    with view(quiet=quiet) as shown, connected(shown, local=local) as client:
        prepared = _prepared(client, request, shown)
        budget.doing = "the audit ran"
        done = prepared.run(prepared.version, reuse=request.reuse, ends=request.ends)
        budget.doing = "the result was fetched"
        result = done.result()
        if budget.limited and not _images_of(result):
            budget.doing = "the audit waited to begin"
            raise BudgetSpent
        found = Measured(result, prepared.version, result.document, done.name)
        try:
            budget.doing = "the outputs of the result were written"
            found = replace(found, written=write_outputs(done, request.outputs))
            if baseline is not None or (needs_report is not None and needs_report(result.document)):
                budget.doing = "the report was fetched"
                found = replace(found, document=report_of(done))
            if baseline is not None and baseline.kind is not BaselineKind.FILE:
                budget.doing = "the baseline was audited"
                beside = baseline_beside(client, baseline, found.document, prepared.anew)
                found = replace(found, baseline=beside)
        except BudgetSpent:
            return replace(found, cut=budget.spent)
        return found


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A registered version and uploaded images, and the audits of them. `paired` is empty without counterfactuals."""

    client: Client
    search: SearchRequest
    shown: View
    budget: Budget
    version: ModelVersion
    dataset: Dataset
    paired: Dataset | str

    def run(self, version: ModelVersion, *, reuse: bool, ends: Ends) -> Audit:
        """Audit a version on the images."""
        return audited(
            self.client,
            [version],
            self.dataset,
            self.search,
            self.shown,
            reuse=reuse,
            ends=ends,
            counterfactual=self.paired,
        )

    def anew(self, version: str, reuse: bool) -> Mapping[str, Any]:  # noqa: FBT001  # the form of `AuditAnew`
        """Audit a baseline on the images; returns its report."""
        self.shown.say(f"baseline {short_version(version)}: audited beside the new version")
        return report_of(self.run(self.client.models.version(version), reuse=reuse, ends=Ends(budget=self.budget)))


def _prepared(client: Client, request: AuditRequest, shown: View) -> _Prepared:
    """Register the model and upload the images."""
    budget = request.ends.budget
    say_files(shown, request.photos, request.images, request.skipped)
    if request.counterfactuals is not None:
        others = request.counterfactuals
        say_files(shown, others.photos, others.images, others.skipped)
    show_preview(shown, request.images, request.model)
    budget.doing = "the model was registered and checked"
    version = _registered(client, request, shown)
    refuse_unknown_labels(
        request.images, version.class_labels, version.class_count, names_from=request.model.labels_from
    )
    budget.doing = "the images were uploaded"
    dataset = uploaded(client, request.photos, request.images, shown)
    paired = _uploaded_counterfactuals(client, request, shown)
    return _Prepared(client, request.search, shown, budget, version, dataset, paired)


def _images_of(result: Result) -> int:
    """How many images a result is about: none where the audit was stopped before any began."""
    return max((search.counts["images"] for model in result.models for search in model.searches), default=0)


def _print_result(found: Measured, *, verbose: bool) -> None:
    written = list(map(str, found.written.paths))
    if not verbose:
        report = ", ".join(written) or report_command(found.audit)
        for line in short_lines(found.result, report=report, tables=tables_command(found.audit)):
            print_text(stdout(), line)
        return
    show_result(stdout(), found.result, {found.version.name: found.version})
    for path in written:
        print_text(stdout(), f"wrote {path}")


@contextmanager
def connected(shown: View, *, local: bool = False) -> Iterator[Client]:
    """A client; the view says so before a local server is used, because its start takes a while."""
    if local or not os.environ.get("MODICUM_ADDRESS"):
        shown.say(f"using the local server in {data_folder()}, and starting it if necessary")
    with Client(local=local) as client:
        yield client


def _registered(client: Client, request: AuditRequest, shown: View) -> ModelVersion:
    model = request.model
    shown.say(f"model {model.name}: {model.told}")
    version = client.models.register(
        model.name, **model.arguments, wait=False, progress=upload_progress(shown, "uploading the model")
    )
    return checked(client, version, shown)


def uploaded(client: Client, photos: Path, images: Sequence[Image], shown: View) -> Dataset:
    """Upload images as a data set whose name holds a digest of them, so that changed images are a new data set."""
    total = len(images)
    manifest = manifest_of(images, lambda done: shown.show("reading images", done / total, f"{done} of {total}"))
    name = f"{suggested_id(photos.absolute().stem)}-{manifest.digest[:8]}"
    return client.datasets.upload(name, manifest, progress=upload_progress(shown, "uploading the data set"))


def _uploaded_counterfactuals(client: Client, request: AuditRequest, shown: View) -> Dataset | str:
    """Upload those that pair; an empty name where there are none."""
    given = request.counterfactuals
    if given is None:
        return ""
    shown.say(str(given))
    return uploaded(client, given.photos, given.images, shown)


def audited(
    client: Client,
    models: Sequence[ModelVersion],
    dataset: Dataset,
    search: SearchRequest,
    shown: View,
    *,
    reuse: bool,
    ends: Ends | None = None,
    out_of_distribution: Dataset | str = "",
    counterfactual: Dataset | str = "",
) -> Audit:
    """Run an audit to its end, or reuse a stored result. Ctrl-C cancels the audit."""
    bounds, name = ends or Ends(), f"audit-{uuid.uuid4().hex[:12]}"
    with cancelling(client, name):
        created = client.audits.create(
            models=models,
            dataset=dataset,
            **search.arguments,
            out_of_distribution=out_of_distribution,
            counterfactual=counterfactual,
            stopping=bounds.asked,
            reuse=reuse,
            name=name,
        )
        snapshot = created.snapshot
        if snapshot.reused_from:
            shown.say(f"{created.name}: reuses the result of {snapshot.reused_from}; --no-reuse runs it again")
        else:
            shown.say(
                f"{created.name}: {counted(snapshot.images_total, 'image')}, at most {snapshot.passes_planned:,} passes"
            )
        say_where(client, created.name, shown)
        watched_to_its_end(created, shown, bounds.budget)
    return created


@contextmanager
def cancelling(client: Client, name: str) -> Iterator[None]:
    """On Ctrl-C cancel the audit of that name, if there is one. A second Ctrl-C ends the process at once."""
    try:
        yield
    except KeyboardInterrupt:
        try:
            print_error(f"cancelling {name}; press Ctrl-C to leave without waiting")
            client.audits.get(name).cancel()
        except BudgetSpent:
            print_error(f"{name} may still run: no time was left to wait until it was cancelled")
        except KeyboardInterrupt:
            os._exit(INTERRUPTED)
        except ModicumError as error:
            print_error(f"{name} could not be cancelled: {error}")
        raise


def refuse_unmeasured(result: Result) -> None:
    """End with an error where every image failed.

    Raises:
        DataRefused: no image could be measured.
    """
    counts = [search.counts for model in result.models for search in model.searches]
    if counts and all(count["images"] and count["failed"] == count["images"] for count in counts):
        raise DataRefused(f"no image could be measured; {_why_unmeasured(result)}", reason="NO_IMAGE_MEASURED")


def _why_unmeasured(result: Result) -> str:
    """Each reason with the first images that it stopped."""
    stopped: dict[str, dict[str, None]] = {}  # ordered, and each image once, whatever the number of searches
    for finding in result.findings:
        stopped.setdefault(finding.reason, {})[finding.item] = None
    return "; ".join(f"{reason_text(reason)}: {named(items)}" for reason, items in stopped.items())
