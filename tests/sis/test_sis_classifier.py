import itertools

import pytest
import torch
from modicum_sis import (
    BatchedGradient,
    CanvasRefused,
    Classifier,
    MaskOptimization,
    OutputNotFinite,
    OutputRefused,
    OutputUnsteady,
    ParameterError,
    find_subsets,
)
from modicum_sis.numerics.margins import confidences_of, margins_of
from torch import nn

from tests.sis.sis_models import (
    LinearScores,
    TinyNetwork,
    linear_classifier,
    network_classifier,
    ones,
    random_images,
    two_classes,
)


class Returns(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, images):
        return self.make(images)


def classifier_returning(make, **options):
    return Classifier(Returns(make), (0, 1), 0.0, 1.0, **options)


CALLS = itertools.count()
REFUSED = {
    "a dict": (lambda x: {"logits": x.sum((2, 3))}, OutputRefused, "dict"),
    "a tuple": (lambda x: (x.sum((2, 3)),), OutputRefused, "tuple"),
    "a feature map": (lambda x: x, OutputRefused, "shape"),
    "one class": (lambda x: x[:, :1, 0, 0], OutputRefused, "at least two classes; got one score for each image"),
    "another batch": (lambda x: x.sum((2, 3))[:1], OutputRefused, "shape"),
    "integers": (lambda x: x.sum((2, 3)).long(), OutputRefused, "floating point"),
    "not a number": (lambda x: x.sum((2, 3)) * torch.nan, OutputNotFinite, "finite"),
    "infinity": (lambda x: x.sum((2, 3)) / 0, OutputNotFinite, "finite"),
    "unsteady": (lambda x: x.sum((2, 3)) + next(CALLS), OutputUnsteady, "differ"),
    "another channel count": (nn.Conv2d(4, 2, 1), CanvasRefused, "3x8x8"),
}


@pytest.mark.parametrize(("make", "error", "says"), REFUSED.values(), ids=REFUSED)
def test_a_module_that_is_not_a_classifier_is_refused_with_a_typed_error(make, error, says):
    with pytest.raises(error, match=says):
        classifier_returning(make).inspect((3, 8, 8))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"bounds": (1, 0)}, "bounds"),
        ({"std": (1.0, 0.0, 1.0)}, "std"),
        ({"mean": (float("nan"),)}, "mean"),
        ({"output": "odds"}, "output"),
    ],
    ids=["bounds", "std", "mean", "output"],
)
def test_invalid_parameters_are_refused(options, says):
    with pytest.raises(ParameterError, match=says):
        Classifier(TinyNetwork(), **{"bounds": (0, 1), "mean": 0.0, "std": 1.0, **options})


def test_images_are_normalised_inside():
    classifier = Classifier(LinearScores(two_classes(torch.ones(1, 1))), (0, 255), 127.0, 128.0)

    assert classifier.plain_logits(torch.full((1, 1, 1), 255.0)).tolist() == [1.0, 0.0]
    assert classifier.fill_mean.flatten().tolist() == [127.0]


def test_a_canvas_of_another_size_is_resized_inside_and_still_has_a_gradient():
    classifier = linear_classifier(torch.ones(2, 2), input_size=2)

    inspection = classifier.inspect((1, 8, 8))

    assert inspection.has_gradient
    assert float(classifier.plain_logits(torch.ones(1, 8, 8))[0]) == pytest.approx(4)


def test_a_model_without_a_gradient_is_accepted():
    inspection = classifier_returning(lambda x: (x > 0.5).float().sum((2, 3))).inspect((3, 4, 4))

    assert not inspection.has_gradient
    assert inspection.class_count == 3


def test_a_gradient_of_the_losing_class_alone_counts_as_a_gradient():
    inspection = linear_classifier(torch.full((2, 2), -1.0)).inspect((1, 2, 2))

    assert inspection.has_gradient  # the winner's score is always 0; the margin is not


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: 8 bytes"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:115] data. DefaultCPUAllocator: not enough memory"),
        MemoryError(),
        torch.cuda.OutOfMemoryError("CUDA out of memory"),
    ],
    ids=["linux", "windows", "python", "cuda"],
)
def test_lack_of_memory_is_not_reported_as_a_refused_canvas(error):
    def fail(_):
        raise error

    with pytest.raises(type(error)) as caught:
        classifier_returning(fail).inspect((3, 8, 8))

    assert caught.value is error


