"""The database: one schema, whole transactions, rows that are kept for good."""

import sqlite3
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from ctworkbench.core.database import MIGRATIONS, Database, revisions
from ctworkbench.core.errors import StudyError
from ctworkbench.core.model import Audit, Base, ImmutableRowError, NormChoice, NormRecord, Sex, StudySetting, Subject
from ctworkbench.core.settings import Settings
from ctworkbench.core.workbench import Workbench


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database.create(f"sqlite:///{tmp_path / 'study.db'}")


def test_that_the_migrations_make_the_tables_that_the_model_states(database: Database) -> None:
    with database.engine.connect() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), Base.metadata)
    assert differences == []


def test_that_the_schemas_are_known_in_the_order_in_which_alembic_makes_them() -> None:
    walked = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    assert revisions() == [entry.revision for entry in walked][::-1]


def test_that_a_newer_schema_is_refused_by_name_and_left_alone(tmp_path: Path) -> None:
    Workbench.create(tmp_path / "study", Settings()).close()
    path = tmp_path / "study" / "study.db"
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0999_from_the_future'")
    connection.close()
    with pytest.raises(StudyError, match="0999_from_the_future") as refused:
        Workbench.open(tmp_path / "study", Settings())
    assert "newer CT Workbench" in refused.value.remedy
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchall() == [("0999_from_the_future",)]
    connection.close()


def test_that_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    Workbench.create(tmp_path / "study", Settings()).close()
    (tmp_path / "study" / "study.db").write_bytes(b"not a database at all, " * 100)
    with pytest.raises(StudyError, match="cannot be opened"):
        Workbench.open(tmp_path / "study", Settings())


def test_that_enums_are_stored_by_value_and_moments_keep_their_zone(database: Database) -> None:
    moment = datetime(2026, 3, 1, 12, tzinfo=timezone(timedelta(hours=8)))
    with database.writing() as session:
        session.add(Subject(code="A", sex=Sex.FEMALE, role=None))
        session.add(StudySetting(name="a", value={}, author="a", created=moment))
    with database.reading() as session:
        assert session.scalar(text("SELECT sex FROM subject")) == "F"
        found = session.scalars(select(StudySetting.created)).one()
    assert found == moment
    assert found.tzinfo == UTC


def test_that_a_moment_without_a_zone_is_refused(database: Database) -> None:
    with pytest.raises(Exception, match="no time zone"), database.writing() as session:
        session.add(StudySetting(name="a", value={}, author="a", created=datetime(2026, 3, 1)))


def test_that_a_transaction_that_fails_writes_nothing(database: Database) -> None:
    with pytest.raises(RuntimeError, match="on purpose"), database.writing() as session:
        session.add(Subject(code="A", sex=None, role=None))
        session.flush()
        raise RuntimeError("on purpose")
    with database.reading() as session:
        assert session.scalars(select(Subject)).all() == []


@pytest.mark.parametrize(
    "row",
    [
        Audit(author="a", action="b", subject="c", details={}, rows={}, previous_hash="", hash=""),
        NormRecord(name="own", sha256="0" * 64, origin="fitted", content="{}", details={}, author="a"),
        NormChoice(name="own", author="a"),
    ],
    ids=["audit", "norm", "norm choice"],
)
def test_that_a_kept_row_can_be_neither_changed_nor_removed(database: Database, row: Base) -> None:
    kind = type(row)
    with database.writing() as session:
        session.merge(row)
    with pytest.raises(ImmutableRowError), database.writing() as session:
        session.scalars(select(kind)).one().author = "somebody else"
    with pytest.raises(ImmutableRowError), database.writing() as session:
        session.delete(session.scalars(select(kind)).one())
