"""The command line, and the town: all five services with their Kafka and PostgreSQL on one machine."""
