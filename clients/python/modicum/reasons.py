"""Why a finding has no subset, in words."""

REASONS = {
    "NOT_ELIGIBLE": "confidence below the threshold: not searched",
    "NOT_FOUND": "no subset found",
    "IMAGE_UNREADABLE": (
        "the image cannot be decoded, or does not fit the input: it has other channels, or float32 values outside the "
        "bounds"
    ),
    "IMAGE_TOO_LARGE": "the image has more pixels than the server decodes",
    "NOT_FINITE": "the model's output is NaN or infinite",
    "MODEL_DIED": "the model's process ended on this image",
    "FILL_UNAVAILABLE": "too few other images for the fill",
    "INTERNAL": "an error in the server; see its log",
    "STOPPED": "stopped before the search ended",
}


def reason_text(reason: str) -> str:
    """The reason of a finding without a subset, in words."""
    return REASONS.get(reason, reason.lower().replace("_", " "))
