"""The commands inside the files of deploy/ci, run as they stand: a folder as a job checks it out, and a real server."""

import json
import os
import subprocess
from collections.abc import Mapping
from xml.etree import ElementTree as ET

import pytest

from tests.acceptance.acceptance_running import PROGRAMS
from tests.acceptance.acceptance_stage import ARCHITECTURE
from tests.deploy.pipeline_files import ACTION, Step, github_steps, gitlab_job

ARGUMENTS = f"photos --weights w.safetensors --architecture {ARCHITECTURE} --input input.toml --labels labels.txt"
POLICY = """version: 1
audit: {threshold: 0.9, passes: 40, controls: [fill]}
rules:
  spot: off
  accuracy: {level: error, LIMIT}
"""
VERDICTS = {"PASS": (0, "min: 0.3"), "FAIL": (1, "max: 0.3"), "INCONCLUSIVE": (4, "min: 0.9")}
OUTCOMES = [pytest.param(name, *of_it, id=name) for name, of_it in VERDICTS.items()]
SECONDS = 280


def write_policy(place, limit):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("LIMIT", limit))


def run(place, steps, shell, **variables) -> int:
    """Run steps as a runner does, and return the first exit code above 0. After it, only steps with `always` run."""
    code = 0
    for step in steps:
        if code == 0 or step.always:
            ended = run_script(place, step, shell, variables)
            code = code or ended
    return code


def run_script(place, step: Step, shell: tuple[str, ...], variables: Mapping[str, str]) -> int:
    environment = {**place.environment, "PATH": f"{PROGRAMS}:{os.environ['PATH']}", **variables, **step.variables}
    done = subprocess.run(
        [*shell, step.script],
        cwd=place.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode


def gitlab(place) -> int:
    """Run the job of the component in an image that has the command, so that pip finds nothing to download."""
    job = gitlab_job(arguments=ARGUMENTS, requirement="modicum[gate]")
    return run(place, [Step("\n".join(job["script"]))], ("bash", "-eo", "pipefail", "-c"), PIP_NO_INDEX="1")


def test_the_job_for_gitlab_fails_with_its_reports_where_the_model_does(place):
    write_policy(place, VERDICTS["FAIL"][1])

    code = gitlab(place)

    assert code == 1
    artifacts = gitlab_job()["artifacts"]
    assert all((place.folder / name).read_bytes() for name in artifacts["paths"])
    reports = {name: (place.folder / file).read_text() for name, file in artifacts["reports"].items()}
    assert ET.fromstring(reports["junit"]).find(".//testcase[@name='accuracy']/failure") is not None
    assert [issue["check_name"] for issue in json.loads(reports["codequality"])] == ["accuracy"]
    assert 'modicum_verdict{outcome="FAIL"} 1' in reports["metrics"]


@pytest.mark.long
@pytest.mark.parametrize(("outcome", "code", "limit"), OUTCOMES)
def test_the_job_for_gitlab_ends_with_each_verdict(place, outcome, code, limit):
    write_policy(place, limit)

    assert gitlab(place) == code
    assert json.loads((place.folder / "verdict.json").read_text())["outcome"] == outcome


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_action_installs_itself_and_tells_each_verdict(place):
    install, *steps = github_steps(arguments=ARGUMENTS, extra="gate")
    runner = {"RUNNER_TEMP": str(place.folder / "runner"), "GITHUB_ACTION_PATH": str(ACTION.parent)}
    bash = ("bash", "--noprofile", "--norc", "-eo", "pipefail", "-c")
    assert run(place, [install], bash, **runner) == 0

    for outcome, (code, limit) in VERDICTS.items():
        write_policy(place, limit)
        summary, output = place.folder / f"{outcome}.md", place.folder / f"{outcome}.txt"
        files = {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(output)}

        assert run(place, steps, bash, **runner, **files) == code
        assert output.read_text() == f"verdict={outcome}\n"
        assert f"{outcome}: " in summary.read_text().splitlines()[0]
        assert json.loads((place.folder / "modicum-gate" / "verdict.sarif").read_text())["version"] == "2.1.0"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_the_action_tells_no_verdict_of_an_earlier_run(place):
    write_policy(place, "min: 0.3")
    (place.folder / "modicum-gate").mkdir()
    (place.folder / "modicum-gate" / "verdict.json").write_text('{"outcome": "PASS"}')
    (place.folder / "runner" / "modicum").mkdir(parents=True)
    (place.folder / "runner" / "modicum" / "bin").symlink_to(PROGRAMS)
    _, *steps = github_steps(arguments="nowhere/ --weights w.safetensors", extra="gate")
    output = place.folder / "output.txt"
    files = {"GITHUB_STEP_SUMMARY": str(place.folder / "summary.md"), "GITHUB_OUTPUT": str(output)}

    code = run(place, steps, ("bash", "-eo", "pipefail", "-c"), RUNNER_TEMP=str(place.folder / "runner"), **files)

    assert code == 2
    assert not output.exists()
