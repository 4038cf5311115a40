"""The database of a local server and its two roles: one owns the tables, the other serves and may not change the trail.

Both are of the operating system's user who starts the server; nobody else can connect.
"""

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    import psycopg

DATABASE = "modicum"
OWNER = "modicum"
SERVICE = "modicum_service"


def url_of(socket_folder: Path, role: str = OWNER) -> str:
    """Return the `postgresql://` address of our database behind the socket in a folder."""
    return f"postgresql://{role}@/{DATABASE}?host={quote(str(socket_folder), safe='')}"


def access_rules(user: str) -> dict[str, str]:
    """Return the files by which only this user of the operating system may connect, as either role."""
    roles = "".join(f'owner "{user}" {role}\n' for role in (OWNER, SERVICE))
    return {"pg_hba.conf": "local all all peer map=owner\n", "pg_ident.conf": roles}


async def create_database(connection: "psycopg.AsyncConnection[tuple[object, ...]]") -> None:
    """Create our database and the role that serves, where they are missing. The owner has initialised the cluster."""
    cursor = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,))
    if await cursor.fetchone() is None:
        await connection.execute(f"CREATE DATABASE {DATABASE}".encode())
    cursor = await connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (SERVICE,))
    if await cursor.fetchone() is None:
        await connection.execute(f"CREATE ROLE {SERVICE} LOGIN".encode())
