"""The queue: procrastinate's jobs, each of which wakes a worker and means nothing else. Our own rows are the truth."""
