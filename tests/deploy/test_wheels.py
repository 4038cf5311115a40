"""The contents of the three wheels."""

import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import modicum
import modicum_sis
import pytest

from tests.deploy.dockerfile_reading import REPOSITORY

#: Per distribution: its folder, and the folder of its package.
SOURCES = {
    "modicum": (REPOSITORY / "clients/python", REPOSITORY / "clients/python/modicum"),
    "modicum_sis": (REPOSITORY / "service/sis", REPOSITORY / "service/sis/modicum_sis"),
    "modicum_server": (REPOSITORY, REPOSITORY / "service/server/modicum_server"),
}

MIGRATED = """
import sys
from modicum_server.postgres.connections import open_blocking_engine
from modicum_server.store.migrate import migrate, migrations_folder
from modicum_server.store.schema import schema_of
migrate(sys.argv[1])
with open_blocking_engine(sys.argv[1]).connect() as connection:
    print(schema_of(connection).current, migrations_folder())
"""


def shipped(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


@pytest.mark.long
@pytest.mark.parametrize("name", SOURCES)
def test_a_wheel_ships_every_file_of_its_package(wheels, name):
    package = SOURCES[name][1]
    files = {path.relative_to(package.parent) for path in package.rglob("*") if path.is_file()}
    wanted = {path.as_posix() for path in files if "__pycache__" not in path.parts}

    assert f"{name}/py.typed" in wanted
    assert wanted <= shipped(wheels[name])


@pytest.mark.long
@pytest.mark.parametrize("name", SOURCES)
def test_a_wheel_ships_its_licence(wheels, name):
    assert [path for path in shipped(wheels[name]) if path.endswith(".dist-info/licenses/LICENSE")]


@pytest.mark.long
@pytest.mark.parametrize("name", SOURCES)
def test_a_wheel_ships_no_tests(wheels, name):
    assert not [path for path in shipped(wheels[name]) if "test" in Path(path).parts[0] or "/tests/" in path]


@pytest.mark.long
def test_the_three_distributions_have_and_require_one_version(wheels):
    described = {name: Parser().parsestr(_metadata(path)) for name, path in wheels.items()}
    (version,) = {each["Version"] for each in described.values()}

    assert f"modicum[gate]=={version}" in described["modicum_server"].get_all("Requires-Dist")
    assert any(
        line.startswith(f"modicum-sis=={version};") for line in described["modicum_server"].get_all("Requires-Dist")
    )


def test_every_copy_of_the_version_is_the_same():
    projects = [tomllib.loads((source / "pyproject.toml").read_text())["project"] for source, _ in SOURCES.values()]
    (version,) = {project["version"] for project in projects}

    assert version == modicum.__version__ == modicum_sis.__version__
    assert subprocess.run([sys.executable, "tools/version.py", "--check"], cwd=REPOSITORY, check=False).returncode == 0


@pytest.mark.long
def test_the_command_with_a_local_server_requires_the_server_of_its_version_by_name(wheels):
    described = Parser().parsestr(_metadata(wheels["modicum"]))

    required = f"modicum-server[local]=={described['Version']}; extra == 'local'"
    assert [line for line in described.get_all("Requires-Dist") if "modicum" in line] == [required]


@pytest.mark.long
def test_the_gate_is_an_extra_that_the_local_server_brings_along(wheels):
    described = Parser().parsestr(_metadata(wheels["modicum"]))

    lines = described.get_all("Requires-Dist")
    gate = {line.partition(";")[0] for line in lines if "extra == 'gate'" in line}
    assert gate == {"jsonschema>=4.20", "pyyaml>=6", "scipy>=1.14"}
    assert gate <= {line.partition(";")[0] for line in lines if "extra == 'local'" in line}


@pytest.mark.long
def test_the_server_migrates_an_empty_database_with_the_contents_of_its_wheel(wheels, empty_database_url, tmp_path):
    with zipfile.ZipFile(wheels["modicum_server"]) as archive:
        archive.extractall(tmp_path)

    done = subprocess.run(
        [sys.executable, "-c", MIGRATED, empty_database_url],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert done.stdout.split() == ["True", str(tmp_path / "modicum_server" / "migrations")], done.stderr


def _metadata(wheel: Path) -> str:
    (name,) = [path for path in shipped(wheel) if path.endswith(".dist-info/METADATA")]
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode()
