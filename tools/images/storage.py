"""The folder that holds all that buildah writes: images, layers, pip's cache, files on the way."""

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tools.images.programs import ImageError, output, run

STORAGE = Path("/var/tmp/modicum-images")  # noqa: S108 - beside other large files that survive a restart
#: Buildah looks for this program when it starts. On the host's network, the only one that we use, it never runs it.
NETWORK_PROGRAM = "netavark"
#: It marks a folder as ours, so that `remove` deletes no other.
MARK = "modicum-images"


class Storage:
    """A folder for images. It is made when it is first used."""

    def __init__(self, folder: Path) -> None:
        """Take the folder."""
        self.folder = folder.absolute()

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment of buildah: large files on their way lie in the folder, too."""
        ours = {"CONTAINERS_CONF_OVERRIDE": str(self.folder / "containers.conf"), "TMPDIR": str(self.folder / "tmp")}
        return {**os.environ, **ours}

    def prepare(self) -> None:
        """Make the folder and what buildah reads in it.

        Raises:
            ImageError: the folder exists and holds other files.
        """
        if self.folder.is_dir() and any(self.folder.iterdir()) and not (self.folder / MARK).exists():
            raise ImageError(f"{self.folder} holds other files; name an empty or a new folder with --storage")
        programs = self.folder / "programs"
        for folder in (programs, self.folder / "tmp"):
            folder.mkdir(parents=True, exist_ok=True)
        (self.folder / MARK).touch()
        (programs / NETWORK_PROGRAM).write_text("#!/bin/sh\nexit 1\n")
        (programs / NETWORK_PROGRAM).chmod(0o755)
        (self.folder / "containers.conf").write_text(f"[engine]\nhelper_binaries_dir = {json.dumps([str(programs)])}\n")

    def command(self, *words: str) -> list[str]:
        """Return the words of a call of buildah on this folder."""
        places = ("--root", str(self.folder / "root"), "--runroot", str(self.folder / "run"))
        return ["buildah", *places, "--storage-driver", "overlay", *words]

    def buildah(self, *words: str) -> None:
        """Run buildah and show what it prints. Raises `ImageError`."""
        run(self.command(*words), environment=self.environment)

    def told(self, *words: str) -> str:
        """Return what buildah prints, without the last line end. Raises `ImageError`."""
        return output(self.command(*words), environment=self.environment).strip()

    def has(self, image: str) -> bool:
        """Whether the folder holds an image of this name."""
        try:
            self.told("inspect", "--type", "image", "--format", "{{.FromImageID}}", image)
        except ImageError:
            return False
        return True

    def demand(self, *images: str) -> None:
        """Check that it holds these images.

        Raises:
            ImageError: one is missing.
        """
        if missing := [image for image in images if not self.has(image)]:
            raise ImageError(f"{self.folder} has no image {' and '.join(missing)}; run make images first")

    def document(self, image: str, *, form: str = "OCIv1") -> dict[str, Any]:
        """Return the configuration of an image in a form: OCIv1, or Docker, which alone has the health check."""
        whole: dict[str, Any] = json.loads(self.told("inspect", "--type", "image", image))
        return dict(whole[form])

    def unpacked(self, image: str) -> "Unpacked":
        """Return a context in which the files of an image lie in a folder."""
        return Unpacked(self, image)

    def remove(self) -> None:
        """Delete the folder with everything in it.

        Raises:
            ImageError: it is not ours.
        """
        if not self.folder.exists():
            return
        if not (self.folder / MARK).exists():
            raise ImageError(f"{self.folder} was not made by this tool, so it stays")
        self.buildah("rm", "--all")
        shutil.rmtree(self.folder)


class Unpacked:
    """The files of an image in a folder, as long as the context lasts."""

    def __init__(self, storage: Storage, image: str) -> None:
        """Take the storage and the name of the image."""
        self._storage, self._image = storage, image
        self._container = ""

    def __enter__(self) -> Path:
        """Unpack it. Raises `ImageError`."""
        self._container = self._storage.told("from", "--pull-never", self._image)
        return Path(self._storage.told("mount", self._container))

    def __exit__(self, *_: object) -> None:
        """Remove what was unpacked."""
        self._storage.told("rm", self._container)


def words_of(options: Mapping[str, str], option: str) -> Sequence[str]:
    """Return `--option name=value` for each of these."""
    return [word for name, value in options.items() for word in (option, f"{name}={value}")]
