"""What `jobs.caption` and `jobs.classify` share: a folder in, a table out."""
