"""Properties of every finding, for any model, canvas, search and fill.

Confidences are computed independently, in float64, from the module alone.
"""

import copy
import math
from dataclasses import dataclass, replace

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from modicum_sis import (
    FILLS,
    BackSelect,
    BatchedGradient,
    Classifier,
    Donors,
    MaskOptimization,
    Reason,
    find_subsets,
    gather_donors,
    generator,
    log_odds,
)
from torch import Tensor, nn

from tests.sis.sis_models import LinearScores, PairedScores, smooth_network, two_classes
from tests.tiers import long

MEAN, STD, FILL_MEAN = 0.5, 0.5, 0.75
DONORS = 5
SLACKS = {("arithmetic", torch.float32): 1e-5, ("network", torch.float32): 1e-3}
"""The allowed error of a margin in float32; in float64 it is `SLACK`."""
SLACK = 1e-9

searches = st.one_of(
    st.just(BackSelect()),
    st.floats(0.05, 0.9).map(BackSelect),
    st.integers(1, 9).map(BatchedGradient),
    st.integers(10, 150).map(MaskOptimization),
)
some_searches = [BackSelect(), BackSelect(0.3), BatchedGradient(1), BatchedGradient(4), MaskOptimization(100)]


@dataclass(frozen=True, eq=False)
class Scene:
    """A model, images on its canvas, and all parameters of a search."""

    kind: str
    module: nn.Module
    dtype: torch.dtype
    images: Tensor
    donors: Tensor
    fill: str
    search: object
    threshold: float
    targets: list[int] | None
    chunk_size: int

    @property
    def slack(self) -> float:
        return SLACKS.get((self.kind, self.dtype), SLACK)

    def classifier(self) -> Classifier:
        module = copy.deepcopy(self.module).to(self.dtype)
        return Classifier(module, (0, 1), MEAN, STD, output="logits", fill_mean=FILL_MEAN)

    def pool(self, classifier: Classifier) -> Donors | None:
        return gather_donors(classifier, self.donors) if self.fill == "marginal" else None

    def findings(self, classifier: Classifier | None = None) -> list:
        classifier = classifier or self.classifier()
        return list(
            find_subsets(
                classifier,
                self.images,
                threshold=self.threshold,
                search=self.search,
                fill=self.fill,
                targets=self.targets,
                donors=self.pool(classifier),
                chunk_size=self.chunk_size,
            )
        )


def scene_of(kind, seed, *, canvas, classes=3, dtype=torch.float32, count=3, **options):
    module = PairedScores(seed, canvas, classes) if kind == "arithmetic" else smooth_network(seed, canvas[0], classes)
    images, donors = (
        torch.rand(number, *canvas, generator=torch.Generator().manual_seed(seed + 1 + place))
        for place, number in enumerate((count, DONORS))
    )
    return Scene(kind, module, dtype, images, donors, **{"targets": None, "threshold": 0.8, **options})


@st.composite
def scenes(draw, kinds=("arithmetic", "network"), fills=FILLS):
    classes, count = draw(st.integers(2, 4)), draw(st.integers(1, 4))
    scene = scene_of(
        draw(st.sampled_from(kinds)),
        draw(st.integers(0, 2**32)),
        canvas=(draw(st.integers(1, 4)), draw(st.integers(1, 9)), draw(st.integers(1, 7))),
        classes=classes,
        count=count,
        dtype=draw(st.sampled_from([torch.float32, torch.float64])),
        fill=draw(st.sampled_from(fills)),
        search=draw(searches),
        threshold=draw(st.sampled_from([0.6, 0.9, 0.99])),
        targets=draw(st.none() | st.lists(st.integers(0, classes - 1), min_size=count, max_size=count)),
        chunk_size=draw(st.sampled_from([1, 2, 7, 64])),
    )
    # a pixel that is equal for all classes gives no gradient
    assume(scene.classifier().inspect(tuple(scene.images.shape[1:])).has_gradient)
    return scene


