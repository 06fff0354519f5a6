"""Measures a running service from outside. Knows HTTP and nothing of the service's code."""
