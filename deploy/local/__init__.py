"""Kafka and PostgreSQL on this machine: given, in containers, or embedded."""
