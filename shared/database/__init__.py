"""A service's own database: its pool, batched statements, migrations and seed data."""
