"""Margins of masked images: requests for them, their computation, and the plain pass that verifies."""
