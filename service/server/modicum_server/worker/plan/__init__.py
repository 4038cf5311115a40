"""What a shard asks of the model server: a task, made from the audit and from what is stored.

Each module gathers its inputs in one transaction, and makes the task from them in a pure function.
"""
