"""What a hostile `.pt2` or TorchScript can do in a real TorchServe, at both levels that run programs at all.

The table of docs/explanation/isolation.md is what these tests see.
"""

import asyncio
import itertools
import os
import shutil
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
from modicum_server.domain.models import ExecutableKind
from modicum_server.domain.tasks import TaskChecked, TaskFinished
from modicum_server.errors import ModelServerError
from modicum_server.model_server import TaskFailed
from modicum_server.settings import Settings
from modicum_server.torchserve.adapter import TorchServe
from modicum_server.torchserve.confinement.plan import Level

from tests.tiers import long
from tests.torchserve import hostile_programs as hostile
from tests.torchserve.hostile_stage import Programs, Stage, listening, read_report
from tests.torchserve.levels import require
from tests.waiting import until

PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "isolation.md"
LEVELS = (Level.BUBBLEWRAP, Level.LANDLOCK)
PATIENCE_SECONDS = 120
#: Only of the program that hangs: on a loaded machine others may need longer for what they do.
HANG_SECONDS = 15.0
#: A process with torch takes half a gigabyte.
MEMORY_BYTES = 2 << 30
#: What gives nothing away.
HARMLESS = {"read the system's list of users", "write into its own tmp", "read TorchServe's command line"}

pytestmark = [pytest.mark.acceptance, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[LEVELS[0], long(LEVELS[1])])
async def stage(request, tmp_path_factory):
    level = request.param
    require(level)
    folder = tmp_path_factory.mktemp(level)
    programs = Programs(tmp_path_factory.mktemp("artifacts"))
    run_folder = Path(tempfile.mkdtemp(prefix="mt-"))  # every user can be let in, unlike below pytest's folders
    settings = Settings(
        run_folder=run_folder,
        slots=2,
        threads=1,
        hang_seconds=PATIENCE_SECONDS,
        grace_seconds=2,
        model_memory_bytes=MEMORY_BYTES,
        _env_file=None,
    )
    server = TorchServe(settings, programs)
    with pytest.MonkeyPatch.context() as patch, listening() as listener:
        if level is Level.LANDLOCK:
            patch.setenv("PATH", str(folder))  # on which there is no bubblewrap
        await server.start()
        place = Stage(server, programs, folder, listener)
        place.token.write_text("a token")
        place.token.chmod(0o600)
        yield place
        await server.stop()
    shutil.rmtree(run_folder)


async def test_the_level_is_the_one_that_is_asked_for(stage, request):
    assert stage.server.isolation.level == request.node.callspec.params["stage"]
    assert stage.server.isolation.encloses_code
    if os.geteuid() == 0 and stage.server.isolation.level is Level.BUBBLEWRAP:  # shows Python wherever it lies
        assert stage.server.isolation.own_users


@pytest.mark.long
async def test_each_attempt_of_an_edited_program_ends_as_the_page_says(stage):
    program = hostile.program_doing(hostile.payload(await stage.plan()))
    task = asyncio.create_task(stage.run(program))

    answers = await reported(await stage.tmp(), task)
    events = await task

    level = stage.server.isolation.level
    assert answers == {name: row[level] for name, row in page_table("attempt").items()}
    assert {name for name, answer in answers.items() if answer == "done"} <= HARMLESS
    assert stage.listener.visitors() == 0
    assert isinstance(events[-1], TaskFinished)


