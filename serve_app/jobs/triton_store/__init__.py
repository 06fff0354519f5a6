"""`python -m serve_app.jobs.triton_store`: the classifier as a model repository of Triton's."""
