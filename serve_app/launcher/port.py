"""Whether the port is free: Ray binds with SO_REUSEPORT and would silently share a taken one."""

import errno
import socket

from serve_app.launcher import CannotStart


def hold_port(host: str, port: int, setting: str = "--port") -> socket.socket:
    """Keep the port from other starts until the socket is closed; it takes no connections.

    `setting` is what to change where it is taken.

    Raises CannotStart where somebody listens there or is about to, or it cannot be had at all.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            # Connections of a service that has just ended do not count.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
        held = socket.socket(family, socket.SOCK_STREAM)
        # Lets Ray's proxy, which sets it too, bind beside it, and nobody's probe as above.
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        held.bind(address)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise CannotStart(f"cannot listen at {host}:{port}: {error.strerror}") from error
        raise CannotStart(
            f"something listens at {host}:{port} already; stop it, or serve at another {setting}"
        ) from error
    return held
