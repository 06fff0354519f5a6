"""The manifests for KubeRay: valid, of one piece, and of one mind with the rest of the project."""

import copy
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from serve_app.config import AppArgs
from serve_app.launcher.config_file import check as check_config
from serve_app.ray_settings import RAY_SETTINGS
from tests import manifests

ROOT = Path(__file__).parents[3]
KUBERAY = ROOT / "deploy" / "kuberay"
PATCHES = {"head.yaml"}
FILES = [
    path
    for path in sorted(KUBERAY.rglob("*.yaml"))
    if path.name not in PATCHES | {"kustomization.yaml"}
]
MANIFESTS = [manifest for file in FILES for manifest in manifests.read(file)]


def of_kind(kind):
    return [manifest for manifest in MANIFESTS if manifest["kind"] == kind]


@pytest.fixture
def service():
    [service] = of_kind("RayService")
    return copy.deepcopy(service)


@pytest.fixture
def serve_config(service):
    return yaml.safe_load(service["spec"]["serveConfigV2"])


def cluster_of(service):
    return service["spec"]["rayClusterConfig"]


def pods_of(service):
    cluster = cluster_of(service)
    [workers] = cluster["workerGroupSpecs"]
    return {"head": cluster["headGroupSpec"]["template"], "worker": workers["template"]}


def container_of(template):
    [container] = template["spec"]["containers"]
    return container


@pytest.mark.parametrize(
    "manifest", MANIFESTS, ids=lambda each: f"{each['kind']}-{each['metadata']['name']}"
)
def test_the_api_server_takes_it(manifest):
    manifests.check(manifest)


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl builds the overlays")
@pytest.mark.parametrize("folder", ["base", "redis"])
def test_the_api_server_takes_what_kustomize_builds(folder):
    built = subprocess.run(
        ["kubectl", "kustomize", KUBERAY / folder], capture_output=True, text=True, check=True
    )
    objects = list(yaml.safe_load_all(built.stdout))
    for manifest in objects:
        manifests.check(manifest)
    [service] = [each for each in objects if each["kind"] == "RayService"]
    images = {container_of(template)["image"] for template in pods_of(service).values()}
    [job] = of_kind("Job")
    assert images == {container_of(job["spec"]["template"])["image"]}
    budgets = {e["metadata"]["name"] for e in objects if e["kind"] == "PodDisruptionBudget"}
    tolerant = "gcsFaultToleranceOptions" in cluster_of(service)
    assert tolerant == (folder == "redis")
    assert ("images-head" in budgets) != tolerant


def test_a_misspelt_key_is_refused(service):
    del container_of(pods_of(service)["worker"])["readinessProbe"]["httpGet"]["path"]
    manifests.check(service)  # a key that may be left out
    container_of(pods_of(service)["worker"])["readinessProbe"]["httpGet"]["pth"] = "/"
    with pytest.raises(ValueError, match="pth"):
        manifests.check(service)


def test_it_serves_the_cluster_file_and_asks_for_keys(serve_config):
    assert check_config(serve_config)
    [application] = serve_config["applications"]
    keys = application["args"].pop("auth")
    assert serve_config == yaml.safe_load((ROOT / "configs" / "sd15-cluster.yaml").read_text())
    assert list(keys) == ["keys_variable"]


def test_every_node_has_the_keys_and_rays_variables(service, serve_config):
    wanted = serve_config["applications"][0]["args"]["auth"]["keys_variable"]
    for template in pods_of(service).values():
        variables = {each["name"]: each for each in container_of(template)["env"]}
        assert "secretKeyRef" in variables.pop(wanted)["valueFrom"]
        values = {name: each["value"] for name, each in variables.items()}
        assert values == RAY_SETTINGS | {"PYTHONPATH": "/app"}
    assert "WORKDIR /app\n" in (ROOT / "Dockerfile").read_text()


def test_versions_are_those_of_the_image(service):
    requirements = (ROOT / "requirements.txt").read_text()
    [version] = re.findall(r"^ray\[serve\]==(.+)$", requirements, re.M)
    assert cluster_of(service)["rayVersion"] == version


