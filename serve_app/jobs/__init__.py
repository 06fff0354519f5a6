"""Offline work with the same models: no server, no Ray."""

from serve_app.installation import require

require("torch", "pydantic", "yaml")
