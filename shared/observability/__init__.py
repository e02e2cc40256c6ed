"""Logs, traces, metrics and gauges."""
