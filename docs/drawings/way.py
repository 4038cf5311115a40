"""One photograph's way: from the command to the search, and back to the report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from docs.drawings.svg import QUIET, arrow, box, line, picture, text

LANES = ("command", "API", "Postgres", "artifact store", "worker", "model process")
#: Where the code of each lane lies, relative to the root of the repository.
HOMES = (
    "clients/python/modicum",
    "service/server/modicum_server/transports",
    "service/server/modicum_server/store",
    "service/server/modicum_server/artifacts",
    "service/server/modicum_server/worker",
    "service/server/modicum_server/model_process",
)
COMMAND, API, POSTGRES, ARTIFACTS, WORKER, MODEL = range(len(LANES))
WIDTH, LANE, LEFT, TOP, STEP = 1190, 165, 85, 84, 44
WHERE = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """Something that goes from one lane to another (or is done in one), and the folder that does it."""

    start: int
    end: int
    words: str
    where: str


SERVER, CLIENT = "service/server/modicum_server", "clients/python/modicum"
STEPS: Sequence[Step] = (
    Step(COMMAND, API, "the photograph's bytes", f"{CLIENT}/sources"),
    Step(API, ARTIFACTS, "stored by SHA-256", f"{SERVER}/usecases"),
    Step(COMMAND, API, "data set, then audit", f"{SERVER}/transports/methods"),
    Step(API, POSTGRES, "audit and shards at once", f"{SERVER}/usecases"),
    Step(POSTGRES, WORKER, "wake-up", f"{SERVER}/store"),
    Step(WORKER, POSTGRES, "claims the shard: a lease", f"{SERVER}/store"),
    Step(WORKER, WORKER, "plans a task", f"{SERVER}/worker/plan"),
    Step(WORKER, MODEL, "the task, in a folder", f"{SERVER}/torchserve"),
    Step(MODEL, MODEL, "decodes the photograph", f"{SERVER}/images"),
    Step(MODEL, MODEL, "searches, verifies", "service/sis/modicum_sis/run"),
    Step(MODEL, MODEL, "runs the controls", "service/sis/modicum_sis/controls"),
    Step(MODEL, WORKER, "the finding", f"{SERVER}/model_process"),
    Step(WORKER, POSTGRES, "the finding, fenced by the attempt", f"{SERVER}/worker/run"),
    Step(POSTGRES, COMMAND, "progress, to every watch", f"{SERVER}/usecases"),
    Step(WORKER, POSTGRES, "ends the shard; the last opens a stage", f"{SERVER}/worker/settle"),
    Step(WORKER, WORKER, "measures, readings", f"{SERVER}/measures"),
    Step(WORKER, ARTIFACTS, "result document, findings", f"{SERVER}/worker/run"),
    Step(COMMAND, API, "asks for the report", f"{SERVER}/usecases"),
    Step(ARTIFACTS, API, "document, findings, photograph", f"{SERVER}/artifacts"),
    Step(API, COMMAND, "the page", f"{SERVER}/reports"),
)


def drawing() -> str:
    """The picture."""
    height = TOP + len(STEPS) * STEP + 24
    return picture(WIDTH, height, "A photograph's way from the command to the report", _parts(height))


def _parts(height: int) -> Iterator[str]:
    for lane, name in enumerate(LANES):
        yield box(_x(lane) - 66, 18, 132, 34, fill="#efe7dc")
        yield text(_x(lane), 40, name, bold=True)
        yield line(_x(lane), 52, _x(lane), height - 16)
    yield text(WHERE, 40, "done by", size=12, anchor="start", colour=QUIET)
    for number, step in enumerate(STEPS):
        yield from _step(TOP + number * STEP, step, number + 1)


def _step(y: float, step: Step, number: int) -> Iterator[str]:
    start, end = _x(step.start), _x(step.end)
    if start == end:
        yield f'<circle cx="{start:g}" cy="{y:g}" r="4" fill="#8a867d"/>'
        yield text(start, y - 9, f"{number}. {step.words}", size=12)
    else:
        yield arrow(start, y, end, y)
        yield text((start + end) / 2, y - 7, f"{number}. {step.words}", size=12)
    yield text(WHERE, y + 4, step.where.removeprefix(f"{SERVER}/").removeprefix("service/"), size=11, anchor="start")


def _x(lane: int) -> float:
    return LEFT + lane * LANE