def test_probabilities_are_recognised_and_scored_by_their_log_odds():
    logits = linear_classifier(torch.full((2, 2), 2.0))
    inner = LinearScores(two_classes(torch.full((2, 2), 2.0)))
    classifier = classifier_returning(lambda x: torch.softmax(inner(x), dim=1))

    assert classifier.inspect((1, 2, 2)).output_kind == "probabilities"
    assert logits.inspect((1, 2, 2)).output_kind == "logits"
    rows = torch.stack([model.plain_logits(torch.ones(1, 2, 2)) for model in (classifier, logits)])
    torch.testing.assert_close(*margins_of(rows, torch.zeros(2, dtype=torch.int64)))


def test_findings_of_probabilities_that_round_to_one_are_flagged():
    inner = LinearScores(two_classes(torch.tensor([[30.0, 1.0], [1.0, 1.0]])))
    classifier = classifier_returning(lambda x: torch.softmax(inner(x), dim=1))
    images = torch.cat([ones(1, 2, 2), torch.tensor([[[[0.0, 1.0], [1.0, 1.0]]]])])

    findings = list(find_subsets(classifier, images, threshold=0.9, search=BatchedGradient()))

    assert [finding.saturated for finding in findings] == [True, False]


def test_findings_of_a_module_that_divides_log_odds_are_flagged_if_its_probabilities_saturate():
    weights = torch.tensor([[30.0, 1.0], [1.0, 1.0]]) / 4
    images = torch.cat([ones(1, 2, 2), torch.tensor([[[[0.0, 1.0], [1.0, 1.0]]]])])
    tempered = {"module": LinearScores(two_classes(weights)), "output": "logits"}

    flags = [
        [
            one.saturated
            for one in find_subsets(Classifier(**tempered, **told), images, threshold=0.6, search=BatchedGradient())
        ]
        for told in ({}, {"log_odds_temperature": 4.0})
    ]

    assert flags == [[False, False], [True, False]]


def test_margins_keep_their_order_if_the_softmax_is_exactly_one():
    logits = torch.tensor([[20.0, 0.0, 0.0], [40.0, 0.0, 0.0]])

    margins = margins_of(logits, torch.tensor([0, 0]))

    assert torch.softmax(logits, dim=1)[:, 0].tolist() == [1.0, 1.0]
    assert margins[1] > margins[0]
    torch.testing.assert_close(margins, torch.tensor([20.0, 40.0]) - torch.tensor(2.0).log())
    assert float(confidences_of(torch.tensor([0.0]))) == 0.5


def test_a_module_in_training_mode_is_put_in_eval_mode_and_keeps_its_statistics():
    module = TinyNetwork().train()
    before = module.norm.running_mean.clone()
    classifier = Classifier(module, (0, 1), 0.5, 0.25)
    module.train()

    list(find_subsets(classifier, random_images(2), threshold=0.3, search=MaskOptimization(passes=30)))

    assert not module.training
    assert torch.equal(module.norm.running_mean, before)


@pytest.mark.parametrize("search", [BatchedGradient(8), MaskOptimization(passes=40)], ids=["gradient", "mask"])
def test_no_gradient_of_a_weight_is_ever_computed(search):
    module = TinyNetwork()
    classifier = Classifier(module, (0, 1), 0.5, 0.25)

    list(find_subsets(classifier, random_images(2), threshold=0.3, search=search))

    assert all(weights.grad is None and not weights.requires_grad for weights in module.parameters())


def test_the_dtype_is_float32_unless_the_weights_are_double():
    assert network_classifier().dtype == torch.float32
    assert Classifier(TinyNetwork().half(), (0, 1), 0.5, 0.25).dtype == torch.float32
    assert Classifier(TinyNetwork().double(), (0, 1), 0.5, 0.25).dtype == torch.float64


def exported(module, example):
    batch = torch.export.Dim("batch")
    return torch.export.export(module.eval(), (example,), dynamic_shapes=({0: batch},)).module()


@pytest.mark.long_after(1)
@pytest.mark.parametrize("compile_module", [exported, torch.jit.trace], ids=["torch.export", "TorchScript"])
@pytest.mark.filterwarnings("ignore")
def test_compiled_modules_are_searched_like_any_other(compile_module):
    plain, images = network_classifier(), random_images(4)
    compiled = Classifier(compile_module(TinyNetwork().eval(), random_images(2)), (0, 1), 0.5, 0.25)

    sizes = [
        [f.subset and f.subset.size for f in find_subsets(model, images, threshold=0.6, search=BatchedGradient(4))]
        for model in (plain, compiled)
    ]

    assert any(sizes[0])
    assert sizes[0] == sizes[1]
