"""What to do next about the check of an ensemble, from its entry in a result document. Judges nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum_server.domain.statistics import DEFAULTS
from modicum_server.measures.intervals import images_without_difference
from modicum_server.measures.measure import measure_from_json
from modicum_server.measures.mitigation_power import IMAGES_NEEDED

SETTLED = {
    "MITIGATED": (
        "The check is only about overinterpretation. Each version's own outcome says whether it follows a spot or "
        "needs the edge. Each decision of the ensemble costs a pass of every member."
    ),
    "NOT_MITIGATED": "Do not count on this ensemble against overinterpretation. Judge each member by its own outcome.",
}
MATCH = "Run modicum ensemble check: it also searches the members at matched temperatures."
LABEL = "Label the images: without labels its accuracy is not known."
LOW = (
    "Audit more images, so that {least} can be compared; this audit could compare {there}. The ratio's interval "
    "already lies below {limit:g}: if it stays there, this ensemble does not mitigate overinterpretation."
)
READ = "The reasons are below, under “Does the ensemble mitigate overinterpretation?”."

Entry = Mapping[str, Any]


def next_step(check: Entry) -> str:
    """Return what settles the check, or what a settled one means."""
    return SETTLED.get(check["verdict"]) or " ".join(_open_steps(check)) or READ


def _open_steps(check: Entry) -> Iterator[str]:
    measures = check["measures"]
    if measures["accuracy_difference"]["value"] is None:
        yield LABEL
    there, least = measures["subset_fraction_ratio"]["n"], int(check["limits"]["images"])
    if _is_low(check):
        if least > there:
            yield LOW.format(least=least, there=there, limit=check["limits"]["ratio"])
        return
    if (needed := max(least, _images_needed(check))) > there:
        yield f"Audit about {needed:,} images; this audit could compare {there:,}."
    if not check["temperatures"]:
        yield MATCH


def _is_low(check: Entry) -> bool:
    """Whether the ratio's interval lies below the limit, so that enough images and labels would settle the check."""
    interval = measure_from_json(check["measures"]["subset_fraction_ratio"]).interval
    return interval is not None and interval.high is not None and interval.high < check["limits"]["ratio"]


def _images_needed(check: Entry) -> int:
    """The images that settle accuracy and a ratio that is not low, as far as that is known; 0 where nothing says it."""
    measures, limits = check["measures"], check["limits"]
    ratio, accuracy = (measure_from_json(measures[name]) for name in ("subset_fraction_ratio", "accuracy_difference"))
    level = DEFAULTS.level if accuracy.interval is None else accuracy.interval.level
    without_difference = images_without_difference(limits["accuracy_difference"], level) or 0
    ratio_is_open = ratio.interval is None or (ratio.interval.low or 0.0) <= limits["ratio"]
    seen_ratio: float | None = measures.get(IMAGES_NEEDED, {}).get("value") if ratio_is_open else None
    return max(without_difference, round(seen_ratio or 0))
