"""Stable Diffusion 1.5 and the other models at true size, with random weights, served for real."""
