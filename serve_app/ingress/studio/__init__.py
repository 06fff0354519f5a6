"""The page at `/`: static files that use nothing but the public API."""
