"""Reads the files of deploy/ci as what runs them does: which scripts they hold, and in which environment."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.dockerfile_reading import REPOSITORY

CI = REPOSITORY / "deploy" / "ci"
ACTION = CI / "github" / "action.yml"
TEMPLATE = CI / "gitlab" / "templates" / "gate.yml"
_SECOND_DOCUMENT = "\n---\n"
_EXPRESSION = re.compile(r"\$\{\{ inputs\.([\w-]+) \}\}")
_INPUT = re.compile(r"\$\[\[ inputs\.(\w+) \]\]")


@dataclass(frozen=True, slots=True)
class Step:
    """A script, the variables that are set for it, and whether it also runs after one that failed."""

    script: str
    variables: Mapping[str, str] = field(default_factory=dict)
    always: bool = False


def read(file: Path) -> Any:
    """A YAML file of one document."""
    return yaml.safe_load(file.read_text())


def github_steps(**given: str) -> list[Step]:
    """The scripts of the action, with its inputs given or by default. Steps that use other actions are left out."""
    action = read(ACTION)
    inputs = {name: each.get("default", "") for name, each in action["inputs"].items()} | given
    return [
        Step(
            step["run"],
            {name: _EXPRESSION.sub(lambda found: inputs[found[1]], text) for name, text in step["env"].items()},
            always="if" in step,
        )
        for step in action["runs"]["steps"]
        if "run" in step
    ]


def gitlab_header() -> Any:
    """The part of the component that declares its inputs."""
    return yaml.safe_load(TEMPLATE.read_text().split(_SECOND_DOCUMENT)[0])


def gitlab_job(**given: str) -> Mapping[str, Any]:
    """The only job of the component, its inputs filled in as text before YAML is read, as GitLab does."""
    inputs = {name: each.get("default") for name, each in gitlab_header()["spec"]["inputs"].items()} | given
    body = TEMPLATE.read_text().split(_SECOND_DOCUMENT)[1]
    (job,) = yaml.safe_load(_INPUT.sub(lambda found: inputs[found[1]], body)).values()
    return dict(job)
