"""Alembic's environment: runs on the connection that `modicum_server.store.migrate` hands over, in its transaction."""

from alembic import context
from modicum_server.store.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
