"""What Alembic runs: migrations within the transaction that `v2xpki.store.migrate` began."""

from alembic import context

connection = context.config.attributes["connection"]
metadata = context.config.attributes["metadata"]

context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=False,  # the caller commits
    render_as_batch=connection.dialect.name == "sqlite",
)
context.run_migrations()
