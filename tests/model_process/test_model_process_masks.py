"""What the model process sends of a search are masks of the canvas: the worker refuses others."""

import pytest
import torch
from modicum_server.domain.finding_masks import masks_fit
from modicum_server.domain.findings import FindingControls
from modicum_server.domain.searches import Canvas
from modicum_server.generated.worker_pb2 import Item
from modicum_server.model_process.findings import finding_of
from modicum_sis import BackSelect, BatchedGradient, GradientFree, MaskOptimization, find_subsets

from tests.sis.sis_models import linear_classifier, ones

HEIGHT, WIDTH = 9, 13  # 117 pixels: the last byte of a mask is not full
EVIDENCE = torch.zeros(HEIGHT, WIDTH).index_fill(0, torch.tensor([5]), 1.0)
SEARCHES = [BackSelect(fraction=0.05), BatchedGradient(pixels_per_step=6), MaskOptimization(300), GradientFree(300)]


@pytest.mark.parametrize("search", SEARCHES, ids=lambda search: type(search).__name__)
def test_findings_of_every_search_fit_their_canvas_and_no_other(search):
    images = ones(1, HEIGHT, WIDTH)
    (found,) = find_subsets(linear_classifier(EVIDENCE), images, threshold=0.9, search=search, fill="black")

    finding = finding_of(found, Item(position=0), search_index=0, controls=FindingControls())

    assert finding.narrowing is not None
    assert masks_fit(finding, Canvas(1, HEIGHT, WIDTH))
    assert not masks_fit(finding, Canvas(1, WIDTH, HEIGHT))
