"""Alembic's way into payments' database."""

from services.payments.tables import metadata
from shared.database.migrations import run

run(metadata)
