"""Threads: which tenant and booking a message belongs to, and in which thread it is stored."""

from services.conversations.threads.contacts import is_phone, of_sender

__all__ = ["is_phone", "of_sender"]
