"""The one table of field rules: what each kind of field must be, as a test and in words for the caller.

A rule sees one field. Checks across fields, or against what is stored, are in the use cases that need them.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from modicum.resource_names import NOT_PLAIN
from modicum.sources.configurations import MOST_CLASSES

from modicum_server.domain.digests import DIGEST
from modicum_server.domain.models import MOST_CHANNELS
from modicum_server.domain.searches import LEAST_SEARCH_PASSES
from modicum_server.errors import FieldInvalid

MOST_SHOWN_CHARACTERS = 80
LARGEST_INT32 = 2**31 - 1
LARGEST_INT64 = 2**63 - 1
LARGEST_SIDE_PIXELS = 4096
#: Limits of canvas values, means and deviations: their quotients and squares are finite in float32.
LARGEST_VALUE = 1e12
#: A mask of this many pixels takes half a mebibyte, which fits into a message between model and worker.
MOST_CANVAS_PIXELS = 4_194_304
#: An image of this many values takes 256 MiB as float32.
MOST_CANVAS_VALUES = 67_108_864
MOST_PASSES = 2**40
#: The counts of an audit are int64.
MOST_PASSES_PLANNED = 2**60
#: A smaller share removes one pixel a step nearly to the end, as 0 does, and its cost takes long to compute.
LEAST_FRACTION = 0.0001
MOST_VERSIONS = 16
MOST_SEARCHES = 16
#: Far more than there are controls: a control of a later release is then refused by its number, not by their count.
MOST_CONTROLS = 64
#: Masks of an input-dropout wrapper: one pass of it takes this many passes of its member.
MOST_SAMPLES = 256
MOST_CLASS_LABELS = MOST_CLASSES
MOST_DIGESTS = 10_000
MOST_SMALL_ARTIFACTS = 256
#: Highest level of intervals: of 10,000 bootstrap resamples, 5 lie beyond each end.
LEAST_LEVEL, MOST_LEVEL = 0.5, 0.999
#: Size of an ensemble's subsets relative to those of its members: at 1 they are equally large.
LEAST_RATIO_LIMIT, MOST_RATIO_LIMIT = 1, 100
#: Limits by which an audit may end early, far more than there are measures of shares.
MOST_LIMITS = 64
MOST_ERROR = 0.5
#: Of a review: with its 200 images, none is shown to more than two of them.
MOST_REVIEWERS = 25
LONGEST_ITEM_CHARACTERS = 1024
LONGEST_LABEL_CHARACTERS = 256
MOST_RETENTION_DAYS = 36_500
LONGEST_WHY_CHARACTERS = 256
LONGEST_FILTER_CHARACTERS = 4096
LONGEST_POLICY_CHARACTERS = 65_536
LONGEST_FILE_CHARACTERS = 1024
LONGEST_TOKEN_NAME_CHARACTERS = 128
#: How long a token that was replaced may stay valid: a week.
LONGEST_OVERLAP_SECONDS = 7 * 24 * 3600
#: Of the token that a job gets for its identity token.
SHORTEST_JOB_SECONDS, LONGEST_JOB_SECONDS = 60, 7200
MOST_CLAIMS = 16
LONGEST_CLAIM_CHARACTERS = 256


@dataclass(frozen=True, slots=True)
class Rule:
    """What a field must be. `holds` sees the value alone."""

    text: str
    holds: Callable[[Any], bool]


def _matches(pattern: str) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def _between(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: low <= value <= high


def _counts(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: low <= len(value) <= high


def _is_text(shortest: int, longest: int) -> Callable[[Any], bool]:
    return lambda value: shortest <= len(value) <= longest and _is_plain(value)


def _is_plain(value: str) -> bool:
    """Return whether a text can be stored and shown unchanged.

    JSON can hold lone surrogates, Postgres stores no NUL, and control characters of lines and writing direction can
    make one name look like another. Letters that are written from right to left are ordinary letters.
    """
    return NOT_PLAIN.search(value) is None


def _is_relative_path(value: str) -> bool:
    """Return whether a path stays inside the folder that it is joined to, on any system."""
    parts = value.replace("\\", "/").split("/")
    return (
        _is_text(1, LONGEST_ITEM_CHARACTERS)(value)
        and all(part not in {"", ".", ".."} for part in parts)
        and re.match("[A-Za-z]:", value) is None
    )


PLAIN = "no control characters"

RESOURCE_ID = "[a-z0-9][a-z0-9._-]{0,62}"
PROJECT_ID = "[a-z][a-z0-9-]{0,62}"
PRINCIPAL = "[a-z0-9][a-z0-9._@+-]{0,126}"
UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"

RULES: Mapping[str, Rule] = {
    "project_id": Rule("1 to 63 characters of a-z, 0-9 and hyphen, the first one a letter", _matches(PROJECT_ID)),
    "resource_id": Rule(
        "1 to 63 characters of a-z, 0-9, hyphen, underscore and dot, the first one a letter or a digit",
        _matches(RESOURCE_ID),
    ),
    "principal": Rule(
        "1 to 127 characters of a-z, 0-9 and ._@+-, the first one a letter or a digit", _matches(PRINCIPAL)
    ),
    "display_name": Rule(
        f"at most {LONGEST_TOKEN_NAME_CHARACTERS} characters, with {PLAIN}",
        _is_text(0, LONGEST_TOKEN_NAME_CHARACTERS),
    ),
    "audience": Rule("1 to 256 visible ASCII characters, without spaces", _matches("[!-~]{1,256}")),
    "lifetime_seconds": Rule(
        f"0 (the default), or {SHORTEST_JOB_SECONDS} to {LONGEST_JOB_SECONDS:,} seconds",
        lambda value: value == 0 or SHORTEST_JOB_SECONDS <= value <= LONGEST_JOB_SECONDS,
    ),
    "claims": Rule(f"1 to {MOST_CLAIMS} claims", _counts(1, MOST_CLAIMS)),
    "claim_name": Rule("1 to 128 visible ASCII characters, without spaces", _matches("[!-~]{1,128}")),
    "claim_value": Rule(
        f"1 to {LONGEST_CLAIM_CHARACTERS} characters, with {PLAIN}", _is_text(1, LONGEST_CLAIM_CHARACTERS)
    ),
    "overlap_seconds": Rule(f"0 to {LONGEST_OVERLAP_SECONDS:,}", _between(0, LONGEST_OVERLAP_SECONDS)),
    "request_id": Rule("a UUID, or empty", _matches(f"({UUID})?")),
    "digest_beginning": Rule("up to 64 lower-case hexadecimal digits", _matches("[0-9a-f]{0,64}")),
    "endpoint": Rule(
        "the name of an endpoint, or its whole address: at most 512 characters without spaces",
        _matches("[!-~]{1,512}"),
    ),
    "digest": Rule("a SHA-256 digest of 64 lower-case hexadecimal digits", _matches(DIGEST)),
    "digests": Rule(f"at most {MOST_DIGESTS:,} digests", _counts(0, MOST_DIGESTS)),
    "contents": Rule(f"1 to {MOST_SMALL_ARTIFACTS} artifacts", _counts(1, MOST_SMALL_ARTIFACTS)),
    "page_size": Rule("0 or more", _between(0, LARGEST_INT32)),
    "offset": Rule("0 or more", _between(0, LARGEST_INT64)),
    "size_bytes": Rule("0 or more", _between(0, LARGEST_INT64)),
    "sequence": Rule("0 or more", _between(0, LARGEST_INT64)),
    "item": Rule(
        f"a relative path of at most {LONGEST_ITEM_CHARACTERS:,} characters, with {PLAIN} and no part that is empty, "
        "'.' or '..'",
        _is_relative_path,
    ),
    "label": Rule(
        f"at most {LONGEST_LABEL_CHARACTERS} characters, with {PLAIN}",
        _is_text(0, LONGEST_LABEL_CHARACTERS),
    ),
    "class_labels": Rule(f"at most {MOST_CLASS_LABELS:,} names", _counts(0, MOST_CLASS_LABELS)),
    "class_label": Rule(
        f"1 to {LONGEST_LABEL_CHARACTERS} characters, with {PLAIN}", _is_text(1, LONGEST_LABEL_CHARACTERS)
    ),
    "channels": Rule(f"1 to {MOST_CHANNELS}", _between(1, MOST_CHANNELS)),
    "side": Rule(f"1 to {LARGEST_SIDE_PIXELS:,} pixels", _between(1, LARGEST_SIDE_PIXELS)),
    "pixels": Rule(f"at most {MOST_CANVAS_PIXELS:,} pixels, height times width", _between(1, MOST_CANVAS_PIXELS)),
    "values": Rule(
        f"at most {MOST_CANVAS_VALUES:,} values, channels times height times width", _between(1, MOST_CANVAS_VALUES)
    ),
    "resize": Rule(f"0 to {LARGEST_SIDE_PIXELS:,} pixels", _between(0, LARGEST_SIDE_PIXELS)),
    "interpolation": Rule("'bilinear', 'bicubic' or 'nearest'", lambda v: v in {"bilinear", "bicubic", "nearest"}),
    "finite": Rule(
        f"a finite number from -{LARGEST_VALUE:g} to {LARGEST_VALUE:g}", _between(-LARGEST_VALUE, LARGEST_VALUE)
    ),
    "positive": Rule(
        f"a finite number from {1 / LARGEST_VALUE:g} to {LARGEST_VALUE:g}", _between(1 / LARGEST_VALUE, LARGEST_VALUE)
    ),
    "model_versions": Rule(f"1 to {MOST_VERSIONS} versions", _counts(1, MOST_VERSIONS)),
    "members": Rule(f"2 to {MOST_VERSIONS} versions", _counts(2, MOST_VERSIONS)),
    "keep_probability": Rule("above 0 and at most 1", lambda value: 0 < value <= 1),
    "samples": Rule(f"1 to {MOST_SAMPLES} masks", _between(1, MOST_SAMPLES)),
    "searches": Rule(f"1 to {MOST_SEARCHES} searches", _counts(1, MOST_SEARCHES)),
    "threshold": Rule("above 0 and below 1", lambda value: 0 < value < 1),
    "fraction": Rule(
        f"0 (one pixel per step), or at least {LEAST_FRACTION:g} and below 1",
        lambda value: value == 0 or LEAST_FRACTION <= value < 1,
    ),
    "level": Rule(f"{LEAST_LEVEL:g} to {MOST_LEVEL:g}", _between(LEAST_LEVEL, MOST_LEVEL)),
    "alpha": Rule("above 0 and below 1", lambda value: 0 < value < 1),
    "ratio_limit": Rule(f"{LEAST_RATIO_LIMIT} to {MOST_RATIO_LIMIT}", _between(LEAST_RATIO_LIMIT, MOST_RATIO_LIMIT)),
    "largest_fraction": Rule("0 (the audit's alpha), or above 0 and below 1", lambda value: 0 <= value < 1),
    "search_index": Rule("0 or more", _between(0, LARGEST_INT32)),
    "accuracy_limit": Rule("-1 to 0", _between(-1, 0)),
    "limits": Rule(f"at most {MOST_LIMITS} limits", _counts(0, MOST_LIMITS)),
    "share_limit": Rule("above 0 and below 1", lambda value: 0 < value < 1),
    "error": Rule("above 0 and at most 0.5, or 0 for the default", lambda value: 0 < value <= MOST_ERROR),
    "passes_planned": Rule(f"at most {MOST_PASSES_PLANNED:,} passes in all", _between(0, MOST_PASSES_PLANNED)),
    "passes": Rule(
        f"0 (the server's default), or {LEAST_SEARCH_PASSES} to {MOST_PASSES:,}",
        lambda value: value == 0 or LEAST_SEARCH_PASSES <= value <= MOST_PASSES,
    ),
    "pixels_per_step": Rule("0 or more", _between(0, LARGEST_INT32)),
    "images": Rule("0 or more", _between(0, LARGEST_INT32)),
    "seed": Rule("0 or more", _between(0, LARGEST_INT64)),
    "sample": Rule("0 or more", _between(0, LARGEST_INT32)),
    "device": Rule("'auto', 'cpu', 'cuda', or empty", lambda value: value in {"", "auto", "cpu", "cuda"}),
    "hold_reason": Rule(f"1 to {LONGEST_WHY_CHARACTERS} characters, with {PLAIN}", _is_text(1, LONGEST_WHY_CHARACTERS)),
    "retention_days": Rule(f"0 (for ever), or 1 to {MOST_RETENTION_DAYS:,} days", _between(0, MOST_RETENTION_DAYS)),
    "why": Rule(f"at most {LONGEST_WHY_CHARACTERS} characters, with {PLAIN}", _is_text(0, LONGEST_WHY_CHARACTERS)),
    "filter": Rule(
        f"at most {LONGEST_FILTER_CHARACTERS:,} characters, with {PLAIN}", _is_text(0, LONGEST_FILTER_CHARACTERS)
    ),
    "policy_file": Rule(
        f"at most {LONGEST_FILE_CHARACTERS:,} characters, with {PLAIN}", _is_text(0, LONGEST_FILE_CHARACTERS)
    ),
    "policy": Rule(f"1 to {LONGEST_POLICY_CHARACTERS:,} characters of YAML", _counts(1, LONGEST_POLICY_CHARACTERS)),
}


def check(field: str, value: Any, rule: str = "") -> None:
    """Refuse a value that breaks its rule. `rule` names a row of the table, by default the last part of the field.

    Raises:
        FieldInvalid: names the field, the rule and the value.
    """
    row = RULES[rule or field.rsplit(".", 1)[-1]]
    if not row.holds(value):
        raise FieldInvalid(field, f"expected {row.text}, got {shown(value)}")


def failing(*checks: Callable[[], object]) -> Iterator[FieldInvalid]:
    """Make checks that do not need each other, and yield the mistakes that they raise."""
    for one in checks:
        try:
            one()
        except FieldInvalid as mistake:
            yield mistake


def refuse_first(mistakes: Iterator[FieldInvalid]) -> None:
    """Raise the first mistake, if there is one. Checks behind it are not made."""
    for mistake in mistakes:
        raise mistake


def shown(value: Any) -> str:
    """Return a value for a message: quoted, shortened, and the length in place of a long list."""
    if isinstance(value, (list, tuple)):
        return f"{len(value):,}"
    text = repr(value)
    length = len(value) if isinstance(value, str) else len(text)
    return text if len(text) <= MOST_SHOWN_CHARACTERS else f"{text[:MOST_SHOWN_CHARACTERS]}... ({length:,} characters)"
