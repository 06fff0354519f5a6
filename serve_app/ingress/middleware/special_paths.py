"""The paths that middleware treats unlike all others."""

PROBES = frozenset({"/health", "/v2/health/live", "/v2/health/ready"})
"""For load balancers and orchestrators: by whatever host name, without a key, not logged."""

POLLED = PROBES | {"/v1/status", "/metrics", "/sdapi/v1/progress"}
"""Asked for every few seconds, so neither logged nor traced."""

OPEN_WHILE_DRAINING = frozenset({"/v2/health/live", "/v1/status", "/metrics"})
"""A service that stops is alive until its process ends, and its status says how busy it is."""

PAGE, PAGE_FILES = "/", "/studio/"
"""Studio holds nothing secret, and asks for the key itself."""

FILES = "/v1/files/"
"""The name of a file is its own permission: whoever was given it may fetch it, from any page."""

LONG_TEXTS = frozenset({"/openapi.json", "/metrics", "/v1/jobs"})
"""Compressed for whoever accepts it."""
