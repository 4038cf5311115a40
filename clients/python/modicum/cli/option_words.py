"""What the values of options mean: methods, fills and controls, each in a few words. A new value has its words here."""

from modicum.gate.fills import Fill
from modicum.searches import FEWEST_CONTROL_PASSES, Control, SearchMethod

METHODS = "; ".join(
    f"{method}: {words}"
    for method, words in (
        (SearchMethod.MASK_OPTIMIZATION, "usually finds the smallest subsets, within a budget (--passes)"),
        (SearchMethod.BACKSELECT, "tries every pixel, removes the least useful one, and so on; slow"),
        (SearchMethod.BATCHED_GRADIENT, "removes pixels by their gradients, fast but coarse"),
    )
)
FILL_WORDS = {
    Fill.MEAN: "the mean colour in the input specification",
    Fill.BLACK: "the lowest value",
    Fill.WHITE: "the highest value",
    Fill.NOISE: "random values",
    Fill.BLUR: "the image itself, blurred",
    Fill.MARGINAL: "the pixel at the same place in another image of the data set",
}
FILLS = "; ".join(f"{fill}: {FILL_WORDS[fill]}" for fill in Fill)
CONTROL_WORDS = {
    Control.CLASS_TARGETED: "the same search for a random other class",
    Control.FILL: "the subset on other fills",
    Control.FILL_ROBUST: "a search with other images as the fill",
    Control.DILATED: "the subset with its neighbouring pixels",
    Control.MASK_ONLY: "the shape of the subset in one colour",
    Control.RANDOM: "equally many random pixels",
    Control.TRANSFER: "the subset, classified by the other model versions; only in an audit of several versions",
    Control.SHORTCUT: "the image with its edge covered; given boxes or masks, with all outside the objects covered",
    Control.SPOT: "small spots, each pasted into images of other classes, and covered in the image that it comes from",
}
CONTROLS = "; ".join(
    f"{control}: {CONTROL_WORDS[control]}" for control in Control if control is not Control.PIXEL_SUBSETS
)
SEARCHING_CONTROLS = " and ".join(
    f"{control} (at least {passes})"
    for control, passes in FEWEST_CONTROL_PASSES.items()
    if control is not Control.PIXEL_SUBSETS
)