def margins_by_hand(scene, image):
    """(K,) float64: the log-odds of every class."""
    module = copy.deepcopy(scene.module).double().eval()
    with torch.no_grad():
        logits = module(((image.double() - MEAN) / STD)[None])[0]
    others = ~torch.eye(len(logits), dtype=torch.bool)
    return torch.stack([logit - logits[rest].logsumexp(dim=0) for logit, rest in zip(logits, others, strict=True)])


def blurred_by_hand(image):
    sigma = min(image.shape[-2:]) / 16
    reach = math.ceil(4 * sigma)
    padded = nn.functional.pad(image.double()[None], (reach,) * 4, mode="replicate")[0]
    total, weight = torch.zeros_like(image, dtype=torch.float64), 0.0
    for down in range(2 * reach + 1):
        for right in range(2 * reach + 1):
            share = math.exp(-((down - reach) ** 2 + (right - reach) ** 2) / (2 * sigma**2))
            total += share * padded[:, down : down + image.shape[1], right : right + image.shape[2]]
            weight += share
    return total / weight


def fills_by_hand(scene, image, finding):
    """Every possible fill of the scene: one, or every usable donor."""
    match scene.fill:
        case "mean" | "black" | "white":
            return [torch.full_like(image, {"mean": FILL_MEAN, "black": 0, "white": 1}[scene.fill])]
        case "noise":
            return [torch.rand(image.shape, generator=generator(0, finding.digest, "noise fill"))]
        case "blur":
            return [blurred_by_hand(image)]
        case _:
            classes = [int(margins_by_hand(scene, donor).argmax()) for donor in scene.donors]
            return [donor for donor, label in zip(scene.donors, classes, strict=True) if label != finding.target_class]


def rescored_by_hand(scene, finding, mask):
    """The margins of the target class on the masked image, one for every possible fill."""
    image = scene.images[finding.index]
    painted = [torch.where(mask, image.double(), fill.double()) for fill in fills_by_hand(scene, image, finding)]
    return torch.tensor([margins_by_hand(scene, one)[finding.target_class] for one in painted], dtype=torch.float64)


def described(finding):
    """Everything of a finding except its index, to be compared bit by bit."""
    mask = None if finding.subset is None else finding.subset.mask.tolist()
    trace = finding.trace and (finding.trace.order.tolist(), finding.trace.confidences.tolist())
    told = (finding.predicted_class, finding.eligible, finding.baseline_confident, finding.budget_exhausted)
    return finding.digest, told, repr(finding.margin), mask, finding.verified_confidence, trace, finding.passes


@given(scene=scenes())
def test_a_reported_subset_is_sufficient_when_its_masked_image_is_scored_alone(scene):
    for finding in scene.findings():
        if finding.subset is None:
            continue
        margins = rescored_by_hand(scene, finding, finding.subset.mask)
        gaps = (torch.sigmoid(margins) - finding.verified_confidence).abs()
        assert gaps.min() <= scene.slack
        assert margins[gaps.argmin()] >= log_odds(scene.threshold) - scene.slack


@given(scene=scenes())
def test_an_image_is_eligible_when_its_predicted_class_reaches_the_threshold_and_then_has_a_subset(scene):
    for finding in scene.findings():
        margins = margins_by_hand(scene, scene.images[finding.index])
        over = float(margins.max()) - log_odds(scene.threshold)

        assert margins[finding.predicted_class] >= margins.max() - scene.slack
        assert finding.margin == pytest.approx(float(margins[finding.target_class]), abs=scene.slack, rel=1e-6)
        assert finding.eligible == (over >= 0) or abs(over) <= scene.slack
        if scene.targets is None and finding.reason is not Reason.FILL_UNAVAILABLE:
            assert (finding.subset is not None) == finding.eligible
            assert finding.reason == (None if finding.eligible else Reason.NOT_ELIGIBLE)


