"""deploy/proxy: nginx and Caddy in front of the service, where they are installed."""

import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import await_true, free_port

PROXY = Path(__file__).parents[2] / "deploy" / "proxy"
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log stderr; events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/images.conf;
}}
"""


def nginx(folder, upstream, port):
    certificate = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=images",
    ]
    certificate += ["-addext", "subjectAltName=IP:127.0.0.1"]
    certificate += ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    subprocess.run(certificate, check=True, capture_output=True)
    site = (PROXY / "nginx.conf").read_text()
    for old, new in (
        ("127.0.0.1:8000", upstream),
        ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/ssl/images", str(folder)),
    ):
        assert old in site
        site = site.replace(old, new)
    (folder / "images.conf").write_text(site)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    return ["nginx", "-c", folder / "nginx.conf"], f"https://127.0.0.1:{port}"


def caddy(folder, upstream, port):
    site = (PROXY / "Caddyfile").read_text()
    for old, new in (
        ("127.0.0.1:8000", upstream),
        ("images.example.com", f"http://127.0.0.1:{port}"),
    ):
        assert old in site
        site = site.replace(old, new)
    options = "{\n\tadmin off\n\tauto_https off\n}\n"
    (folder / "Caddyfile").write_text(options + site)
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", folder / "Caddyfile"]
    return command, f"http://127.0.0.1:{port}"


@pytest.fixture(params=[nginx, caddy], ids=["nginx", "caddy"])
def proxied(request, service, tmp_path):
    """A session that trusts the proxy, and the service's address behind it."""
    needed = {"nginx": ["nginx", "openssl"], "caddy": ["caddy"]}[request.param.__name__]
    if not all(map(shutil.which, needed)):
        pytest.skip(f"needs {' and '.join(needed)}")
    upstream = service.url.removeprefix("http://")
    command, url = request.param(tmp_path, upstream, free_port())
    places = {"XDG_CONFIG_HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)}  # Caddy keeps files
    with subprocess.Popen(command, env=os.environ | places) as process:
        try:
            with requests.Session() as session:
                session.trust_env = False  # a REQUESTS_CA_BUNDLE would win
                session.verify = str(tmp_path / "fullchain.pem")
                await_true(lambda: session.get(f"{url}/health").status_code == 200, 20)
                yield session, url
        finally:
            process.terminate()


def test_events_of_a_stream_arrive_as_they_are_made(proxied):
    session, url = proxied
    asked = {"prompt": "a red circle", "num_inference_steps": 60, "stream": True, "progress": True}
    started = time.monotonic()
    arrivals, kinds = [], []
    path = f"{url}/v1/images/generations"
    with session.post(path, json=asked, stream=True, timeout=60) as answer:
        for line in answer.iter_lines():
            if line.startswith(b"data: "):
                arrivals.append(time.monotonic())
                kinds.append(json.loads(line[6:])["type"])
    assert kinds[-1] == "image_generation.completed"
    assert len(kinds) > 5
    assert arrivals[-1] - arrivals[0] > 0.5 * (arrivals[-1] - started)


def test_a_body_over_the_limit_is_refused_in_the_services_own_words(proxied):
    session, url = proxied
    body = b" " * (32 * 2**20 + 1)
    answer = session.post(f"{url}/v1/images/generations", data=body, timeout=30)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "body_too_large"
