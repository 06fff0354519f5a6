"""Offline work with the same models: no server, no Ray."""
