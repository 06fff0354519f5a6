"""`GET /metrics`: what this application publishes, of all nodes, at the service's own port."""
