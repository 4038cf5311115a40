"""The caller's state of torch, or of the module, does not change findings."""

import contextlib

import pytest
import torch
from modicum_sis import BatchedGradient, Classifier, MaskOptimization, find_subsets
from torch import nn

from tests.sis.sis_models import TinyNetwork, network_classifier, random_images

SEARCHES = [MaskOptimization(60), BatchedGradient(4)]
each_search = pytest.mark.parametrize("search", SEARCHES, ids=str)
STATES = {
    "no gradients": torch.no_grad,
    "inference mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
}
NEWER = hasattr(torch.backends.cuda.matmul, "fp32_precision")


def found(search, *, classifier=None, images=None):
    findings = find_subsets(
        classifier or network_classifier(), random_images(4) if images is None else images, threshold=0.6, search=search
    )
    return [
        (finding.subset and finding.subset.mask.tolist(), finding.verified_confidence, finding.parameters.gradient_free)
        for finding in findings
    ]


@pytest.mark.long_after(2)
@pytest.mark.parametrize("state", STATES.values(), ids=STATES)
@each_search
def test_the_callers_torch_mode_changes_no_finding(search, state):
    expected = found(search)

    with state():
        inside = found(search)

    assert any(mask for mask, *_ in expected)
    assert inside == expected


@each_search
def test_modules_made_in_inference_mode_are_searched_outside_it(search):
    expected = found(search)

    with torch.inference_mode():
        module, images = TinyNetwork(), random_images(4) + 0
        for tensor in (*module.parameters(), *module.buffers()):
            tensor.data = tensor.data.clone()
        classifier = Classifier(module, mean=0.5, std=0.25)

    assert images.is_inference()
    assert found(search, classifier=classifier, images=images) == expected


def test_a_module_put_in_training_mode_during_a_run_is_verified_in_eval_mode():
    module = TinyNetwork()
    classifier = Classifier(module, mean=0.5, std=0.25)
    statistics = module.norm.running_mean.clone()

    for finding in find_subsets(classifier, random_images(4), threshold=0.6, search=MaskOptimization(60), chunk_size=1):
        module.train()
        if finding.subset is not None:
            module.eval()
            painted = torch.where(finding.subset.mask, random_images(4)[finding.index], 0.5)
            confidence = torch.softmax(classifier.logits(painted.unsqueeze(0)), dim=1)[0, finding.target_class]
            module.train()
            assert finding.verified_confidence == pytest.approx(float(confidence), abs=1e-5)
    assert torch.equal(module.norm.running_mean, statistics)


class Witness(nn.Module):
    """Records the precision of float32 products while it runs."""

    def __init__(self):
        super().__init__()
        self.seen = set()

    def forward(self, images):
        matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
        if NEWER:
            self.seen.add((matmul.fp32_precision, cudnn.conv.fp32_precision))
        else:
            self.seen.add((matmul.allow_tf32, cudnn.allow_tf32))
        return images.flatten(1)[:, :3]


def precision():
    backends = torch.backends
    if not NEWER:
        return torch.get_float32_matmul_precision(), backends.cudnn.allow_tf32
    owners = (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv)
    return tuple(owner.fp32_precision for owner in owners)


@contextlib.contextmanager
def older_switches():
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    yield
    torch.set_float32_matmul_precision(before)


@contextlib.contextmanager
def newer_switch():
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    yield
    torch.backends.cuda.matmul.fp32_precision = before


needs_newer = pytest.mark.skipif(not NEWER, reason="torch before 2.9 has the older switches alone")


@pytest.mark.parametrize("switches", [older_switches, pytest.param(newer_switch, marks=needs_newer)])
def test_a_plain_pass_computes_in_float32_and_restores_the_callers_precision_switches(switches):
    witness = Witness()
    classifier = Classifier(witness)

    with switches():
        before = precision()
        classifier.plain_logits(random_images(1)[0])
        after = precision()

    assert witness.seen == {("ieee", "ieee") if NEWER else (False, False)}
    assert after == before
