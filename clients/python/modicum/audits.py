"""The audits of a project: create, get, list, delete."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial

from modicum.arguments import checked_flag, checked_list
from modicum.audit import AsyncAudit
from modicum.connection import Connection, new_request_id
from modicum.datasets import Dataset
from modicum.errors import InvalidArgument
from modicum.gate.fills import Fill
from modicum.gate.stopping import Stopping
from modicum.models import version_name
from modicum.resource_names import checked_text, full_filter, resource_name
from modicum.searches import (
    AuditSpecification,
    Canvas,
    Control,
    ControlPlan,
    Search,
    SearchMethod,
    TargetRule,
    checked_canvas,
    control_plan,
    fill_of,
    search_method,
    specification_message,
    target_rule,
)
from modicum.snapshots import snapshot_of
from modicum.spoken_names import in_audit_arguments
from modicum.statistics import Statistics
from modicum.stopping import stopping_at
from modicum.v1 import audit_pb2, audit_service_pb2
from modicum.versions import Model, ModelVersion


class AsyncAudits:
    """Audits of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @in_audit_arguments
    async def create(
        self,
        *,
        models: Sequence[Model | ModelVersion | str],
        dataset: Dataset | str,
        thresholds: Sequence[float],
        method: SearchMethod | str = SearchMethod.MASK_OPTIMIZATION,
        passes: int = 0,
        pixels_per_step: int = 0,
        fraction: float = 0.0,
        fill: Fill | str = Fill.MEAN,
        target_rules: Sequence[TargetRule | str] = (TargetRule.PREDICTED,),
        seed: int = 0,
        sample: int = 0,
        controls: Sequence[Control | ControlPlan | str] | None = None,
        pixel_subsets: int | None = None,
        pixel_subsets_method: SearchMethod | str | None = None,
        device: str = "auto",
        canvas: Canvas | None = None,
        matched: bool = False,
        out_of_distribution: Dataset | str = "",
        counterfactual: Dataset | str = "",
        level: float | None = None,
        alpha: float | None = None,
        ratio_limit: float | None = None,
        accuracy_limit: float | None = None,
        stopping: Stopping | Sequence[str] | None = None,
        reuse: bool = True,
        validate_only: bool = False,
        name: str = "",
    ) -> AsyncAudit:
        """Create an audit. It is queued when this returns, or has the stored result of an identical audit.

        Args:
            models: versions, models (their newest READY version), or names: MODEL (its newest READY version),
                MODEL/VERSION, or full names.
            dataset: the data set, or its name.
            thresholds: confidences that a subset must reach; there is one search for each, and for each of
                `target_rules`.
            method: how subsets are searched.
            passes: budget of mask_optimization per image, in pass-equivalents; 0: the server chooses.
            pixels_per_step: pixels that batched_gradient removes in each step; 0: the server chooses.
            fraction: share of the remaining pixels that backselect removes in each step; 0: one pixel, the exact
                method.
            fill: what replaces a masked pixel.
            target_rules: the classes that subsets must keep, "predicted" or "random_other"; there is a search for each.
            seed: seed of all random draws.
            sample: audit so many items, drawn at random by the seed; 0: all.
            controls: the controls to run; "fill:8" runs fill on 8 images. Default: the server's controls. An empty
                sequence runs none.
            pixel_subsets: also measure the accuracy on the best 5% of the pixels that a search finds, with this budget
                per image in pass-equivalents: 16 or more, or 0: the server chooses. Default: not measured.
            pixel_subsets_method: that search: mask_optimization or batched_gradient. Default: the server chooses.
            device: auto, cpu or cuda.
            canvas: the size of images and masks. Default: the smallest input size of the versions.
            matched: for an ensemble mitigation check: also search the members at temperatures matched to the ensemble.
                The ensemble and all of its members must be among the models.
            out_of_distribution: for an ensemble mitigation check: a second, labelled data set, or its name, on which
                accuracy must hold too. The ensemble and all of its members must be among the models.
            counterfactual: a data set of the same pictures without a suspected cue, or taken with another camera; or
                its name. Its items are paired with those of `dataset` by item name; labels come from `dataset`.
            level: level of every interval in the result, 0.5 to 0.999. Default: 0.95.
            alpha: the overinterpretation rate counts subsets of at most this share of the pixels. Default: 0.05.
            ratio_limit: an ensemble is MITIGATED only if the interval of the ratio of subset fractions lies above this,
                1 to 100. Default: 1.1.
            accuracy_limit: an ensemble is MITIGATED only if the interval of the difference in accuracy lies above
                this, -1 to 0. Default: -0.02.
            stopping: how the audit may end before all its images are done: limits such as "accuracy>=0.9", as for the
                option --stopping, or a `Stopping`; `Stopping()` if only by `stop`. Default: it may not.
            reuse: use the stored result of an identical audit, if there is one.
            validate_only: create nothing. `snapshot.passes_planned` of the returned audit is the cost.
            name: id of the audit. Default: the server chooses one.

        Raises:
            InvalidArgument: an argument is not valid.
            NotFound: a version or data set does not exist.
            ModelRejected, DataRefused: models and data do not fit together.
        """
        models = checked_list(models, "models", "models, versions or names, e.g. ['resnet18']")
        thresholds = checked_list(thresholds, "thresholds", "numbers, e.g. [0.9]")
        if controls is not None:
            controls = checked_list(controls, "controls", "controls, e.g. ['random']")
        rules = [target_rule(one) for one in checked_list(target_rules, "target_rules", "names, e.g. ['predicted']")]
        search = partial(
            Search,
            method=search_method(method),
            fill=fill_of(fill),
            passes=passes,
            pixels_per_step=pixels_per_step,
            fraction=fraction,
        )
        specification = AuditSpecification(
            model_versions=tuple([await version_name(self._connection, one, "models") for one in models]),
            dataset=self._dataset_name(dataset, "dataset"),
            canvas=checked_canvas(canvas),
            searches=tuple(_searches(search, thresholds, rules, matched=checked_flag(matched, "matched"))),
            controls=_plans(controls, pixel_subsets, pixel_subsets_method),
            seed=seed,
            sample=sample,
            device=checked_text(device, "device"),
            out_of_distribution_dataset=self._optional_name(out_of_distribution, "out_of_distribution"),
            counterfactual_dataset=self._optional_name(counterfactual, "counterfactual"),
            statistics=Statistics(level=level, alpha=alpha, ratio_limit=ratio_limit, accuracy_limit=accuracy_limit),
            stopping=stopping_at(stopping),
        )
        request = audit_service_pb2.CreateAuditRequest(
            parent=self._connection.project,
            audit=audit_pb2.Audit(specification=specification_message(specification, no_controls=controls == ())),
            audit_id=checked_text(name, "name"),
            request_id=new_request_id(),
            validate_only=checked_flag(validate_only, "validate_only"),
            no_reuse=not checked_flag(reuse, "reuse"),
        )
        message = await self._connection.call(self._connection.audits.CreateAudit, request)
        return AsyncAudit(self._connection, snapshot_of(message))

    def _optional_name(self, dataset: Dataset | str, argument: str) -> str:
        return self._dataset_name(dataset, argument) if dataset else ""

    def _dataset_name(self, dataset: Dataset | str, argument: str) -> str:
        if isinstance(dataset, Dataset):
            return dataset.name
        if not isinstance(dataset, str):
            raise InvalidArgument(f"{argument}: expected a data set or its name, got {dataset!r}")
        return self._name(dataset, "datasets")

    async def get(self, name: str) -> AsyncAudit:
        """Get the audit of that name.

        Raises:
            NotFound: it does not exist.
        """
        request = audit_service_pb2.GetAuditRequest(name=self._name(name))
        message = await self._connection.call(self._connection.audits.GetAudit, request)
        return AsyncAudit(self._connection, snapshot_of(message))

    async def list(self, filter: str = "") -> AsyncIterator[AsyncAudit]:  # noqa: A002  # the word of the service
        """List the audits, newest first. Examples of `filter` are "state = RUNNING" and "model_version = resnet18/3".

        Raises:
            InvalidArgument: the filter is not understood.
        """
        stub = self._connection.audits
        full = full_filter(self._connection.project, filter)
        request = audit_service_pb2.ListAuditsRequest(parent=self._connection.project, filter=full)
        async for message in self._connection.pages(stub.ListAudits, request, lambda page: page.audits):
            yield AsyncAudit(self._connection, snapshot_of(message))

    async def delete(self, name: str) -> None:
        """Delete an audit that has ended, and its findings.

        Raises:
            NotFound: the audit does not exist.
            FailedPrecondition: it has not ended (AUDIT_NOT_ENDED).
        """
        request = audit_service_pb2.DeleteAuditRequest(name=self._name(name))
        await self._connection.delete(self._connection.audits.DeleteAudit, request)

    def _name(self, name: str, collection: str = "audits") -> str:
        return resource_name(self._connection.project, collection, name)


def _plans(
    controls: Sequence[Control | ControlPlan | str] | None,
    pixel_subsets: int | None,
    method: SearchMethod | str | None,
) -> tuple[ControlPlan, ...]:
    """The named controls, and pixel subsets if asked for. If none is named, the server adds its default controls."""
    plans = tuple(control_plan(control) for control in controls or ())
    if pixel_subsets is None:
        if method is not None:
            raise InvalidArgument("pixel_subsets_method: needs pixel_subsets, the budget of that search; got None")
        return plans
    chosen = search_method(method, "pixel_subsets_method") if method is not None else None
    return (*plans, control_plan(ControlPlan(Control.PIXEL_SUBSETS, 0, pixel_subsets, chosen)))


def _searches(
    search: Callable[..., Search], thresholds: Sequence[float], rules: Sequence[TargetRule], *, matched: bool
) -> Iterator[Search]:
    """Yield a search for each threshold and rule; if `matched`, those for the predicted class once more, matched."""
    for again in (False, True) if matched else (False,):
        for rule in rules:
            if not again or rule is TargetRule.PREDICTED:
                yield from (search(threshold=one, target_rule=rule, matched=again) for one in thresholds)
