"""Checks the arguments of `find_subsets` before anything runs, so that an error costs no pass.

Only kinds and ranges are checked here. Whether images, search and module fit together is checked where they meet.
"""

from collections.abc import Mapping, Sequence

from modicum_sis.errors import ImageError, ParameterError
from modicum_sis.model.classifier import Classifier
from modicum_sis.validation import whole_number


def check_kinds(classifier: object, images: object, search: object) -> None:
    """Check that each argument is of the right kind.

    Raises:
        ParameterError: a module instead of a classifier, or a class or a name instead of a search.
        ImageError: images that cannot be counted, for example a generator.
    """
    if not isinstance(classifier, Classifier):
        raise ParameterError(
            f"expected a modicum_sis.Classifier; got {_kind(classifier)}. "
            "Make one from a torch module: Classifier(module, bounds=, mean=, std=)"
        )
    is_one = isinstance(images, (str, bytes, Mapping)) or hasattr(images, "getbands")
    if is_one or not all(hasattr(images, part) for part in ("__len__", "__getitem__")):
        raise ImageError(
            f"expected images as a float tensor (N, C, H, W), or a sequence of tensors (C, H, W); got {_kind(images)}. "
            "Make a list of images that can be read only once; for one image give [image], for a file "
            "[PIL.Image.open(path)]"
        )
    is_search = all(callable(getattr(search, part, None)) for part in ("planned_passes", "propose"))
    if isinstance(search, type) or not is_search:
        raise ParameterError(
            f"expected a search such as MaskOptimization(passes=600); got {_kind(search)}. Give an instance"
        )


def check_functions(**given: object) -> None:
    """Check that each argument is a function, or None.

    Raises:
        ParameterError: one is not.
    """
    for name, value in given.items():
        if value is not None and not callable(value):
            raise ParameterError(f"{name} must be a function, or None; got {value!r}. Give what is to be called")


def whole_targets(targets: Sequence[int] | None, count: int) -> tuple[int, ...] | None:
    """One class for each image, as ints; None if no targets are given.

    Raises:
        ParameterError: the number of targets is not `count`, or one is not a whole number.
    """
    if targets is None:
        return None
    if not hasattr(targets, "__len__") or len(targets) != count:
        got = len(targets) if hasattr(targets, "__len__") else _kind(targets)
        raise ParameterError(f"expected {count} targets, one for each image; got {got}. Give a list of class indices")
    return tuple(whole_number(f"targets[{place}]", targets[place]) for place in range(count))


def check_classes(targets: Sequence[int] | None, class_count: int) -> None:
    """Check that every target is a class.

    Raises:
        ParameterError: one is not.
    """
    for target in targets or ():
        if not 0 <= target < class_count:
            raise ParameterError(f"targets must lie between 0 and {class_count - 1}; got {target}")


def check_digests(digests: Sequence[str] | None) -> None:
    """Check that every digest is text.

    Raises:
        ParameterError: one is not.
    """
    for place, digest in enumerate(digests or ()):
        if not isinstance(digest, str):
            raise ParameterError(f"expected every digest as text; digests[{place}] is {digest!r}. Give str() of it")


def _kind(value: object) -> str:
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"{value!r}" if value is None or isinstance(value, str) else type(value).__name__
