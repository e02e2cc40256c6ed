"""A database with the engine's tables and one table of notes."""

from tests.support.servers.notes_database import database, notes_url

__all__ = ["database", "notes_url"]
