"""The commands inside the files of deploy/ci, run as they stand: a folder as a job checks it out, and a real server."""

import json
import os
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests import machine
from tests.acceptance.acceptance_running import PROGRAMS
from tests.acceptance.acceptance_stage import ARCHITECTURE
from tests.deploy.dockerfile_reading import REPOSITORY
from tests.deploy.pipeline_files import (
    ACTION,
    Step,
    argo_step,
    github_steps,
    gitlab_job,
    jenkins_steps,
    kserve_step,
    tekton_step,
)

ARGUMENTS = f"photos --weights w.safetensors --architecture {ARCHITECTURE} --input input.toml --class-labels labels.txt"
POLICY = """version: 1
audit: {threshold: 0.9, passes: 40, controls: [fill]}
rules:
  spot: off
  accuracy: {level: error, LIMIT}
"""
VERDICTS = {"PASS": (0, "min: 0.3"), "FAIL": (1, "max: 0.3"), "INCONCLUSIVE": (4, "min: 0.9")}
OUTCOMES = [pytest.param(name, *of_it, id=name) for name, of_it in VERDICTS.items()]
SECONDS = 600
THIS_CHECKOUT = f"{REPOSITORY / 'clients' / 'python'}[gate]"


@pytest.fixture(scope="module")
def lent(tmp_path_factory) -> Mapping[str, str]:
    """Variables that lend an environment all packages of the tests but modicum's, so that pip installs that alone."""
    folder = tmp_path_factory.mktemp("lent")
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not package.name.startswith(("modicum", "_editable", "__editable")):
            (folder / package.name).symlink_to(package)
    return {"PYTHONPATH": str(folder)}


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


@pytest.mark.long
def test_the_job_for_gitlab_fails_with_its_reports_where_the_model_does(place):
    write_policy(place, VERDICTS["FAIL"][1])

    code = gitlab(place)

    assert code == 1
    artifacts = gitlab_job()["artifacts"]
    assert all((place.folder / name).read_bytes() for name in artifacts["paths"])
    reports = {name: (place.folder / file).read_text() for name, file in artifacts["reports"].items()}
    assert ET.fromstring(reports["junit"]).find(".//testcase[@name='accuracy']/failure") is not None
    issues = {issue["check_name"]: issue["severity"] for issue in json.loads(reports["codequality"])}
    assert {name for name, severity in issues.items() if severity != "info"} == {"accuracy"}
    assert 'modicum_verdict{outcome="FAIL"} 1' in reports["metrics"]


@pytest.mark.long
@pytest.mark.parametrize(("outcome", "code", "limit"), OUTCOMES)
def test_the_job_for_gitlab_ends_with_each_verdict(place, outcome, code, limit):
    write_policy(place, limit)

    assert gitlab(place) == code
    assert json.loads((place.folder / "verdict.json").read_text())["outcome"] == outcome


@pytest.mark.long
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


@pytest.mark.long
def test_the_stages_for_jenkins_end_with_each_verdict_and_write_what_it_collects(place, lent):
    install, gate = jenkins_steps()
    shell = ("sh", "-xec")
    assert run(place, [install], shell, REQUIREMENT=THIS_CHECKOUT, **lent) == 0

    for code, limit in VERDICTS.values():
        write_policy(place, limit)

        assert run(place, [gate], shell, ARGUMENTS=ARGUMENTS, **lent) == code
        assert ET.parse(place.folder / "verdict.xml").getroot().tag == "testsuites"
        assert (place.folder / "report.html").stat().st_size


@pytest.mark.long
def test_the_step_for_argo_fails_and_hands_its_verdict_on(place, lent):
    write_policy(place, VERDICTS["FAIL"][1])

    code = run(place, [argo_step(arguments=ARGUMENTS, requirement=THIS_CHECKOUT)], ("bash", "-ec"), **lent)

    assert code == 1
    assert (place.folder / "modicum-gate" / "outcome").read_text() == "FAIL"
    assert (place.folder / "modicum-gate" / "report.html").stat().st_size


@pytest.mark.long
def test_the_step_for_tekton_ends_and_writes_its_result(place, lent):
    write_policy(place, VERDICTS["INCONCLUSIVE"][1])
    result = place.folder / "result.txt"

    code = run(place, [tekton_step(result, arguments=ARGUMENTS, requirement=THIS_CHECKOUT)], ("bash", "-c"), **lent)

    assert code == 4
    assert result.read_text() == "INCONCLUSIVE"
    assert (place.folder / "verdict.html").stat().st_size


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_the_init_step_for_kserve_lets_signed_weights_start_and_others_not(place, lent):
    write_policy(place, VERDICTS["PASS"][1])
    gate = ("gate", *ARGUMENTS.split(), "--output", "verdict.json")
    assert place.run("modicum", *gate, seconds=SECONDS).code == 0
    mounts = {name: place.folder / name for name in ("models", "evidence")}
    for folder in mounts.values():
        folder.mkdir()
    shutil.copy(place.folder / "w.safetensors", mounts["models"])
    shutil.copy(place.folder / "modicum.yaml", mounts["evidence"])
    openssl = machine.program("openssl", package="openssl")
    for words in (
        "ecparam -name prime256v1 -genkey -noout -out k.pem",
        "ec -in k.pem -pubout -out evidence/signer.pub",
    ):
        subprocess.run([openssl, *words.split()], cwd=place.folder, check=True, capture_output=True)
    attest = ("verdict.json", "--key", "k.pem", "--output", "evidence/verdict.sigstore.json")
    assert place.run("modicum", "attest", *attest, seconds=SECONDS).code == 0

    def started():
        requirement = THIS_CHECKOUT.replace("[gate]", "[gate,attest]")
        return run(place, [kserve_step()], ("bash", "-ec"), REQUIREMENT=requirement, **lent)

    assert started() == 0
    weights = mounts["models"] / "w.safetensors"
    stored = bytearray(weights.read_bytes())
    stored[-1] ^= 1
    weights.write_bytes(stored)
    assert started() == 1
