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
JENKINSFILE = CI / "jenkins" / "Jenkinsfile"
ARGO = CI / "argo" / "gate.yaml"
TEKTON = CI / "tekton" / "gate.yaml"
KSERVE = CI / "kserve" / "verify.yaml"
_SECOND_DOCUMENT = "\n---\n"
_EXPRESSION = re.compile(r"\$\{\{ inputs\.([\w-]+) \}\}")
_GROOVY_SCRIPT = re.compile(r"sh '''(.*?)'''", re.DOTALL)
_GROOVY_PARAMETER = re.compile(r"string\(name: '(\w+)'.*?defaultValue: '([^']*)'\)", re.DOTALL)
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


def jenkins_steps() -> list[Step]:
    """The scripts of the Jenkinsfile. Groovy joins lines at a backslash."""
    return [Step(script.replace("\\\n", "")) for script in _GROOVY_SCRIPT.findall(JENKINSFILE.read_text())]


def jenkins_defaults() -> Mapping[str, str]:
    """The parameters of the Jenkinsfile, with their defaults."""
    return dict(_GROOVY_PARAMETER.findall(JENKINSFILE.read_text()))


def argo_step(**given: str) -> Step:
    """The script of the template for Argo, with its parameters given or by default."""
    (template,) = read(ARGO)["spec"]["templates"]
    parameters = {each["name"]: each.get("value", "") for each in template["inputs"]["parameters"]} | given
    filled = {f"{{{{inputs.parameters.{name}}}}}": value for name, value in parameters.items()}
    return Step(template["script"]["source"], _variables(template["script"]["env"], filled))


def tekton_step(verdict: Path, **given: str) -> Step:
    """The script of the task for Tekton, with its parameters given or by default, and a file for its result."""
    spec = read(TEKTON)["spec"]
    parameters = {each["name"]: each.get("default", "") for each in spec["params"]} | given
    filled = {f"$(params.{name})": value for name, value in parameters.items()}
    (step,) = spec["steps"]
    return Step(step["script"], _variables(step["env"], {**filled, "$(results.verdict.path)": str(verdict)}))


def kserve_step() -> Step:
    """The script of the init step for KServe."""
    (container,) = read(KSERVE)["spec"]["predictor"]["initContainers"]
    (script,) = container["args"]
    return Step(script)


def _variables(listed: Any, filled: Mapping[str, str]) -> Mapping[str, str]:
    """The variables of a container but those of secrets and MODICUM_ADDRESS, which the test's server sets."""
    named = {each["name"]: each["value"] for each in listed if "value" in each and each["name"] != "MODICUM_ADDRESS"}
    return {name: filled.get(value, value) for name, value in named.items()}
