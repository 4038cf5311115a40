"""The queue: procrastinate's jobs, which only wake workers. The rows of the store say what is to do."""
