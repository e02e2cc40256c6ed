"""Posada from outside: its Kafka topics and HTTP APIs as a gateway and an operator use them."""
