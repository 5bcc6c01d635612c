"""A study as an older version of the program left it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config

from ctworkbench.core.database import MIGRATIONS, Database


def step_back(folder: Path, revision: str) -> None:
    """Write the database of a study that is closed anew at an older schema, with all rows that schema knows."""
    path, newer = folder / "study.db", folder / "newer.db"
    path.rename(newer)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    database = Database(f"sqlite:///{path}")
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    database.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("ATTACH ? AS newer", (str(newer),))
        tables = [row[0] for row in connection.execute("SELECT name FROM main.sqlite_master WHERE type = 'table'")]
        for table in (name for name in tables if name != "alembic_version" and not name.startswith("sqlite_")):
            columns = ", ".join(row[1] for row in connection.execute(f"PRAGMA main.table_info({table})"))
            connection.execute(f"INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table}")
    newer.unlink()
    (folder / "audit.heads").unlink()
