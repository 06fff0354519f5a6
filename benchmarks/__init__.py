"""Measures from inside: the engine, the runtimes and the deployments, without HTTP."""
