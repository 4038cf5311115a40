"""The digest of the images' base, against a stand-in of a registry: it is renewed, pulled, and built from."""

import os
import shutil

import pytest

from tests.deploy.registry_stand_in import registry
from tools.images import bootstrap, digests
from tools.images.dockerfile import DOCKERFILE, base_of, pinned
from tools.images.programs import ImageError
from tools.images.storage import Storage

#: Whatever registry a short name stands for on this machine, and where it stands for none, this one is asked.
CONFIGURATION = """
unqualified-search-registries = ["{address}"]
[[registry]]
location = "{address}"
insecure = true
[[registry]]
prefix = "*.io"
[[registry.mirror]]
location = "{address}"
insecure = true
"""
NO_REGISTRY = """
unqualified-search-registries = []
[[registry]]
prefix = "*.io"
blocked = true
"""


@pytest.fixture
def storage(tmp_path):
    if shutil.which("buildah") is None or os.geteuid() != 0:  # also where CI runs, which builds no images
        pytest.skip("images are built by root with buildah: run apt-get install --no-install-recommends buildah")
    storage = Storage(tmp_path / "images")
    storage.prepare()
    yield storage
    storage.remove()


@pytest.fixture
def served(storage, tmp_path, monkeypatch):
    """A registry that buildah asks for every name. It has an image with one file. Yields the digest of its tags."""
    (tmp_path / "file").write_text("base")
    container = storage.told("from", "scratch")
    storage.told("add", container, str(tmp_path / "file"), "/")
    storage.told("commit", "--rm", container, f"oci:{tmp_path / 'layout'}")
    with registry(tmp_path / "layout") as (address, digest):
        (tmp_path / "registries.conf").write_text(CONFIGURATION.format(address=address))
        monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
        yield digest


@pytest.mark.long
def test_the_digest_is_renewed_pulled_and_built_from(storage, served, tmp_path):
    copy = tmp_path / "Dockerfile"
    copy.write_text(DOCKERFILE.read_text())

    assert digests.renew(storage, copy) == served
    base = base_of(copy.read_text(), {})
    assert base.digest == f"@{served}"

    assert bootstrap.provide(storage, base) == base
    (tmp_path / "two-lines").write_text(f"FROM {base.tag}{base.digest}\nUSER 10001:10001\n")
    storage.told(
        "build", "--isolation", "chroot", "--pull=never", "-f", str(tmp_path / "two-lines"), "-t", "localhost/built"
    )
    with storage.unpacked("localhost/built") as root:
        assert (root / "file").read_text() == "base"


@pytest.mark.long
def test_without_a_registry_the_base_is_made_instead(storage, monkeypatch, tmp_path, capsys):
    (tmp_path / "registries.conf").write_text(NO_REGISTRY)
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "registries.conf"))
    made = []
    monkeypatch.setattr(bootstrap, "make", lambda _, base, *, mirror: made.append(base.tag))
    base = base_of(pinned(DOCKERFILE.read_text(), f"sha256:{'0' * 64}"), {})

    assert bootstrap.provide(storage, base).digest == ""

    assert made == [base.tag]
    assert "cannot be had, so debootstrap makes the base instead" in capsys.readouterr().out
    with pytest.raises(ImageError, match="buildah ended with code"):
        digests.renew(storage, _copy(tmp_path))


def _copy(folder):
    copy = folder / "Dockerfile"
    copy.write_text(DOCKERFILE.read_text())
    return copy
