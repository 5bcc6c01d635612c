"""Run the schema changes over the connection that `Database` hands in."""

from alembic import context

from ctworkbench.core.model import Base

context.configure(
    connection=context.config.attributes["connection"], target_metadata=Base.metadata, render_as_batch=True
)
with context.begin_transaction():
    context.run_migrations()
