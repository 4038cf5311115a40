"""The files of deploy/ci are valid for what reads them. tests/acceptance/test_pipelines.py runs their commands."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.dockerfile_reading import REPOSITORY
from tests.deploy.pipeline_files import ACTION, ARGO, CI, TEMPLATE, gitlab_header, gitlab_job, read

README = (REPOSITORY / "README.md").read_text()


def complaints(file: Path, schema: str) -> str:
    """What check-jsonschema says of a file by a schema that it brings; empty if the file is valid."""
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("file", "schema"),
    [
        ("github/action.yml", "github-actions"),
        ("github/workflow.yml", "github-workflows"),
        ("gitlab/example.yml", "gitlab-ci"),
    ],
)
def test_a_file_is_valid_against_the_schema_of_its_system(file, schema):
    assert complaints(CI / file, schema) == ""


@pytest.mark.long
def test_the_header_and_the_job_of_the_component_are_valid(tmp_path):
    (example,) = read(CI / "gitlab" / "example.yml")["include"]
    header, jobs = tmp_path / "header.json", tmp_path / "jobs.json"
    header.write_text(json.dumps(gitlab_header()))
    jobs.write_text(json.dumps({"gate": gitlab_job(**example["inputs"])}))

    assert complaints(header, "gitlab-ci") == ""
    assert complaints(jobs, "gitlab-ci") == ""


def warnings(*files: Path) -> str:
    """What zizmor warns of in files for GitHub, without the network; empty if nothing. Actions may be named by tags."""
    config = REPOSITORY / "tests" / "deploy" / "zizmor.yml"
    options = ("--offline", "--no-progress", "--quiet", "--config", config)
    done = subprocess.run(
        [Path(sys.executable).with_name("zizmor"), *options, *files], capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_files_for_github_leave_no_secret_lying_and_run_no_text_of_a_caller(tmp_path):
    careless = tmp_path / "action.yml"
    careless.write_text(ACTION.read_text().replace("run: |", "run: |\n        echo ${{ inputs.arguments }}", 1))

    assert warnings(ACTION, CI / "github" / "workflow.yml") == ""
    assert "template-injection" in warnings(careless)


@pytest.mark.long
def test_a_file_that_is_not_valid_is_seen(tmp_path):
    broken = tmp_path / "action.yml"
    broken.write_text(ACTION.read_text().replace("using: composite", "using: compost"))

    assert "compost" in complaints(broken, "github-actions")


def test_the_examples_give_inputs_that_exist_and_all_that_are_required():
    github = read(CI / "github" / "workflow.yml")["jobs"]["gate"]["steps"][-1]["with"]
    (gitlab,) = read(CI / "gitlab" / "example.yml")["include"]

    for given, inputs in ((github, read(ACTION)["inputs"]), (gitlab["inputs"], gitlab_header()["spec"]["inputs"])):
        assert {name for name, each in inputs.items() if "default" not in each} <= given.keys() <= inputs.keys()


def test_the_readme_shows_the_workflow_as_it_stands():
    lines = (CI / "github" / "workflow.yml").read_text().splitlines()

    assert "\n".join(line for line in lines if not line.startswith("#")) in README


def test_the_action_runs_in_this_repository_and_installs_what_lies_in_it():
    (install,) = (step["run"] for step in read(ACTION)["runs"]["steps"] if step["name"].startswith("Install"))

    assert "$GITHUB_ACTION_PATH/../../../clients/python[$EXTRA]" in install
    assert (ACTION.parent / "../../../clients/python/pyproject.toml").resolve().exists()


def test_the_component_lies_where_gitlab_looks_for_it():
    assert TEMPLATE.parent.name == "templates"
    assert read(CI / "gitlab" / "example.yml")["include"][0]["component"].endswith("/gate@1.0.0")


@pytest.mark.long
def test_argos_own_models_know_every_key_of_its_template():
    from hera.workflows.models import WorkflowTemplate  # noqa: PLC0415  # slow, and of one test

    written = read(ARGO)

    known = WorkflowTemplate.model_validate(written).model_dump(mode="json", by_alias=True, exclude_none=True)

    assert known == written
