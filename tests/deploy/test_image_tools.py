"""`make images`: command lines, tables and messages. The builds themselves are `make images` and `make images-test`."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.dockerfile_reading import REPOSITORY, read_stages
from tests.deploy.image_roots import Place, Root, confined
from tools.images import bootstrap, building, layers, pip_configuration, programs
from tools.images.digests import digest_of
from tools.images.dockerfile import DOCKERFILE, Base, base_of, pinned
from tools.images.layers import Cost
from tools.images.programs import ImageError
from tools.images.storage import MARK, Storage

TEXT = DOCKERFILE.read_text()
DIGEST = f"sha256:{'ab' * 32}"
SECRET = "--mount=type=secret,id="


def test_the_base_is_what_every_stage_without_a_parent_is_built_from():
    base = base_of(TEXT, {})
    named = {stage.parent for stage in read_stages().values() if ":" in stage.parent}

    assert named == {"python:${PYTHON}-slim-${DEBIAN}${DIGEST}"}
    assert base.tag == f"python:{base.python}-slim-{base.debian}"


def test_a_digest_is_written_where_the_dockerfile_reads_it():
    renewed = pinned(TEXT, DIGEST)

    assert base_of(renewed, {}).digest == f"@{DIGEST}"
    assert pinned(renewed, "") == pinned(TEXT, "")
    assert [line for line in renewed.splitlines() if line not in TEXT.splitlines()] == [f"ARG DIGEST=@{DIGEST}"]


def test_another_release_of_python_has_no_digest_of_the_first():
    text = pinned(TEXT, DIGEST)

    assert base_of(text, {"PYTHON": "3.11", "DEBIAN": "bookworm"}) == Base("3.11", "bookworm")
    assert base_of(text, {"PYTHON": "3.11", "DIGEST": "@sha256:1"}).digest == "@sha256:1"
    assert base_of(text, {"PYTHON": base_of(TEXT, {}).python}).digest == f"@{DIGEST}"


def test_every_step_that_runs_pip_may_have_the_builders_configuration():
    runs = [rest for stage in read_stages().values() for rest in stage.all_of("RUN")]
    steps = [rest for rest in runs if "pip --python" in rest or "tools/wheels.py" in rest]

    assert len(steps) == 3
    for step in steps:
        assert f"{SECRET}pip.conf,target=/etc/pip.conf" in step
        assert all(f"{SECRET}{name}" in step for name in pip_configuration.SECRETS.values())


def test_what_pip_is_configured_with_is_told_with_paths_of_the_inside(tmp_path):
    lines = [
        ":env:.cert='/home/me/ca.pem'",
        ":env:.no-input='1'",
        "global.cert='/etc/other.pem'",
        "global.constraint='/etc/limits.txt'",
        f"global.find-links='\\nhttps://wheels.example\\n{tmp_path}'",
        "global.index-url='https://me:secret@index.example/simple'",
        "install.user='true'",
    ]

    configuration = pip_configuration.translated(lines)

    assert configuration.text.splitlines() == [
        "[global]",
        "cert = /run/secrets/certificates.pem",
        "constraint = /run/secrets/constraints.txt",
        "find-links = https://wheels.example /mnt",
        "index-url = https://me:secret@index.example/simple",
    ]
    assert configuration.files == {
        "certificates.pem": Path("/home/me/ca.pem"),
        "constraints.txt": Path("/etc/limits.txt"),
    }
    assert configuration.wheels == tmp_path


def test_two_folders_of_wheels_are_refused(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()

    with pytest.raises(ImageError, match=r"find-links names the folders .*a and .*b; a build can have one"):
        pip_configuration.translated([f"global.find-links='{tmp_path / 'a'} {tmp_path / 'b'}'"])


def test_a_build_tells_secrets_by_file_and_never_by_argument():
    words = building.build_words(
        "worker",
        arguments={"PYTHON": "3.11"},
        secrets={"pip.conf": Path("/s/pip.conf")},
        wheels=Path("/opt/wheels"),
        limits=["nofile=10:20"],
    )
    line = " ".join(words)

    assert line.startswith("build --isolation chroot --network host --pull=never ")
    assert "--ulimit nofile=10:20 --build-arg PYTHON=3.11 --secret id=pip.conf,src=/s/pip.conf" in line
    assert "--volume /opt/wheels:/mnt:ro --target worker --tag localhost/modicum-worker" in line
    assert words[-1] == str(REPOSITORY)


def test_debootstrap_takes_its_own_mirror_unless_one_is_named(tmp_path):
    base = Base("3.13", "trixie")

    assert bootstrap.debootstrap_words(base, tmp_path, mirror="")[-2:] == ["trixie", str(tmp_path)]
    assert bootstrap.debootstrap_words(base, tmp_path, mirror="http://m")[-2:] == [str(tmp_path), "http://m"]


def test_a_base_keeps_nothing_of_the_machine_that_made_it(tmp_path):
    for path in ("etc/hostname", "etc/resolv.conf", "usr/share/doc/a/copyright", "usr/bin/python"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()

    bootstrap.slim(tmp_path)

    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == ["usr/bin/python"]
    assert (tmp_path / "usr/share/doc").is_dir()


def test_layers_have_their_sizes_and_steps_without_files_none():
    document = {
        "history": [
            {"created_by": "debootstrap trixie"},
            {"created_by": "/bin/sh -c #(nop) ENV A=1", "empty_layer": True},
            {"created_by": "/bin/sh -c #(nop) COPY dir:1234 in /opt/modicum "},
        ],
        "rootfs": {"diff_ids": ["a", "b"]},
    }

    rows = layers.costs(document, {"a": 100_000_000, "b": 5_800_000_000})

    assert rows == [Cost("debootstrap trixie", 100_000_000), Cost("COPY in /opt/modicum", 5_800_000_000)]
    assert layers.table("layer", rows).splitlines() == [
        "| layer | MB |",
        "|---|---|",
        "| debootstrap trixie | 100.0 |",
        "| COPY in /opt/modicum | 5,800.0 |",
        "| **together** | 5,900.0 |",
    ]


def test_small_packages_stand_together_and_shared_folders_apart(tmp_path):
    for name, size in (("torch/a", 300), ("nvidia/cublas/b", 200), ("nvidia/small/c", 10), ("one.py", 20)):
        path = tmp_path / "lib/python3.13/site-packages" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * size)

    packages = layers.packages_of(tmp_path, large_bytes=100)

    assert packages == [Cost("torch", 300), Cost("nvidia/cublas", 200), Cost("the others", 30)]


def test_an_image_that_was_not_pulled_has_no_digest_to_write():
    assert digest_of(f'[{{"digest": "{DIGEST}"}}]') == DIGEST
    with pytest.raises(ImageError, match="made here and not pulled"):
        digest_of('[{"digest": ""}]')


def test_what_is_missing_is_named_with_its_package(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ImageError) as caught:
        programs.demand("buildah", "debootstrap", roots_folders=str(tmp_path))

    assert str(caught.value) == (
        "not installed: buildah, debootstrap; run apt-get install --no-install-recommends buildah debootstrap"
    )


def test_another_user_than_root_is_told_to_become_root(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(ImageError, match=r"images are built and run as root, .*: use sudo"):
        programs.demand()


def test_the_command_says_in_one_line_what_is_wrong(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tools.images", "build", "--storage", str(tmp_path)],
        cwd=REPOSITORY,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


def test_a_folder_with_other_files_becomes_no_storage_and_is_not_deleted(tmp_path):
    (tmp_path / "letter").touch()

    with pytest.raises(ImageError, match="holds other files"):
        Storage(tmp_path).prepare()
    with pytest.raises(ImageError, match="was not made by this tool, so it stays"):
        Storage(tmp_path).remove()

    assert [path.name for path in tmp_path.iterdir()] == ["letter"]


def test_a_storage_is_marked_and_can_be_prepared_again(tmp_path):
    storage = Storage(tmp_path / "images")

    storage.prepare()
    storage.prepare()

    assert (storage.folder / MARK).exists()
    assert storage.command("images")[:3] == ["buildah", "--root", str(storage.folder / "root")]
    assert str(storage.folder) in storage.environment["CONTAINERS_CONF_OVERRIDE"]


def test_a_container_is_read_only_runs_as_the_images_user_and_gets_only_what_is_named():
    configuration = {
        "Env": ["PATH=/opt/modicum/bin", "MODICUM_ARTIFACTS_URL=/artifacts", "MODICUM_HOST=0.0.0.0"],
        "User": "10001:10002",
        "WorkingDir": "/var/lib/modicum",
    }
    place = Place(Path("/s"), Path("/a"), {"MODICUM_HOST": "127.0.0.1"})

    words = confined(Root(Path("/image"), configuration), place, ["modicum-server", "serve"])
    line = " ".join(words)

    assert "--ro-bind /image / " in line
    assert "--ro-bind /s /run/secrets --bind /a /artifacts --clearenv" in line
    assert "--setenv MODICUM_HOST 127.0.0.1" in line
    assert "0.0.0.0" not in line
    assert "setpriv --reuid=10001 --regid=10002 --clear-groups --no-new-privs" in line
    assert words[-2:] == ["modicum-server", "serve"]
