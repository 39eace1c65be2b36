"""Databases of both kinds."""

from tests.support.databases import database, new_url, other_database, postgres_server

__all__ = ["database", "new_url", "other_database", "postgres_server"]
