"""A hostile program in the whole service. tests/torchserve/test_hostile_programs.py tries every attack."""

import urllib.request
import warnings

import pytest
import torch

from tests.acceptance.acceptance_stage import SIZE

SEARCH = ("--input", "input.toml", "--class-labels", "labels.txt", "--threshold", 0.9, "--passes", 60, "--no-controls")


class ReadsToken(torch.nn.Module):
    """Returns what it read."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        token = torch.from_file(self.path, False, 1, dtype=torch.uint8)
        return images.mean((2, 3)) + token.sum()


@pytest.mark.long
def test_a_program_that_reads_the_servers_token_is_refused_and_the_next_audit_succeeds(place, server):
    module = ReadsToken(str(server.place.data / "token"))
    assert module(torch.zeros(1, 3, SIZE, SIZE)).shape == (1, 3)  # nothing confines it here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated
        torch.jit.script(module).save(place.folder / "hostile.pt")

    hostile = place.run("modicum", "audit", "photos", "--torchscript", "hostile.pt", *SEARCH)
    honest = place.run("modicum", "audit", "photos", "--torchscript", "model.pt", *SEARCH, "--no-reuse")

    assert hostile.code == 5, hostile.messages
    assert "forward pass failed" in hostile.messages
    assert str(server.place.data) not in hostile.messages
    assert honest.code == 0, honest.messages


def test_an_operator_sees_what_confines_models_in_the_log_and_in_the_metrics(server):
    log = (server.place.data / "worker.log").read_text()
    metrics = urllib.request.urlopen(f"{server.worker_http}/metrics").read().decode()

    assert "(closed: children, environment, files, network, processes, sockets)" in log
    (line,) = [line for line in metrics.splitlines() if line.startswith("modicum_worker_confinement{")]
    assert line.endswith('programs="run"} 1.0')
