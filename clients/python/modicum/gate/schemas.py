"""The published forms of documents: JSON Schemas in `schemas/`, and what is said of a document of another form.

A whole number is one that is written so: JSON Schema alone would take 1.0 and 2e1 for such. Must not know what a
document means.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import Any

from modicum.errors import InvalidSource, PolicyError
from modicum.gate.catalogue import did_you_mean
from modicum.gate.marked_yaml import NEEDS_EXTRA

POLICY, RESULT, VERDICT, BASELINE = "policy-v1", "result", "verdict-v1", "baseline-v1"
"""Names of the schemas."""
NOT_BLANK = r"\S"
"""The pattern of a text that says something."""
MOST_SHOWN = 60
"""Characters of a value that a message shows."""
DAMAGED = (
    "{source}: expected a whole {called}, but {problem}; the file is damaged or was edited; use it as it was written"
)
TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


@cache
def schema_of(name: str) -> dict[str, Any]:
    """Return the JSON Schema of that name."""
    text = resources.files("modicum").joinpath("schemas", f"{name}.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@cache
def validator_of(name: str) -> Any:
    """Return the validator of a schema.

    Raises:
        PolicyError: the extra `gate` is missing.
    """
    try:
        import jsonschema  # noqa: PLC0415  # of the extra `gate`
    except ImportError as error:
        raise PolicyError(NEEDS_EXTRA, reason="GATE_NOT_INSTALLED") from error
    checker = jsonschema.Draft202012Validator.TYPE_CHECKER.redefine("integer", lambda _, value: _is_whole(value))
    validator = jsonschema.validators.extend(
        jsonschema.Draft202012Validator, {"uniqueItems": _repeated}, type_checker=checker
    )
    return validator(schema_of(name))


def refuse_other_form(document: Mapping[str, Any], name: str, *, source: str, called: str) -> None:
    """Refuse a document that is not of a form. Messages name the `source`, and what was expected as `called`.

    Raises:
        InvalidSource: a part is missing, or is not what the form says.
        PolicyError: the extra `gate` is missing.
    """
    error = next(validator_of(name).iter_errors(document), None)
    if error is not None:
        raise InvalidSource(DAMAGED.format(source=source, called=called, problem=_differing(error)))


def _differing(error: Any) -> str:
    where = error.json_path.removeprefix("$").removeprefix(".")
    if error.validator in {"required", "dependentRequired"}:
        needed = error.validator_value if error.validator == "required" else _also_needed(error)
        missing = next(key for key in needed if key not in error.instance)
        return f"{where or 'it'} has no {missing!r}"
    return f"{where or 'it'} is not {expected_by(error)}: got {came(error.instance)}"


def _also_needed(error: Any) -> list[str]:
    """The keys that come with keys that are there."""
    return [name for key, names in error.validator_value.items() if key in error.instance for name in names]


def _repeated(_validator: Any, wanted: Any, items: Any, _schema: Any) -> Iterator[Any]:
    """Yield an error where an entry comes twice. jsonschema's own takes seconds for entries that have no order."""
    import jsonschema  # noqa: PLC0415  # of the extra `gate`

    if wanted and isinstance(items, list) and len({json.dumps(one, sort_keys=True) for one in items}) < len(items):
        yield jsonschema.ValidationError("an entry comes twice")


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def expected_by(error: Any) -> str:
    """Return what a schema expected, in words. `error` is that of its validator."""
    wanted = error.validator_value
    words: dict[str, Callable[[], str]] = {
        "const": lambda: str(wanted),
        "enum": lambda: f"{_one_of(wanted)}{_nearest(error.instance, wanted)}",
        "type": lambda: " or ".join(TYPE_WORDS[one] for one in ([wanted] if isinstance(wanted, str) else wanted)),
        "minimum": lambda: f"{wanted} or more",
        "maximum": lambda: f"at most {wanted}",
        "exclusiveMinimum": lambda: f"a number above {wanted}",
        "exclusiveMaximum": lambda: f"a number below {wanted}",
        "minItems": lambda: f"a list with at least {'one entry' if wanted == 1 else f'{wanted} entries'}",
        "maxItems": lambda: f"a list with at most {wanted} entries",
        "uniqueItems": lambda: "a list of different entries",
        "minLength": lambda: "some text",
        "minProperties": lambda: "one key",
        "maxProperties": lambda: "one key alone",
        "pattern": lambda: "some text" if wanted == NOT_BLANK else _described(error.schema),
    }
    return words[error.validator]()


def _one_of(names: Sequence[Any]) -> str:
    return f"{'one of ' if len(names) > 1 else ''}{', '.join(map(str, names))}"


def _described(schema: Mapping[str, Any]) -> str:
    """The first sentence of a description, to stand within another; one that begins in capitals keeps them."""
    told, *_ = str(schema["description"]).rstrip(".").split(". ")
    return told if told[:2].isupper() else told[:1].lower() + told[1:]


def _nearest(given: Any, names: Sequence[Any]) -> str:
    hint = did_you_mean(str(given), map(str, names))
    return f" ({hint})" if hint.startswith("did") else ""


def came(value: Any) -> str:
    """Return what came instead, in words."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "an empty list" if not value else "a list"
    if isinstance(value, bool):
        return str(value).lower()
    told = f"the text {value!r}" if isinstance(value, str) else str(value)
    return told if len(told) <= MOST_SHOWN else f"{told[:MOST_SHOWN]}…"
