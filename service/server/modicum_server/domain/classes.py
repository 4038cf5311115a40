"""Classes: which class a label names, and which classes of two versions are the same."""

from collections.abc import Mapping, Sequence

from modicum_server.domain.models import ModelVersion


def classes_by_name(class_labels: Sequence[str]) -> Mapping[str, int]:
    """Return the class index of each class name. If two classes share a name, the first one counts."""
    return {name: index for index, name in reversed(tuple(enumerate(class_labels)))}


def class_index(label: str, by_name: Mapping[str, int]) -> int | None:
    """Return the class that a label of a data set names: by class name, or by an index in digits; None for others."""
    if label in by_name:
        return by_name[label]
    return int(label) if label.isascii() and label.isdigit() else None


def same_classes(first: ModelVersion, second: ModelVersion) -> tuple[int, ...] | None:
    """Return for each class of `first` its index in `second`, or None if the two versions have different classes.

    Classes are matched by name if both versions name each class once. They are matched by index if the names are equal
    in order, or if one version has no names, and the counts are equal.
    """
    ours, theirs = first.class_labels, second.class_labels
    if ours and theirs and ours != theirs:
        places = {name: index for index, name in enumerate(theirs)}
        named_once = len(places) == len(theirs) == len(ours)
        return tuple(places[name] for name in ours) if named_once and set(ours) == set(theirs) else None
    count, other_count = _class_count(first), _class_count(second)
    return None if count is None or count != other_count else tuple(range(count))


def scorable_sources(scorer: ModelVersion, versions: Sequence[ModelVersion]) -> Mapping[str, tuple[int, ...]]:
    """Return the versions whose subsets `scorer` can score, each with the scorer's index of each of its classes."""
    classes = {version.name: same_classes(version, scorer) for version in versions if version.name != scorer.name}
    return {name: known for name, known in classes.items() if known is not None}


def _class_count(version: ModelVersion) -> int | None:
    if version.check is not None:
        return version.check.class_count
    return len(version.class_labels) or None


def have_same_classes(first: ModelVersion, second: ModelVersion) -> bool:
    """Return whether both versions number the same classes in the same way."""
    places = same_classes(first, second)
    return places is not None and places == tuple(range(len(places)))
