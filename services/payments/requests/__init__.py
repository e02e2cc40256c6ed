"""A booking's request for money: searched for, reserved, captured, released or refused."""
