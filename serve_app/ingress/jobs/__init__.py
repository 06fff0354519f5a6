"""Requests that are answered later (`Prefer: respond-async`): kept in a deployment of their own.

Not the offline work of `serve_app/jobs/`.
"""
