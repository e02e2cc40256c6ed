"""The same booking on other engines, measured beside Posada."""
