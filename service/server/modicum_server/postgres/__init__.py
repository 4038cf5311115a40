"""How this process reaches Postgres, and the wake jobs that the store defers and the queue clears.

The store and the queue both build on this, and know nothing of each other.
"""
