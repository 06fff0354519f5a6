"""The page at `/docs`, over `/openapi.json`."""
