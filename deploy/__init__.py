"""How Posada is run: on one machine, in containers, on Kubernetes."""
