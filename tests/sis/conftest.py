import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    """Use one thread: the models are so tiny that more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
