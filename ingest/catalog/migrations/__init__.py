"""The steps from one layout of the catalog to the next, for alembic."""
