"""Threads: which tenant and booking a message belongs to, and in which thread it is stored."""
