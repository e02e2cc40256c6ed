"""Providers behind one port: each takes a delivery and gives a receipt or says why not."""
