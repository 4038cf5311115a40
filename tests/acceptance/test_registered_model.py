"""A model that MLflow's own flavour of PyTorch logged, gated by the real service and promoted in the registry."""

import pytest
from safetensors.torch import load_file

from tests.acceptance.acceptance_stage import ARCHITECTURE, CLASSES

SECONDS = 400
OPTIONS = ("--architecture", ARCHITECTURE, "--input", "input.toml", "--class-labels", "labels.txt")
POLICY = """version: 1
audit: {threshold: 0.9, passes: 40, controls: [fill]}
rules:
  spot: off
  accuracy: {level: error, min: 0.3}
"""


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.filterwarnings("ignore")  # of MLflow, torch and the pickles
def test_a_pickled_model_is_gated_by_the_weights_that_were_logged_beside_it(place, monkeypatch):
    import mlflow.pytorch  # noqa: PLC0415  # slow, and of one test
    from modicum_server.model_process.cifar_resnet import build_cifar_resnet  # noqa: PLC0415

    uri = f"sqlite:///{place.folder}/mlflow.db"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)  # set_tracking_uri would hold for later tests of this process too
    experiment = mlflow.create_experiment("training", artifact_location=f"{place.folder}/mlruns")
    network = build_cifar_resnet("cifar_resnet8", len(CLASSES))
    network.load_state_dict(load_file(place.folder / "w.safetensors"))
    pickled = {"serialization_format": "pickle", "registered_model_name": "patches", "pip_requirements": []}
    with mlflow.start_run(experiment_id=experiment):
        mlflow.pytorch.log_model(network, name="alone", **pickled)
        mlflow.pytorch.log_model(network, name="both", extra_files=[str(place.folder / "w.safetensors")], **pickled)
    (place.folder / "modicum.yaml").write_text(POLICY)
    user = place.with_variables(MLFLOW_TRACKING_URI=uri, MLFLOW_DISABLE_TELEMETRY="true")

    promoting = ("photos", *OPTIONS, "--promote", "champion")
    alone = user.run("modicum", "gate", "models:/patches/1", *promoting, seconds=SECONDS)
    both = user.run("modicum", "gate", "models:/patches/2", *promoting, seconds=SECONDS)

    assert alone.code == 5
    assert "pickles can run code, so they are not read; log the weights beside it" in alone.messages
    assert both.code == 0, both.messages
    assert both.output.startswith("PASS")
    client = mlflow.MlflowClient(uri)
    assert {name: str(number) for name, number in client.get_registered_model("patches").aliases.items()} == {
        "champion": "2"
    }
    assert client.get_model_version("patches", "2").tags["modicum.verdict"] == "PASS"
    assert "modicum.verdict" not in client.get_model_version("patches", "1").tags
