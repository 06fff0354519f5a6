"""`python -m serve_app.jobs.optimise`: what each backend of each model gains, costs and changes."""
