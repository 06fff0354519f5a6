"""Image generation on Ray Serve, behind one HTTP ingress."""

__version__ = "0.1.0"
