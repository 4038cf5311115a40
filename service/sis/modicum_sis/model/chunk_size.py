"""How many images one pass should hold: a default by canvas and device, and a short measurement.

Passes of the measurement count for no image. The chunk size is the only part of a finding that depends on them.
"""

import time
from collections.abc import Callable

import torch

from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.numerics.out_of_memory import is_out_of_memory

CPU_CHUNK_VALUES = 4 * 3 * 224 * 224
"""Image values of a chunk on a CPU. With more than four images at 224x224, activations leave the cache."""
CUDA_CHUNK_VALUES = 64 * 3 * 224 * 224
LARGEST_CHUNK = 1024
REACH = 8
"""The measurement tries batches of up to this many times the default, and down to the same factor below it."""
WORTHWHILE = 0.9
"""Another size is chosen if it needs at most this share of the time per image; a smaller gain may be noise."""
TRIALS = 4
"""Passes that are timed for each size; the quickest counts. The first one warms up."""
MEASURING_SECONDS = 2.0
"""No further pass starts after this time. A slow model gets one pass and keeps the default."""


def default_chunk_size(canvas: Canvas, device: torch.device) -> int:
    """The default number of images of this canvas that are in work together."""
    values = CPU_CHUNK_VALUES if device.type == "cpu" else CUDA_CHUNK_VALUES
    return max(1, min(LARGEST_CHUNK, values // (canvas[0] * canvas[1] * canvas[2])))


def measured_chunk_size(classifier: Classifier, canvas: Canvas, now: Callable[[], float] = time.perf_counter) -> int:
    """The batch size at which a search's passes take the least time per image. Measured once per classifier and canvas.

    The default is doubled as long as that is faster, or else halved. Lack of memory ends the doubling.
    """
    if canvas not in classifier.chunk_sizes:
        classifier.chunk_sizes[canvas] = _measure(classifier, canvas, now)
    return classifier.chunk_sizes[canvas]


def _measure(classifier: Classifier, canvas: Canvas, now: Callable[[], float]) -> int:
    guess = default_chunk_size(canvas, classifier.device)
    if classifier.dtype == torch.float64:
        return guess  # double precision is used for exactness, not for speed
    deadline = now() + MEASURING_SECONDS
    best, least = guess, _seconds_an_image(classifier, canvas, guess, now, deadline)
    for factor in (2.0, 0.5):
        size = int(best * factor)
        while max(1, guess // REACH) <= size <= min(LARGEST_CHUNK, guess * REACH) and now() < deadline:
            seconds = _seconds_an_image(classifier, canvas, size, now, deadline)
            if seconds >= WORTHWHILE * least:
                break
            best, least = size, seconds
            size = int(best * factor)
        if best != guess:
            break
    return best


def _seconds_an_image(
    classifier: Classifier, canvas: Canvas, size: int, now: Callable[[], float], deadline: float
) -> float:
    """Seconds per image of a forward pass over a grey batch; infinite if the batch does not fit into memory."""
    low, high = classifier.bounds
    quickest = float("inf")
    try:
        images = torch.full((size, *canvas), (low + high) / 2, device=classifier.device, dtype=classifier.dtype)
        for _ in range(TRIALS):
            begun = now()
            with torch.no_grad():
                classifier.search_logits(images)
            if classifier.device.type == "cuda":
                torch.cuda.synchronize(classifier.device)
            ended = now()
            quickest = min(quickest, ended - begun)
            if ended > deadline:
                break
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return float("inf")
    return quickest / size
