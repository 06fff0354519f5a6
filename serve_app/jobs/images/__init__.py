"""`python -m serve_app.jobs.images`: the service's generation over a folder, on Ray Data."""
