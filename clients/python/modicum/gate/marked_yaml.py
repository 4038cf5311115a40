"""A YAML file as plain values, each with its line and column. Must not know what the values mean.

The values are those of YAML 1.2's core schema: `off`, `yes` and dates are text. Anchors, aliases and tags are refused,
because a policy is read by people; so is a key that comes twice.
"""

import math
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modicum.errors import PolicyError

if TYPE_CHECKING:
    import yaml

Path = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""
LONGEST_NUMBER = 32
"""Characters; longer text is a digest, though all of it may be digits."""
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that an output such as XML cannot hold. Escapes of YAML can make them."""
NEEDS_EXTRA = "policies need the extra `gate`: run pip install 'modicum[gate]'"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file; line and column count from 1."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        """Return `file:line:column`."""
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Marked:
    """The value of a whole file. `keys` and `values` are the marks of each key and value by its path."""

    file: str
    value: Any
    keys: Mapping[Path, Mark] = field(default_factory=dict)
    values: Mapping[Path, Mark] = field(default_factory=dict)

    def mark(self, path: Path) -> Mark:
        """Return the mark of the key or of the list's entry at this path, or of the nearest one above it."""
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return self.keys.get(path) or self.values.get(path) or Mark(self.file)

    def value_mark(self, path: Path) -> Mark:
        """Return the mark of the value at this path."""
        return self.values.get(path) or self.mark(path)


def marked_yaml(text: str, file: str) -> Marked:
    """Read the text.

    Raises:
        PolicyError: it is not YAML, holds two documents, an anchor, an alias, a tag, a control character or a key that
            comes twice, or is nested too deeply.
    """
    try:
        return _read(text, file)
    except RecursionError as error:
        raise PolicyError(
            f"{file}: lists and mappings are nested too deeply; a policy needs only a few levels"
        ) from error


def _read(text: str, file: str) -> Marked:
    try:
        import yaml  # noqa: PLC0415  # of the extra `gate`
    except ImportError as error:
        raise PolicyError(NEEDS_EXTRA, reason="GATE_NOT_INSTALLED") from error
    reading = _Reading(file)
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
        for event in yaml.parse(text, Loader=yaml.BaseLoader):
            if getattr(event, "anchor", None) or getattr(event, "tag", None):
                here = reading.mark(event.start_mark)
                raise PolicyError(f"{here}: expected a value without anchor, alias or tag; write the value out")
    except yaml.MarkedYAMLError as error:
        here = reading.mark(error.problem_mark)
        raise PolicyError(f"{here}: expected YAML; {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise PolicyError(f"{file}: expected YAML in UTF-8; {error}") from error
    if root is None:
        return Marked(file, None)
    return Marked(file, reading.value(root, ()), reading.keys, reading.values)


@dataclass(slots=True)
class _Reading:
    """The values of one file, as they are read."""

    file: str
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)

    def mark(self, mark: Any) -> Mark:
        """Return a mark of PyYAML's, which may be None, as ours."""
        return Mark(self.file) if mark is None else Mark(self.file, mark.line + 1, mark.column + 1)

    def value(self, node: "yaml.Node", path: Path) -> Any:
        import yaml  # noqa: PLC0415  # of the extra `gate`

        here = self.mark(node.start_mark)
        self.values[path] = here
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(one, (*path, index)) for index, one in enumerate(node.value)]
        self._refuse_unprintable(node)
        quoted = isinstance(node, yaml.ScalarNode) and node.style is not None
        value = node.value if quoted else scalar(node.value)
        if isinstance(value, float) and not math.isfinite(value):
            raise PolicyError(f"{here}: expected a finite number, got {node.value}")
        return value

    def _refuse_unprintable(self, node: "yaml.Node") -> None:
        found = UNPRINTABLE.search(node.value)
        if found is not None:
            here = self.mark(node.start_mark)
            raise PolicyError(f"{here}: expected text without control characters, got {found[0]!r}; remove it")

    def _mapping(self, node: "yaml.MappingNode", path: Path) -> dict[Hashable, Any]:
        values: dict[Hashable, Any] = {}
        for key_node, value_node in node.value:
            key, here = key_node.value, self.mark(key_node.start_mark)
            if not isinstance(key, str):
                raise PolicyError(f"{here}: expected a name as key, got a list or a mapping")
            self._refuse_unprintable(key_node)
            if key in values:
                raise PolicyError(
                    f"{here}: the key {key!r} occurs twice; it is already on line {self.keys[*path, key].line}: "
                    "remove one"
                )
            self.keys[*path, key] = here
            values[key] = self.value(value_node, (*path, key))
        return values


def scalar(text: str) -> Any:
    """Return the value of an unquoted scalar: null, true, false, a number, or the text itself."""
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    for kind in (int, float) if len(text) <= LONGEST_NUMBER else ():
        if not text[-1:].isdigit() or "_" in text:
            break
        try:
            return kind(text)
        except ValueError:
            continue
    return text
