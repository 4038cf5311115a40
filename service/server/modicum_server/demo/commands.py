"""The commands of the demo, as a user types them, and how they are printed."""

import shlex
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from modicum_server.demo.packaged import Photographs

POLICY = "modicum.yaml"
WIDTH = 78
"""Columns of a printed command, with the backslash at its end."""
INDENT = 6
FLAGS = {"--no-controls"}
"""Options of these commands that have no value."""
GALLERY_THRESHOLD = 0.5
"""Low enough for more than ten of the twenty photographs to count, so that shares have intervals."""
GALLERY_PAGE = Path("demo-gallery.html")
ENSEMBLE_IMAGES = 300
"""Enough to see that an ensemble loses no 2 points of accuracy: about 190 would do if no prediction differed."""
ENSEMBLE_PASSES = 40
ENSEMBLE_PAGE = Path("demo-ensemble.html")


@dataclass(frozen=True, slots=True)
class DigitFiles:
    """The files of one small network, by its name, and where its verdict goes."""

    name: str
    folder: Path

    @property
    def model(self) -> str:
        """The name under which it is registered."""
        return f"digits-{self.name}"

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
        """How each of the networks takes pictures."""
        return self.folder / "digits.toml"

    @property
    def labels(self) -> Path:
        """The names of their classes."""
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
        *("gate", str(digits.pictures), "--name", digits.model),
        *_model_options(digits),
        *("--policy", str(digits.folder / POLICY), "--result", str(digits.audit_page)),
        *("--output", str(digits.verdict_page), "--output", str(digits.verdict)),
    ]


def member_command(digits: DigitFiles) -> list[str]:
    """Return what registers a small network that only the ensemble needs."""
    return ["models", "create", digits.model, *_model_options(digits)]


def ensemble_command(registered: DigitFiles, others: Sequence[DigitFiles], result: Path) -> list[str]:
    """Return what audits the ensemble of small networks on the pictures of the one that the gate registered.

    It runs no controls: the gate ran those of that network, and the verdict needs none.
    """
    return [
        *("ensemble", "check", str(registered.pictures), "--name", "digits-ensemble"),
        *(word for digits in (registered, *others) for word in ("--member", digits.model)),
        *("--sample", str(ENSEMBLE_IMAGES), "--passes", str(ENSEMBLE_PASSES), "--no-controls"),
        *("--output", str(ENSEMBLE_PAGE), "--output", str(result)),
    ]


def gallery_command(model: str, photographs: Photographs, result: Path, *, passes: int) -> list[str]:
    """Return what audits an ImageNet classifier on photographs."""
    return [
        *("audit", str(photographs.folder), "--photo-labels", str(photographs.labels)),
        *("--name", f"efficientnet-{model}", "--weights", str(photographs.weights[model])),
        *("--architecture", f"efficientnet_lite:{model}", "--input", f"efficientnet_{model}"),
        *("--class-labels", str(photographs.class_labels)),
        *("--threshold", str(GALLERY_THRESHOLD), "--passes", str(passes)),
        *("--output", str(GALLERY_PAGE), "--output", str(result)),
    ]


def printed(program: str, arguments: Sequence[str]) -> str:
    """Return a command for a terminal: it can be pasted, and no line is longer than `WIDTH` unless a word is."""
    return "$ " + " \\\n      ".join(_lines([program, *_options(arguments)]))


def _model_options(digits: DigitFiles) -> list[str]:
    return [
        *("--weights", str(digits.weights), "--architecture", "modicum:small_cnn"),
        *("--input", str(digits.input), "--class-labels", str(digits.labels)),
    ]


def _options(arguments: Sequence[str]) -> Iterator[str]:
    """Yield the words, each option together with its value."""
    words = deque(arguments)
    while words:
        word = words.popleft()
        has_value = word.startswith("--") and word not in FLAGS
        yield f"{word} {shlex.quote(words.popleft())}" if has_value else shlex.quote(word)


def _lines(parts: Sequence[str]) -> Iterator[str]:
    line = parts[0]
    for part in parts[1:]:
        if INDENT + len(line) + 1 + len(part) + len(" \\") > WIDTH:
            yield line
            line = part
        else:
            line = f"{line} {part}"
    yield line
