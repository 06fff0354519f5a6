"""What the service publishes to Prometheus, through Ray. Every metric is in `docs/operate.md`."""
