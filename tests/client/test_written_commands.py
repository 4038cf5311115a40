"""The real command accepts what is written elsewhere: the arguments in pipeline files, and the commands in pages."""

import re
import shlex

import pytest

from tests.client.scripted_results import succeeded
from tests.client.test_gate_command import SPOTS
from tests.commands import whole_command
from tests.deploy.pipeline_files import CI, JENKINSFILE, jenkins_defaults, read
from tests.docs.documents import ROOT, documents
from tests.gate.documents import document

COMMAND = re.compile(r"^(?:\$ )?modicum ((?:gate|audit) .*)$", re.MULTILINE)
_WORKFLOW = read(CI / "github" / "workflow.yml")["jobs"]["gate"]["steps"][-1]
(_COMPONENT,) = read(CI / "gitlab" / "example.yml")["include"]
#: By the file of a pipeline, the arguments that it has by default or as its example.
ARGUMENTS = {
    "github/workflow.yml": _WORKFLOW["with"]["arguments"],
    "gitlab/example.yml": _COMPONENT["inputs"]["arguments"],
    str(JENKINSFILE.relative_to(CI)): jenkins_defaults()["ARGUMENTS"],
}


def written(page):
    """The words of each `modicum gate` and `modicum audit` in the blocks of a page, without comments."""
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in COMMAND.findall(text)]


PAGES = {str(page): written(page) for page in documents() if written(page)}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("arguments", ARGUMENTS.values(), ids=ARGUMENTS)
def test_the_gate_takes_the_arguments_of_each_pipeline_file(gate_shell, script, tmp_path, arguments):
    succeeded(script, document(spots=SPOTS["clean"], level=0.99, seed=7))
    (tmp_path / "photos").rename(tmp_path / "holdout")

    ended = gate_shell(f"modicum gate {arguments} --quiet")

    assert ended.returncode == 0, ended.stderr


def test_pages_have_commands():
    assert {"README.md", "docs/how-to/run-in-ci.md", "clients/python/README.md"} <= PAGES.keys()


@pytest.mark.parametrize("page", PAGES)
def test_the_parser_takes_the_commands_of_each_page(page):
    for name, *words in PAGES[page]:
        parsed = whole_command().commands[name].make_context(name, words).params

        state_dict = parsed["weights"] is not None and parsed["weights"].suffix != ".onnx"
        assert not state_dict or (parsed["input_name"] and parsed["architecture"]), (name, words)
