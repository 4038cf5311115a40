"""Specifications of audits: their rules, and the defaults for what a caller left out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.controls import ASKING_OTHERS, CONTROLS, EXTRA
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.ensembles import checked_together
from modicum_server.domain.models import Ensemble, InputSpecification, ModelVersion
from modicum_server.domain.pixel_subsets import DEFAULT_PASSES, METHODS, MOST_PIXELS
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, SearchMethod, TargetRule
from modicum_server.errors import CanvasUnfit, FieldInvalid, GradientMissing
from modicum_server.settings import Settings
from modicum_server.usecases.controls import carrier, default_controls
from modicum_server.usecases.costs import default_pixels_per_step, search_passes
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check, failing, refuse_first
from modicum_server.usecases.stopping import check_stopping

FIELD = "audit.specification"
SECOND_FIELD = f"{FIELD}.out_of_distribution_dataset"
COUNTERFACTUAL_FIELD = f"{FIELD}.counterfactual_dataset"
AUTO = "auto"
MOST_BACKSELECT_PASSES = 10_000_000
"""Passes of backselect on one image, at most. The exact search takes them at 66 x 66 pixels, in hours on a CPU."""


@dataclass(frozen=True, slots=True)
class AuditDraft:
    """A specification as a caller gives it. Missing canvas channels, zeros and missing controls mean the defaults."""

    specification: AuditSpecification
    no_controls: bool = False


def check_draft(draft: AuditDraft, project: str) -> None:
    """Refuse a draft whose fields break their rules or name resources of another project.

    Raises:
        FieldInvalid: the first of `draft_mistakes`.
    """
    refuse_first(draft_mistakes(draft, project))


def draft_mistakes(draft: AuditDraft, project: str) -> Iterator[FieldInvalid]:
    """Yield which fields of a draft break their rules or name resources of another project, in their order."""
    asked = draft.specification
    return failing(
        partial(_check_versions, asked.model_versions, project),
        partial(_check_name, f"{FIELD}.dataset", "dataset", asked.dataset, project),
        partial(_check_other_dataset, SECOND_FIELD, asked.out_of_distribution_dataset, project),
        partial(_check_other_dataset, COUNTERFACTUAL_FIELD, asked.counterfactual_dataset, project),
        *_search_checks(asked.searches),
        partial(check, f"{FIELD}.seed", asked.seed),
        partial(check, f"{FIELD}.sample", asked.sample),
        partial(check, f"{FIELD}.device", asked.device),
        *(partial(check, f"{FIELD}.statistics.{name}", value) for name, value in asdict(asked.statistics).items()),
        partial(check_stopping, f"{FIELD}.stopping", asked),
        partial(_check_controls, draft),
        partial(_check_canvas, asked.canvas),
    )


def _check_versions(names: Sequence[str], project: str) -> None:
    check(f"{FIELD}.model_versions", names)
    for place, name in enumerate(names):
        _check_name(f"{FIELD}.model_versions[{place}]", "model version", name, project)
    _check_distinct(f"{FIELD}.model_versions", names)


def _check_other_dataset(field: str, name: str, project: str) -> None:
    if name:
        _check_name(field, "dataset", name, project)


def _check_name(field: str, kind: str, name: str, project: str) -> None:
    if project_of(kind, name, field) != project:
        raise FieldInvalid(field, f"expected a {kind} of {project}, got {name}; an audit belongs to one project")


def _check_distinct(field: str, values: Sequence[object]) -> None:
    for place, value in enumerate(values):
        if value in values[:place]:
            raise FieldInvalid(f"{field}[{place}]", "this entry repeats an earlier one; give each once")


def _search_checks(searches: Sequence[Search]) -> Iterator[Callable[[], None]]:
    """Yield the checks of searches: of each number, of each search as a whole, and of all of them together."""
    yield partial(check, f"{FIELD}.searches", searches)
    for place, search in enumerate(searches):
        field = f"{FIELD}.searches[{place}]"
        for name in ("threshold", "passes", "pixels_per_step", "fraction"):
            yield partial(check, f"{field}.{name}", getattr(search, name))
        yield partial(_check_search, field, search)
    yield partial(_check_distinct, f"{FIELD}.searches", searches)
    yield partial(_check_matched, searches)


def _check_search(field: str, search: Search) -> None:
    if search.target_rule is TargetRule.RANDOM_OTHER and search.matched:
        raise FieldInvalid(
            f"{field}.matched",
            "expected false for a random other class. Matching uses the eligible images, and only a search for the "
            "predicted class has these",
        )
    owners = {
        "passes": SearchMethod.MASK_OPTIMIZATION,
        "pixels_per_step": SearchMethod.BATCHED_GRADIENT,
        "fraction": SearchMethod.BACKSELECT,
    }
    for name, owner in owners.items():
        if getattr(search, name) and search.method is not owner:
            raise FieldInvalid(
                f"{field}.{name}", f"expected 0, because it applies to {owner} only and not to {search.method}"
            )


def _check_matched(searches: Sequence[Search]) -> None:
    """Refuse a matched search that does not follow all others or that repeats none of them."""
    for place, search in enumerate(searches):
        field = f"{FIELD}.searches[{place}].matched"
        if search.matched and search.unmatched not in searches:
            raise FieldInvalid(
                field, "a matched search must follow the same search without matching; add that search before it"
            )
        if not search.matched and any(other.matched for other in searches[:place]):
            raise FieldInvalid(field, "searches without matching must come before the matched ones")


def _check_controls(draft: AuditDraft) -> None:
    plans = draft.specification.controls
    if draft.no_controls and any(plan.control not in EXTRA for plan in plans):
        raise FieldInvalid(f"{FIELD}.no_controls", "cannot be true together with controls; remove one of the two")
    for place, plan in enumerate(plans):
        _check_images(f"{FIELD}.controls[{place}].images", plan)
        _check_budget(f"{FIELD}.controls[{place}].passes", plan)
        _check_method(f"{FIELD}.controls[{place}].method", plan)
        if plan.control in ASKING_OTHERS and len(draft.specification.model_versions) == 1:
            raise FieldInvalid(
                f"{FIELD}.controls[{place}].control",
                f"{plan.control} needs at least two model versions, because other versions score a version's subsets; "
                "got one; name another version or leave the control out",
            )
        if plan.control is Control.PIXEL_SUBSETS and carrier(draft.specification.searches) is None:
            raise FieldInvalid(
                f"{FIELD}.controls[{place}].control",
                f"{plan.control} needs a search for the predicted class; add one or leave the control out",
            )
    _check_distinct(f"{FIELD}.controls", [plan.control for plan in plans])


def _check_images(field: str, plan: ControlPlan) -> None:
    check(field, plan.images)
    if 0 < plan.images < (least := CONTROLS[plan.control].least_images):
        raise FieldInvalid(field, f"expected {least} or more for {plan.control}, or 0 for all, got {plan.images}")


def _check_budget(field: str, plan: ControlPlan) -> None:
    least = CONTROLS[plan.control].least_passes
    if plan.passes and not least:
        raise FieldInvalid(field, f"expected 0 for {plan.control}, because it does not search, got {plan.passes}")
    if 0 < plan.passes < least:
        raise FieldInvalid(
            field,
            f"expected {least} or more for {plan.control}, or 0 for the server's default, got {plan.passes}",
        )
    check(field, plan.passes)


def _check_method(field: str, plan: ControlPlan) -> None:
    if plan.method is None:
        return
    if plan.control is not Control.PIXEL_SUBSETS:
        raise FieldInvalid(field, f"expected no method for {plan.control}, got {plan.method}")
    if plan.method not in METHODS:
        raise FieldInvalid(field, f"expected {' or '.join(METHODS)} for {plan.control}, got {plan.method}")


def _check_canvas(canvas: Canvas) -> None:
    """Check a canvas that was asked for: one with any of its sides, such as a width without a height."""
    if not any((canvas.channels, canvas.height, canvas.width)):
        return
    check(f"{FIELD}.canvas.channels", canvas.channels)
    check(f"{FIELD}.canvas.height", canvas.height, "side")
    check(f"{FIELD}.canvas.width", canvas.width, "side")
    check(f"{FIELD}.canvas", canvas.pixels, "pixels")
    check(f"{FIELD}.canvas", canvas.channels * canvas.pixels, "values")


def fill_in(draft: AuditDraft, versions: Sequence[ModelVersion], settings: Settings) -> AuditSpecification:
    """Return the specification with all defaults filled in.

    Raises:
        CanvasUnfit: the versions have no canvas in common, or cannot take the one that was asked for.
        FieldInvalid: a control cannot run on the canvas, or backselect would take days there.
    """
    asked = draft.specification
    inputs = [(version.name, version.input) for version in versions if version.input is not None]
    canvas = asked.canvas if asked.canvas.channels else usual_canvas(versions)
    _require_fit(canvas, inputs)
    for place, search in enumerate(asked.searches):
        _refuse_slow_backselect(f"{FIELD}.searches[{place}].fraction", search, canvas)
    # 0 passes of a control stay 0: they mean the passes of the search, which differ between searches
    controls = _filled_controls(draft, len(versions), canvas)
    return replace(
        asked,
        canvas=canvas,
        searches=tuple(_filled_search(search, canvas, settings) for search in asked.searches),
        controls=controls,
        device=asked.device or AUTO,
    )


def _filled_controls(draft: AuditDraft, version_count: int, canvas: Canvas) -> tuple[ControlPlan, ...]:
    """Return the named controls or the default ones; those with a budget of their own are added to either."""
    asked = draft.specification.controls
    asked = tuple(_filled_pixel_subsets(plan) if plan.control is Control.PIXEL_SUBSETS else plan for plan in asked)
    by_budget = tuple(plan for plan in asked if plan.control in EXTRA)
    if by_budget and canvas.pixels > MOST_PIXELS:
        raise FieldInvalid(
            f"{FIELD}.canvas",
            f"expected at most {MOST_PIXELS:,} pixels for {by_budget[0].control}, got {canvas.pixels:,}; use a "
            "smaller canvas or leave the control out",
        )
    if draft.no_controls or len(by_budget) < len(asked):
        return asked
    return (*default_controls(version_count, canvas), *by_budget)


def _filled_pixel_subsets(plan: ControlPlan) -> ControlPlan:
    """Return the plan with a method, and with a budget if the method has a default one."""
    method = plan.method or METHODS[0]
    passes = DEFAULT_PASSES if method is SearchMethod.MASK_OPTIMIZATION else 0
    return replace(plan, method=method, passes=plan.passes or passes)


def usual_canvas(versions: Sequence[ModelVersion]) -> Canvas:
    """Return the canvas of an audit that names none: the smallest input size of its versions."""
    inputs = [version.input for version in versions if version.input is not None]
    smallest = min(inputs, key=lambda given: (given.height * given.width, given.height))
    return Canvas(channels=smallest.channels, height=smallest.height, width=smallest.width)


def _require_fit(canvas: Canvas, inputs: Sequence[tuple[str, InputSpecification]]) -> None:
    """Refuse versions that do not fit the canvas. A version can resize it, but not change its channels or bounds."""
    _, first = inputs[0]
    for name, given in inputs:
        if given.channels != canvas.channels:
            raise CanvasUnfit(
                f"{name} takes images of {given.channels} channels, but the canvas has {canvas.channels}; "
                "audit it in a separate audit",
                model_version=name,
            )
        if (given.lower_bound, given.upper_bound) != (first.lower_bound, first.upper_bound):
            raise CanvasUnfit(
                f"{name} takes values from {given.lower_bound:g} to {given.upper_bound:g}, but the first version takes "
                f"values from {first.lower_bound:g} to {first.upper_bound:g}; audit them in separate audits",
                model_version=name,
            )


def _refuse_slow_backselect(field: str, search: Search, canvas: Canvas) -> None:
    if search.method is not SearchMethod.BACKSELECT:
        return
    passes = search_passes(search, canvas)
    if passes > MOST_BACKSELECT_PASSES:
        raise FieldInvalid(
            field,
            f"expected at most {MOST_BACKSELECT_PASSES:,} passes per image; with {search.fraction:g}, backselect takes "
            f"{passes:,} on a canvas of {canvas.height} x {canvas.width} pixels; remove more pixels in each step, for "
            f"example 0.05, use a smaller canvas, or search with {SearchMethod.MASK_OPTIMIZATION}",
        )


def _filled_search(search: Search, canvas: Canvas, settings: Settings) -> Search:
    match search.method:
        case SearchMethod.MASK_OPTIMIZATION:
            return replace(search, passes=search.passes or settings.default_passes)
        case SearchMethod.BATCHED_GRADIENT:
            return replace(search, pixels_per_step=search.pixels_per_step or default_pixels_per_step(canvas))
        case SearchMethod.BACKSELECT:
            return search


def require_ensemble(versions: Sequence[ModelVersion], specification: AuditSpecification) -> None:
    """Refuse matched searches where it is unclear to which ensemble the members' temperatures are matched.

    Raises:
        FieldInvalid
    """
    if not any(search.matched for search in specification.searches):
        return
    names = {version.name for version in versions}
    ensembles = [version for version in versions if isinstance(version.source, Ensemble)]
    whole = [one for one in ensembles if isinstance(one.source, Ensemble) and set(one.source.members) <= names]
    if len(ensembles) != 1 or len(whole) != 1:
        raise FieldInvalid(
            f"{FIELD}.model_versions",
            "a matched search needs one ensemble and all of its members, got "
            f"{len(ensembles)} ensembles, {len(whole)} of them with all members",
        )


def require_second(versions: Sequence[ModelVersion], dataset: Dataset, second: Dataset) -> None:
    """Refuse an out-of-distribution data set that no mitigation check could use.

    Raises:
        FieldInvalid
    """
    if not checked_together(versions):
        raise FieldInvalid(
            SECOND_FIELD,
            "expected an ensemble and all of its members as model versions, because this data set is for their check",
        )
    if second.manifest_digest == dataset.manifest_digest:
        raise FieldInvalid(SECOND_FIELD, "expected another data set than the audited one")
    if not second.labelled_count:
        raise FieldInvalid(SECOND_FIELD, f"{second.name} has no labels; give a data set with labels")


def require_gradient(version: ModelVersion, specification: AuditSpecification) -> None:
    """Refuse searches and controls that need gradients, when the version has no useful one.

    mask_optimization is allowed: it uses forward passes there. A version that was not checked yet passes too, and is
    checked again when its search begins.

    Raises:
        GradientMissing
    """
    if version.check is None or version.check.useful_gradient:
        return
    if any(search.method is SearchMethod.BATCHED_GRADIENT for search in specification.searches):
        raise GradientMissing(
            f"{version.name} has no useful gradient, but {SearchMethod.BATCHED_GRADIENT} needs one; "
            f"search with {SearchMethod.MASK_OPTIMIZATION}, which can do without one",
            model_version=version.name,
        )
    if any(plan.control is Control.PIXEL_SUBSETS for plan in specification.controls):
        raise GradientMissing(
            f"{version.name} has no useful gradient, but {Control.PIXEL_SUBSETS} needs one; leave the control out",
            model_version=version.name,
        )
