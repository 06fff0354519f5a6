"""Measures from inside: the code and its models, without or with a server. Nobody imports it."""
