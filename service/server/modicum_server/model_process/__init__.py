"""What runs inside TorchServe's model process: it reads a task from a slot's folder and sends chunks.

Of the server, only this package and the programs `demo` and `selftest` import torch, and only `torchserve_entry`
imports `ts`. This package opens no socket, reaches no database, and reads nothing outside its slot's folder.
"""
