"""The store: Postgres behind `ports.Store` and `ports.Changes`. SQL of tables is known nowhere else."""
