"""Chat providers: the webhook by which messages come, and the way by which replies leave; `registry.py` names them."""
