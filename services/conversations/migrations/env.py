"""Runs Alembic on the database of conversations."""

from services.conversations.tables import metadata
from shared.database.migrations import run

run(metadata)
