"""Labels of data sets and classes of versions. A label is a class name, or a class index in digits.

Numbers are read in one way within a data set: classes that are named 1 to 10 and labels of 0 to 9 are refused, because
the 0 would be an index and the others names.
"""

from collections import Counter
from collections.abc import Collection

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.models import ModelVersion
from modicum_server.errors import LabelUnknown
from modicum_server.ports import Transaction
from modicum_server.usecases.rules import shown

LONGEST_INDEX_DIGITS = 9


async def labels_of(transaction: Transaction, specification: AuditSpecification) -> frozenset[str]:
    """Return the distinct labels of an audit's data sets. Each of its versions must know all of them."""
    labels = await transaction.datasets.labels(specification.dataset)
    if specification.out_of_distribution_dataset:
        labels |= await transaction.datasets.labels(specification.out_of_distribution_dataset)
    return labels


def require_labels(labels: Collection[str], version: ModelVersion) -> None:
    """Refuse labels that are not classes of the version. For an unchecked version without class names any index passes.

    Raises:
        LabelUnknown: names the first such label, the version and what would be accepted.
    """
    classes = Counter(version.class_labels)
    for label in sorted(labels):
        places = classes[label]
        if places > 1:
            raise _unknown(
                label, version, f"{places} classes have this name; use the class index as the label of such images"
            )
        if places == 0 and not _is_index(label, _class_count(version)):
            raise _unknown(label, version, f"no class has this name or index; use {_accepted(version)}")
    _refuse_mixed_numbers(labels, classes, version)


def _refuse_mixed_numbers(labels: Collection[str], classes: Counter[str], version: ModelVersion) -> None:
    numbers = sorted(label for label in labels if label.isdigit())
    named, indices = ([one for one in numbers if bool(classes[one]) is name] for name in (True, False))
    if named and indices:
        raise _unknown(
            indices[0],
            version,
            f"it is a class index, but the label {shown(named[0])} is the name of a class; use class names for all "
            "images, or class indices and a version without class names",
        )


def _class_count(version: ModelVersion) -> int | None:
    return version.check.class_count if version.check else len(version.class_labels) or None


def _is_index(label: str, class_count: int | None) -> bool:
    if not (label.isascii() and label.isdigit() and len(label) <= LONGEST_INDEX_DIGITS):
        return False
    return class_count is None or int(label) < class_count


def _accepted(version: ModelVersion) -> str:
    count = _class_count(version)
    indices = "a class index in digits" if count is None else f"a class index of 0 to {count - 1}"
    return (
        f"{indices} or a class name"
        if version.class_labels
        else f"{indices}, because the version was registered without class names"
    )


def _unknown(label: str, version: ModelVersion, what: str) -> LabelUnknown:
    return LabelUnknown(f"the data set's label {shown(label)} does not fit {version.name}: {what}", label=label)
