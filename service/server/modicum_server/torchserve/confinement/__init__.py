"""What stands between TorchServe and a model's Python process.

TorchServe is given a wrapper as its `--python`. The wrapper runs `outside` (clean environment, private folders, a
socket of its own, bubblewrap where it is used), which runs `inside` (resource limits, Landlock, seccomp, no
capabilities), which becomes Python. Every module here starts in milliseconds: standard library only.
"""
