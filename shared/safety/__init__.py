"""Handles text and files of others safely: opening, printing, exporting and logging."""
