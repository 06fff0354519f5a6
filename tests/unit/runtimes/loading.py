"""What loads models, stopped before a network is there."""


class Stop(Exception):
    """Raised where a network would be loaded."""