@given(scene=scenes())
def test_an_empty_mask_means_a_confident_bare_fill_and_a_whole_image_an_exhausted_budget(scene):
    for finding in scene.findings():
        if finding.subset is None:
            assert not finding.baseline_confident
            assert not finding.budget_exhausted
            continue
        nothing = torch.zeros_like(finding.subset.mask)
        over = rescored_by_hand(scene, finding, nothing) - log_odds(scene.threshold)
        assert (over >= -scene.slack).any() if finding.baseline_confident else (over <= scene.slack).any()
        assert (finding.subset.size == 0) == finding.baseline_confident
        assert finding.budget_exhausted == (finding.subset.size == nothing.numel())


@given(scene=scenes())
def test_every_pass_is_counted_and_stays_within_the_plan(scene):
    module = copy.deepcopy(scene.module)
    classifier = Classifier(module.to(scene.dtype), (0, 1), MEAN, STD, output="logits", fill_mean=FILL_MEAN)
    donors, seen = scene.pool(classifier), []
    options = {"threshold": scene.threshold, "search": scene.search, "fill": scene.fill, "targets": scene.targets}
    options |= {"donors": donors, "chunk_size": scene.chunk_size}
    list(find_subsets(classifier, scene.images, **options))  # inspects the module with the library's own images
    module.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))

    findings = list(find_subsets(classifier, scene.images, **options))

    unclaimed = sum(seen) - sum(finding.passes.forward for finding in findings)
    assert 0 <= unclaimed <= 1  # the library's own probe image
    assert max(seen) <= scene.chunk_size
    for finding in findings:
        searched = finding.reason not in {Reason.NOT_ELIGIBLE, Reason.FILL_UNAVAILABLE}
        searched = searched and not finding.baseline_confident
        assert finding.passes.equivalents <= (scene.search.planned_passes(scene.images.shape[1:]) if searched else 2)


@given(scene=scenes(fills=["mean", "black", "white", "noise", "blur"]))
def test_every_entry_of_a_trace_is_the_confidence_of_its_mask(scene):
    for finding in scene.findings():
        trace = finding.trace
        if trace is None:
            continue
        assert len(trace.confidences) == len(trace.kept)
        assert trace.order.unique().numel() == len(trace.order) == int(trace.kept[0] - trace.kept[-1])
        assert (trace.kept.diff() < 0).all()
        for step, confidence in enumerate(trace.confidences.tolist()):
            mask = trace.mask_at(step)
            assert int(mask.sum()) == trace.kept[step]
            assert confidence == pytest.approx(
                float(torch.sigmoid(rescored_by_hand(scene, finding, mask)[0])), abs=1e-4
            )


@given(scene=scenes(), thresholds=st.lists(st.floats(0.01, 0.999), min_size=2, max_size=5))
@pytest.mark.long
def test_a_lower_threshold_never_gives_a_larger_subset_of_a_trace(scene, thresholds):
    for finding in scene.findings():
        if finding.trace is None:
            continue
        pairs = list(zip(finding.trace.kept.tolist(), finding.trace.confidences.tolist(), strict=True))
        sizes = []
        for threshold in sorted(thresholds):
            mask = finding.trace.smallest_subset(threshold)
            smallest = min((size for size, confidence in pairs if confidence >= threshold), default=math.inf)
            assert (math.inf if mask is None else int(mask.sum())) == smallest
            sizes.append(smallest)
        assert sizes == sorted(sizes)


@given(
    scene=scenes(kinds=["arithmetic"]),
    thresholds=st.tuples(st.floats(0.5, 0.9), st.floats(0.91, 0.999)),
    search=st.sampled_from([BackSelect(), BackSelect(0.3), BatchedGradient(1), BatchedGradient(4)]),
)
@pytest.mark.long
def test_a_search_whose_order_ignores_the_threshold_finds_no_larger_subset_at_a_lower_one(scene, thresholds, search):
    low, high = (replace(scene, threshold=threshold, search=search).findings() for threshold in thresholds)

    for lower, higher in zip(low, high, strict=True):
        assert higher.subset is None or lower.subset.size <= higher.subset.size


