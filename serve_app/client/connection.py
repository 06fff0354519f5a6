"""What both clients open their HTTP connections with."""

from typing import Any

import httpx

_CONNECT_S = 10.0


def settings(url: str, api_key: str | None, timeout_s: float) -> dict[str, Any]:
    """The arguments of an httpx client. Raises ValueError for an invalid URL or key."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ValueError(f"{url!r} is no URL: {error}") from error
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ValueError(f"{url!r} is no URL that begins with http:// or https://")
    headers = {}
    if api_key is not None:
        if not api_key.isascii() or not api_key.isprintable() or not api_key.strip():
            raise ValueError("an API key is printable ASCII")
        headers["Authorization"] = f"Bearer {api_key.strip()}"
    # No timeout while waiting for a free connection: how many calls run at once is the caller's
    # choice.
    timeout = httpx.Timeout(timeout_s, connect=_CONNECT_S, pool=None)
    return {"base_url": parsed, "headers": headers, "timeout": timeout}
