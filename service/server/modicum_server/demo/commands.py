"""The commands of the demo, as a user types them, and how they are printed."""

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modicum_server.demo.packaged import Photographs

POLICY = "modicum.yaml"
WIDTH = 78
"""Columns of a printed command, with the backslash at its end."""
INDENT = 6
GALLERY_THRESHOLD = 0.5
"""Low enough for more than ten of the twenty photographs to count, so that shares have intervals."""
GALLERY_PAGE = Path("demo-gallery.html")


@dataclass(frozen=True, slots=True)
class DigitFiles:
    """The files of one small network, by its name, and where its verdict goes."""

    name: str
    folder: Path

    @property
    def pictures(self) -> Path:
        """Held-out pictures, in one folder for each class."""
        return self.folder / f"digits-{self.name}"

    @property
    def weights(self) -> Path:
        """The trained weights."""
        return self.folder / f"{self.name}.safetensors"

    @property
    def input(self) -> Path:
        """How the network takes pictures."""
        return self.folder / "digits.toml"

    @property
    def labels(self) -> Path:
        """The names of its classes."""
        return self.folder / "digits.txt"

    @property
    def verdict(self) -> Path:
        """The verdict as JSON, for the demo's last lines."""
        return self.folder / f"{self.name}-verdict.json"

    @property
    def verdict_page(self) -> Path:
        """The verdict as a page."""
        return Path(f"demo-{self.name}-verdict.html")

    @property
    def audit_page(self) -> Path:
        """The audit as a page."""
        return Path(f"demo-{self.name}-audit.html")


def policy_command(folder: Path) -> list[str]:
    """Return what writes a policy with its default options."""
    return ["policy", "init", str(folder / POLICY)]


def gate_command(digits: DigitFiles) -> list[str]:
    """Return what audits a small network and judges it."""
    return [
        *("gate", str(digits.pictures), "--name", f"digits-{digits.name}"),
        *("--weights", str(digits.weights), "--architecture", "modicum:small_cnn"),
        *("--input", str(digits.input), "--labels", str(digits.labels)),
        *("--policy", str(digits.folder / POLICY), "--result", str(digits.audit_page)),
        *("--output", str(digits.verdict_page), "--output", str(digits.verdict)),
    ]


def gallery_command(model: str, photographs: Photographs, result: Path, *, passes: int) -> list[str]:
    """Return what audits an ImageNet classifier on photographs."""
    return [
        *("audit", str(photographs.folder), "--photo-labels", str(photographs.labels)),
        *("--name", f"efficientnet-{model}", "--weights", str(photographs.weights[model])),
        *("--architecture", f"efficientnet_lite:{model}", "--input", f"efficientnet_{model}"),
        *("--labels", str(photographs.class_labels)),
        *("--threshold", str(GALLERY_THRESHOLD), "--passes", str(passes)),
        *("--output", str(GALLERY_PAGE), "--output", str(result)),
    ]


def printed(program: str, arguments: Sequence[str]) -> str:
    """Return a command for a terminal: it can be pasted, and no line is longer than `WIDTH` unless a word is."""
    return "$ " + " \\\n      ".join(_lines([program, *_options(arguments)]))


def _options(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the words, each option together with its value."""
    words = iter(arguments)
    for word in words:
        yield f"{word} {shlex.quote(next(words))}" if word.startswith("--") else shlex.quote(word)


def _lines(parts: Sequence[str]) -> Iterator[str]:
    line = parts[0]
    for part in parts[1:]:
        if INDENT + len(line) + 1 + len(part) + len(" \\") > WIDTH:
            yield line
            line = part
        else:
            line = f"{line} {part}"
    yield line
