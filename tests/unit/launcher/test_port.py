"""Two services never share a port, though Ray itself would let them."""

import socket

import pytest

from serve_app.launcher import CannotStart
from serve_app.launcher.port import hold_port


def as_rays_proxy(port):
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", port))
    server.listen()
    return server


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_somebody_listens(port, host):
    with as_rays_proxy(port), pytest.raises(CannotStart, match=f"{host}:{port} already"):
        hold_port(host, port)


def test_the_setting_to_change_is_named(port):
    with as_rays_proxy(port), pytest.raises(CannotStart, match=r"another grpc_options\.port"):
        hold_port("0.0.0.0", port, "grpc_options.port")


def test_two_starts_at_once(port):
    with hold_port("127.0.0.1", port), pytest.raises(CannotStart, match="already"):
        hold_port("127.0.0.1", port)


def test_rays_proxy_binds_beside_it_and_gets_the_connections(port):
    with hold_port("127.0.0.1", port), as_rays_proxy(port) as server:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                server.accept()[0].close()


def test_a_port_is_free_again_right_after_its_service(port):
    with as_rays_proxy(port) as server, socket.create_connection(("127.0.0.1", port)):
        server.accept()[0].close()  # closed here first, so the connection lingers on this side
    hold_port("127.0.0.1", port).close()


def test_an_address_of_another_machine():
    with pytest.raises(CannotStart, match=r"cannot listen at 192\.0\.2\.1:8000"):
        hold_port("192.0.2.1", 8000)
