"""Builds the images of the Dockerfile without a Docker engine. See `__main__`."""
