"""The options of `Speedups`: reduced precision, compilation and CUDA graphs, each with its checks."""

import math
from dataclasses import dataclass
from functools import partial

import pytest
import torch
from modicum_sis import (
    BatchedGradient,
    Classifier,
    MaskOptimization,
    ParameterError,
    Proposal,
    Speedups,
    find_subsets,
    load_findings,
    save_findings,
)
from modicum_sis.acceleration.fast_path import AIM, REDUCED_AGREEMENT
from modicum_sis.numerics.margins import log_odds, margin_difference, margins_of, raised
from modicum_sis.progress import Meter
from modicum_sis.scoring.mask_scorer import MaskScorer
from torch import nn

from tests.sis.sis_models import TinyNetwork, linear_classifier, random_images

CANVAS = (3, 8, 8)
REDUCED = Speedups(precision="bfloat16")


def accelerated(speedups, module=None):
    return Classifier(TinyNetwork() if module is None else module, (0, 1), 0.5, 0.25, accelerate=speedups)


def test_a_search_in_reduced_precision_records_its_difference_in_log_odds():
    classifier, images = accelerated(REDUCED), random_images(4)

    record = classifier.acceleration(CANVAS)

    assert (record.dtype, record.folded, record.declined) == ("bfloat16", 1, "")
    assert 0 < record.margin_difference <= REDUCED_AGREEMENT
    assert record.aim == AIM * record.margin_difference
    scores = classifier.search_logits(images)
    assert scores.dtype == torch.float32
    assert not torch.equal(scores, classifier.logits(images))
    torch.testing.assert_close(scores, classifier.logits(images), rtol=0.05, atol=0.05)


def test_reduced_precision_returns_the_gradient_in_the_dtype_of_the_image():
    classifier = accelerated(REDUCED)
    gradients = []
    for score in (classifier.logits, classifier.search_logits):
        images = random_images(4).requires_grad_()
        gradients.append(torch.autograd.grad(score(images)[:, 0].sum(), images)[0])

    assert gradients[1].dtype == torch.float32
    cosine = torch.nn.functional.cosine_similarity(*(each.flatten() for each in gradients), dim=0)
    assert 0.99 < float(cosine) < 1


def test_plain_passes_are_never_in_reduced_precision():
    classifier, own, image = accelerated(REDUCED), accelerated(False), random_images(1)[0]
    classifier.acceleration(CANVAS)

    assert torch.equal(classifier.plain_logits(image), own.plain_logits(image))


@pytest.mark.parametrize("search", [MaskOptimization(passes=80), BatchedGradient(2)], ids=["mask", "gradient"])
def test_subsets_found_in_reduced_precision_are_verified_in_float32_at_the_threshold(search):
    classifier, own, images = accelerated(REDUCED), accelerated(False), random_images(8)

    findings = list(find_subsets(classifier, images, threshold=0.6, search=search))

    found = [each for each in findings if each.subset is not None and not each.baseline_confident]
    assert found
    for finding in found:
        masked = torch.where(finding.subset.mask, images[finding.index], own.fill_mean)
        margin = margins_of(own.plain_logits(masked).unsqueeze(0), torch.tensor([finding.target_class]))
        assert float(torch.sigmoid(margin.double())) == finding.verified_confidence >= 0.6
        assert finding.parameters.threshold == 0.6
        assert finding.parameters.acceleration == classifier.acceleration(CANVAS)


def test_a_search_aims_past_the_threshold_by_the_difference_of_its_passes():
    aimed = []

    class Watched(MaskOptimization):
        def propose(self, task):
            aimed.append(task.threshold)
            return super().propose(task)

    for speedups in (REDUCED, True):
        classifier = accelerated(speedups)
        list(find_subsets(classifier, random_images(2), threshold=0.6, search=Watched(passes=20)))

    aim = accelerated(REDUCED).acceleration(CANVAS).aim
    assert log_odds(aimed[0]) == pytest.approx(log_odds(0.6) + aim)
    assert aimed[1] == 0.6


@pytest.mark.parametrize(
    ("threshold", "by", "expected"),
    [(0.5, 0.0, 0.5), (0.5, math.log(3), 0.75), (0.9, math.log(11), 0.99)],
    ids=["by nothing", "from even odds to three to one", "from 9 to 99"],
)
def test_a_threshold_is_raised_in_log_odds(threshold, by, expected):
    assert raised(threshold, by) == pytest.approx(expected, rel=1e-12)


def test_a_raised_threshold_stays_below_one():
    assert raised(0.99, 1000.0) < 1


def test_the_difference_of_log_odds_is_the_root_mean_square_over_images_and_classes():
    logits, others = torch.randn(3, 5), torch.randn(3, 5)

    apart = [
        margins_of(logits.double(), torch.full((3,), k)) - margins_of(others.double(), torch.full((3,), k))
        for k in range(5)
    ]

    assert margin_difference(logits, others) == pytest.approx(float(torch.stack(apart).square().mean().sqrt()))
    assert margin_difference(logits, logits) == 0


