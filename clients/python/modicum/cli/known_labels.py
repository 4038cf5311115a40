"""Labels that the server would refuse are refused before the upload, by its rule: a class name, or a class index."""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from modicum.errors import DataRefused, InvalidArgument
from modicum.gate.counting import counted
from modicum.resource_names import printable
from modicum.sources.images import Image

REASON = "LABEL_UNKNOWN"
LONGEST_INDEX_DIGITS = 9
#: A number and a name on one line, as in `0 cat`.
NUMBER_FIRST = re.compile(r"\d+[\s,:;.]+(.+)")
NUMBER_LAST = re.compile(r"(.+?)[\s,:;]+\d+")
#: Names of folders that part a data set, rather than name a class.
SPLITS = frozenset({"train", "test", "val", "validation"})


def refuse_unknown_labels(
    images: Sequence[Image], names: Sequence[str], class_count: int | None = None, *, names_from: str = ""
) -> None:
    """Refuse labels that name no class of the model. Without names and a count of classes, any index is accepted.

    `names_from` is what messages call the file with the names.

    Raises:
        InvalidArgument: a label is a name, and the classes have none; says how to give them.
        DataRefused: a label is no class, or names several; names the first such image and counts the labels.
    """
    classes, count = Counter(names), class_count or len(names) or None
    unfit = [
        one for one in images if one.label and classes[one.label] != 1 and not _is_index(one.label, count, classes)
    ]
    if not unfit:
        _refuse_mixed_numbers(images, classes)
        return
    item, label = unfit[0].item, unfit[0].label
    begin = f"{printable(item)} has the label '{printable(label)}', but"
    if not names and not label.isdigit():
        raise InvalidArgument(
            f"{begin} the model's classes have no names: give them with --class-labels FILE, one per line in the "
            "order of the model's outputs"
        )
    if classes[label] > 1:
        raise DataRefused(
            f"{begin} {classes[label]} classes of the model have this name: use the class index as the label of such "
            "images",
            reason=REASON,
        )
    others = len({one.label for one in unfit}) - 1
    more = f"; {others} more {'label is' if others == 1 else 'labels are'} unknown, too" if others else ""
    advice = _split_advice(unfit) or _names_advice(images, names, names_from) or _label_advice(unfit, names, names_from)
    raise DataRefused(
        f"{begin} the model has no such class; {_expected(label, names, count)}{more}{advice}", reason=REASON
    )


def class_name(label: str, names: Sequence[str]) -> str:
    """The name of the class that a label stands for; the label itself where it is no index of `names`."""
    return names[int(label)] if _is_index(label, len(names), Counter(names)) else label


def _split_advice(unfit: Sequence[Image]) -> str:
    if any(one.label.lower() in SPLITS for one in unfit):
        return ". The names of folders were taken as labels; give one split, such as the folder train alone"
    return ""


def _names_advice(images: Sequence[Image], names: Sequence[str], names_from: str) -> str:
    labels = {one.label for one in images if one.label}
    if not (names_from and names) or len(labels) <= len(names):
        return ""
    return (
        f". {names_from} has {counted(len(names), 'name')}, but the images have {counted(len(labels), 'label')}: write "
        "into it the names of all classes, one per line in the order of the model's outputs"
    )


def _label_advice(unfit: Sequence[Image], names: Sequence[str], names_from: str) -> str:
    """What to do about labels that are not among the names: which of the two is likely to be wrong."""
    numbered = [form.fullmatch(name) for name in names for form in (NUMBER_FIRST, NUMBER_LAST)]
    if names_from and {one[1] for one in numbered if one}.intersection(one.label for one in unfit):
        return f". {names_from} has numbers beside its names: write only the name of a class on each line"
    if not names:
        return ". Correct the label, or register the model with all its classes"
    return (
        ". Rename the folders or labels to class names, or say with --label-names FILE which class each label means; "
        "if the class names are wrong, give the right ones with --class-labels FILE"
    )


def _refuse_mixed_numbers(images: Sequence[Image], classes: Counter[str]) -> None:
    """Refuse numbers of which some are class names and others class indices."""
    numbers = [one for one in images if one.label and one.label.isdigit()]
    named, indices = ([one for one in numbers if bool(classes[one.label]) is name] for name in (True, False))
    if named and indices:
        index, name = indices[0], named[0]
        raise DataRefused(
            f"{printable(index.item)} has the label {printable(index.label)!r}, which is a class index, but "
            f"{printable(name.item)} has {printable(name.label)!r}, which is the name of a class; use class names for "
            "all images, or give the classes no names and use class indices",
            reason=REASON,
        )


def _is_index(label: str, count: int | None, classes: Counter[str]) -> bool:
    """Whether a label is a class index. A class name is never an index, even if it is made of digits."""
    if classes[label] or not (label.isascii() and label.isdigit() and len(label) <= LONGEST_INDEX_DIGITS):
        return False
    return count is None or int(label) < count


def _expected(label: str, names: Sequence[str], count: int | None) -> str:
    indices = "a class index" if count is None else f"a class index of 0 to {count - 1}"
    if not names:
        return f"expected {indices}"
    near = get_close_matches(label, names, n=1) or [name for name in names if name.lower() == label.lower()]
    if len(names) == 1:
        return f"expected its only class name '{printable(names[0])}', or {indices}"
    return f"expected one of its {len(names):,} class names such as '{printable((near or names)[0])}', or {indices}"
