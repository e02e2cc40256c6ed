"""The command line, and the cluster: all five services with their Kafka and PostgreSQL on one machine."""
