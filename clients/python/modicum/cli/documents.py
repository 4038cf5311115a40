"""Documents in files: results, verdicts and baselines."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from modicum.cli.options import option
from modicum.errors import InvalidSource, PolicyError
from modicum.gate.baseline_file import KIND
from modicum.gate.json_documents import json_document
from modicum.gate.marked_yaml import NEEDS_EXTRA
from modicum.gate.recount import first_difference
from modicum.gate.result_form import refuse_damaged_baseline, refuse_damaged_result
from modicum.sources.contents import whole_file

RESULT = "Result"
Findings = Annotated[
    Path | None,
    option(
        RESULT,
        "--findings",
        "FILE",
        "The file of findings, if RESULT does not hold them. A file of `modicum audit --output RESULT.json` holds "
        "them; the output of `modicum audit --json` does not. A policy needs findings if it compares with a baseline,"
        " sets another alpha than the audit, or has a rule with `classes: all`. `modicum artifacts download` fetches "
        "the file by the `findings.digest` in RESULT.",
    ),
]


def read_result(path: Path) -> Mapping[str, Any]:
    """Read a result document that can be judged.

    Raises:
        InvalidSource: it cannot be read, or is damaged.
        PolicyError: it is no result document, or the extra `gate` is missing.
    """
    document = json_document(whole_file(path), str(path), called="a result document")
    refuse_damaged_result(document, str(path))
    return document


def read_baseline(path: Path) -> Mapping[str, Any]:
    """Read a baseline file, or a result document that stands in for one.

    Raises:
        InvalidSource: it cannot be read, is damaged, or is a result that contradicts itself.
        PolicyError: the extra `gate` is missing.
    """
    document = json_document(whole_file(path), str(path), called="a baseline")
    refuse_damaged_baseline(document, str(path))
    if document.get("kind") != KIND and "models" in document:
        refuse_edited(document, str(path))
    return document


def with_findings(document: Mapping[str, Any], path: Path | None) -> Mapping[str, Any]:
    """Return a result document with the rows in its findings artifact; as it is without a path.

    Raises:
        InvalidSource: the file cannot be read, is not the artifact that the document names, or its rows are damaged.
        PolicyError: the extra `gate` is missing.
    """
    if path is None:
        return document
    packed = whole_file(path)
    digest, named = hashlib.sha256(packed).hexdigest(), document["findings"]["digest"]
    if digest != named:
        raise InvalidSource(f"{path}: expected the findings of this result, sha256:{named}, got sha256:{digest}")
    try:
        rows = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InvalidSource(f"{path}: expected JSON lines packed by gzip; {error}") from error
    found = {**document, "rows": rows}
    refuse_damaged_result(found, str(path))
    return found


def refuse_edited(document: Mapping[str, Any], source: str) -> None:
    """Refuse a result document whose counts are not those of its rows; without rows, one that contradicts itself.

    Raises:
        InvalidSource: a field differs, or a part is missing; names `source`.
    """
    with refusing_parts(source):
        differs = first_difference(document)
    if differs:
        raise InvalidSource(
            f"{source}: the result and its findings disagree: {differs}; one of them was edited or is damaged; judge "
            "the files as they were written"
        )


@contextmanager
def refusing_parts(source: str) -> Iterator[None]:
    """Refuse a result document of which a part is missing.

    Raises:
        InvalidSource: a part is missing; names `source`.
        PolicyError: the extra `gate` is missing.
    """
    try:
        yield
    except KeyError as error:
        raise InvalidSource(f"{source}: expected a whole result document, but it has no {error}") from error
    except ModuleNotFoundError as error:
        raise PolicyError(NEEDS_EXTRA, reason="GATE_NOT_INSTALLED") from error
