"""Conversations: keeps the chat threads and knows which booking each is about."""
