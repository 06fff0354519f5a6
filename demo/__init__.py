"""A small world with models trained for it: the default weights, and how they were made."""
