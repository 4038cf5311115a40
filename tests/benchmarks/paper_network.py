"""A network that four bright pixels decide, its photographs, and figures of the paper's table."""

import numpy as np
import torch

from benchmarks.paper.material import Photographs

SIDE = 8


CORNER = np.zeros((SIDE, SIDE), dtype=bool)


CORNER[:2, :2] = True


class Corner(torch.nn.Module):
    """Class 1 has four times the brightness of the four top left pixels, minus 10. Class 0 has 0."""

    def forward(self, images):
        weights = torch.zeros(SIDE, SIDE)
        weights[:2, :2] = 4.0
        score = (images.mean(dim=1) * weights).sum(dim=(1, 2)) - 10
        return torch.stack([torch.zeros_like(score), score], dim=1)


def photographs(*brightness, labels=None):
    images = torch.stack([torch.full((1, SIDE, SIDE), value) for value in brightness])
    return Photographs(images, np.array([1] * len(brightness) if labels is None else labels, dtype=np.int64))


def interval(low, high):
    return {"value": 0.0, "n": 40, "interval": {"low": low, "high": high}}


def measured(figures):
    taken = {"quick": False, "date": "2026-01-01", "processor": "p", "cores": 2, "device": "cpu", "load_before": 0.5}
    return {"taken": {**taken, "torch_threads": 1, "versions": {"torch": "2"}}, "seconds": 60.0, "figures": figures}
