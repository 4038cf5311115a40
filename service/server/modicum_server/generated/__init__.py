"""Generated code of the messages between worker and handler and of TorchServe's API (`make proto`). Do not edit."""
