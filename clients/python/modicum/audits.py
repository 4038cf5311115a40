"""What can be done with the audits of a project."""

from collections.abc import AsyncIterator, Sequence

from modicum.arguments import checked_list
from modicum.audit import AsyncAudit
from modicum.connection import Connection, new_request_id
from modicum.datasets import Dataset
from modicum.errors import InvalidArgument
from modicum.models import version_name
from modicum.naming import checked_text, resource_name
from modicum.searches import (
    AuditSpecification,
    Canvas,
    Control,
    ControlPlan,
    Fill,
    Search,
    SearchMethod,
    TargetRule,
    control_plan,
    fill_of,
    search_method,
    specification_message,
    target_rule,
)
from modicum.snapshots import snapshot_of
from modicum.statistics import Statistics
from modicum.v1 import audit_pb2, audit_service_pb2
from modicum.versions import Model, ModelVersion


class AsyncAudits:
    """Audits of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
        device: str = "auto",
        canvas: Canvas | None = None,
        matched: bool = False,
        out_of_distribution: Dataset | str = "",
        level: float | None = None,
        alpha: float | None = None,
        ratio_limit: float | None = None,
        accuracy_limit: float | None = None,
        reuse: bool = True,
        validate_only: bool = False,
        name: str = "",
    ) -> AsyncAudit:
        """Create an audit; it is queued when this returns, or answered by an identical one that succeeded earlier.

        Args:
            models: versions, models for their latest, or names: MODEL for its latest, MODEL/VERSION, or full.
            dataset: the data set, or its name.
            thresholds: one search for each, and for each of `target_rules`.
            method: how subsets are searched.
            passes: budget an image in pass-equivalents, for mask_optimization; 0 leaves it to the server.
            pixels_per_step: for batched_gradient; 0 leaves it to the server.
            fraction: share of the remaining pixels removed a step, for backselect; 0 is the exact method.
            fill: what stands where a pixel is masked.
            target_rules: which classes are argued for, each by a search of its own: "predicted", "random_other".
            seed: of every random number.
            sample: audit this many items, drawn by the seed; 0 means all.
            controls: the server's default ones unless given; an empty sequence runs none. "fill:8" runs on 8 images.
            pixel_subsets: measure, beside the controls, what is recognised in the last 5% of the pixels, within this
                budget an image in pass-equivalents, 16 or more; 0 leaves it to the server. Not measured unless given.
            device: auto, cpu or cuda.
            canvas: the grid; the smallest input size among the versions unless given.
            matched: search the members of the ensemble among the models once more, at temperatures matched to it: what
                an ensemble mitigation check needs. All of its members must be among the models.
            out_of_distribution: a second, labelled data set, or its name: accuracy on it becomes part of an ensemble
                mitigation check. An ensemble and all of its members must be among the models.
            level: of every interval in the result, 0.5 to 0.999; 0.95 unless given.
            alpha: the overinterpretation rate counts subsets of at most this share of the pixels; 0.05 unless given.
            ratio_limit: an ensemble mitigates where the interval of the ratio of subset fractions lies above it, 1 to
                100; 1.1 unless given.
            accuracy_limit: and where that of the difference in accuracy lies above this, -1 to 0; -0.02 unless given.
            reuse: take the stored answer of an identical audit.
            validate_only: create nothing; `snapshot.passes_planned` of what returns is the cost.
            name: the last part of its name; the server gives one unless given.

        Raises:
            InvalidArgument: an argument is not valid.
            NotFound: there is no such version or data set.
            ModelRejected, DataRefused: they do not fit.
        """
        models = checked_list(models, "models", "models, versions or names, e.g. ['resnet18']")
        thresholds = checked_list(thresholds, "thresholds", "numbers, e.g. [0.9]")
        if controls is not None:
            controls = checked_list(controls, "controls", "controls, e.g. ['random']")
        rules = [target_rule(one) for one in checked_list(target_rules, "target_rules", "names, e.g. ['predicted']")]
        specification = AuditSpecification(
            model_versions=tuple([await version_name(self._connection, one, "models") for one in models]),
            dataset=self._dataset_name(dataset, "dataset"),
            canvas=canvas,
            searches=tuple(
                Search(
                    threshold=threshold,
                    method=search_method(method),
                    fill=fill_of(fill),
                    target_rule=rule,
                    passes=passes,
                    pixels_per_step=pixels_per_step,
                    fraction=fraction,
                    matched=again,
                )
                for again in ((False, True) if matched else (False,))
                for rule in rules
                if not again or rule is TargetRule.PREDICTED
                for threshold in thresholds
            ),
            controls=_plans(controls, pixel_subsets),
            seed=seed,
            sample=sample,
            device=checked_text(device, "device"),
            out_of_distribution_dataset=self._dataset_name(out_of_distribution, "out_of_distribution")
            if out_of_distribution
            else "",
            statistics=Statistics(level=level, alpha=alpha, ratio_limit=ratio_limit, accuracy_limit=accuracy_limit),
        )
        request = audit_service_pb2.CreateAuditRequest(
            parent=self._connection.project,
            audit=audit_pb2.Audit(specification=specification_message(specification, no_controls=controls == ())),
            audit_id=checked_text(name, "the name of an audit"),
            request_id=new_request_id(),
            validate_only=validate_only,
            no_reuse=not reuse,
        )
        message = await self._connection.call(self._connection.audits.CreateAudit, request)
        return AsyncAudit(self._connection, snapshot_of(message))

    def _dataset_name(self, dataset: Dataset | str, argument: str) -> str:
        if isinstance(dataset, Dataset):
            return dataset.name
        if not isinstance(dataset, str):
            raise InvalidArgument(f"{argument}: expected a data set or its name, got {dataset!r}")
        return self._name(dataset, "datasets")

    async def get(self, name: str) -> AsyncAudit:
        """The audit of that name.

        Raises:
            NotFound: there is none.
        """
        request = audit_service_pb2.GetAuditRequest(name=self._name(name))
        message = await self._connection.call(self._connection.audits.GetAudit, request)
        return AsyncAudit(self._connection, snapshot_of(message))

    async def list(self, filter: str = "") -> AsyncIterator[AsyncAudit]:  # noqa: A002  # the word of the service
        """Every audit, newest first; `filter` is e.g. "state = RUNNING".

        Raises:
            InvalidArgument: the server does not understand the filter.
        """
        stub = self._connection.audits
        asked = checked_text(filter, "filter")
        request = audit_service_pb2.ListAuditsRequest(parent=self._connection.project, filter=asked)
        async for message in self._connection.pages(stub.ListAudits, request, lambda page: page.audits):
            yield AsyncAudit(self._connection, snapshot_of(message))

    async def delete(self, name: str) -> None:
        """Delete an audit that has ended, with its findings.

        Raises:
            NotFound: there is none.
            FailedPrecondition: it has not ended (AUDIT_NOT_ENDED).
        """
        request = audit_service_pb2.DeleteAuditRequest(name=self._name(name))
        await self._connection.delete(self._connection.audits.DeleteAudit, request)

    def _name(self, name: str, collection: str = "audits") -> str:
        return resource_name(self._connection.project, collection, name)


def _plans(
    controls: Sequence[Control | ControlPlan | str] | None, pixel_subsets: int | None
) -> tuple[ControlPlan, ...]:
    """The controls that are named; the server adds its default ones where there is none but for the last."""
    plans = tuple(control_plan(control) for control in controls or ())
    return (
        plans if pixel_subsets is None else (*plans, control_plan(ControlPlan(Control.PIXEL_SUBSETS, 0, pixel_subsets)))
    )
