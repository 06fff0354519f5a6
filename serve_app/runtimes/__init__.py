"""Weights plus placement behind a plain call. No Ray, no HTTP."""
