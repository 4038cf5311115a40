"""Confines the Python process of a model (docs/explanation/isolation.md, "Levels").

TorchServe gets a wrapper as its `--python`. The wrapper runs `outside` (clean environment, private folders, a socket of
its own, bubblewrap where it is used). That runs `inside` (resource limits, Landlock, seccomp, no capabilities), which
becomes Python. Every module here uses only the standard library, so that it starts in milliseconds.
"""
