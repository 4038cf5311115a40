"""Facts about a version made of versions that follow from its parts: mean fill, weights, input dropout."""

from collections.abc import Mapping

from modicum_server.domain.models import Ensemble, InputDropout, ModelVersion, artifact_of


def holds_input_dropout(version: ModelVersion, known: Mapping[str, ModelVersion]) -> bool:
    """Return whether a version is input dropout or has input dropout in any part. `known` are its parts by name."""
    if isinstance(version.source, InputDropout):
        return True
    return any(holds_input_dropout(known[name], known) for name in part_names(version) if name in known)


def mean_fill(version: ModelVersion, known: Mapping[str, ModelVersion]) -> tuple[float, ...]:
    """Return the values of its `mean` fill, one a channel. A version that declares none has those of its first part."""
    asked = version.input
    declared = () if asked is None else asked.fill_mean or asked.mean
    for name in part_names(version)[:1]:
        if not declared and name in known:
            return mean_fill(known[name], known)
    if asked is None:
        return declared
    values = declared or (0.0,)
    return values * asked.channels if len(values) == 1 else values


def weights_digests(version: ModelVersion, known: Mapping[str, ModelVersion]) -> dict[str, str]:
    """Return the SHA-256 of each file of weights or of a program that it runs.

    The keys are the names of the versions that hold the files. `known` are its parts by name.
    """
    own = {version.name: digest} if (digest := artifact_of(version.source)) else {}
    parts = [weights_digests(known[name], known) for name in part_names(version) if name in known]
    return {**own, **{name: digest for part in parts for name, digest in part.items()}}


def part_names(version: ModelVersion) -> tuple[str, ...]:
    """Return the names of the versions that it is made of; none for a version with weights or a program."""
    match version.source:
        case Ensemble(members=members):
            return members
        case InputDropout(member=member):
            return (member,)
    return ()
