"""A YAML file as plain values, each with its line and column. Must not know what the values mean.

The values are those of YAML 1.2's core schema: `off`, `yes` and dates are text. Anchors, aliases and tags are refused,
because a policy is read by people; so is a key that comes twice.
"""

import itertools
import math
import re
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from modicum.errors import PolicyError

if TYPE_CHECKING:
    import yaml

Path = tuple[str | int, ...]
"""The keys and indexes that lead to a value."""
MOST_VALUES = 10_000
"""Keys and values. A policy of a hundred classes has 3,200, if each class has a waiver and an accepted place."""
MOST_LEVELS = 32
LONGEST_NUMBER = 32
"""Characters; longer text is a digest, though all of it may be digits."""
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
"""Characters that an output such as XML cannot hold. Escapes of YAML can make them."""
TOO_DEEP = "{file}: lists and mappings are nested too deeply; a policy needs only a few levels"
TOO_DEEP_IN_C = "exceeded maximum nesting depth"
"""What the loader in C says of a thousand levels, as far as it looks ahead."""
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
        PolicyError: it is not YAML, holds two documents, an anchor, an alias, a tag, a control character, a key that
            comes twice or too many values, or is nested too deeply.
    """
    try:
        import yaml  # noqa: PLC0415  # of the extra `gate`
    except ImportError as error:
        raise PolicyError(NEEDS_EXTRA, reason="GATE_NOT_INSTALLED") from error
    reading = _Reading(file)
    try:
        events = list(_events(reading, text))
    except yaml.MarkedYAMLError as error:
        if error.problem == TOO_DEEP_IN_C:
            raise PolicyError(TOO_DEEP.format(file=file)) from error
        here = reading.mark_within(text, error.problem_mark)
        raise PolicyError(f"{here}: expected YAML; {error.problem or error.context}") from error
    except (yaml.YAMLError, UnicodeEncodeError) as error:
        raise PolicyError(f"{file}: expected YAML in UTF-8; {error}") from error
    if not events:
        return Marked(file, None)
    first, *rest = events
    return Marked(file, reading.value(first, iter(rest), ()), reading.keys, reading.values)


def _events(reading: "_Reading", text: str) -> Iterator["yaml.Event"]:
    """Yield the beginnings and ends of values, in their order. Too much is refused as soon as it comes."""
    import yaml  # noqa: PLC0415  # of the extra `gate`

    values = levels = 0
    # The loader in C takes a tenth of the time. A wheel of PyYAML has it; an installation without one may not.
    for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
        if isinstance(event, yaml.DocumentStartEvent) and values:
            raise PolicyError(f"{reading.mark(event.start_mark)}: expected YAML; but found another document")
        if isinstance(event, yaml.NodeEvent):
            values += 1
            levels += isinstance(event, yaml.CollectionStartEvent)
            reading.refuse_beyond(event, values, levels)
            yield event
        elif isinstance(event, yaml.CollectionEndEvent):
            levels -= 1
            yield event


@dataclass(slots=True)
class _Reading:
    """The values of one file, as they are read."""

    file: str
    keys: dict[Path, Mark] = field(default_factory=dict)
    values: dict[Path, Mark] = field(default_factory=dict)

    def mark(self, mark: Any) -> Mark:
        """Return a mark of PyYAML's, which may be None, as ours."""
        return Mark(self.file) if mark is None else Mark(self.file, mark.line + 1, mark.column + 1)

    def mark_within(self, text: str, mark: Any) -> Mark:
        """Return a mark as ours; the end of the text for one behind it, as the loader in C has for a missing end."""
        here, lines = self.mark(mark), text.split("\n")
        return here if here.line <= len(lines) else Mark(self.file, len(lines), len(lines[-1]) + 1)

    def refuse_beyond(self, event: "yaml.NodeEvent", values: int, levels: int) -> None:
        """Refuse what no policy has: anchors, aliases and tags, more values or more levels than people write."""
        import yaml  # noqa: PLC0415  # of the extra `gate`

        if isinstance(event, yaml.AliasEvent):
            raise self._refusal(event, f"expected YAML; found undefined alias {event.anchor!r}")
        if event.anchor or getattr(event, "tag", None):
            raise self._refusal(event, "expected a value without anchor, alias or tag; write the value out")
        if values > MOST_VALUES:
            raise self._refusal(event, f"expected at most {MOST_VALUES:,} keys and values in a policy, got more")
        if levels > MOST_LEVELS:
            raise PolicyError(TOO_DEEP.format(file=self.file))

    def _refusal(self, event: Any, problem: str) -> PolicyError:
        return PolicyError(f"{self.mark(event.start_mark)}: {problem}")

    def value(self, event: Any, rest: Iterator[Any], path: Path) -> Any:
        """Return the value that begins with an event; the events up to its end are taken from the rest."""
        import yaml  # noqa: PLC0415  # of the extra `gate`

        here = self.mark(event.start_mark)
        self.values[path] = here
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(rest, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return [self.value(one, rest, (*path, index)) for index, one in enumerate(_until_end(rest))]
        self._refuse_unprintable(event)
        value = event.value if event.style else scalar(event.value)  # quoted text stays text
        if isinstance(value, float) and not math.isfinite(value):
            raise PolicyError(f"{here}: expected a finite number, got {event.value}")
        return value

    def _refuse_unprintable(self, event: Any) -> None:
        found = UNPRINTABLE.search(event.value)
        if found is not None:
            here = self.mark(event.start_mark)
            raise PolicyError(f"{here}: expected text without control characters, got {found[0]!r}; remove it")

    def _mapping(self, rest: Iterator[Any], path: Path) -> dict[Hashable, Any]:
        import yaml  # noqa: PLC0415  # of the extra `gate`

        values: dict[Hashable, Any] = {}
        for event in _until_end(rest):
            here = self.mark(event.start_mark)
            if not isinstance(event, yaml.ScalarEvent):
                raise PolicyError(f"{here}: expected a name as key, got a list or a mapping")
            self._refuse_unprintable(event)
            key = event.value
            if key in values:
                raise PolicyError(
                    f"{here}: the key {key!r} occurs twice; it is already on line {self.keys[*path, key].line}: "
                    "remove one"
                )
            self.keys[*path, key] = here
            values[key] = self.value(next(rest), rest, (*path, key))
        return values


def _until_end(rest: Iterator[Any]) -> Iterator[Any]:
    """Yield the events that begin a value, up to the end of their list or mapping. Whoever takes one takes its rest."""
    import yaml  # noqa: PLC0415  # of the extra `gate`

    return itertools.takewhile(lambda event: not isinstance(event, yaml.CollectionEndEvent), rest)


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
