"""What a fresh machine lacks is installed by `.ci/run`, or fails the tests that need it."""

import re

import pytest

from tests import machine
from tests.deploy.dockerfile_reading import REPOSITORY

CI = (REPOSITORY / ".ci" / "run").read_text()
PACKAGES = {
    package
    for file in (REPOSITORY / "tests").rglob("*.py")
    for package in re.findall(r'program\([^)]*package="([a-z-]+)"\)', file.read_text())
}


@pytest.mark.parametrize(("ci", "outcome"), [("", pytest.skip.Exception), ("true", pytest.fail.Exception)])
def test_without_a_program_a_test_is_skipped_with_the_reason_and_fails_where_ci_runs(monkeypatch, ci, outcome):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("CI", ci)

    with pytest.raises(outcome, match="apt-get install --no-install-recommends prometheus"):
        machine.program("promtool", package="prometheus")


def test_ci_installs_every_package_that_a_test_asks_for():
    (programs,) = re.findall(r"for program in (.*?); do", CI)  # each with its package, where that has another name
    installed = {program.rpartition(":")[2] for program in programs.split()}

    assert {"bubblewrap", "chromium", "curl", "nodejs", "npm", "prometheus"} <= PACKAGES
    assert installed >= PACKAGES
    assert 'apt-get install -y -qq --no-install-recommends "${lacking[@]}"' in CI


def test_ci_fails_instead_of_skipping_and_runs_the_long_tests_too():
    assert re.search(r"^export CI=true\b", CI, re.MULTILINE)
    assert re.search(r"^make test-all$", CI, re.MULTILINE)
