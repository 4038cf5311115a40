"""Generated code of what the service's own parts say to each other and to TorchServe (`make proto`); never edited."""
