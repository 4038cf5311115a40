"""The pixel-subsets control on the real worker: it runs once for each version, and its result is kept."""

from dataclasses import replace

from modicum_server.domain.audits import AuditState
from modicum_server.domain.findings import FindingControls, Passes, PixelSubsetFinding, Trace
from modicum_server.domain.searches import Control, ControlPlan, TargetRule
from modicum_server.domain.tasks import TaskFindings

from tests.worker.arithmetic_model_server import ArithmeticModelServer, subset_of
from tests.worker.worker_scene import SEARCH, Scene

PLAN = ControlPlan(Control.PIXEL_SUBSETS, passes=100)
IMAGES = 6
OTHER = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
RESULT = PixelSubsetFinding(subset_of(0), 0.8, 1, 0.1, 0, Trace((16, 8, 0), (0.97, 0.5, 0.1)), Passes(18, 16))


class Descending(ArithmeticModelServer):
    """Gives the control's result where its task has the control."""

    async def run(self, slot, task, cancelled):
        planned = any(plan.control is Control.PIXEL_SUBSETS for plan in task.work.controls)
        async for event in super().run(slot, task, cancelled):
            if isinstance(event, TaskFindings) and planned:
                controls = FindingControls(pixel_subset=RESULT)
                yield replace(event, findings=tuple(replace(one, controls=controls) for one in event.findings))
            else:
                yield event


async def test_it_runs_beside_the_first_search_for_the_predicted_class_and_is_kept(scene: Scene):
    versions = [await scene.register(digest=digest * 64) for digest in "25"]
    searches = (OTHER, SEARCH, replace(SEARCH, threshold=0.5))
    name = await scene.audit_of(versions, searches=searches, images=IMAGES, controls=(PLAN,))
    scene.work(Descending())

    audit = await scene.ended(name)

    assert audit.state is AuditState.SUCCEEDED
    kept = {
        (one.model_version, one.search_index, one.position)
        for one in await scene.findings(name)
        if one.controls.pixel_subset == RESULT
    }
    assert kept == {(version, 1, position) for version in versions for position in range(IMAGES)}
