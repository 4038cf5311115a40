"""The builder's configuration of pip, handed to a build as secrets and a mount, so that no image keeps anything of it.

It comes from `pip config list`: files and variables, in pip's own order. Files of this machine that it names are
handed on, too: certificates and constraints as further secrets, a folder of wheels (`find-links`) as a mount.
"""

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tools.images.programs import ImageError, output

#: What a build may need to reach an index. Everything else is this machine's matter.
PASSED_ON = (
    *("index-url", "extra-index-url", "no-index", "find-links", "trusted-host"),
    *("proxy", "cert", "constraint", "timeout", "retries"),
)
#: The secret with the file that an option names.
SECRETS = {"cert": "certificates.pem", "constraint": "constraints.txt"}
#: An empty folder of every Debian, so that a mount leaves no trace in the image.
WHEELS = "/mnt"
LINE = re.compile(r"^(?:global|:env:)\.(?P<name>[a-z-]+)=(?P<value>.*)$")


@dataclass(frozen=True, slots=True)
class PipConfiguration:
    """A pip.conf for the inside of a build, the files of this machine by secret, and a folder to mount."""

    text: str
    files: Mapping[str, Path] = field(default_factory=dict)
    wheels: Path | None = None


def configured() -> PipConfiguration:
    """Return the configuration of the Python that runs this. Raises `ImageError`."""
    return translated(output([sys.executable, "-m", "pip", "config", "list"]).splitlines())


def translated(lines: Iterable[str]) -> PipConfiguration:
    """Return the configuration that these lines of `pip config list` tell, with paths of the inside of a build.

    Raises:
        ImageError: `find-links` names two folders.
    """
    values = _values(lines)
    files = {SECRETS[name]: Path(values[name]) for name in SECRETS if name in values}
    values |= {name: f"/run/secrets/{SECRETS[name]}" for name in SECRETS if name in values}
    links = values.get("find-links", "").split()
    folders = [link for link in links if Path(link).is_dir()]
    if len(folders) > 1:
        raise ImageError(f"pip's find-links names the folders {' and '.join(folders)}; a build can have one")
    if links:
        values["find-links"] = " ".join(WHEELS if link in folders else link for link in links)
    text = "".join(f"{name} = {value}\n" for name, value in values.items())
    return PipConfiguration(f"[global]\n{text}", files, Path(folders[0]) if folders else None)


def _values(lines: Iterable[str]) -> dict[str, str]:
    """Return what is passed on, by option. pip lists variables first, and they go before files."""
    values: dict[str, str] = {}
    for line in lines:
        if (match := LINE.match(line)) and match["name"] in PASSED_ON:
            value = " ".join(str(ast.literal_eval(match["value"])).split())
            if value:
                values.setdefault(match["name"], value)
    return values
