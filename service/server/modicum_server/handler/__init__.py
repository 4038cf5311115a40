"""What runs inside TorchServe's model process: a task in a slot's folder becomes chunks.

The only part of the server that imports torch and `modicum_sis`; only `entry` imports `ts`. It opens no socket, asks no
database, and reads nothing outside its slot's folder.
"""