@given(scene=scenes(kinds=["arithmetic"]), data=st.data())
def test_a_finding_does_not_depend_on_other_images_position_or_chunk_size(scene, data):
    alone = [
        replace(scene, images=scene.images[at : at + 1], targets=scene.targets and [scene.targets[at]], chunk_size=1)
        for at in range(len(scene.images))
    ]
    broken = torch.full_like(scene.images[0], math.nan)
    company = torch.stack([*scene.images, broken, torch.zeros_like(broken), torch.ones_like(broken), scene.images[0]])
    targets = scene.targets and [*scene.targets, 0, 0, 0, 0]
    order = data.draw(st.permutations(range(len(company))))
    mixed = replace(scene, images=company[order], targets=targets and [targets[at] for at in order])

    together = replace(mixed, chunk_size=data.draw(st.sampled_from([1, 2, 3, 8]))).findings()

    for at, single in enumerate(alone):
        (finding,) = single.findings()
        assert described(together[order.index(at)]) == described(finding)
    assert together[order.index(len(scene.images))].reason is Reason.NOT_FINITE


@pytest.mark.long_after(1)
@pytest.mark.parametrize("search", some_searches, ids=str)
def test_images_that_finish_early_do_not_influence_the_searched_ones(search):
    canvas = (2, 5, 4)
    scene = scene_of("arithmetic", 4, canvas=canvas, fill="black", search=search, chunk_size=4, count=12)
    scene.images[5, 1, 2, 2] = math.nan
    together = scene.findings()

    singles = [replace(scene, images=scene.images[at : at + 1]).findings()[0] for at in range(len(scene.images))]

    fates = {(finding.reason, finding.baseline_confident) for finding in together}
    assert fates == {(None, True), (None, False), (Reason.NOT_ELIGIBLE, False), (Reason.NOT_FINITE, False)}
    for finding, single in zip(together, singles, strict=True):
        assert described(finding) == described(single)


@pytest.mark.long_after(2)
@pytest.mark.parametrize("fill", ["noise", *map(long, ("mean", "marginal"))])
@pytest.mark.parametrize("search", some_searches, ids=str)
def test_two_runs_of_a_network_are_equal_bit_by_bit(search, fill):
    scene = scene_of("network", 3, canvas=(3, 6, 5), fill=fill, search=search, chunk_size=2, threshold=0.5)

    first, second = scene.findings(), scene.findings()

    assert any(finding.subset is not None for finding in first)
    assert [described(finding) for finding in first] == [described(finding) for finding in second]


@pytest.mark.long_after(2)
@pytest.mark.parametrize("search", some_searches, ids=str)
def test_a_model_that_is_more_confident_in_batches_is_verified_one_image_at_a_time(search):
    class Sociable(LinearScores):
        def forward(self, images):
            return super().forward(images) + torch.tensor([1.0 if len(images) > 1 else 0.0, 0.0])

    evidence = torch.arange(1, 17).view(4, 4) / 16
    sociable = Classifier(Sociable(two_classes(evidence)), (0, 1), 0.0, 1.0)
    images = torch.ones(6, 1, 4, 4) - torch.arange(6).view(6, 1, 1, 1) / 16

    findings = list(find_subsets(sociable, images, threshold=0.9, search=search, chunk_size=6))

    for finding in findings:
        assert float((images[finding.index, 0] * evidence)[finding.subset.mask].sum()) >= log_odds(0.9)


@pytest.mark.long
def test_the_trace_of_mask_optimization_records_its_last_shrinking():
    scene = scene_of("network", 3, canvas=(3, 9, 7), fill="mean", search=MaskOptimization(150), chunk_size=4, count=6)

    findings = [finding for finding in replace(scene, threshold=0.5).findings() if finding.trace is not None]

    assert findings
    for finding in findings:
        margins = [
            rescored_by_hand(scene, finding, finding.trace.mask_at(at))[0] for at in range(len(finding.trace.kept))
        ]
        torch.testing.assert_close(finding.trace.confidences, torch.sigmoid(torch.stack(margins)), rtol=0, atol=1e-4)