def test_reduced_precision_that_differs_too_much_is_declined_and_folded_float32_runs():
    class Steep(TinyNetwork):
        def forward(self, images):
            return 400 * super().forward(images)

    record = accelerated(REDUCED, Steep()).acceleration(CANVAS)

    assert (record.dtype, record.folded, record.aim) == ("float32", 1, 0)
    assert "bfloat16: log-odds of the fast copy differ by" in record.declined


def test_a_module_that_requires_its_own_dtype_is_searched_in_it():
    class Insistent(TinyNetwork):
        def forward(self, images):
            return (
                super().forward(images) + torch.ones(4, dtype=torch.float32) @ torch.eye(4)
                if (images.dtype == torch.float32)
                else super().forward(images.float())
            )

    record = accelerated(REDUCED, Insistent()).acceleration(CANVAS)

    assert record.dtype == "float32"
    assert "bfloat16: the fast copy failed" in record.declined


def test_double_precision_declines_every_speedup_with_a_reason():
    everything = Speedups(precision="bfloat16", compiled=True, graphs=True)
    classifier, images = accelerated(everything, TinyNetwork().double()), random_images(2).double()

    record = classifier.acceleration(CANVAS)

    assert (record.dtype, record.folded, record.compiled, record.graphs) == ("float64", 0, False, False)
    assert "double precision" in record.declined
    assert torch.equal(classifier.search_logits(images), classifier.logits(images))


def test_another_precision_is_refused():
    with pytest.raises(ParameterError, match='must be "bfloat16", "float16" or None; got \'int8\''):
        Speedups(precision="int8")


def test_a_findings_file_records_the_speedups(tmp_path):
    classifier = accelerated(REDUCED)
    findings = list(find_subsets(classifier, random_images(1), threshold=0.6, search=MaskOptimization(passes=20)))

    save_findings(tmp_path / "findings.npz", findings)

    (loaded,) = load_findings(tmp_path / "findings.npz")
    assert loaded.parameters.acceleration == classifier.acceleration(CANVAS)


def test_a_change_of_the_weights_repeats_every_step():
    module = TinyNetwork()
    classifier, images = accelerated(Speedups(precision="bfloat16", graphs=True), module), random_images(3)
    before = classifier.search_logits(images)
    module.load_state_dict(TinyNetwork(seed=1).state_dict())

    classifier.prepare()

    record = classifier.acceleration(CANVAS)
    assert (record.folded, record.dtype, record.graphs, record.declined) == (1, "bfloat16", True, "")
    assert not torch.allclose(classifier.search_logits(images), before, atol=0.05)
    torch.testing.assert_close(classifier.search_logits(images), classifier.logits(images), rtol=0.05, atol=0.05)


def fake_compiler(monkeypatch, compiled):
    monkeypatch.setattr(torch, "compile", lambda module, **_: compiled(module))


def test_without_a_compiler_the_folded_copy_runs_and_the_record_says_why(monkeypatch):
    class NoCompiler(nn.Module):
        def forward(self, images):
            raise FileNotFoundError("no g++ here")

    fake_compiler(monkeypatch, lambda _: NoCompiler())

    record = accelerated(Speedups(compiled=True)).acceleration(CANVAS)

    assert (record.folded, record.compiled) == (1, False)
    assert "compiled: the fast copy failed" in record.declined
    assert "no g++ here" in record.declined


def test_where_torch_cannot_compile_at_all_the_record_says_so(monkeypatch):
    def refuse(_):
        raise RuntimeError("not on this Python")

    fake_compiler(monkeypatch, refuse)

    record = accelerated(Speedups(compiled=True)).acceleration(CANVAS)

    assert (record.folded, record.compiled) == (1, False)
    assert record.declined == "compiled: RuntimeError: not on this Python"


def test_after_a_compiler_failure_on_a_later_batch_the_step_before_runs(monkeypatch):
    class Fragile(nn.Module):
        def __init__(self, module):
            super().__init__()
            self.module = module

        def forward(self, images):
            if len(images) == 1:
                raise RuntimeError("cannot compile for one image")
            return self.module(images)

    fake_compiler(monkeypatch, Fragile)
    classifier, images = accelerated(Speedups(precision="bfloat16", compiled=True)), random_images(1)
    assert classifier.acceleration(CANVAS).compiled

    scores = classifier.search_logits(images)

    record = classifier.acceleration(CANVAS)
    assert (record.compiled, record.dtype, record.folded) == (False, "bfloat16", 1)
    assert "cannot compile for one image" in record.declined
    assert torch.equal(scores, accelerated(REDUCED).search_logits(images))


