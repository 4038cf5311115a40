"""Documents in files: results, verdicts and baselines."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from modicum.errors import InvalidSource


def read_document(path: Path) -> Mapping[str, Any]:
    """Read a result document.

    Raises:
        InvalidSource: it cannot be read, or is not a JSON object.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise InvalidSource(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InvalidSource(f"{path}: expected a result document in JSON; {error}") from error
    if not isinstance(document, dict):
        raise InvalidSource(f"{path}: expected a result document, got {type(document).__name__}")
    return document
