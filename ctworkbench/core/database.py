"""The study's database: open at the schema it knows, upgrade an older one, refuse a newer one."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, String, column, create_engine, event, inspect, select, table
from sqlalchemy.engine import Engine
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError, NoSuchModuleError, OperationalError
from sqlalchemy.orm import Session

from ctworkbench.core import trail
from ctworkbench.core.errors import StudyError

MIGRATIONS = Path(__file__).parent / "migrations"


class Database:
    """One study's tables. Sessions are short; rows that leave a session are read-only values.

    Args:
        url: where they are.
        heads: the file that keeps the heads of the audit trail (`core.trail`); None keeps none.
    """

    def __init__(self, url: str | URL, heads: Path | None = None) -> None:
        self.url = url
        self.heads = heads
        self.engine = create_engine(url)
        if self.engine.dialect.name == "sqlite":
            _tame_sqlite(self.engine)

    @classmethod
    def create(cls, url: str | URL, heads: Path | None = None) -> "Database":
        """Make all tables at the newest schema.

        Raises:
            StudyError: there is no such database, or it cannot be reached.
        """
        try:
            database = cls(url, heads)
            database._upgrade()
        except (ArgumentError, NoSuchModuleError, DatabaseError, ImportError) as error:
            shown, reason = re.sub(r":[^:@/]+@", ":***@", str(url)), str(error).splitlines()[0]
            raise StudyError(f"The database {shown} cannot be used: {reason}.", "Check its URL.") from error
        return database

    @classmethod
    def open(cls, url: str | URL, name: str, heads: Path | None = None) -> "Database":
        """Open a study's database, upgrading an older schema.

        Raises:
            StudyError: the schema is newer than this program, or the file is no database.
        """
        database = cls(url, heads)
        known = revisions()
        try:
            with database.engine.connect() as connection:
                revision = _revision_of(connection)
        except Exception as error:
            reason = str(error).splitlines()[0]  # what follows is for who wrote the program
            shut = isinstance(error, OperationalError)  # held, or on a disk that cannot be written; not damaged
            remedy = "Check that its folder can be written." if shut else "Restore it from a backup."
            raise StudyError(f"The database of {name} cannot be opened: {reason}.", remedy) from error
        if revision is None:
            raise StudyError(f"The database of {name} holds no study.", "Restore it from a backup.")
        if revision not in known:
            raise StudyError(
                f"The study {name} has schema {revision}, which this version of CT Workbench does not know "
                f"(newest known: {known[-1]}).",
                "Install a newer CT Workbench to open it; nothing was changed.",
            )
        if revision != known[-1]:
            database._upgrade()
        return database

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()

    @contextmanager
    def reading(self) -> Generator[Session]:
        """A session for queries; nothing it holds is written.

        Raises:
            StudyError: the database cannot be read.
        """
        try:
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
        except DatabaseError as error:
            raise StudyError(
                f"The study's database cannot be read: {error.orig}.", "Check the disk, or restore it from a backup."
            ) from error

    @contextmanager
    def writing(self) -> Generator[Session]:
        """One transaction: all of it is written, or nothing, with its entry of the audit trail.

        On SQLite it takes the write lock at once.

        Raises:
            StudyError: the database cannot be written.
        """
        try:
            with Session(self.engine, expire_on_commit=False) as session, session.begin():
                session.connection(execution_options={"ctworkbench_begin": "BEGIN IMMEDIATE"})
                trail.follow(session)
                yield session
                head = trail.seal(session)
                if head is not None and self.heads is not None:
                    trail.note(self.heads, "begin", head)
            if head is not None and self.heads is not None:
                trail.note(self.heads, "end", head)
        except IntegrityError:
            raise  # a second save of the same version; whoever saves tells it as such
        except DatabaseError as error:
            raise StudyError(
                f"The study could not be written: {error.orig}.", "Check the disk and that no other program holds it."
            ) from error

    def _upgrade(self) -> None:
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")


def revisions() -> list[str]:
    """Every schema that this program knows, oldest first, by the names of the files that lead to them.

    Alembic knows them too, but is slow to load, and a study is opened far more often than it is upgraded.
    """
    return sorted(path.name.split("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def _revision_of(connection: Connection) -> str | None:
    """The schema that a database says it has; None where it says nothing."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(select(column("version_num", String)).select_from(table("alembic_version")))


def _tame_sqlite(engine: Engine) -> None:
    """Real transactions, foreign keys, and readers that do not wait for writers."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the driver's own BEGIN comes too late; ours is sent below
        for pragma in ("foreign_keys=ON", "journal_mode=WAL", "synchronous=FULL", "busy_timeout=20000"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("ctworkbench_begin", "BEGIN"))
