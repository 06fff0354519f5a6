"""HTTP in and out. Knows the pipeline and the shape of requests; knows neither models nor
replicas."""
