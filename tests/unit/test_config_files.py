"""Every Serve YAML file: Ray accepts a misspelt key in silence, so we do not."""

from itertools import combinations
from pathlib import Path

import pytest
import yaml

from serve_app.admission import share_of
from serve_app.config import AppArgs, BatchSettings, EngineSettings
from serve_app.launcher.config_file import check
from serve_app.stages import CALLS

ROOT = Path(__file__).parents[2]
FILES = [ROOT / "serve_config.yaml", *sorted((ROOT / "configs").glob("*.yaml"))]
DEPLOYMENTS = {"Ingress", "Jobs", "Canny", "Generator", "Upscaler", "Captioner", "Classifier"}
CUDA_CONTEXT = 0.5 / 24  # of a card with 24 GB
BATCHED = {"Generator", "Upscaler", "Captioner", "Classifier"}


@pytest.fixture(params=FILES, ids=lambda path: path.name)
def config(request):
    return yaml.safe_load(request.param.read_text())


def deployments(config):
    return {
        deployment["name"]: deployment
        for application in config["applications"]
        for deployment in application["deployments"]
    }


def args_of(config):
    return AppArgs.model_validate(config["applications"][0]["args"])


def limits_of(config):
    return args_of(config).limits


def test_keys_are_known_to_ray(config):
    """And deployments, and the arguments of the application: as the launcher checks them."""
    assert check(config)


def test_args_and_user_configs_are_valid(config):
    for application in config["applications"]:
        AppArgs.model_validate(application["args"])
    for name, deployment in deployments(config).items():
        assert ("user_config" in deployment) == (name in BATCHED)
        settings = EngineSettings if name == "Generator" else BatchSettings
        settings.model_validate(deployment.get("user_config", {}))


def test_every_deployment_is_there_with_bounded_queues(config):
    assert set(deployments(config)) == DEPLOYMENTS
    for name, deployment in deployments(config).items():
        assert 0 < deployment["max_queued_requests"] < 10_000, name
        if name in BATCHED:
            batch_size = deployment["user_config"]["max_batch_size"]
            assert deployment["max_ongoing_requests"] >= 2 * batch_size, name


def test_a_replica_that_is_replaced_finishes_what_it_runs(config):
    """A redeploy or scaling down kills it after this long, whatever it still does."""
    limits = limits_of(config)
    for name, deployment in deployments(config).items():
        assert deployment.get("graceful_shutdown_timeout_s", 20) >= limits.request_timeout_s, name


def test_the_ingress_holds_what_it_admits(config):
    """Were its own limit lower, Serve would answer before the ingress can compute Retry-After."""
    most = len(CALLS) * limits_of(config).max_pending_images
    assert deployments(config)["Ingress"]["max_ongoing_requests"] >= most


def test_one_replica_of_a_stage_holds_all_that_is_admitted(config):
    """What it refused would wait in Ray's router, which knows neither order nor deadline and looks
    again every half second. All may reach one replica, while another starts.

    Twice: when the ingress gets another replica, that one has its share at once, while the others
    still work off what they admitted.
    """
    pending, running = limits_of(config).max_pending_images, args_of(config).jobs.max_running
    for name in DEPLOYMENTS - {"Ingress", "Jobs"}:
        kinds = [kind for kind, stages in CALLS.items() if name in stages]
        admitted = len(kinds) * pending + running * ("generate" in kinds)
        assert deployments(config)[name]["max_ongoing_requests"] >= 2 * admitted, name


def test_one_replica_keeps_all_jobs_and_answers_all_who_watch_them(config):
    jobs, kept = deployments(config)["Jobs"], args_of(config).jobs
    assert jobs["num_replicas"] == 1 and "autoscaling_config" not in jobs
    assert jobs["max_ongoing_requests"] >= 2 * kept.max_jobs


def test_every_ingress_replica_may_admit_the_largest_request(config):
    limits = limits_of(config)
    scaling = deployments(config)["Ingress"].get("autoscaling_config", {})
    share = share_of(limits.max_pending_images, scaling.get("max_replicas", 1), 99)
    assert share >= max(limits.max_images, limits.max_batch_items)


def most_replicas(deployment):
    scaling = deployment.get("autoscaling_config", {})
    return scaling.get("max_replicas", deployment.get("num_replicas", 1))


def gpu_fractions(config):
    """Of every replica that there may be."""
    found = [
        deployment["ray_actor_options"].get("num_gpus", 0)
        for deployment in deployments(config).values()
        for _ in range(most_replicas(deployment))
    ]
    return [fraction for fraction in found if fraction]


def most_cpus(config):
    return sum(
        most_replicas(deployment) * deployment["ray_actor_options"]["num_cpus"]
        for deployment in deployments(config).values()
    )


def test_one_gpu_and_four_cpus_hold_all_replicas_and_their_contexts():
    config = yaml.safe_load((ROOT / "configs" / "sd15-gpu.yaml").read_text())
    fractions = gpu_fractions(config)
    assert 0.8 < sum(fractions) <= 1 - len(fractions) * CUDA_CONTEXT
    assert most_cpus(config) <= 4


def test_however_ray_packs_a_card_of_the_cluster_contexts_find_room():
    """A replica that has a card for itself may fill it."""
    config = yaml.safe_load((ROOT / "configs" / "sd15-cluster.yaml").read_text())
    shared = [fraction for fraction in gpu_fractions(config) if fraction < 1]
    packings = {
        packing
        for count in range(1, len(shared) + 1)
        for packing in combinations(sorted(shared), count)
        if sum(packing) <= 1
    }
    assert packings
    for packing in packings:
        assert sum(packing) <= 1 - len(packing) * CUDA_CONTEXT, packing
    cards = len(gpu_fractions(config)) - len(shared) + sum(shared)
    assert most_cpus(config) <= 4 * cards


def test_what_the_default_size_may_automatic_sizes_may(config):
    """`size: auto` is never larger than the default, so this is all that it takes."""
    args = AppArgs.model_validate(config["applications"][0]["args"])
    default = args.defaults.width * args.defaults.height
    assert default <= args.limits.max_upscale_pixels
    assert default <= args.limits.max_pixels


def test_the_default_configuration_fits_two_cores():
    config = yaml.safe_load((ROOT / "serve_config.yaml").read_text())
    total = 0.0
    for deployment in deployments(config).values():
        replicas = deployment.get("autoscaling_config", {}).get("max_replicas", 1)
        total += replicas * deployment["ray_actor_options"]["num_cpus"]
    assert round(total, 4) <= 2  # Ray counts in ten thousandths


def test_a_misspelt_argument_is_refused():
    args = yaml.safe_load((ROOT / "serve_config.yaml").read_text())["applications"][0]["args"]
    args["limits"]["max_pendin_images"] = 3
    with pytest.raises(ValueError, match="max_pendin_images"):
        AppArgs.model_validate(args)
