"""`/health` and `/v1/status`, for probes, dashboards and people."""
