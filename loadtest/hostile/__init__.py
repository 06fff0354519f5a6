"""Requests that nobody should send, drawn by a seed, and what the service makes of them."""
