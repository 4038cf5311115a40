"""Builds the targets of the Dockerfile with buildah, isolated by a change of root, on the host's network."""

import resource
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.images.dockerfile import DOCKERFILE, REPOSITORY, Base
from tools.images.pip_configuration import WHEELS, PipConfiguration
from tools.images.storage import Storage, words_of

TARGETS = ("api", "worker")
#: Buildah raises these limits of the process by itself, which root in a container may not do.
LIMITS = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}


def image_of(target: str) -> str:
    """Return the name of a target's image in the storage."""
    return f"localhost/modicum-{target}"


def build(storage: Storage, target: str, *, base: Base, pip: PipConfiguration, arguments: Mapping[str, str]) -> None:
    """Build a target, with the builder's pip configuration but without leaving it in the image. Raises `ImageError`."""
    with tempfile.TemporaryDirectory(dir=storage.folder / "tmp") as folder:
        configuration = Path(folder) / "pip.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(pip.text)
        secrets = {"pip.conf": configuration, **pip.files}
        every = {**arguments, **base.arguments}
        storage.buildah(*build_words(target, arguments=every, secrets=secrets, wheels=pip.wheels, limits=limits()))


def build_words(
    target: str,
    *,
    arguments: Mapping[str, str],
    secrets: Mapping[str, Path],
    wheels: Path | None,
    limits: Sequence[str],
) -> list[str]:
    """Return the words after `buildah`."""
    words = ["build", "--isolation", "chroot", "--network", "host", "--pull=never", "--format", "docker", "--layers"]
    words += [word for limit in limits for word in ("--ulimit", limit)]
    words += words_of(arguments, "--build-arg")
    words += [word for name, path in secrets.items() for word in ("--secret", f"id={name},src={path}")]
    words += ["--volume", f"{wheels}:{WHEELS}:ro"] if wheels else []
    return [*words, "--target", target, "--tag", image_of(target), "--file", str(DOCKERFILE), str(REPOSITORY)]


def limits() -> list[str]:
    """Return the limits of this process as words of `--ulimit`; -1 is none."""
    return ["{}={}:{}".format(name, *resource.getrlimit(number)) for name, number in LIMITS.items()]
