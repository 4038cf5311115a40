"""Checks a loaded version: that it is a classifier that can be audited, and what a pass costs.

`modicum_sis.Classifier.inspect` makes the check itself: output, NaN, two equal passes, gradient.
"""

import time
from collections.abc import Callable

import torch
from modicum.gate.counting import counted
from modicum.v1 import model_pb2
from modicum_sis import Classifier, default_chunk_size

from modicum_server.domain.models import MOST_CHANNELS, ModelVersion
from modicum_server.generated.worker_pb2 import CheckAnswer
from modicum_server.model_process.failure_reasons import ModelRefused
from modicum_server.model_process.loading import Loaded
from modicum_server.model_process.progress_counts import ProgressCounts

TIMED_PASSES = 3
"""Passes that are timed, after one that warms up. The fastest counts."""
TIMED_SECONDS = 1.0
"""No further pass begins after this time: one slow pass is enough."""
OUTPUT_KINDS = {
    "logits": model_pb2.OUTPUT_KIND_LOGITS,
    "probabilities": model_pb2.OUTPUT_KIND_PROBABILITIES,
}


def check(loaded: Loaded, version: ModelVersion, progress: ProgressCounts) -> CheckAnswer:
    """Check a loaded version on canvases of its own input size.

    Raises:
        ModelRefused, modicum_sis.errors.ModelError: it cannot be audited.
    """
    progress.phase = "checking"
    size = loaded.input
    if not 1 <= size.channels <= MOST_CHANNELS:
        raise ModelRefused("INPUT_REFUSED", f"expected an input of 1 to {MOST_CHANNELS} channels; got {size.channels}")
    canvas = (size.channels, size.height, size.width)
    inspection = loaded.classifier.inspect(canvas)
    if inspection.output_kind == "logits":
        _refuse_probabilities(loaded.probabilities_by)
    labels = len(version.class_labels)
    if labels and labels != inspection.class_count:
        raise ModelRefused(
            "CLASS_COUNT_MISMATCH",
            f"expected one class label per output. The model has {counted(inspection.class_count, 'output')}, but the "
            f"version has {counted(labels, 'label')}. Give the labels from its training in the order of its outputs",
        )
    progress.phase = "timing"  # a change counts as progress, so a slow model does not look like one that hangs
    return CheckAnswer(
        class_count=inspection.class_count,
        output_kind=OUTPUT_KINDS[inspection.output_kind],
        useful_gradient=inspection.has_gradient,
        pass_milliseconds=pass_milliseconds(loaded.classifier, canvas, backward=inspection.has_gradient),
        largest_difference=inspection.repeat_difference,
    )


def _refuse_probabilities(operator: str) -> None:
    """Refuse probabilities that were taken for logits. `operator` made them; empty if the outputs are none.

    Raises:
        ModelRefused: OUTPUT_SHAPE.
    """
    if operator:
        raise ModelRefused(
            "OUTPUT_SHAPE",
            f"expected logits, or probabilities that sum to 1; the network ends in {operator}, and its outputs do not "
            f"sum to 1. Export the network so that it returns the logits, which are the input of {operator}",
        )


def pass_milliseconds(
    classifier: Classifier,
    canvas: tuple[int, int, int],
    *,
    backward: bool,
    now: Callable[[], float] = time.perf_counter,
) -> float:
    """Return the milliseconds per image of a forward and (with a gradient) a backward pass, as a search runs them."""
    count = default_chunk_size(canvas, classifier.device)
    low, high = classifier.bounds
    images = torch.full((count, *canvas), (low + high) / 2, device=classifier.device, dtype=classifier.dtype)
    classifier.acceleration(canvas)  # makes the fast copy, which happens once and is not part of a pass
    fastest, begun = float("inf"), now()
    for _ in range(1 + TIMED_PASSES):
        started = now()
        _one_pass(classifier, images, backward=backward)
        fastest = min(fastest, now() - started)
        if now() - begun > TIMED_SECONDS:
            break
    return 1000 * fastest / count


def _one_pass(classifier: Classifier, images: torch.Tensor, *, backward: bool) -> None:
    inputs = images.detach().requires_grad_(backward)
    with torch.set_grad_enabled(backward):
        score = classifier.search_logits(inputs).amax(dim=1).sum()
    if backward:
        torch.autograd.grad(score, inputs, allow_unused=True)
    if classifier.device.type == "cuda":
        torch.cuda.synchronize(classifier.device)
