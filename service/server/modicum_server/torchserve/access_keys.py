"""TorchServe's keys. TorchServe writes them at its start; we send them with every call."""

import json
from pathlib import Path
from typing import Literal

Purpose = Literal["management", "inference"]


class Keys:
    """The keys of one TorchServe."""

    def __init__(self, path: Path) -> None:
        """Take the path of the key file, which need not exist yet."""
        self._path = path
        self._keys: dict[str, str] = {}

    def reread(self) -> None:
        """Read the file again. Raises OSError or ValueError when it is missing or incomplete."""
        entries = json.loads(self._path.read_text(encoding="utf-8"))
        self._keys = {purpose: entry["key"] for purpose, entry in entries.items()}

    def metadata(self, purpose: Purpose) -> tuple[tuple[str, str], ...]:
        """Return the metadata of a call."""
        if not self._keys:
            self.reread()
        return (("authorization", f"Bearer {self._keys[purpose]}"),)
