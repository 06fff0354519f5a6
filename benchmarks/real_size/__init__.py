"""Stable Diffusion 1.5 and its company at their true size, with random weights, really served."""
