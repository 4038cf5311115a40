"""Alembic's environment. It runs on the connection of `modicum_server.store.migrate`, in its transaction."""

from alembic import context
from modicum_server.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
