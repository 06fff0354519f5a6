"""A wrong configuration is one line, before anything starts."""

from pathlib import Path

import pytest
import yaml

from serve_app.launcher.config_file import InvalidConfig, check, longest_request_s, read_config

ROOT = Path(__file__).parents[3]


@pytest.fixture
def content():
    return yaml.safe_load((ROOT / "serve_config.yaml").read_text())


def test_the_address_may_be_another():
    config = read_config(ROOT / "serve_config.yaml", "0.0.0.0", 8001)
    assert (config.http_options.host, config.http_options.port) == ("0.0.0.0", 8001)
    config = read_config(ROOT / "serve_config.yaml")
    assert (config.http_options.host, config.http_options.port) == ("127.0.0.1", 8000)


def test_requests_may_take_what_the_limits_say(content):
    assert longest_request_s(check(content)) == 120
    del content["applications"][0]["args"]["limits"]
    assert longest_request_s(check(content)) == 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "No such file"),
        ("a: [1", "no valid YAML"),
        ("just words", "no list of applications"),
        ("", "no list of applications"),
        ("\x00", "no valid YAML"),
    ],
)
def test_a_file_that_is_none(tmp_path, text, said):
    path = tmp_path / "config.yaml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidConfig, match=said) as raised:
        read_config(path)
    assert "\n" not in str(raised.value) and str(path) in str(raised.value)
    assert raised.value.exit_code == 2


def args_of(content):
    return content["applications"][0]["args"]


def deployment_of(content):
    return content["applications"][0]["deployments"][2]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda c: args_of(c)["limits"].update(max_pendin_images=3),
            "args.limits.max_pendin_image",
        ),
        (lambda c: args_of(c)["models"].pop("generator"), "images.args.models.generator: Field"),
        (lambda c: deployment_of(c).update(name="Generater"), "no such deployment.*Generator"),
        (lambda c: deployment_of(c).update(num_replica=3), "images.Generator.num_replica: no such"),
        (lambda c: deployment_of(c)["ray_actor_options"].update(cpus=1), "Generator.cpus"),
        (lambda c: c["http_options"].update(prt=1), "http_options.prt: no such key"),
        (lambda c: c["http_options"].update(port="x"), "http_options.port"),
        (lambda c: c.update(grpc_options={"prt": 1}), "grpc_options.prt: no such key"),
        (lambda c: c["applications"][0].update(import_path="serve_app.nothing:x"), "No module"),
        (lambda c: c["applications"][0].pop("import_path"), "import_path"),
    ],
)
def test_what_is_wrong_is_named(content, spoil, said):
    spoil(content)
    with pytest.raises(ValueError, match=said) as raised:
        check(content)
    assert "\n" not in str(raised.value)
