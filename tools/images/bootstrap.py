"""The base of the images: the one of a registry where the Dockerfile pins its digest, else one made by debootstrap.

Debian has one Python for each release, which must be the one that the Dockerfile names. The image gets the tag that is
in the Dockerfile, in our storage alone.
"""

import shutil
import tempfile
from pathlib import Path

from tools.images.dockerfile import Base
from tools.images.programs import ImageError, demand, output, run
from tools.images.storage import Storage

PACKAGES = ("ca-certificates", "python-is-python3", "python3", "python3-pip")
#: What no program reads, and what was this machine's: caches, manuals, its name and its name servers.
LEFT_OUT = (
    *("var/cache/apt", "var/lib/apt/lists", "var/log"),
    *("usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info"),
    *("etc/hostname", "etc/resolv.conf"),
)


def provide(storage: Storage, base: Base, *, mirror: str = "") -> Base:
    """Put the base into the storage, unless it is there, and return how the build must name it. Raises `ImageError`."""
    if base.digest and _pulled(storage, base):
        return base
    made = Base(base.python, base.debian)
    if not storage.has(made.tag):
        make(storage, made, mirror=mirror)
    return made


def _pulled(storage: Storage, base: Base) -> bool:
    name = f"{base.tag.partition(':')[0]}{base.digest}"
    try:
        storage.told("pull", "--policy", "missing", "--retry", "0", name)
    except ImageError as error:
        print(f"{name} cannot be had, so debootstrap makes the base instead ({error})", flush=True)
        return False
    return True


def make(storage: Storage, base: Base, *, mirror: str) -> None:
    """Make the base of a mirror's packages; without a mirror, debootstrap takes Debian's own. Raises `ImageError`."""
    demand("debootstrap")
    work = Path(tempfile.mkdtemp(dir=storage.folder / "tmp", prefix="base-"))
    try:
        run(debootstrap_words(base, work, mirror=mirror))
        python = output(["chroot", str(work), "python", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"])
        if python.strip() != base.python:
            raise ImageError(
                f"Debian {base.debian} has Python {python.strip()}, but the Dockerfile asks for {base.python}; "
                f"add --build-arg PYTHON={python.strip()}, or --build-arg DEBIAN=... with a release that has it"
            )
        slim(work)
        _commit(storage, base, work)
    finally:
        shutil.rmtree(work)


def debootstrap_words(base: Base, folder: Path, *, mirror: str) -> list[str]:
    """Return the call of debootstrap."""
    words = ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", base.debian, str(folder)]
    return [*words, mirror] if mirror else words


def slim(root: Path) -> None:
    """Delete what no program in the image reads, and what tells of this machine. Folders stay, empty."""
    for path in (root / left for left in LEFT_OUT):
        if path.is_dir():
            shutil.rmtree(path)
            path.mkdir()
        else:
            path.unlink(missing_ok=True)


def _commit(storage: Storage, base: Base, root: Path) -> None:
    archive = root.with_suffix(".tar")
    try:
        run(["tar", "--create", "--file", str(archive), "--directory", str(root), "--numeric-owner", "."])
        container = storage.told("from", "scratch")
        storage.told("add", container, str(archive), "/")
        storage.told("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
        storage.told("config", "--created-by", f"debootstrap {base.debian}", container)
        storage.told("commit", "--rm", "--quiet", container, base.tag)
    finally:
        archive.unlink(missing_ok=True)
