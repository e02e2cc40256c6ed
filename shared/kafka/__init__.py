"""The Kafka client: connections, topics, partitions, consumers, and record batches read within bounds."""
