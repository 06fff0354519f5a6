"""The pages at `/docs` and `/redoc`, over `/openapi.json`."""
