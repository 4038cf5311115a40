"""The question that each control answers, as a reader would ask it."""

from collections.abc import Mapping
from typing import Final

from modicum_server.domain.searches import Control

QUESTIONS: Final[Mapping[str, str]] = {
    Control.CLASS_TARGETED: "Could the same search argue for any class?",
    Control.FILL: "Do the subsets suffice on another fill?",
    Control.FILL_ROBUST: "How much is needed when other images are the fill?",
    Control.DILATED: "Do the subsets suffice beside their neighbouring pixels?",
    Control.MASK_ONLY: "Is the shape of the mask the evidence?",
    Control.RANDOM: "Would as many random pixels do?",
    Control.TRANSFER: "Do the other versions see the class in the same pixels?",
    Control.SHORTCUT: "Does the model need what lies at the edge or outside the objects?",
    Control.PIXEL_SUBSETS: "Do few pixels keep the class of all images?",
    Control.SPOT: "Does a small spot decide?",
}
