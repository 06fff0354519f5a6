"""The command line's options."""

import pytest

from serve_app.client import EditOptions, Options, arguments
from tests.unit.client.command_line import GENERATE


def test_every_option_of_a_generation_can_be_given():
    given = vars(arguments.parse(list(GENERATE)))
    fixed = {"user", "output_format"}  # the output file's ending names the format
    assert set(Options.__annotations__) - set(given) == fixed
    edit = ("edit", "in.png", "--prompt", "x")
    assert set(EditOptions.__annotations__) - set(vars(arguments.parse(list(edit)))) == fixed


def test_only_what_was_given_is_an_option_of_the_request():
    given = arguments.options(arguments.parse([*GENERATE, "--seed", "3", "--no-latent-clamp"]))
    said = {name: value for name, value in given.items() if value is not None}
    assert said == {"n": 1, "seed": 3, "latent_clamp": False}


@pytest.mark.parametrize("argv", [["--url", "http://a", "models"], ["models", "--url", "http://a"]])
def test_the_address_stands_before_the_command_or_behind_it(argv):
    assert arguments.parse(argv).url == "http://a"


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "x", "", "²"])
def test_a_count_is_a_positive_integer(text, capsys):
    with pytest.raises(SystemExit) as exit:
        arguments.parse([*GENERATE, "-n", text])
    assert exit.value.code == arguments.USAGE
    assert "positive integer" in capsys.readouterr().err
