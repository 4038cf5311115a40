"""How long an audit takes at most, by the time of a pass that was measured when each version was registered."""

from collections.abc import Sequence

from modicum_server.domain.models import ModelVersion
from modicum_server.domain.pixel_subsets import STEP_PASSES


def longest_seconds(passes: int, versions: Sequence[ModelVersion]) -> float | None:
    """Return the seconds that these passes take in one slot of a worker; None if a version was not timed.

    The passes are shared equally among the versions, of which each has as many images. A version with a useful gradient
    was timed by a forward and a backward pass, which are STEP_PASSES.
    """
    costs = [_seconds_of_pass(version) for version in versions]
    known = [cost for cost in costs if cost is not None]
    if not costs or len(known) < len(costs):
        return None
    return passes * sum(known) / len(known)


def _seconds_of_pass(version: ModelVersion) -> float | None:
    if version.check is None or version.check.pass_milliseconds <= 0:
        return None
    timed_passes = STEP_PASSES if version.check.useful_gradient else 1
    return version.check.pass_milliseconds / 1000 / timed_passes