async def reported(tmp, task):
    """What the payload says; the task's own failure where it ends without a word."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        answers = read_report(tmp)
        if answers is not None:
            return answers
        if task.done():
            pytest.fail(f"the program ended without a report: {task.result()}")
        await asyncio.sleep(0.05)
    pytest.fail("the program did not report")


@pytest.mark.long
async def test_a_program_finds_nothing_that_another_left_in_memory_files_or_threads(stage):
    first = hostile.program_doing(hostile.STAYS_BEHIND)
    second = hostile.program_doing(hostile.LOOKS_FOR_WHAT_STAYED)

    await stage.run(first)
    process = (await stage.running()).model_process("slot0")
    task = asyncio.create_task(stage.run(second))
    found = await reported(await stage.tmp(), task)
    await task

    assert found == {"file": False, "memory": False}
    await until(lambda: not process.alive)


SCRIPTS = [
    # What it does, where, and how that ends: torch.save is silent where it cannot write.
    (hostile.ReadsFile, "/etc/passwd", "checked"),
    (hostile.ReadsFile, "token", "INPUT_REFUSED"),
    (hostile.ReadsFile, "neighbour_file", "INPUT_REFUSED"),
    (hostile.ReadsFile, "keys", "INPUT_REFUSED"),
    (hostile.WritesFile, "slot", "INPUT_REFUSED"),
    (hostile.WritesFile, "system_tmp", "INPUT_REFUSED"),
    (hostile.SavesFile, "slot", "checked"),
    (hostile.SavesFile, "neighbour_tmp", "checked"),
]


@pytest.mark.long
@pytest.mark.parametrize(("module", "place", "ends"), SCRIPTS, ids=[f"{row[0].__name__}-{row[1]}" for row in SCRIPTS])
async def test_a_torchscript_reaches_the_system_and_no_ones_files(stage, module, place, ends):
    path = (await stage.plan()).get(place, place)
    path = path if module is hostile.ReadsFile else f"{path}/planted"
    program = hostile.scripted(module(path))

    try:
        events = await stage.run(program, ExecutableKind.TORCHSCRIPT)
    except TaskFailed as refused:
        ended, words = refused.task_reason, str(refused)
    else:
        ended, words = "checked" if any(isinstance(event, TaskChecked) for event in events) else "nothing", ""

    assert ended == ends
    assert path not in words
    assert module is hostile.ReadsFile or not Path(path).exists()


ENDS = {
    "fills its tmp": (partial(hostile.program_doing, hostile.FILLS_TMP), "MODEL_LIMIT_EXCEEDED"),
    "nests folders deeper than a path": (partial(hostile.program_doing, hostile.NESTS_TMP), "MODEL_LIMIT_EXCEEDED"),
    "starts 1,500 threads": (partial(hostile.program_doing, hostile.STARTS_THREADS), "MODEL_LIMIT_EXCEEDED"),
    "takes memory while it loads": (partial(hostile.program_doing, hostile.TAKES_MEMORY), "MODEL_OUT_OF_MEMORY"),
    "takes memory that it could share": (
        partial(hostile.program_doing, hostile.TAKES_SHARED_MEMORY),
        "MODEL_OUT_OF_MEMORY",
    ),
    "takes memory in its forward": (partial(hostile.scripted, hostile.TakesMemory()), "MODEL_OUT_OF_MEMORY"),
    "loops for ever": (partial(hostile.scripted, hostile.LoopsForEver()), "MODEL_HUNG"),
    "leaves the process": (partial(hostile.program_doing, hostile.LEAVES_THE_PROCESS), "MODEL_DIED"),
    "raises SystemExit": (partial(hostile.program_doing, hostile.EXITS), "HANDLER_BUG"),
}


#: The one that `make test` runs.
QUICK_END = "leaves the process"


@pytest.mark.parametrize(
    "does", [pytest.param(does, marks=() if does == QUICK_END else pytest.mark.long) for does in ENDS]
)
async def test_a_greedy_program_ends_typed_and_its_neighbour_and_the_next_task_go_on(stage, does, monkeypatch):
    make, reason = ENDS[does]
    kind = ExecutableKind.TORCHSCRIPT if "forward" in does or "loops" in does else ExecutableKind.EXPORTED
    neighbour = asyncio.create_task(stage.run_weights(slot=1))

    with monkeypatch.context() as patch:
        if reason == "MODEL_HUNG":
            hurried = stage.server._settings.model_copy(update={"hang_seconds": HANG_SECONDS})
            patch.setattr(stage.server, "_settings", hurried)
        with pytest.raises(ModelServerError) as ended:
            await stage.run(make(), kind)
    after = await stage.run_weights(slot=0)

    assert getattr(ended.value, "task_reason", ended.value.reason) == reason
    assert page_table("a program that")[does]["ends as"] == reason
    assert isinstance(after[-1], TaskFinished)
    assert isinstance((await neighbour)[-1], TaskFinished)
    assert list((await stage.tmp()).iterdir()) == []


def page_table(corner):
    """The page's table whose first column has this name: first cell -> column -> cell."""
    lines = iter(PAGE.read_text().splitlines())
    head = next(cells for line in lines if (cells := cells_of(line))[0] == corner)
    next(lines)  # the rule below the head
    rows = map(cells_of, itertools.takewhile(str.strip, lines))
    return {cells[0]: dict(zip(head, cells, strict=True)) for cells in rows}


def cells_of(line):
    return line.strip("| ").split(" | ")
