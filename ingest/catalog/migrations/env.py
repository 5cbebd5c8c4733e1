"""What alembic runs: the steps, over the connection that `open_catalog` has made."""

from alembic import context

from ingest.catalog.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
