"""Which class of one version is which class of another: what subsets and predictions are compared by."""

from modicum_server.domain.models import ModelVersion


def same_classes(first: ModelVersion, second: ModelVersion) -> tuple[int, ...] | None:
    """Return for each class of `first` its index in `second`; None where the two do not tell the same classes apart.

    By name where both name their classes, each once; by index where the names are equal in order, or one version has
    none, if there are as many.
    """
    ours, theirs = first.class_labels, second.class_labels
    if ours and theirs and ours != theirs:
        places = {name: index for index, name in enumerate(theirs)}
        named_once = len(places) == len(theirs) == len(ours)
        return tuple(places[name] for name in ours) if named_once and set(ours) == set(theirs) else None
    count, other_count = _class_count(first), _class_count(second)
    return None if count is None or count != other_count else tuple(range(count))


def _class_count(version: ModelVersion) -> int | None:
    if version.check is not None:
        return version.check.class_count
    return len(version.class_labels) or None
