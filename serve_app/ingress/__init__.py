"""HTTP in, HTTP out. Knows the pipeline and the shape of requests, no model, no replica."""
