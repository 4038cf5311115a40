"""The commands of `modicum-server` that are more than a few lines: on tokens, the trail, and what is stored."""
