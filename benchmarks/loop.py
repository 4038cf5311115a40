"""Part (b): the bare loop of `find_subsets` against as many raw passes of the model at its best batch size.

The raw passes are the module alone on images of the canvas: no masks, no counting, no verification. They are timed
before and after the loop, so that a machine that slows down in between slows down both.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from modicum_sis import Classifier, Finding, MaskOptimization, Passes, find_subsets
from torch import Tensor

from benchmarks.subjects import Absent, Source, Subject, cifar_resnet, efficientnet_lite, load

PASSES = 600
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LARGEST_BATCH_VALUES = 16 * 3 * 224 * 224
SECONDS_A_SIZE = 0.5
FEWEST_REPEATS = 3


def measure(data: Path | None, *, quick: bool) -> dict[str, Any]:
    """Both networks; as JSON values."""
    sources: list[tuple[Callable[[], Source], int]] = [
        (lambda: cifar_resnet(20, data), 64 if quick else 256),
        (lambda: efficientnet_lite("lite0"), 4 if quick else 8),
    ]
    rows, absent = [], []
    for source, count in sources:
        try:
            rows.append(compared(load(source(), count), passes=PASSES))
        except Absent as error:
            absent.append(str(error))
    return {"rows": rows, "absent": absent}


def compared(subject: Subject, passes: int) -> dict[str, Any]:
    """One subject: the loop's seconds over those of its passes."""
    before = raw_seconds(subject)
    findings, seconds = run(subject, passes)
    after = raw_seconds(subject)
    forward, backward = (min(one, other) for one, other in zip(before, after, strict=True))
    spent = sum((finding.passes for finding in findings), Passes())
    expected = (spent.forward - spent.backward) * forward + spent.backward * backward
    row = {
        "name": subject.source.name,
        "n": len(findings),
        "passes": passes,
        "forward": spent.forward,
        "backward": spent.backward,
        "loop_seconds": round(seconds, 2),
        "raw_seconds": round(expected, 2),
        "ratio": seconds / expected,
    }
    print(f"bare loop, {row['name']}: {row['ratio']:.2f} of the raw passes ({seconds:.1f} s / {expected:.1f} s)")
    return row


def run(subject: Subject, passes: int) -> tuple[list[Finding], float]:
    """The bare loop, and its seconds."""
    begun = time.perf_counter()
    found = find_subsets(
        subject.classifier,
        subject.images,
        threshold=subject.source.threshold,
        search=MaskOptimization(passes=passes),
    )
    findings = list(found)
    return findings, time.perf_counter() - begun


def raw_seconds(subject: Subject) -> tuple[float, float]:
    """Seconds an image of a forward pass, and of a forward with a backward pass, each at its best batch size."""
    largest = max(1, LARGEST_BATCH_VALUES // subject.images[0].numel())
    sizes = [size for size in BATCH_SIZES if size <= largest]
    batches = [subject.images[torch.arange(size) % len(subject.images)] for size in sizes]
    return (
        min(_seconds_an_image(_forward, subject.classifier, batch) for batch in batches),
        min(_seconds_an_image(_forward_and_backward, subject.classifier, batch) for batch in batches),
    )


def _seconds_an_image(step: Callable[[Classifier, Tensor], None], classifier: Classifier, batch: Tensor) -> float:
    """The quickest of some repeats: what the machine can do when nothing else happens on it."""
    step(classifier, batch)
    fastest, spent, repeats = float("inf"), 0.0, 0
    while spent < SECONDS_A_SIZE or repeats < FEWEST_REPEATS:
        begun = time.perf_counter()
        step(classifier, batch)
        _settle(batch)
        seconds = time.perf_counter() - begun
        fastest, spent, repeats = min(fastest, seconds), spent + seconds, repeats + 1
    return fastest / len(batch)


def _forward(classifier: Classifier, batch: Tensor) -> None:
    with torch.no_grad():
        classifier.logits(batch)


def _forward_and_backward(classifier: Classifier, batch: Tensor) -> None:
    images = batch.clone().requires_grad_()
    torch.autograd.grad(classifier.logits(images).amax(dim=1).sum(), images)


def _settle(batch: Tensor) -> None:
    if batch.device.type == "cuda":
        torch.cuda.synchronize()
