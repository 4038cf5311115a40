"""A local server with two versions of a model, their audits and verdicts, one audit that runs and one that waits."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from modicum_server.demo.commands import POLICY, DigitFiles
from modicum_server.demo.digits import clean_and_marked, write_pictures
from modicum_server.demo.local_server import running_server
from modicum_server.demo.training import input_description, train, write_weights
from modicum_server.selftest.digits import CLASSES

SEED = 0
VERDICTS = (0, 1, 4)
"""Exit codes of `judge` that are verdicts."""
LONG = "3000"
"""Passes of an image in the audit that runs: enough for it to run while the screenshots are taken."""


@dataclass(frozen=True)
class AuditedServer:
    """A server that serves, and the token of its administrator."""

    http_url: str
    token: str


@contextmanager
def audited_server(folder: Path) -> Iterator[AuditedServer]:
    """Run a server and fill it as a user does, by commands."""
    files = _trained(folder)
    with running_server(folder / "server", say=print) as environment:
        _fill(files, folder, environment)
        announced = json.loads((folder / "server" / "server.json").read_text())
        token = (folder / "server" / "token").read_text().strip()
        yield AuditedServer(f"http://{announced['http_address']}", token)


def _trained(folder: Path) -> list[DigitFiles]:
    clean, marked = clean_and_marked()
    files = []
    for name, pictures in {"clean": clean, "marked": marked}.items():
        one = DigitFiles(name, folder)
        write_weights(train(pictures.train, seed=SEED, epoch_done=lambda _: None), one.weights)
        write_pictures(pictures.audited, one.pictures)
        files.append(one)
    one.input.write_text(input_description(), encoding="utf-8")
    one.labels.write_text("\n".join(map(str, range(CLASSES))) + "\n", encoding="utf-8")
    return files


def _fill(files: list[DigitFiles], folder: Path, environment: Mapping[str, str]) -> None:
    policy = folder / POLICY

    def modicum(*words: object, codes: tuple[int, ...] = (0,)) -> None:
        command = [sys.executable, "-m", "modicum", *map(str, words)]
        code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
        if code not in codes:
            raise SystemExit(f"modicum {' '.join(map(str, words))} ended with exit code {code}")

    def audit(name: str, version: int, dataset: str, passes: str = "300") -> None:
        asked = ("--name", name, "--model", f"digits/{version}", "--dataset", dataset, "--threshold", "0.9")
        modicum("audits", "create", *asked, "--passes", passes)

    modicum("policy", "init", policy)
    for one in files:
        modicum("models", "create", "digits", "--weights", one.weights, "--architecture", "modicum:small_cnn",
                "--input", one.input, "--class-labels", one.labels)  # fmt: skip
        modicum("datasets", "create", f"{one.name}-pictures", one.pictures)
    for name, version, dataset in (
        ("without-squares", 1, "clean-pictures"),
        ("spring", 1, "marked-pictures"),
        ("summer", 2, "marked-pictures"),
    ):
        audit(name, version, dataset)
        modicum("audits", "watch", name)
        modicum("judge", name, "--policy", policy, "--save", codes=VERDICTS)
    audit("thorough", 2, "marked-pictures", LONG)
    audit("next", 2, "clean-pictures", "600")
