"""The words of a report, as METHOD section 1 defines them, and what an audit does not prove (section 3)."""

WORDS = (
    ("Subset (sufficient input subset)", "A set of pixels that alone, with every other pixel replaced by the fill, keeps "
     "the model's confidence at or above the threshold. Each one shown was verified by a plain float32 pass."),
    ("Subset fraction", "Pixels kept, divided by all pixels of the canvas. A search that found nothing smaller counts as "
     "the whole image."),
    ("Canvas", "The grid of pixels on which images, masks and fills live, after decoding, resizing and cropping."),
    ("Mask", "Which pixels are kept."),
    ("Fill", "What stands where a pixel is not kept."),
    ("Confidence", "Softmax probability of the class that the search argues for: the one predicted on the whole image, "
     "right or wrong."),
    ("Threshold", "The confidence from which a decision counts as confident."),
    ("Eligible image", "One whose prediction reaches the threshold on the whole image. Others are counted and not "
     "searched."),
    ("Baseline-confident image", "One where the bare fill, without any pixel of the image, already reaches the threshold. "
     "Counted apart."),
    ("Overinterpretation rate", "Of the eligible, not baseline-confident images, the share for which this search, with "
     "this budget, verified a subset of at most 5% of the pixels."),
    ("Class-targeted control", "The same search on the same image, arguing for a random other class."),
    ("Fill control", "The subset's pixels on other fills: does the confidence survive?"),
    ("Border share", "Share of the subset's pixels in the ring at the edge of the canvas. A subset that lies anywhere "
     "would have the ring's share of the area: the chance level."),
    ("Pass", "One evaluation of the model on one image. A forward pass counts 1, a backward pass 2."),
    ("Interval", "95% confidence: Wilson's for shares, order statistics for medians. Below 10 images none is given; an "
     "open end means that the sample is too small to give one."),
)

LIMITS = (
    "A small subset alone proves little. The pattern of masked pixels can itself be the evidence, so a search for "
    "a subset can become an adversarial search for a mask. That is why the class-targeted and the fill control stand next "
    "to every size: if the same search argues for any class with as few pixels, the mask carries the decision.",
    "The rate is a lower bound. A stronger search, or a larger budget, finds smaller subsets. Rates compare only at "
    "equal canvas, fill, search method, passes and threshold.",
    "A masked image is not one that the model was trained on. What the model does on it says how it decides there, not "
    "how it decides on photographs in general.",
    "Nothing here says why the model learned what it did, or that it will fail on new data; and an audit that finds only "
    "large subsets does not prove that small ones do not exist.",
)
