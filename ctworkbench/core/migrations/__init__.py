"""The one tree of schema changes (Alembic)."""
