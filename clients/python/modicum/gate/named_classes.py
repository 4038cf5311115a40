"""The classes of a version by index, and what a verdict calls them. Judges nothing.

Rules judge each index by itself. Registrations of older releases may have two classes of one name: that name then
stands for all of them, and a verdict tells them apart by their index.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NamedClasses:
    """Names of classes by index (in digits, as documents have it). An index without a name is "class 7"."""

    names: Mapping[str, str]

    def label(self, index: str) -> str:
        """Return the name of a class."""
        return self.names.get(index, f"class {index}")

    def subject(self, index: str) -> str:
        """Return the name of a class, with its index where another class has the same name."""
        label = self.label(index)
        is_shared = any(name == label and other != index for other, name in self.names.items())
        return f"{label} (index {index})" if is_shared else label

    def called(self, name: str, indexes: Iterable[str]) -> list[str]:
        """Return the indexes that a name of a policy means: all of that name, of those known here and those given.

        Where there is none, it means the class of that index without a name.
        """
        known = dict.fromkeys((*self.names, *indexes))
        wanted = (name, f"class {name}")
        return next(filter(None, ([at for at in known if self.label(at) == one] for one in wanted)), [])


def classes_of(document: Document, version: str) -> NamedClasses:
    """Return the classes of a version, in older documents as far as other parts of them tell their names."""
    model = next(one for one in document["models"] if one["model_version"] == version)
    tested = [(row["target_class"], row["label"]) for test in document.get("spots", ()) for row in test["rows"]]
    paired = [(row["class"], row["label"]) for test in document.get("counterfactuals", ()) for row in test["classes"]]
    told = {str(index): label for index, label in (*paired, *tested) if index is not None}
    return NamedClasses({**told, **{str(at): label for at, label in enumerate(model.get("class_labels", ()))}})
