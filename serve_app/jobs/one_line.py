"""Messages of others as one line, for tables and terminals."""


def one_line(value: object) -> str:
    """Its words between single spaces, at most 500 characters; the name of its type for none."""
    return " ".join(str(value).split())[:500] or type(value).__name__
