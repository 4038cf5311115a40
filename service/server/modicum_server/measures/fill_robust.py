"""The fill-robust control: which subset suffices whatever other image stands elsewhere?

Rule of the reading. FEW_PIXELS: the upper end of the median fraction is at most 0.05, so few pixels suffice with nine
in ten of the donors as the fill. THE_FILL: otherwise, the lower end of the found share is above 0.5, and the lower end
of the median ratio to the search's own subset is above 2, so larger parts are needed than on that search's own fill.
Otherwise, or below n = 10, INCONCLUSIVE: the passes may have been too few, which says nothing about the model. An open
end counts as beyond every limit.

Images with fewer than 8 verifying donors are left out and counted, and so are those with a budget at which the search
can find nothing: it would only say that the budget was small. If nothing smaller was verified, the size is that of
the whole image. If nothing was found, it is larger than all.
"""

from modicum_server.domain.controls import FINDING_CLIMB_PASSES
from modicum_server.measures.intervals import SMALLEST_SAMPLE
from modicum_server.measures.measure import Measure, Measured, Parameters, Reading, concluded, quantile_measure, share
from modicum_server.measures.measure_sets import POSITIVE, MeasureSet, Title
from modicum_server.measures.number_words import asked_text, interval_text, ratio_text, share_text, times_text
from modicum_server.measures.observations import Observations
from modicum_server.measures.reading_outcomes import FEW_PIXELS, HALF, decided

CONTROL = "fill_robust"
NEEDED_SHARE = 0.9
"""Of the verifying donors, with which a subset must suffice."""
FEWEST_VERIFYING = 8
"""Donors that must verify a subset."""
NOT_RUN = "the fill_robust control ran on no image; it needs a subset, and a version with a useful gradient"


def fill_robust(seen: Observations) -> Measured:
    """Return `fill_robust_found_share`, `fill_robust_fraction_median` and `fill_robust_size_ratio_median`."""
    ran, pixels = seen.robust_ran, seen.canvas.pixels
    empty, parameters = _empty(seen), _parameters(seen)
    size, own = seen.robust_size[ran], seen.size[ran]
    return {
        "fill_robust_found_share": share(size < pixels, level=seen.level, empty=empty, parameters=parameters),
        "fill_robust_fraction_median": quantile_measure(
            size / pixels, 0.5, unit="pixels share", level=seen.level, empty=empty, parameters=parameters
        ),
        "fill_robust_size_ratio_median": quantile_measure(
            size / own, 0.5, unit="ratio", level=seen.level, empty=empty, parameters=parameters
        ),
    }


def fill_robust_reading(measured: Measured) -> Reading | None:
    """Return the sentence about the control; None when it did not run."""
    found = measured["fill_robust_found_share"]
    fraction, ratio = measured["fill_robust_fraction_median"], measured["fill_robust_size_ratio_median"]
    if found.value is None:
        return None
    fact = (
        f"For {share_text(found.value)} of {found.n} images{interval_text(found.interval)} a part suffices with "
        f"at least 9 in 10 of {_donors_text(found.parameters)} other images as the fill"
    )
    outcome, statements = decided(CONTROL, measured)
    more = [*_sizes(fraction, ratio), *_exhausted(found)]
    return concluded(CONTROL, fact, _conclusion(outcome, found), outcome, statements=statements, more=more)


def _sizes(fraction: Measure, ratio: Measure) -> list[str]:
    """How large the parts are: of the image, and beside the search's own subset."""
    said = []
    if fraction.value is not None:
        said.append(f"The median is {share_text(fraction.value)} of the pixels{interval_text(fraction.interval)}")
    if ratio.value is not None:
        own = f"{times_text(ratio.value)} the search's own subset"
        said.append(f"In the median a part is {own}{interval_text(ratio.interval, ratio_text)}")
    return said


def _exhausted(found: Measure) -> list[str]:
    exhausted = found.n - found.parameters["successes"]
    whole = "the search verified nothing smaller than the whole image within its passes"
    return [f"For {exhausted} of them {whole}"] if exhausted else []


def _empty(seen: Observations) -> str:
    unavailable = int(seen.robust_unavailable.sum())
    if not unavailable:
        return NOT_RUN
    most = int(seen.robust_donors[seen.robust_unavailable].max())
    if most >= FEWEST_VERIFYING:
        return (
            f"its budget is too small for {unavailable} images: with a full pool of donors, it needs at least "
            f"{FINDING_CLIMB_PASSES} passes an image to find anything"
        )
    return (
        f"too few donors for {unavailable} images: at most {most} donors could verify a subset, and {FEWEST_VERIFYING} "
        "are needed"
    )


def _parameters(seen: Observations) -> dict[str, float]:
    known = {"needed_share": NEEDED_SHARE, "unavailable": int(seen.robust_unavailable.sum())}
    donors = seen.robust_donors[seen.robust_ran]
    if not len(donors):
        return known
    return {**known, "fewest_verifying_donors": int(donors.min()), "most_verifying_donors": int(donors.max())}


def _donors_text(parameters: Parameters) -> str:
    fewest, most = parameters["fewest_verifying_donors"], parameters["most_verifying_donors"]
    return str(most) if fewest == most else f"{fewest} to {most}"


def _is_found_for_most(found: Measure) -> bool:
    return found.interval is not None and found.interval.low is not None and found.interval.low > HALF


def _conclusion(outcome: str, found: Measure) -> str:
    if outcome == "FEW_PIXELS":
        return (
            f"on half of the images or more, {asked_text(FEW_PIXELS)} of the pixels or fewer suffice with nine in "
            "ten of the images that were tried as the fill"
        )
    if outcome == "THE_FILL":
        return "a search that must suffice on other images as the fill needed larger parts"
    if found.n < SMALLEST_SAMPLE:
        return f"fewer than {SMALLEST_SAMPLE} images, so no verdict"
    if not _is_found_for_most(found):
        return "a search with more passes may find parts for more images, so the fill's contribution is not settled"
    return "these images do not settle how much the fill contributes to the small size of the subsets"


MEASURE_SET = MeasureSet(
    fill_robust,
    {
        "fill_robust_found_share": Title("With other images as the fill: a part suffices on 9 in 10 of them"),
        "fill_robust_fraction_median": Title("With other images as the fill: subset fraction, median"),
        "fill_robust_size_ratio_median": Title(
            "With other images as the fill: size over the search's own subset, median", range=POSITIVE
        ),
    },
    fill_robust_reading,
)