def test_a_compiler_that_fails_backward_is_declined_before_a_search_needs_it(monkeypatch):
    class NoBackward(torch.autograd.Function):
        @staticmethod
        def forward(_, scores):
            return scores.clone()

        @staticmethod
        def backward(_, __):
            raise RuntimeError("no backward kernel")

    fake_compiler(monkeypatch, lambda module: lambda images: NoBackward.apply(module(images)))

    record = accelerated(Speedups(compiled=True)).acceleration(CANVAS)

    assert not record.compiled
    assert "no backward kernel" in record.declined


def test_a_search_on_a_compiled_copy_finds_the_same_subsets(monkeypatch):
    fake_compiler(monkeypatch, lambda module: module)
    found = [
        list(find_subsets(accelerated(speedups), random_images(4), threshold=0.6, search=MaskOptimization(passes=60)))
        for speedups in (Speedups(compiled=True), True)
    ]

    assert [each.parameters.acceleration.compiled for each in found[0]] == [True] * 4
    for one, other in zip(*found, strict=True):
        assert torch.equal(one.subset.mask, other.subset.mask)


@dataclass(frozen=True)
class Hopeful:
    """Scores the mask without one pixel, and proposes two masks of one pixel."""

    def planned_passes(self, canvas):
        return 10

    def propose(self, task):
        for admitted in task.admit(None):
            task.scorer.margins(all_but_first().unsqueeze(0), torch.tensor([admitted.row]))
            yield admitted.row, Proposal(masks=iter([~all_but_first(), ~all_but_first().T]), trace=None)


def all_but_first():
    mask = torch.ones(CANVAS[1:], dtype=torch.bool)
    mask[0, 0] = False
    return mask


def hopeful_findings(speedups):
    classifier = accelerated(speedups)
    findings = list(find_subsets(classifier, random_images(8), threshold=0.6, search=Hopeful()))
    return [each for each in findings if each.confidence > 0.8 and not each.baseline_confident]


def test_in_reduced_precision_a_safe_mask_is_kept_if_the_smallest_masks_fail_verification():
    findings = hopeful_findings(REDUCED)

    assert findings
    for finding in findings:
        assert torch.equal(finding.subset.mask, all_but_first())
        assert finding.passes.forward == 2 + 1 + 2
        assert not finding.budget_exhausted


def test_exact_passes_need_no_safe_mask():
    findings = hopeful_findings(True)

    assert findings
    assert all(finding.budget_exhausted for finding in findings)


def test_the_safe_mask_is_the_smallest_one_with_enough_margin():
    evidence = torch.tensor([[4.0, 2.0, 1.0, 0.5]])
    meter = Meter(images_total=2, passes_planned=100, progress=None, should_stop=None)
    scorer = MaskScorer(linear_classifier(evidence), (1, 1, 4), rows=2, batch_size=3, meter=meter, safe_margin=3.0)
    for row in range(2):
        scorer.place(row, torch.ones(1, 1, 4), torch.zeros(1, 1, 4), 0)
    masks = torch.tensor([[[1, 1, 1, 1]], [[0, 1, 1, 0]], [[1, 0, 0, 1]], [[0, 1, 0, 0]], [[1, 1, 1, 0]]]).bool()

    scorer.margins(masks[:1], torch.ones(1, dtype=torch.int64))
    assert scorer.safe_mask(1) is None  # the whole image does not count
    scorer.margins(masks, torch.zeros(5, dtype=torch.int64))
    scorer.margins_and_gradients(masks[4:], torch.ones(1, dtype=torch.int64))

    assert scorer.safe_mask(0).tolist() == [[False, True, True, False]]
    assert scorer.safe_mask(1).tolist() == [[True, True, True, False]]
    scorer.place(1, torch.ones(1, 1, 4), torch.zeros(1, 1, 4), 0)
    assert scorer.safe_mask(1) is None


@pytest.mark.long
def test_torchs_own_tracing_accepts_the_folded_copy_at_any_batch_size(monkeypatch):
    monkeypatch.setattr(
        torch, "compile", partial(torch.compile, backend="aot_eager")
    )  # everything except the C++ compiler
    classifier, own = accelerated(Speedups(compiled=True)), accelerated(False)

    assert classifier.acceleration(CANVAS).compiled
    for count in (1, 3, 20, 2):
        images = random_images(count)
        torch.testing.assert_close(classifier.search_logits(images), own.logits(images), rtol=1e-4, atol=1e-5)
        gradients = []
        for score in (classifier.search_logits, own.logits):
            leaf = images.clone().requires_grad_()
            gradients.append(torch.autograd.grad(score(leaf)[:, 0].sum(), leaf)[0])
        torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-5)
    assert classifier.acceleration(CANVAS).declined == ""
