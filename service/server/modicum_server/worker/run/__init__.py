"""A task on the model server, for as long as the worker holds its shard. Results are stored as they come."""
