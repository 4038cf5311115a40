"""JSON files in the folder of a model, read with a bound."""

import json
from pathlib import Path
from typing import Any

from modicum.errors import ModelFolderRefused
from modicum.sources.contents import reason_of, require_file
from modicum.sources.lfs import is_pointer, pointer_text

#: The names of 21,000 classes take 2 MiB, twice.
MOST_JSON_BYTES = 16 * 1024 * 1024
AGAIN = "download it again, or save the model again"


def there_is(path: Path) -> bool:
    """Whether there is something at a path in a folder.

    Raises:
        ModelFolderRefused: the folder cannot be looked into.
    """
    try:
        return path.exists()
    except OSError as error:
        raise ModelFolderRefused(
            f"{path}: cannot be read: {reason_of(error)}. Let this user read the folder and those above it, "
            "or give a copy"
        ) from error


def json_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file.

    Raises:
        InvalidSource: the path does not exist, or is not a file.
        ModelFolderRefused: the file cannot be read, is too large, or holds something else.
    """
    require_file(path)
    try:
        if is_pointer(path):
            raise ModelFolderRefused(pointer_text(path, "the JSON"))
        if path.stat().st_size > MOST_JSON_BYTES:
            raise ModelFolderRefused(f"{path}: expected at most {MOST_JSON_BYTES // 1024**2} MiB of JSON; {AGAIN}")
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelFolderRefused(f"{path}: cannot be read: {reason_of(error)}") from error
    except (json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ModelFolderRefused(f"{path}: not valid JSON in UTF-8; {AGAIN}") from error
    except ValueError as error:  # Python reads whole numbers of at most 4,300 digits
        raise ModelFolderRefused(f"{path}: a number has too many digits to be read; correct it") from error
    if not isinstance(values, dict):
        raise ModelFolderRefused(f"{path}: expected a JSON object, got {type(values).__name__}; {AGAIN}")
    return values
