"""`python -m serve_app.jobs.evaluate`: how good a model's answers are, as a report and a gate."""
