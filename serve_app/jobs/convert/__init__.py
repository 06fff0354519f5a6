"""`python -m serve_app.jobs.convert`: checkpoints as people have them, to folders to serve."""
