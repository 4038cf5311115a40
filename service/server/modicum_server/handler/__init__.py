"""What runs inside TorchServe's model process: it reads a task from a slot's folder and sends chunks.

This is the only part of the server that imports torch and `modicum_sis`, and only `entry` imports `ts`. It opens no
socket, reaches no database, and reads nothing outside its slot's folder.
"""
