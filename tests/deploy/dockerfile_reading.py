"""Reads the Dockerfile as far as the tests need it: stages, and the instructions of each."""

import json
import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction such as `COPY service ./service`: its word and the rest."""

    word: str
    rest: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage and what it is built from: another stage or an image."""

    name: str
    parent: str
    instructions: tuple[Instruction, ...]

    def all_of(self, word: str) -> list[str]:
        return [each.rest for each in self.instructions if each.word == word]


def read_stages(path: Path = REPOSITORY / "Dockerfile") -> Mapping[str, Stage]:
    """Return the stages by name."""
    text = re.sub(r"^\s*#.*\n", "", path.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    _, *parts = re.split(r"^FROM ", text, flags=re.MULTILINE)
    return {stage.name: stage for stage in map(_stage, parts)}


def lineage(stages: Mapping[str, Stage], name: str) -> list[Instruction]:
    """Return the instructions that build an image, its parents' first."""
    stage = stages[name]
    inherited = lineage(stages, stage.parent) if stage.parent in stages else []
    return [*inherited, *stage.instructions]


def environment(instructions: list[Instruction]) -> dict[str, str]:
    """Return the variables that ENV sets."""
    pairs = [pair for each in instructions if each.word == "ENV" for pair in shlex.split(each.rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def command(instructions: list[Instruction]) -> list[str]:
    """Return what the image runs: its ENTRYPOINT with its CMD."""
    last = {each.word: each.rest for each in instructions}
    return [*json.loads(last["ENTRYPOINT"]), *json.loads(last["CMD"])]


def health_check(instructions: list[Instruction]) -> list[str]:
    """Return the command of HEALTHCHECK."""
    last = {each.word: each.rest for each in instructions}["HEALTHCHECK"]
    words: list[str] = json.loads(last[last.index("CMD") + len("CMD") :])
    return words


def _stage(text: str) -> Stage:
    first, *lines = [line.strip() for line in text.splitlines() if line.strip()]
    parent, name = first.split(" AS ")
    return Stage(name, parent, tuple(Instruction(*line.split(None, 1)) for line in lines))
