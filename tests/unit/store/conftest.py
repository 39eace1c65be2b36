"""Databases of both kinds."""

from tests.support.databases import database, database_urls, other_database, postgres_server

__all__ = ["database", "database_urls", "other_database", "postgres_server"]
