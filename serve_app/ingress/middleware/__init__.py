"""Around every route: limits on bodies and connections, keys, origins, draining, logs."""
