"""Predictions on whole images: those of each data set apart, once each, and those that findings hold."""

from modicum_server.domain.audits import COUNTERFACTUAL, OUT_OF_DISTRIBUTION, AuditFailure
from modicum_server.domain.findings import Prediction

from tests.store.store_scene import Scene, finding


async def audit_of_one(scene: Scene) -> tuple[str, str]:
    audit = await scene.audit("predictions")
    return audit.name, audit.specification.model_versions[0]


async def test_both_data_sets_may_have_the_same_position_and_the_first_prediction_stays(store, scene: Scene):
    audit, version = await audit_of_one(scene)

    async with store.transaction() as transaction:
        add, of = transaction.predictions.add, transaction.predictions.of
        await add(audit, version, OUT_OF_DISTRIBUTION, [Prediction(0, 1)])
        await add(audit, version, COUNTERFACTUAL, [Prediction(0, 2, confidence=0.25)])
        await add(audit, version, COUNTERFACTUAL, [Prediction(0, 3), Prediction(1, 3)])

        assert await of(audit, version, OUT_OF_DISTRIBUTION) == {0: Prediction(0, 1)}
        assert await of(audit, version, COUNTERFACTUAL) == {
            0: Prediction(0, 2, confidence=0.25),
            1: Prediction(1, 3),
        }


async def test_an_audit_that_has_ended_takes_no_prediction(store, scene: Scene):
    audit, version = await audit_of_one(scene)

    async with store.transaction() as transaction:
        await transaction.audits.fail(audit, AuditFailure("REASON", "detail"))
        await transaction.predictions.add(audit, version, COUNTERFACTUAL, [Prediction(0, 1)])

        assert await transaction.predictions.of(audit, version, COUNTERFACTUAL) == {}


async def test_findings_tell_what_is_predicted_on_whole_images_and_how_surely(store, scene: Scene):
    """The confidence of a search for another class is not that in the prediction."""
    audit, version = await audit_of_one(scene)
    found = [
        finding(0, version, predicted_class=1, target_class=1, confidence=0.75),
        finding(1, version, predicted_class=1, target_class=0, confidence=0.75),
        finding(2, version, predicted_class=None, target_class=None),
    ]

    async with store.transaction() as transaction:
        await transaction.findings.add(audit, found)

        assert await transaction.findings.predictions(audit, version, 0) == {
            0: Prediction(0, 1, confidence=0.75),
            1: Prediction(1, 1),
        }
