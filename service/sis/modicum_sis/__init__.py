"""The method as a library: searches for sufficient input subsets of image classifiers. No files, sockets or clocks."""

from modicum_sis.backselect import BackSelect, backselect
from modicum_sis.batched_gradient import BatchedGradient
from modicum_sis.classifier import Classifier
from modicum_sis.mask_optimization import MaskOptimization
from modicum_sis.searching import find_subsets
