"""Kafka, PostgreSQL and the five services as processes of this machine."""