def test_there_are_as_many_cards_as_replicas_may_take(service, serve_config):
    """A generator has one for itself. The others are packed, largest first."""
    [group] = cluster_of(service)["workerGroupSpecs"]
    deployments = serve_config["applications"][0]["deployments"]
    for bound in "min_replicas", "max_replicas":
        assert group[bound.replace("_r", "R")] == cards(deployments, bound)
    limits = container_of(group["template"])["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == 1
    cpus = sum(
        replicas(each, "max_replicas") * each["ray_actor_options"]["num_cpus"]
        for each in deployments
    )
    assert cpus <= limits["cpu"] * group["maxReplicas"]


def replicas(deployment, bound):
    return deployment.get("autoscaling_config", deployment).get(bound, 1)


def cards(deployments, bound):
    fractions = sorted(
        each["ray_actor_options"]["num_gpus"]
        for each in deployments
        for _ in range(replicas(each, bound))
        if "num_gpus" in each["ray_actor_options"]
    )
    free = []
    for fraction in reversed(fractions):
        place = next((i for i, left in enumerate(free) if left >= fraction - 1e-9), None)
        if place is None:
            free.append(1.0)
            place = len(free) - 1
        free[place] -= fraction
    return len(free)


def test_what_runs_has_the_time_to_end(service, serve_config):
    [application] = serve_config["applications"]
    limits = AppArgs.model_validate(application["args"]).limits
    graceful = max(each["graceful_shutdown_timeout_s"] for each in application["deployments"])
    worker = pods_of(service)["worker"]["spec"]
    drain = " ".join(container_of({"spec": worker})["lifecycle"]["preStop"]["exec"]["command"])
    [deadline] = map(int, re.findall(r"--deadline-remaining-seconds (\d+)", drain))
    # Half the time for replicas to start elsewhere, half for those here to finish.
    assert graceful * 2 <= deadline < worker["terminationGracePeriodSeconds"]
    assert service["spec"]["rayClusterDeletionDelaySeconds"] > limits.request_timeout_s


def test_no_probe_kills_a_node_for_what_serve_does(service):
    """A worker without replicas has no proxy; what ends a Pod asks Ray's agent alone."""
    for template in pods_of(service).values():
        container = container_of(template)
        liveness = container["livenessProbe"]
        assert liveness["httpGet"] == {"path": "/api/healthz", "port": 52365}
        assert liveness["periodSeconds"] * liveness["failureThreshold"] >= 60
    assert container["readinessProbe"]["httpGet"] == {"path": "/-/healthz", "port": 8000}


def test_containers_can_change_nothing_but_their_volumes(service):
    dockerfile = (ROOT / "Dockerfile").read_text()
    [user] = map(int, re.findall(r"--uid (\d+)", dockerfile))
    [cache] = re.findall(r"XDG_CACHE_HOME=(\S+)", dockerfile)
    [job] = of_kind("Job")
    templates = [*pods_of(service).values(), job["spec"]["template"]]
    for template in templates:
        assert template["spec"]["securityContext"]["runAsNonRoot"]
        assert template["spec"]["securityContext"]["runAsUser"] == user
        container = container_of(template)
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert {"/tmp", cache} <= {each["mountPath"] for each in container["volumeMounts"]}
        mounted = {each["name"] for each in container["volumeMounts"]}
        assert mounted == {each["name"] for each in template["spec"]["volumes"]}


def test_nothing_but_the_api_is_open_to_all(service):
    pods = {
        node: template["metadata"]["labels"] | {"ray.io/node-type": node}
        for node, template in pods_of(service).items()
    }
    open_ports = {node: set() for node in pods}
    covered = set()
    for policy in of_kind("NetworkPolicy"):
        selector = policy["spec"]["podSelector"]["matchLabels"].items()
        for node, labels in pods.items():
            if selector <= labels.items():
                covered.add(node)
                for rule in policy["spec"]["ingress"]:
                    if not rule.get("from"):
                        open_ports[node] |= {port["port"] for port in rule["ports"]}
    assert covered == {"head", "worker"}
    assert open_ports == {"head": set(), "worker": {8000}}


def test_prometheus_finds_the_metrics(service):
    [monitor] = of_kind("PodMonitor")
    wanted = {each["port"] for each in monitor["spec"]["podMetricsEndpoints"]}
    for template in pods_of(service).values():
        labels = template["metadata"]["labels"].items()
        assert monitor["spec"]["selector"]["matchLabels"].items() <= labels
        ports = {port["name"]: port["containerPort"] for port in container_of(template)["ports"]}
        assert wanted <= set(ports)
        assert ports["metrics"] == 8080  # KubeRay starts Ray with this port


def test_memory_holds_the_object_store(service):
    for template in pods_of(service).values():
        [shm] = [v for v in template["spec"]["volumes"] if v["name"] == "shm"]
        gib = int(shm["emptyDir"]["sizeLimit"].removesuffix("Gi"))
        memory = int(container_of(template)["resources"]["limits"]["memory"].removesuffix("Gi"))
        assert gib < memory / 2
    cluster = cluster_of(service)
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        assert int(group["rayStartParams"]["object-store-memory"]) < gib * 2**30


def test_the_readme_names_files_that_are_there():
    text = (KUBERAY / "README.md").read_text()
    named = set(re.findall(r"deploy/kuberay/[\w./-]+", text))
    assert named
    for name in named:
        assert (ROOT / name).exists(), name
