"""Margins of masked images: requests for them, the batches that compute them, and the plain pass that verifies."""
