"""One service at a time, without Kafka."""
