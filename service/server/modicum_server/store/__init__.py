"""The store: Postgres behind `ports.Store` and `ports.Changes`. SQL is known here and in the queue, nowhere else."""
